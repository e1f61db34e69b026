"""The inserter in a test's own process, what is sent to it, and what it stored."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager

import asyncpg

from rtchart.broker.cluster import Cluster
from rtchart.core.interval import SECOND
from rtchart.core.kline import Kline
from rtchart.inserter.command import serve
from rtchart.inserter.service import Limits
from rtchart.process.health import Health
from tests.klines import kline
from tests.waiting import wait_until

SYMBOLS_HERE = [f"COIN{number}USDT" for number in range(24)]
QUICK = Limits(records=200, seconds=0.05)


def klines(seconds: Iterable[int], *, start: int, symbols: Iterable[str] = SYMBOLS_HERE) -> list[Kline]:
    """Second after second, as they come live, of all symbols."""
    return [
        kline(start + second * SECOND, symbol=symbol, volume=f"{second}.25", trades=second)
        for second in seconds
        for symbol in symbols
    ]


@asynccontextmanager
async def inserter(cluster: Cluster, database: str, limits: Limits = QUICK) -> AsyncIterator[Health]:
    """The service in this process."""
    health, stopping = Health(), asyncio.Event()
    task = asyncio.create_task(serve(cluster, database, limits, None, health, stopping))
    try:
        await wait_until(lambda: task.done() or not health.reasons)
        yield health
    finally:
        stopping.set()
        await task


async def rows(connection: asyncpg.Connection) -> set[tuple[str, int, int]]:
    """What is stored, as (symbol, open_time, trades)."""
    found = await connection.fetch("SELECT symbol, open_time, trades FROM kline_1s JOIN symbol USING (symbol_id)")
    return {tuple(row) for row in found}


def expected(sent: Iterable[Kline]) -> set[tuple[str, int, int]]:
    return {(k.symbol, k.open_time, k.trades) for k in sent}


async def count(connection: asyncpg.Connection) -> int:
    return await connection.fetchval("SELECT count(*) FROM kline_1s")


async def becomes(answer, wanted) -> bool:
    value = await answer
    assert value == wanted
    return True


def more_than(connection: asyncpg.Connection, number: int):
    async def more() -> bool:
        return await count(connection) > number

    return more
