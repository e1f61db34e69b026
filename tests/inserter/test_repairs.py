"""Asking for what Kafka lost: from the table, once, until Kafka takes the word of it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import asyncpg
import pytest

from rtchart.broker.on_demand import NotPublished
from rtchart.broker.table import Changes
from rtchart.core.interval import HOUR
from rtchart.core.messages import GapOpened
from rtchart.core.symbol import raw_floor
from rtchart.inserter.repairs import keep_asking
from rtchart.inserter.session import Session
from rtchart.process.health import Health
from tests.waiting import wait_until

T = 1_700_000_000_000


class Kafka:
    """Takes what it is given when it is up."""

    def __init__(self) -> None:
        self.up = True
        self.tries = 0
        self.log: list[Changes[GapOpened]] = []

    async def put(self, changes: Changes[GapOpened]) -> None:
        self.tries += 1
        if not self.up:
            raise NotPublished("no broker")
        self.log.append(changes)


@pytest.fixture
async def connection(database: str) -> AsyncIterator[asyncpg.Connection]:
    connection = await asyncpg.connect(database)
    await connection.execute("INSERT INTO symbol (exchange, symbol, epoch) VALUES ('sim', 'A', 7), ('sim', 'B', 8)")
    yield connection
    await connection.close()


async def gap(connection: asyncpg.Connection, symbol: str, start: int, *, reason: str = "offset_lost") -> None:
    await connection.execute(
        """INSERT INTO gap (symbol_id, start_time, end_time, state, reason, opened_at)
           SELECT symbol_id, $2::bigint, $2 + 5000, 'open', $3, $2 + 9000 FROM symbol WHERE symbol = $1""",
        symbol,
        T + start,
        reason,
    )


@asynccontextmanager
async def asking(database: str, kafka: Kafka) -> AsyncIterator[None]:
    session = Session(database, Health())
    task = asyncio.create_task(keep_asking(session, kafka.put, every=0.01, clock=lambda: T + HOUR))
    try:
        yield
    finally:
        task.cancel()
        await asyncio.wait([task])
        await session.close()


async def test_each_gap_is_asked_for_once_and_again_by_who_starts_anew(database: str, connection: asyncpg.Connection) -> None:
    kafka = Kafka()
    await gap(connection, "A", 0)
    await gap(connection, "A", 10_000, reason="step")
    first = {f"sim:A/{T}-{T + 5000}": GapOpened("sim", "A", T, T + 5000, "offset_lost", T + 9000, 7)}
    async with asking(database, kafka):
        await wait_until(lambda: kafka.log)
        await gap(connection, "B", 0)
        await wait_until(lambda: len(kafka.log) == 2)
    assert kafka.log[0] == first
    assert kafka.log[1].keys() == {f"sim:B/{T}-{T + 5000}"}
    await connection.execute(
        "UPDATE gap SET state = 'repaired', closed_at = 0 FROM symbol s WHERE gap.symbol_id = s.symbol_id AND symbol = 'B'"
    )
    async with asking(database, kafka):
        await wait_until(lambda: len(kafka.log) == 3)
    assert kafka.log[2] == first


async def test_what_kafka_did_not_take_is_asked_for_again(database: str, connection: asyncpg.Connection) -> None:
    kafka = Kafka()
    kafka.up = False
    await gap(connection, "A", 0)
    async with asking(database, kafka):
        await wait_until(lambda: kafka.tries > 1)
        kafka.up = True
        await wait_until(lambda: kafka.log)


async def test_nobody_asks_for_a_symbol_that_was_deleted(database: str, connection: asyncpg.Connection) -> None:
    kafka = Kafka()
    await connection.execute("UPDATE symbol SET deleted_at = 1 WHERE symbol = 'A'")
    await gap(connection, "A", 0)
    await gap(connection, "B", 0)
    async with asking(database, kafka):
        await wait_until(lambda: kafka.log)
    assert [list(changes) for changes in kafka.log] == [[f"sim:B/{T}-{T + 5000}"]]


async def test_nobody_asks_for_seconds_that_are_not_kept_any_more(database: str, connection: asyncpg.Connection) -> None:
    """A gap that reaches over the floor is asked for: of what is below, the producer asks nothing."""
    kafka = Kafka()
    await connection.execute("UPDATE symbol SET kline_hours = 3")
    floor = raw_floor(3, T + HOUR) - T
    for start in (floor - 10_000, floor - 5_000, floor - 2_000):
        await gap(connection, "A", start)
    async with asking(database, kafka):
        await wait_until(lambda: kafka.log)
    assert [list(changes) for changes in kafka.log] == [[f"sim:A/{T + floor - 2_000}-{T + floor + 3_000}"]]


async def test_the_parts_of_a_row_that_was_cut_were_asked_for_with_it(database: str, connection: asyncpg.Connection) -> None:
    kafka = Kafka()
    await gap(connection, "A", 0)
    async with asking(database, kafka):
        await wait_until(lambda: kafka.log)
        async with connection.transaction():
            await connection.execute("UPDATE gap SET end_time = $1", T + 2_000)
            await connection.execute(
                """INSERT INTO gap (symbol_id, start_time, end_time, state, reason, opened_at)
                   SELECT symbol_id, end_time, end_time + 3000, state, reason, opened_at FROM gap"""
            )
        await gap(connection, "A", 100_000)
        await wait_until(lambda: len(kafka.log) == 2)
    assert kafka.log[1].keys() == {f"sim:A/{T + 100_000}-{T + 105_000}"}
