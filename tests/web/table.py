"""Writing what a test needs stored, by SQL."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

import asyncpg

from rtchart.broker.topics import KLINES
from rtchart.core.candle import Candle
from rtchart.core.interval import MINUTE
from rtchart.core.kline import Identity, Kline
from rtchart.store.database import connect
from tests.web.klines import IDENTITY

_MEASURES = ("open", "high", "low", "close", "volume", "quote_volume", "trades", "taker_buy_volume", "taker_buy_quote_volume")


class Writer:
    """Rows of one symbol."""

    def __init__(self, connection: asyncpg.Connection[Any], symbol_id: int) -> None:
        self._connection = connection
        self._symbol_id = symbol_id

    async def candle(self, interval: str, candle: Candle) -> None:
        await self.candles(interval, [candle])

    async def candles(self, interval: str, candles: list[Candle]) -> None:
        columns = ["open_time", *_MEASURES, "received", "revision"]
        await self._insert(
            "candle",
            ["symbol_id", "interval", "source", *columns],
            [(self._symbol_id, interval, c.source[0].encode(), *(getattr(c, name) for name in columns)) for c in candles],
        )

    async def klines(self, klines: list[Kline]) -> None:
        times = [kline.open_time for kline in klines]
        await self._connection.execute("SELECT ensure_kline_partitions($1, $2)", min(times), max(times) + 1)
        columns = ["open_time", *_MEASURES, "version"]
        await self._insert(
            "kline_1s",
            ["symbol_id", "source", *columns],
            [(self._symbol_id, k.source[0].encode(), *(getattr(k, name) for name in columns)) for k in klines],
        )

    async def checkpoint(self, minute: int) -> None:
        await self._insert(
            "checkpoint",
            ["minute", "symbol_ids", "first_second", "last_second", "inserted_at"],
            [(minute, [self._symbol_id], minute, minute + MINUTE - 1000, minute + MINUTE)],
        )

    async def gap(self, start: int, end: int, state: str) -> None:
        await self._insert(
            "gap",
            ["symbol_id", "start_time", "end_time", "state", "reason", "opened_at", "closed_at"],
            [(self._symbol_id, start, end, state, "step", end, None if state == "open" else end)],
        )

    async def offsets(self, cluster: str, prefix: str, next_offsets: Mapping[int, int]) -> None:
        rows = [(cluster, prefix + KLINES.name, partition, offset) for partition, offset in next_offsets.items()]
        await self._insert("kafka_offset", ["cluster", "topic", "partition", "next"], rows)

    async def run(self, started_at: int) -> None:
        await self._insert("aggregation_run", ["started_at", "finished_at", "candles"], [(started_at, started_at + 5, 3)])

    async def _insert(self, table: str, columns: list[str], rows: list[tuple[Any, ...]]) -> None:
        marks = ", ".join(f"${number}" for number in range(1, len(columns) + 1))
        await self._connection.executemany(f"INSERT INTO {table} ({', '.join(columns)}) VALUES ({marks})", rows)


@asynccontextmanager
async def writer(database: str, identity: Identity = IDENTITY, **columns: Any) -> AsyncIterator[Writer]:
    """For this symbol, whose row is made."""
    connection = await connect(database, service="test")
    try:
        symbol_id = await connection.fetchval(
            """INSERT INTO symbol (exchange, symbol, listed_day, tick_size) VALUES ($1, $2, $3, $4)
               ON CONFLICT (exchange, symbol) DO UPDATE SET exchange = EXCLUDED.exchange RETURNING symbol_id""",
            identity.exchange,
            identity.symbol,
            columns.get("listed_day"),
            columns.get("tick_size"),
        )
        async with connection.transaction():
            yield Writer(connection, symbol_id)
    finally:
        await connection.close()
