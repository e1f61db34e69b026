"""Batches in a real database: each second once, in its newest version, whatever comes in whatever order."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import AsyncIterator, Iterable

import asyncpg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from rtchart.core.interval import HOUR, MINUTE, SECOND
from rtchart.core.kline import newest
from rtchart.core.messages import Absent, DeadLetter, GapOpened, KlineMessage, Listing
from rtchart.core.symbol import DesiredSymbol
from rtchart.inserter.batch import Batch
from rtchart.inserter.session import Session
from rtchart.inserter.symbols import Symbols
from rtchart.inserter.writer import Source, Writer
from rtchart.process.health import Health
from rtchart.store import gaps, offsets, symbols
from rtchart.store.offsets import NotOwner
from tests.inserter.material import NOW, T0, FakeRecord, kline, ledger, records, stored
from tests.waiting import wait_until


class Table:
    """A writer, the offset it is at in partition 0, and a connection to look with."""

    def __init__(self, database: str, connection: asyncpg.Connection) -> None:
        self.connection = connection
        self.health = Health()
        self.session = Session(database, self.health)
        self.book = Symbols(clock=lambda: NOW)
        self.published: list[DeadLetter] = []
        self.writer = Writer(self.session, self.book, Source("cluster", "klines", 12), self._publish, clock=lambda: NOW)
        self.next = 0

    async def _publish(self, letters: Iterable[DeadLetter]) -> None:
        self.published += letters

    async def begin(self) -> Table:
        await offsets.begin(self.connection, "cluster", "klines", dict.fromkeys(range(12), 0))
        return self

    def batch(self, *messages: KlineMessage | bytes) -> Batch:
        batch = Batch()
        batch.add(records(messages, offset=self.next), {0: self.next})
        return batch

    async def write(self, *messages: KlineMessage | bytes) -> None:
        await self.writer.write(self.batch(*messages))
        self.next += len(messages)

    async def offset(self) -> int:
        return (await offsets.load(self.connection, "cluster", "klines"))[0]

    async def checkpoints(self) -> list[tuple[int, int, int]]:
        """Those since the last call, as (minute, first, last) in seconds from `T0`."""
        rows = await self.connection.fetch("DELETE FROM checkpoint RETURNING minute, first_second, last_second")
        return sorted(tuple((time - T0) // SECOND for time in row) for row in rows)


@pytest.fixture
async def connection(database: str) -> AsyncIterator[asyncpg.Connection]:
    connection = await asyncpg.connect(database)
    yield connection
    await connection.close()


@pytest.fixture
async def table(database: str, connection: asyncpg.Connection) -> AsyncIterator[Table]:
    table = await Table(database, connection).begin()
    yield table
    await table.session.close()


async def test_rows_checkpoints_and_offset_go_together(table: Table):
    await table.write(*(kline(second) for second in (118, 119, 120, 121)), kline(120, symbol="ETHUSDT"))
    rows = await stored(table.connection)
    assert [(second, row["close"], row["source"]) for second, row in rows.items()] == [
        (118, "106.25", "s"),
        (119, "100.25", "s"),
        (120, "101.25", "s"),
        (121, "102.25", "s"),
    ]
    assert await table.checkpoints() == [(60, 118, 119), (120, 120, 121)]
    assert await table.offset() == 5


@given(
    st.lists(
        st.tuples(st.integers(0, 6), st.integers(0, 5), st.sampled_from("ab"), st.sampled_from(["stream", "repair"])),
        max_size=30,
    ),
    st.data(),
)
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
async def test_any_order_and_batches_give_the_newest_of_each_second(table: Table, story, data):
    """Versions of one second with equal numbers have equal content, as the exchange's have."""
    klines = [
        kline(second, version=version, price=f"{ord(letter)}.{(version * 7 + second) % 3}", source=source)
        for second, version, letter, source in story
    ]
    unique = {(k.open_time, k.version): k for k in klines}
    klines = [unique[k.open_time, k.version] for k in klines]
    await table.connection.execute("DELETE FROM kline_1s")
    await table.checkpoints()
    expected = {}
    while klines:
        size = data.draw(st.integers(1, len(klines)))
        batch, klines = klines[:size], klines[size:]
        before = {time: k.content for time, k in expected.items()}
        expected = newest([*expected.values(), *batch])
        await table.write(*batch)
        touched = sorted(time for time, k in expected.items() if before.get(time) != k.content)
        spans = (
            [((first - T0) // SECOND, (last - T0) // SECOND) for first, last in [(touched[0], touched[-1])]] if touched else []
        )
        assert [checkpoint[1:] for checkpoint in await table.checkpoints()] == spans
    rows = await stored(table.connection)
    assert {T0 + second * SECOND: (row["version"], row["close"]) for second, row in rows.items()} == {
        time: (k.version, k.close) for time, k in expected.items()
    }


async def test_equal_content_raises_the_version_and_is_no_change(table: Table):
    await table.write(kline(0))
    await table.checkpoints()
    await table.write(kline(0, version=7, source="repair"))
    (row,) = (await stored(table.connection)).values()
    assert (row["version"], row["source"]) == (T0 + SECOND + 7, "s")
    assert await table.checkpoints() == []
    await table.write(kline(0, version=3, price="1"))
    (row,) = (await stored(table.connection)).values()
    assert row["close"] == "100.25"


async def test_a_late_commit_of_a_former_owner_changes_nothing(table: Table, database: str):
    """A second inserter reads the same partition on; the first wakes up with its batch, and has to read again."""
    other = Table(database, table.connection)
    late = table.batch(kline(0, price="1"), kline(1))
    await other.write(kline(0, price="1"))
    await other.write(kline(0, price="2", version=9))
    with pytest.raises(NotOwner) as refused:
        await table.writer.write(late)
    assert refused.value.partitions == {0}
    assert await table.offset() == 2
    assert [row["close"] for row in (await stored(table.connection)).values()] == ["2"]
    await other.session.close()


async def test_two_writers_of_one_partition_at_once_store_it_once(table: Table, database: str):
    other = Table(database, table.connection)
    outcomes = await asyncio.gather(
        *(t.writer.write(table.batch(*(kline(n) for n in range(50)))) for t in (table, other)), return_exceptions=True
    )
    assert {type(outcome) for outcome in outcomes} == {type(None), NotOwner}
    assert len(await stored(table.connection)) == 50
    assert await table.offset() == 50
    await other.session.close()


async def test_a_bad_row_is_isolated(table: Table):
    """``trades`` fits Kafka's JSON and no integer of PostgreSQL, so only the database can know."""
    poison = [kline(n, trades=2**31 if n in (3, 17) else 1) for n in range(20)]
    await table.write(*poison, b"rubbish \xff\x00")
    assert sorted(await stored(table.connection)) == [n for n in range(20) if n not in (3, 17)]
    assert await table.offset() == 21
    rows = await table.connection.fetch('SELECT reason, symbol, "offset", payload, detail FROM dead_letter ORDER BY 3')
    assert [(row["reason"], row["symbol"], row["offset"]) for row in rows] == [
        ("refused_row", "BTCUSDT", 3),
        ("refused_row", "BTCUSDT", 17),
        ("unreadable_record", None, 20),
    ]
    assert "out of range" in rows[0]["detail"]
    assert rows[2]["payload"] == r"rubbish \xff\x00"
    assert sorted(letter.offset for letter in table.published) == [3, 17, 20]


async def test_what_is_refused_as_a_dead_letter_too_is_skipped(table: Table, caplog: pytest.LogCaptureFixture):
    await table.connection.execute("ALTER TABLE dead_letter ADD CHECK (reason = 'refused_row')")
    await table.write(kline(0), b"rubbish", kline(1, trades=2**31), kline(2))
    assert sorted(await stored(table.connection)) == [0, 2]
    assert await table.offset() == 4
    assert [(letter.reason, letter.offset) for letter in table.published] == [("refused_row", 2)]
    assert "as a dead letter too" in caplog.text


async def test_an_outage_is_waited_out_and_nothing_is_a_dead_letter(table: Table, database: str):
    await table.write(kline(0))
    name = database.rpartition("/")[2]
    admin = await asyncpg.connect(f"{database.rpartition('/')[0]}/postgres")
    try:
        await admin.execute(f"ALTER DATABASE {name} ALLOW_CONNECTIONS false")
        await admin.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = $1", name)
        writing = asyncio.create_task(table.write(kline(1)))
        await wait_until(lambda: "database" in table.health.reasons)
        assert not writing.done()
    finally:
        await admin.execute(f"ALTER DATABASE {name} ALLOW_CONNECTIONS true")
        await admin.close()
    await asyncio.wait_for(writing, 15)
    assert "database" not in table.health.reasons
    looking = await asyncpg.connect(database)
    assert len(await stored(looking)) == 2
    assert await looking.fetchval("SELECT count(*) FROM dead_letter") == 0
    await looking.close()


async def test_a_statement_that_times_out_is_tried_again(table: Table, database: str):
    await table.write(kline(0))
    async with table.connection.transaction():
        await table.connection.execute("SELECT * FROM kafka_offset FOR UPDATE")
        await table.session.patiently(lambda c: c.execute("SET statement_timeout = '50ms'"))
        writing = asyncio.create_task(table.write(kline(1)))
        await wait_until(lambda: "statement timeout" in table.health.reasons.get("database", ""))
    await asyncio.wait_for(writing, 15)
    assert len(await stored(table.connection)) == 2


async def test_a_server_that_falls_silent_is_left(table: Table, monkeypatch: pytest.MonkeyPatch):
    """In the middle of a transaction, whose end it does not answer either."""
    monkeypatch.setattr("rtchart.inserter.session.WORK_TIMEOUT", 0.3)
    silenced: list[int] = []

    async def work(connection: asyncpg.Connection) -> str:
        async with connection.transaction():
            if not silenced:
                silenced.append(await connection.fetchval("SELECT pg_backend_pid()"))
                os.kill(silenced[0], signal.SIGSTOP)
            return await connection.fetchval("SELECT 'done'")

    try:
        async with asyncio.timeout(15):
            assert await table.session.patiently(work) == "done"
    finally:
        os.kill(silenced[0], signal.SIGCONT)


async def test_a_commit_whose_answer_was_lost_is_not_repeated(table: Table):
    """The connection breaks after the commit: the retry finds the offset moved, and the batch is read again from there."""
    await table.write(kline(0))
    await offsets.advance(table.connection, "cluster", "klines", {0: offsets.Move(1, 2)})
    with pytest.raises(NotOwner):
        await table.write(kline(1))


async def test_a_partition_that_was_dropped_is_made_again(table: Table):
    await table.write(kline(0))
    name = await table.connection.fetchval("SELECT tableoid::regclass::text FROM kline_1s")
    await table.connection.execute(f"DROP TABLE {name}")
    await table.write(kline(1))
    assert sorted(await stored(table.connection)) == [1]


async def test_partitions_are_made_a_day_ahead(table: Table):
    await table.write(kline(0))
    bounds = await table.connection.fetchval(
        """SELECT pg_get_expr(relpartbound, oid) FROM pg_class
           WHERE relispartition AND relkind = 'r' ORDER BY relname DESC LIMIT 1"""
    )
    end = int(bounds.rpartition("TO ('")[2].rstrip("')"))
    assert end >= T0 + 23 * HOUR


async def test_gaps_are_opened_filled_and_closed(table: Table):
    await table.write(
        kline(0), GapOpened("sim", "BTCUSDT", T0 + SECOND, T0 + 4 * SECOND, "step", NOW), kline(4), kline(2, source="repair")
    )
    assert await ledger(table.connection) == [(1, 4, "open")]
    await table.write(kline(1, source="repair"))
    await table.write(Absent("sim", "BTCUSDT", T0 + 3 * SECOND, T0 + 4 * SECOND, NOW))
    assert await ledger(table.connection) == [(1, 3, "repaired"), (3, 4, "absent")]
    await table.write(kline(3, source="repair"))
    assert await ledger(table.connection) == [(1, 3, "repaired"), (3, 4, "repaired")]


async def test_a_gap_of_one_symbol_is_not_filled_by_another(table: Table):
    await table.write(kline(0, symbol="ETHUSDT"), GapOpened("sim", "BTCUSDT", T0, T0 + SECOND, "silence", NOW))
    await table.write(kline(1, symbol="ETHUSDT"))
    assert await ledger(table.connection) == [(0, 1, "open")]


async def test_old_seconds_of_one_symbol_do_not_look_up_the_gaps_of_others(table: Table, monkeypatch: pytest.MonkeyPatch):
    """A backfill beside live seconds: each symbol's gaps are those of its own time, and all are settled."""
    old = -20 * MINUTE // SECOND
    for symbol in ("BTCUSDT", "ETHUSDT"):
        await table.write(*(GapOpened("sim", symbol, T0 + at * SECOND, T0 + (at + 1) * SECOND, "step", NOW) for at in (old, 3)))
    found: list[int] = []
    unsettled = gaps.unsettled

    async def watched(*arguments):
        rows = await unsettled(*arguments)
        found.append(len(rows))
        return rows

    monkeypatch.setattr(gaps, "unsettled", watched)
    await table.write(kline(old, symbol="ETHUSDT", source="repair"), kline(3))
    assert found == [2]
    assert await ledger(table.connection) == [(old, old + 1, "open"), (3, 4, "repaired")]
    assert await ledger(table.connection, "ETHUSDT") == [(old, old + 1, "repaired"), (3, 4, "open")]


async def test_what_was_cut_off_the_log_is_a_gap_of_every_symbol_there(table: Table):
    """BTCUSDT has its next second in the batch, ETHUSDT has not, and SOLUSDT was never stored."""
    names = ("BTCUSDT", "ETHUSDT")
    await table.write(*(kline(0, symbol=name) for name in names))
    for name in (*names, "SOLUSDT"):
        await symbols.ensure(table.connection, {symbols.Identity("sim", name): 0})
    table.writer._source = Source("cluster", "klines", 1)  # all symbols in one partition
    batch = Batch()
    batch.add([FakeRecord(0, 90, NOW, r.value) for r in records([kline(10), kline(5, source="repair")])][:1], {0: 2})
    batch.add([FakeRecord(0, 91, NOW, r.value) for r in records([kline(5, source="repair")])], {0: 2})
    batch.lost = {0}
    await table.writer.write(batch)
    assert await ledger(table.connection) == [(1, 10, "open")]
    assert await ledger(table.connection, "ETHUSDT") == [(1, 11, "open")]
    assert await ledger(table.connection, "SOLUSDT") == []
    assert await table.offset() == 92


async def test_listings_are_kept_the_first_day_for_good(table: Table):
    await table.write(Listing("sim", "BTCUSDT", 5 * 86_400_000, "0.01", NOW))
    await table.write(Listing("sim", "BTCUSDT", 9 * 86_400_000, "0.001", NOW))
    row = await table.connection.fetchrow("SELECT listed_day, tick_size FROM symbol")
    assert tuple(row) == (5 * 86_400_000, "0.001")


def desired(**fields) -> DesiredSymbol:
    return DesiredSymbol(**{"exchange": "sim", "symbol": "BTCUSDT", "epoch": 1, **fields})


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
    asyncio.get_running_loop().call_later(0.05, held.set)
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


async def test_a_refold_is_asked_for_by_minute_and_symbol(table: Table):
    await table.write(*(kline(n, symbol=name) for name in ("BTCUSDT", "ETHUSDT") for n in (0, 59)))
    row = await table.connection.fetchrow("SELECT minute, symbol_ids, first_second, last_second, inserted_at FROM checkpoint")
    ids = await table.connection.fetchval("SELECT array_agg(symbol_id ORDER BY 1) FROM symbol")
    assert tuple(row) == (T0 // MINUTE * MINUTE, ids, T0, T0 + 59 * SECOND, NOW)


async def test_the_service_needs_no_more_than_its_role(table: Table, database: str):
    """Every statement of a batch, as ``rtchart_inserter``."""
    as_role = database.replace("//postgres@", "//rtchart_inserter@").replace("//postgres:", "//rtchart_inserter:")
    assert as_role != database
    other = Table(as_role, table.connection)
    await other.session.patiently(other.book.load)
    await other.write(
        kline(0), GapOpened("sim", "BTCUSDT", T0 + SECOND, T0 + 3 * SECOND, "step", NOW), kline(1, trades=2**31), b"rubbish"
    )
    await other.write(kline(0, version=1, price="5"), kline(1), Absent("sim", "BTCUSDT", T0 + 2 * SECOND, T0 + 3 * SECOND, NOW))
    await other.write(Listing("sim", "BTCUSDT", 0, "0.01", NOW))
    await other.book.take({"sim:BTCUSDT": desired(), "sim:GONE": None}, other.session)
    assert await ledger(table.connection) == [(1, 2, "repaired"), (2, 3, "absent")]
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        connection = await asyncpg.connect(as_role)
        try:
            await connection.execute("DELETE FROM kline_1s")
        finally:
            await connection.close()
    await other.session.close()
