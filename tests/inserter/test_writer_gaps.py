"""The gap ledger in the database, batch by batch."""

from __future__ import annotations

import pytest

from rtchart.core.interval import MINUTE, SECOND
from rtchart.core.messages import Absent, GapOpened
from rtchart.inserter.batch import Batch
from rtchart.inserter.writer import Source
from rtchart.store import gaps, symbols
from tests.inserter.material import NOW, T0, FakeRecord, kline, ledger, records
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
