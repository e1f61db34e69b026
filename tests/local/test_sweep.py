"""Retention on one machine: the sweep itself is store's; here is when it runs and for whom."""

from __future__ import annotations

import asyncio
import logging

import asyncpg
import pytest

from rtchart.core.kline import Identity
from rtchart.core.symbol import DeletionPolicy, DesiredSymbol
from rtchart.local.ports import free_ports
from rtchart.local.sweep import Sweeper
from rtchart.process.clock import now_ms
from rtchart.store import symbols
from tests.waiting import wait_until


def wanted(symbol: str, policy: DeletionPolicy) -> DesiredSymbol:
    return DesiredSymbol("sim", symbol, epoch=1, deletion_policy=policy)


async def test_data_goes_with_a_symbol_whose_manifest_said_so_once_the_inserter_has_heard_of_it(database: str) -> None:
    before = {"sim:GONE": wanted("GONE", "Delete"), "sim:KEPT": wanted("KEPT", "Retain"), "sim:BACK": wanted("BACK", "Delete")}
    connection = await asyncpg.connect(database)
    rows = await symbols.want(connection, before.values())
    for row in rows:
        await connection.execute(
            "INSERT INTO gap (symbol_id, start_time, end_time, reason, opened_at) VALUES ($1, 0, 1000, 'step', 0)",
            row.symbol_id,
        )

    async def left() -> set[str]:
        return {row[0] for row in await connection.fetch("SELECT symbol FROM gap JOIN symbol USING (symbol_id)")}

    sweeper = Sweeper(database, now_ms)
    sweeper.ended(dict.fromkeys(before), before)
    sweeper.ended({"sim:BACK": before["sim:BACK"]}, {})
    await sweeper.sweep()
    assert await left() == {"GONE", "KEPT", "BACK"}, "the inserter writes that it was deleted, and has not yet"
    await symbols.unwant(connection, dict.fromkeys((Identity("sim", "GONE"), Identity("sim", "KEPT")), 1), at=now_ms())
    await sweeper.sweep()
    assert await left() == {"KEPT", "BACK"}
    await connection.close()


async def test_a_database_that_is_away_is_told_and_tried_again(caplog: pytest.LogCaptureFixture) -> None:
    (nowhere,) = free_ports(1)
    sweeping = asyncio.create_task(Sweeper(f"postgresql://postgres@127.0.0.1:{nowhere}/x", now_ms).run())
    with caplog.at_level(logging.WARNING):
        await wait_until(lambda: "it is tried again in a minute: PostgreSQL does not answer" in caplog.text)
    assert not sweeping.done()
    sweeping.cancel()
    await asyncio.gather(sweeping, return_exceptions=True)
