"""Rows of the gap ledger, on a real PostgreSQL."""

from __future__ import annotations

from collections.abc import AsyncIterator

import asyncpg
import pytest

from rtchart.store import gaps
from rtchart.store.gaps import GapRow


@pytest.fixture
async def connection(database: str) -> AsyncIterator[asyncpg.Connection]:
    connection = await asyncpg.connect(database)
    yield connection
    await connection.close()


def row(start: int, end: int, *, symbol_id: int = 1, **fields) -> GapRow:
    return GapRow(
        **{"gap_id": None, "state": "open", "reason": "step", "opened_at": 5, **fields},
        symbol_id=symbol_id,
        start=start,
        end=end,
    )


async def test_rows_are_kept_and_changed_in_place(connection: asyncpg.Connection):
    await gaps.save(connection, [row(0, 10), row(20, 30, state="absent", closed_at=6, asked_at=7)])
    first, second = await gaps.unsettled(connection, {1: (0, 100)})
    assert first == row(0, 10)._replace(gap_id=first.gap_id)
    assert (second.state, second.asked_at) == ("absent", 7)
    await gaps.save(connection, [first._replace(end=5), row(5, 10, state="repaired", closed_at=9)])
    assert [found.range for found in await gaps.unsettled(connection, {1: (0, 100)})] == [(0, 5), (20, 30)]


async def test_only_what_overlaps_is_found(connection: asyncpg.Connection):
    await gaps.save(connection, [row(0, 10), row(10, 20), row(20, 30), row(10, 20, symbol_id=2)])
    assert [found.range for found in await gaps.unsettled(connection, {1: (10, 20)})] == [(10, 20)]
    assert [found.symbol_id for found in await gaps.unsettled(connection, {2: (0, 15), 3: (0, 100), 1: (30, 40)})] == [2]


@pytest.mark.parametrize("wrong", [row(5, 5), row(0, 5, closed_at=9), row(0, 5, state="absent")])
async def test_rows_that_lie_are_refused(connection: asyncpg.Connection, wrong: GapRow):
    with pytest.raises(asyncpg.CheckViolationError):
        await gaps.save(connection, [wrong])


async def test_an_open_gap_is_there_once(connection: asyncpg.Connection):
    await gaps.save(connection, [row(0, 5)])
    with pytest.raises(asyncpg.UniqueViolationError):
        await gaps.save(connection, [row(0, 5)])
