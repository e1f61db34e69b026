"""Batches in a real database: each second once, in its newest version, whatever comes in whatever order."""

from __future__ import annotations

import asyncio

import asyncpg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from rtchart.core.interval import HOUR, MINUTE, SECOND
from rtchart.core.messages import Absent, GapOpened, Listing
from rtchart.store.offsets import NotOwner
from tests.inserter.material import NOW, T0, desired, kline, ledger, stored
from tests.inserter.table import Table
from tests.klines import newest


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
    """``trades`` fits Kafka's JSON and no integer of PostgreSQL, or none that is written at all."""
    poison = [kline(n, trades={3: 2**31, 17: 2**70}.get(n, 1)) for n in range(20)]
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


async def test_a_partition_that_was_dropped_is_made_again(table: Table):
    await table.write(kline(0))
    name = await table.connection.fetchval("SELECT tableoid::regclass::text FROM kline_1s")
    await table.connection.execute(f"DROP TABLE {name}")
    await table.write(kline(1))
    assert sorted(await stored(table.connection)) == [1]


async def test_a_batch_may_lie_in_many_partitions(table: Table):
    """The table is divided each six hours; a batch after an outage or with a backfill knows nothing of that."""
    seconds = [-hours * HOUR // SECOND for hours in (0, 7, 14, 21)]
    await table.write(*(kline(n, symbol=name) for n in seconds for name in ("BTCUSDT", "ETHUSDT")))
    for name in ("BTCUSDT", "ETHUSDT"):
        assert sorted(await stored(table.connection, name)) == sorted(seconds)
    assert await table.connection.fetchval("SELECT count(DISTINCT tableoid) FROM kline_1s") == 4
    assert await table.checkpoints() == sorted((n, n, n) for n in seconds)
    again = [kline(n, version=1, price="7") for n in seconds]
    await table.write(*again, kline(1))
    assert [row["close"] for row in (await stored(table.connection)).values()] == ["7", "7", "7", "7", "101.25"]


async def test_partitions_are_made_a_day_ahead(table: Table):
    await table.write(kline(0))
    bounds = await table.connection.fetchval(
        """SELECT pg_get_expr(relpartbound, oid) FROM pg_class
           WHERE relispartition AND relkind = 'r' ORDER BY relname DESC LIMIT 1"""
    )
    end = int(bounds.rpartition("TO ('")[2].rstrip("')"))
    assert end >= T0 + 23 * HOUR


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
