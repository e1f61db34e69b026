"""Retention on one machine: the sweep itself is store's; here is when it runs and for whom."""

from __future__ import annotations

import asyncio
import logging

import asyncpg
import pytest

from rtchart.core.interval import MINUTE, SECOND
from rtchart.core.kline import Identity
from rtchart.core.symbol import DeletionPolicy, DesiredSymbol
from rtchart.local.ports import free_ports
from rtchart.local.sweep import Sweeper
from rtchart.process.clock import now_ms
from rtchart.store import symbols
from rtchart.store.retention import Swept
from rtchart.store.runs import alone
from tests.waiting import wait_until

GAP = (
    "INSERT INTO gap (symbol_id, start_time, end_time, reason, opened_at) VALUES ($1, $2::bigint, $2::bigint + 1000, 'step', 0)"
)


def just_now() -> int:
    """A second that no retention is due for, in ms."""
    return (now_ms() - MINUTE) // SECOND * SECOND


def wanted(symbol: str, policy: DeletionPolicy) -> DesiredSymbol:
    return DesiredSymbol("sim", symbol, epoch=1, deletion_policy=policy)


async def test_data_goes_with_a_symbol_whose_manifest_said_so_also_after_a_restart(database: str) -> None:
    connection = await asyncpg.connect(database)
    rows = await symbols.want(connection, [wanted("GONE", "Delete"), wanted("KEPT", "Retain"), wanted("STAYS", "Delete")])
    for row in rows:
        await connection.execute(GAP, row.symbol_id, just_now())

    async def left() -> set[str]:
        return {row[0] for row in await connection.fetch("SELECT symbol FROM gap JOIN symbol USING (symbol_id)")}

    await Sweeper(database, now_ms).sweep()
    assert await left() == {"GONE", "KEPT", "STAYS"}
    # The inserter hears of it, and `rtchart up` is stopped before it sweeps: what remembers is the database.
    await symbols.unwant(connection, dict.fromkeys((Identity("sim", "GONE"), Identity("sim", "KEPT")), 1), at=now_ms())
    await Sweeper(database, now_ms).sweep()
    assert await left() == {"KEPT", "STAYS"}
    await connection.close()


async def test_what_the_aggregator_kept_from_being_deleted_is_tried_again_soon(
    database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("rtchart.local.sweep.SOON", 0.05)
    connection = await asyncpg.connect(database)
    (row,) = await symbols.want(connection, [wanted("GONE", "Delete")])
    await connection.execute(GAP, row.symbol_id, just_now())
    await symbols.unwant(connection, {Identity("sim", "GONE"): 1}, at=now_ms())
    swept = []

    class Watched(Sweeper):
        async def sweep(self) -> Swept:
            swept.append(await super().sweep())
            return swept[-1]

    async with alone(connection):
        sweeping = asyncio.create_task(Watched(database, now_ms).run())
        await wait_until(lambda: len(swept) > 1)
        assert all(one.deletions_wait for one in swept)
    await wait_until(lambda: swept[-1].deleted)
    assert await connection.fetchval("SELECT count(*) FROM gap") == 0
    sweeping.cancel()
    await asyncio.gather(sweeping, return_exceptions=True)
    await connection.close()


async def test_a_database_that_is_away_is_told_and_tried_again(caplog: pytest.LogCaptureFixture) -> None:
    (nowhere,) = free_ports(1)
    sweeping = asyncio.create_task(Sweeper(f"postgresql://postgres@127.0.0.1:{nowhere}/x", now_ms).run())
    with caplog.at_level(logging.WARNING):
        await wait_until(lambda: "it is tried again in a minute: PostgreSQL does not answer" in caplog.text)
    assert not sweeping.done()
    sweeping.cancel()
    await asyncio.gather(sweeping, return_exceptions=True)
