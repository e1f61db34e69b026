"""What a batch asks of the database, without one."""

from __future__ import annotations

import msgspec
import pytest

from rtchart.core.interval import DAY, HOUR, SECOND
from rtchart.core.kline import Identity
from rtchart.core.messages import Absent, GapOpened, KlineMessage
from rtchart.inserter.batch import FUTURE, Batch, Refusal
from rtchart.inserter.plan import Plan, extend, read
from rtchart.store.offsets import Move
from rtchart.store.symbols import SymbolRow
from tests.inserter.material import NOW, T0, kline, records

LATEST = (NOW + FUTURE) // SECOND * SECOND


def batch_of(*messages, partition: int = 0, offset: int = 0) -> Batch[KlineMessage]:
    batch = Batch(read)
    batch.add(records(messages, partition=partition, offset=offset), {partition: offset})
    return batch


def planned(batch: Batch[KlineMessage], *, epoch: int = 0, deleted: bool = False, kline_hours: int = 48) -> Plan:
    row = SymbolRow(1, Identity("sim", "BTCUSDT"), epoch, kline_hours, False, deleted)
    found = Plan(NOW)
    extend(found, batch, {("sim", "BTCUSDT"): row}, "klines")
    return found


def test_the_newest_version_of_a_second_is_kept_wherever_it_stands():
    first, second = kline(0, version=5, price="9"), kline(0, version=1, price="8")
    for batch in (batch_of(first, second), batch_of(second, first)):
        assert planned(batch).seconds == {1: {T0: first}}


def test_a_second_confirmed_by_rest_keeps_the_source_it_came_by():
    again = kline(0, version=9, source="repair")
    (kept,) = planned(batch_of(kline(0), again)).seconds[1].values()
    assert kept == msgspec.structs.replace(again, source="stream")
    corrected = kline(0, version=9, source="repair", price="7")
    (kept,) = planned(batch_of(kline(0), corrected)).seconds[1].values()
    assert kept == corrected


def test_seconds_below_the_raw_floor_are_dropped():
    floor = (NOW // HOUR - 2) * HOUR
    found = planned(batch_of(kline(0, open_time=floor - SECOND), kline(0, open_time=floor)), kline_hours=2)
    assert (found.times(), found.dropped_old) == ({floor}, 1)


@pytest.mark.parametrize(("deleted", "kept", "dropped"), [(False, 1, 1), (True, 0, 2)])
def test_klines_of_a_dead_epoch_are_dropped(deleted: bool, kept: int, dropped: int):
    found = planned(batch_of(kline(0, epoch=5), kline(1, epoch=6)), epoch=6, deleted=deleted)
    assert (len(found.times()), found.dropped_epoch, found.unknown) == (kept, dropped, {})


def test_symbols_without_a_row_or_of_a_new_epoch_are_asked_for():
    batch = batch_of(kline(0, epoch=5), kline(1, epoch=6), kline(0, symbol="ETHUSDT"), kline(0, symbol="NO NAME"))
    assert planned(batch, epoch=4).unknown == {("sim", "BTCUSDT"): 6, ("sim", "ETHUSDT"): 0}


@pytest.mark.parametrize(
    ("record", "reason", "says"),
    [
        (b"{", "unreadable_record", "truncated"),
        (b"\xff", "unreadable_record", "malformed"),
        (b'{"type":"unheard of"}', "unreadable_record", "unheard of"),
        (kline(0, price="NaN"), "invalid_kline", "open is 'NaN'"),
        (kline(0, open_time=T0 + 1), "invalid_kline", "whole second"),
        (kline(0, open_time=LATEST + SECOND), "invalid_kline", "week"),
        (kline(0, symbol="NUL\0"), "invalid_kline", "NUL"),
        (kline(0, symbol="WHITE SPACE"), "invalid_kline", "WHITE SPACE"),
        (GapOpened("sim", "BTCUSDT", T0, T0, "step", NOW), "unreadable_record", "no whole seconds"),
        (GapOpened("sim", "BTCUSDT", T0, LATEST + SECOND, "step", NOW), "unreadable_record", "week"),
        (Absent("sim", "BTCUSDT", T0, LATEST + SECOND, NOW), "unreadable_record", "week"),
    ],
)
def test_what_cannot_be_used_becomes_a_dead_letter(record, reason: str, says: str):
    batch = batch_of(kline(7), record, offset=40)
    found = planned(batch)
    (letter,) = found.letters
    assert (letter.reason, letter.partition, letter.offset) == (reason, 0, 41)
    assert says in letter.detail
    assert letter.payload == batch.records[1].value.decode(errors="backslashreplace")
    assert len(found.times()) == 1, "the others are kept"


def test_a_batch_is_cut_without_a_hole():
    batch = Batch(read)
    batch.add(records([kline(n) for n in range(3)], partition=0, offset=10), {0: 10})
    batch.add(records([kline(n) for n in range(3)], partition=1, offset=70), {1: 64})
    batch.add(records([kline(n) for n in range(3, 5)], partition=0, offset=13), {0: 13})
    assert batch.moves == {0: Move(10, 15), 1: Move(64, 73)}
    first, second = batch.halves()
    assert first.moves == {0: Move(10, 13), 1: Move(64, 71)}
    assert second.moves == {1: Move(71, 73), 0: Move(13, 15)}
    assert first.records + second.records == batch.records
    assert batch.without(frozenset({0})).moves == {1: Move(64, 73)}


def test_a_lost_partition_goes_with_its_first_record():
    batch = batch_of(kline(0), kline(1))
    batch.lost = {0}
    first, second = batch.halves()
    assert (first.lost, second.lost) == ({0}, set())


def test_refused_records_keep_their_offsets():
    batch = batch_of(kline(0)).refused("refused_row", "why")
    assert batch.messages == [Refusal("refused_row", "why")]
    assert batch.moves == {0: Move(0, 1)}
    assert planned(batch).letters[0].symbol == "BTCUSDT"


def test_a_day_ahead_is_believed():
    ahead = (NOW + DAY) // SECOND * SECOND
    assert planned(batch_of(kline(0, open_time=ahead))).times() == {ahead}
