"""The gap ledger in the database, batch by batch."""

from __future__ import annotations

import pytest

from rtchart.core.interval import MINUTE, SECOND
from rtchart.core.messages import Absent, GapOpened, KlineMessage
from rtchart.inserter.batch import Batch, Feed
from rtchart.inserter.plan import read
from rtchart.store import gaps, symbols
from tests.inserter.material import NOW, T0, kline, ledger, records
from tests.inserter.table import Table


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


async def after_a_cut(table: Table, offset: int, *messages: KlineMessage) -> None:
    """Store the first records that are left of the log, in which all symbols have one partition."""
    table.writer._feed = Feed("cluster", "klines", 1)
    batch = Batch(read)
    batch.add(records(messages, offset=offset), {0: table.next})
    batch.lost = {0}
    await table.writer.write(batch)


async def test_what_was_cut_off_the_log_is_a_gap_of_every_symbol_there(table: Table):
    """BTCUSDT has its next second in the batch, ETHUSDT has not, and SOLUSDT was never stored."""
    names = ("BTCUSDT", "ETHUSDT")
    await table.write(*(kline(0, symbol=name) for name in names))
    for name in (*names, "SOLUSDT"):
        await symbols.ensure(table.connection, {symbols.Identity("sim", name): 0})
    await after_a_cut(table, 90, kline(10), kline(5, source="repair"))
    assert await ledger(table.connection) == [(1, 10, "open")]
    assert await ledger(table.connection, "ETHUSDT") == [(1, 11, "open")]
    assert await ledger(table.connection, "SOLUSDT") == []
    assert await table.offset() == 92


async def reasons(table: Table) -> list[tuple[str, int, str]]:
    """Of each gap its symbol, its first second and why it was opened."""
    rows = await table.connection.fetch(
        "SELECT symbol, start_time, reason FROM gap JOIN symbol USING (symbol_id) ORDER BY 1, 2"
    )
    return [(row[0], (row[1] - T0) // SECOND, row[2]) for row in rows]


async def test_gaps_whose_seconds_may_have_been_cut_off_are_asked_for_again(table: Table):
    """Open when the log was cut; the exchange's answer was in it. What is closed, and what is deleted, stays as it is."""
    for name in ("BTCUSDT", "ETHUSDT", "GONE"):
        await table.write(kline(0, symbol=name), kline(9, symbol=name))
        await table.write(GapOpened("sim", name, T0 + SECOND, T0 + 4 * SECOND, "step", NOW))
    await table.write(GapOpened("sim", "BTCUSDT", T0 + 6 * SECOND, T0 + 9 * SECOND, "silence", NOW))
    await table.write(Absent("sim", "ETHUSDT", T0 + SECOND, T0 + 9 * SECOND, NOW))
    await table.book.take({"sim:GONE": None}, table.session)
    await after_a_cut(table, 90, kline(10), kline(10, symbol="ETHUSDT"))
    assert await reasons(table) == [
        ("BTCUSDT", 1, "offset_lost"),
        ("BTCUSDT", 4, "offset_lost"),  # nobody had told of these two
        ("BTCUSDT", 6, "offset_lost"),
        ("ETHUSDT", 1, "step"),
        ("ETHUSDT", 4, "step"),
        ("GONE", 1, "step"),
    ]
    assert {(gap.symbol, gap.start) for gap in await gaps.lost(table.connection, NOW)} == {
        ("BTCUSDT", T0 + at * SECOND) for at in (1, 4, 6)
    }


async def test_a_hole_that_was_told_of_in_the_part_cut_off_is_a_gap(table: Table):
    """The live second after it was stored, and the record that told of it was the next."""
    await table.write(kline(0), kline(1), kline(5))
    await after_a_cut(table, 90, kline(8))
    assert await ledger(table.connection) == [(2, 5, "open"), (6, 8, "open")]
