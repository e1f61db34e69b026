"""Partitions, the short and the long way in, ranges and checkpoints, on a real PostgreSQL."""

from __future__ import annotations

from collections.abc import AsyncIterator

import asyncpg
import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from rtchart.core.gap import seconds_of, subtract
from rtchart.core.interval import DAY, HOUR, SECOND
from rtchart.core.kline import SOURCES
from rtchart.store import klines
from rtchart.store.klines import Stored
from rtchart.store.sources import LETTER_OF
from tests.inserter.material import T0, kline


@pytest.fixture
async def connection(database: str) -> AsyncIterator[asyncpg.Connection]:
    connection = await asyncpg.connect(database)
    await klines.prepare(connection)
    await klines.ensure_partitions(connection, [T0 // HOUR * HOUR])
    yield connection
    await connection.close()


def rows(*numbers: int, **fields):
    return {T0 + number * SECOND: kline(number, **fields) for number in numbers}


async def insert(connection: asyncpg.Connection, seconds, *, all_new: bool = True) -> Stored:
    async with connection.transaction():
        stored = await klines.insert(connection, seconds, all_new=all_new)
    return stored._replace(touched={symbol_id: sorted(times) for symbol_id, times in stored.touched.items()})


@pytest.mark.parametrize("all_new", [True, False])
async def test_both_ways_in_store_the_same(connection: asyncpg.Connection, all_new: bool):
    both = {1: [T0 + SECOND, T0 + 2 * SECOND], 2: [T0 + SECOND]}
    assert await insert(connection, {1: rows(1, 2), 2: rows(1)}, all_new=all_new) == Stored(3, 0, 0, both)
    again = {2: rows(1), 1: {**rows(1), **rows(2, version=1, price="7"), **rows(3)}}
    touched = {1: [T0 + 2 * SECOND, T0 + 3 * SECOND]}
    assert await insert(connection, again, all_new=all_new) == Stored(1, 1, 2, touched)
    assert await connection.fetchval("SELECT count(*) FROM kline_staging") == 0


async def test_decimals_stay_as_the_exchange_wrote_them(connection: asyncpg.Connection):
    exact = kline(0, price="0.000000000000000001", volume="12345678901234567890.10")
    await insert(connection, {1: {T0: exact}})
    row = await connection.fetchrow("SELECT close::text, volume::text FROM kline_1s")
    assert tuple(row) == ("0.000000000000000001", "12345678901234567890.10")


@pytest.mark.parametrize("all_new", [True, False])
async def test_each_field_has_its_column(connection: asyncpg.Connection, all_new: bool):
    whole = {
        T0 + number * SECOND: msgspec.structs.replace(
            kline(number),
            open="1.10",
            high="1.40",
            low="0.90",
            close="1.20",
            volume="5",
            quote_volume="6.0",
            taker_buy_volume="3.5",
            taker_buy_quote_volume="4.25",
            trades=9 + number,
            source=source,
        )
        for number, source in enumerate(SOURCES)
    }
    await insert(connection, {7: whole}, all_new=all_new)
    found = await connection.fetch("SELECT *, source::text AS letter FROM kline_1s ORDER BY open_time")
    assert {row["symbol_id"] for row in found} == {7}
    names = ("open_time", "version", "trades")
    assert [tuple(row[name] for name in names) for row in found] == [
        tuple(getattr(k, name) for name in names) for k in whole.values()
    ]
    decimals = ("open", "high", "low", "close", "volume", "quote_volume", "taker_buy_volume", "taker_buy_quote_volume")
    assert [tuple(str(row[name]) for name in decimals) for row in found] == [
        tuple(getattr(k, name) for name in decimals) for k in whole.values()
    ]
    assert [row["letter"] for row in found] == [LETTER_OF[source] for source in SOURCES]


async def test_making_a_partition_waits_for_no_reader(connection: asyncpg.Connection, database: str):
    """A backup reads for hours; a partition must be made meanwhile, and be as good as the others."""
    await insert(connection, {1: rows(0)})
    reader = await asyncpg.connect(database)
    async with reader.transaction(isolation="repeatable_read"):
        assert await reader.fetchval("SELECT count(*) FROM kline_1s") == 1
        await connection.execute("SET lock_timeout = '2s'")
        await klines.ensure_partitions(connection, [(T0 + 5 * DAY) // HOUR * HOUR])
    await reader.close()
    later = {1: {T0 + 5 * DAY: kline(0, open_time=T0 + 5 * DAY)}}
    await insert(connection, later)
    with pytest.raises(asyncpg.UniqueViolationError):
        await connection.execute("INSERT INTO kline_1s SELECT * FROM kline_1s")


async def test_too_many_partitions_at_once_are_refused(connection: asyncpg.Connection):
    with pytest.raises(asyncpg.RaiseError, match="9000 hours"):
        await connection.execute("SELECT ensure_kline_partitions($1, $2)", 0, T0)


async def test_checkpoints_are_by_minute(connection: asyncpg.Connection):
    seconds = {2: [T0 + 59 * SECOND], 1: [T0, T0 + 60 * SECOND, T0 + 3 * SECOND]}
    await klines.append_checkpoints(connection, seconds, at=5)
    found = await connection.fetch(
        "SELECT minute, symbol_ids, first_second, last_second, inserted_at FROM checkpoint ORDER BY 1"
    )
    minute = T0 // 60_000 * 60_000
    assert [tuple(row) for row in found] == [
        (minute, [1, 2], T0, T0 + 59 * SECOND, 5),
        (minute + 60_000, [1], T0 + 60 * SECOND, T0 + 60 * SECOND, 5),
    ]


async def test_the_last_second_of_each_symbol(connection: asyncpg.Connection):
    await insert(connection, {1: rows(1, 5), 2: rows(0)})
    assert await klines.last_seconds(connection, [1, 2, 3]) == {1: T0 + 5 * SECOND, 2: T0}


@given(st.sets(st.integers(0, 40)), st.integers(0, 20), st.integers(1, 20))
@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
async def test_stored_seconds_as_ranges(connection: asyncpg.Connection, numbers: set[int], start: int, length: int):
    await connection.execute("TRUNCATE kline_1s")
    if numbers:
        await insert(connection, {1: rows(*numbers)})
    asked = (T0 + start * SECOND, T0 + (start + length) * SECOND)
    whole = seconds_of(T0 + number * SECOND for number in numbers)
    expected = subtract([asked], subtract([asked], whole))
    assert (await klines.stored_ranges(connection, [(1, *asked), (2, *asked)])) == ({1: expected} if expected else {})
