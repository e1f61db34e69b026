"""What is wanted of symbols, and the klines that come before, after and in between."""

from __future__ import annotations

import asyncio
from typing import Literal

import asyncpg

from rtchart.core.interval import HOUR, SECOND
from rtchart.core.messages import Listing
from rtchart.inserter.session import Session
from tests.inserter.material import NOW, desired, kline, stored
from tests.inserter.table import Table
from tests.waiting import wait_until


async def test_listings_are_kept_the_first_day_for_good(table: Table):
    await table.write(Listing("sim", "BTCUSDT", 5 * 86_400_000, "0.01", NOW))
    await table.write(Listing("sim", "BTCUSDT", 9 * 86_400_000, "0.001", NOW))
    row = await table.connection.fetchrow("SELECT listed_day, tick_size FROM symbol")
    assert tuple(row) == (5 * 86_400_000, "0.001")


async def test_what_is_wanted_of_a_symbol_counts_at_once(table: Table):
    await table.book.take({"sim:BTCUSDT": desired(kline_hours=1, epoch=3)}, table.session)
    old = NOW // HOUR * HOUR - HOUR - SECOND
    await table.write(kline(0, epoch=3), kline(0, epoch=3, open_time=old), kline(1, epoch=2))
    assert sorted(await stored(table.connection)) == [0]
    await table.book.take({"sim:BTCUSDT": None}, table.session)
    await table.write(kline(2, epoch=3))
    assert sorted(await stored(table.connection)) == [0]
    assert await table.connection.fetchval("SELECT deleted_at FROM symbol") == NOW
    await table.write(kline(3, epoch=4))
    assert sorted(await stored(table.connection)) == [0, 3], "a new life may overtake its Symbol"
    assert await table.connection.fetchval("SELECT deleted_at FROM symbol") is None


async def test_what_was_worked_out_ahead_does_not_outlive_a_symbol(table: Table):
    """A batch is gathered, and its Symbol is deleted, shortened or begun anew before it is stored."""
    await table.book.take({"sim:BTCUSDT": desired(epoch=3)}, table.session)
    for change, second in ((desired(epoch=4), 0), (desired(epoch=4, kline_hours=1), 1), (None, 2)):
        epoch = 3 if second == 0 else 4
        old = NOW // HOUR * HOUR - HOUR - SECOND
        batch = table.batch(kline(second, epoch=epoch), kline(0, epoch=epoch, open_time=old))
        table.writer.prepare(batch)
        await table.book.take({"sim:BTCUSDT": change}, table.session)
        await table.writer.write(batch)
        table.next += 2
    assert sorted(await stored(table.connection)) == [1]


async def test_a_late_tombstone_ends_its_own_life_only(table: Table):
    """Klines of the next life came first, on their own topic: they are stored before and after it."""
    await table.book.take({"sim:BTCUSDT": desired(epoch=3)}, table.session)
    await table.write(kline(0, epoch=4))
    await table.book.take({"sim:BTCUSDT": None}, table.session)
    await table.write(kline(1, epoch=4), kline(2, epoch=3))
    assert sorted(await stored(table.connection)) == [0, 1]
    await table.book.take({"sim:BTCUSDT": desired(epoch=4)}, table.session)
    await table.book.take({"sim:BTCUSDT": None}, table.session)
    await table.write(kline(3, epoch=4))
    assert sorted(await stored(table.connection)) == [0, 1], "and its own tombstone ends it"


async def test_the_rows_in_memory_never_go_backwards(table: Table, database: str):
    """A writer's row is read before the follower's and taken after it, unless one waits for the other."""
    follower = Session(database, table.health)
    await follower.patiently(lambda connection: connection.fetchval("SELECT 1"))
    held, first = asyncio.Event(), asyncio.Event()

    class Turn(asyncio.Lock):
        """Counts who asks for it."""

        asked = 0

        async def acquire(self) -> Literal[True]:
            self.asked += 1
            return await super().acquire()

    table.book._turn = turn = Turn()

    class Slow:
        """A connection whose answers come late."""

        def __init__(self, connection: asyncpg.Connection) -> None:
            self.execute = connection.execute
            self._fetch = connection.fetch

        async def fetch(self, *arguments: object) -> list[asyncpg.Record]:
            rows = await self._fetch(*arguments)
            first.set()
            await held.wait()
            return rows

    ensuring = asyncio.create_task(table.book.ensure(Slow(table.connection), {("sim", "BTCUSDT"): 1}))
    await first.wait()
    taking = asyncio.create_task(table.book.take({"sim:BTCUSDT": desired(epoch=5)}, follower))
    await wait_until(lambda: taking.done() or turn.asked == 2)
    held.set()
    await asyncio.gather(ensuring, taking)
    assert table.book.rows["sim", "BTCUSDT"].epoch == 5
    await follower.close()


async def test_a_symbol_that_the_database_refuses_is_skipped(table: Table):
    changes = {
        "sim:NUL": desired(symbol="NUL\0"),
        "no key": None,
        "sim:BTCUSDT": desired(),
        "sim:X": desired(symbol="X", kline_hours=2**40),
    }
    await table.book.take(changes, table.session)
    assert set(table.book.rows) == {("sim", "BTCUSDT")}
