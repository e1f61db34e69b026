"""Offsets that move only from where their reader began, on a real PostgreSQL."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import asyncpg
import pytest

from rtchart.store import offsets
from rtchart.store.offsets import Move, NotOwner
from tests.waiting import wait_until

HERE = ("cluster", "topic")


@pytest.fixture
async def two(database: str) -> AsyncIterator[tuple[asyncpg.Connection, asyncpg.Connection]]:
    connections = [await asyncpg.connect(database) for _ in range(2)]
    await offsets.begin(connections[0], *HERE, {0: 10, 1: 20})
    yield connections[0], connections[1]
    for connection in connections:
        await connection.close()


async def test_a_partition_begins_once(two):
    one, other = two
    assert await offsets.begin(other, *HERE, {1: 99, 2: 30}) == {0: 10, 1: 20, 2: 30}
    assert await offsets.load(one, "another cluster", "topic") == {}
    assert await offsets.load(one, "cluster", "another topic") == {}


async def test_offsets_move_from_where_the_reader_began(two):
    one, _ = two
    await offsets.advance(one, *HERE, {0: Move(10, 15), 1: Move(20, 21)})
    assert await offsets.load(one, *HERE) == {0: 15, 1: 21}
    with pytest.raises(NotOwner) as refused:
        async with one.transaction():
            await offsets.advance(one, *HERE, {0: Move(10, 12), 1: Move(21, 30), 7: Move(0, 1)})
    assert refused.value.partitions == {0, 7}
    assert await offsets.load(one, *HERE) == {0: 15, 1: 21}


async def test_of_two_at_once_one_moves_and_the_other_learns_it(two):
    """The second waits for the first one's transaction, then sees what it did. In whatever order their partitions stand."""
    one, other = two
    transaction = one.transaction()
    await transaction.start()
    await offsets.advance(one, *HERE, {0: Move(10, 15), 1: Move(20, 25)})
    late = asyncio.create_task(offsets.advance(other, *HERE, {1: Move(20, 22), 0: Move(10, 11)}))
    await _waits_for_a_lock(one, other)
    await transaction.commit()
    with pytest.raises(NotOwner) as refused:
        await late
    assert refused.value.partitions == {0, 1}
    assert await offsets.load(one, *HERE) == {0: 15, 1: 25}


async def test_what_the_first_rolled_back_is_the_seconds_to_move(two):
    one, other = two
    transaction = one.transaction()
    await transaction.start()
    await offsets.advance(one, *HERE, {0: Move(10, 15)})
    late = asyncio.create_task(offsets.advance(other, *HERE, {0: Move(10, 11)}))
    await _waits_for_a_lock(one, other)
    await transaction.rollback()
    await late
    assert await offsets.load(one, *HERE) == {0: 11, 1: 20}


async def _waits_for_a_lock(one: asyncpg.Connection, other: asyncpg.Connection) -> None:
    waiting = "SELECT count(*) FROM pg_locks WHERE NOT granted AND pid = $1"
    await wait_until(lambda: one.fetchval(waiting, other.get_server_pid()))
