"""What of the market there is at a time, and which of it a page of klines holds."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rtchart.core.interval import DAY, HOUR, INTERVALS, MINUTE, MINUTES, SECOND, SECONDS
from rtchart.sim.figures import flat, total
from rtchart.sim.listing import listing
from rtchart.sim.tape import Tape
from rtchart.sim.walk import Walk
from tests.sim.markets import NOW

BTC = "BTCUSDT"
CURRENT = NOW // SECOND * SECOND
TODAY = NOW // DAY * DAY


@pytest.fixture
def tape() -> Tape:
    return Tape({BTC: Walk(listing(BTC), 1)}, begin=TODAY - 3 * DAY)


def opens(tape: Tape, interval: str, start: int | None = None, end: int | None = None, limit: int = 500) -> list[int]:
    return [time for time, _ in tape.rows(BTC, INTERVALS[interval], start, end, limit, NOW)]


def test_without_times_the_newest_come_and_the_last_is_under_way(tape: Tape) -> None:
    rows = tape.rows(BTC, SECONDS, None, None, 3, NOW)
    assert [time for time, _ in rows] == [CURRENT - 2_000, CURRENT - 1_000, CURRENT]
    assert rows[-1][1] == flat(rows[-2][1].close)  # its trades are still to come


def test_a_larger_kline_under_way_is_the_fold_of_the_seconds_until_now(tape: Tape) -> None:
    (time, figures), *_ = tape.rows(BTC, INTERVALS["1h"], None, None, 1, NOW)
    assert time == NOW // HOUR * HOUR
    assert figures == total(
        [second for at in range(time, CURRENT, SECOND) if (second := tape.second(BTC, at))] + [flat(figures.close)]
    )


def test_start_alone_reads_from_there_onward(tape: Tape) -> None:
    assert opens(tape, "1s", start=CURRENT - 9_500, limit=3) == [CURRENT - 9_000, CURRENT - 8_000, CURRENT - 7_000]


def test_end_alone_reads_the_newest_that_open_until_then(tape: Tape) -> None:
    assert opens(tape, "1s", end=CURRENT - 9_000, limit=2) == [CURRENT - 10_000, CURRENT - 9_000]


def test_both_ends_count(tape: Tape) -> None:
    minute = NOW // MINUTE * MINUTE
    assert opens(tape, "1m", start=minute - 2 * MINUTE, end=minute - MINUTE) == [minute - 2 * MINUTE, minute - MINUTE]
    assert opens(tape, "1m", start=minute - 2 * MINUTE, end=minute - 2 * MINUTE) == [minute - 2 * MINUTE]
    assert opens(tape, "1m", start=minute - 2 * MINUTE + 1, end=minute - MINUTE - 1) == []


@pytest.mark.parametrize(("start", "end"), [(NOW + 1, None), (None, TODAY - 4 * DAY), (CURRENT, CURRENT - 1), (10**20, 10**20)])
def test_where_nothing_is_nothing_comes(tape: Tape, start: int | None, end: int | None) -> None:
    assert opens(tape, "1M", start=start, end=end) == []


def test_history_begins_once(tape: Tape) -> None:
    assert opens(tape, "1d", start=0) == [TODAY - 3 * DAY, TODAY - 2 * DAY, TODAY - DAY, TODAY]
    # Monday 21 July opened before the beginning on Tuesday; what there is of the week is in its kline.
    week = INTERVALS["1w"].open_time(NOW)
    (time, figures), *_ = tape.rows(BTC, INTERVALS["1w"], None, None, 5, NOW)
    assert (time, tape.second(BTC, week)) == (week, None)
    assert figures == tape.span(BTC, tape.begin, CURRENT + SECOND, NOW)


@pytest.mark.parametrize("interval", INTERVALS)
def test_pages_forwards_and_backwards_hold_the_same(tape: Tape, interval: str) -> None:
    start = NOW
    for _ in range(25):
        start = INTERVALS[interval].previous_open(start)
    forwards = tape.rows(BTC, INTERVALS[interval], start, None, 1_000, NOW)
    assert forwards
    assert forwards == tape.rows(BTC, INTERVALS[interval], None, None, len(forwards), NOW)


def test_absent_seconds_are_in_no_kline(tape: Tape) -> None:
    minute = NOW // MINUTE * MINUTE - 10 * MINUTE
    tape.absent(BTC, minute - 5_000, minute + 2 * MINUTE + 30_000)
    assert opens(tape, "1s", start=minute - 7_000, limit=3) == [minute - 7_000, minute - 6_000, minute + 2 * MINUTE + 30_000]
    assert opens(tape, "1m", start=minute - MINUTE, limit=3) == [minute - MINUTE, minute + 2 * MINUTE, minute + 3 * MINUTE]
    (_, cut), *_ = tape.rows(BTC, MINUTES, minute + 2 * MINUTE, None, 1, NOW)
    assert cut == total(
        second for at in range(minute + 2 * MINUTE, minute + 3 * MINUTE, SECOND) if (second := tape.second(BTC, at)) is not None
    )
    tape.present(BTC, 0, NOW)
    assert opens(tape, "1s", start=minute, limit=1) == [minute]


absences = st.lists(
    st.tuples(st.integers(0, 3_000), st.integers(1, 900)).map(
        lambda pair: (CURRENT - pair[0] * SECOND, CURRENT - pair[0] * SECOND + pair[1] * SECOND)
    ),
    max_size=4,
)


@settings(deadline=None, max_examples=25)
@given(absences, st.sampled_from(["1m", "3m", "5m", "15m", "1h"]))
def test_whatever_is_absent_a_kline_is_the_fold_of_the_seconds_there_are(gone: list[tuple[int, int]], name: str) -> None:
    tape = Tape({BTC: Walk(listing(BTC), 1)}, begin=CURRENT - HOUR)
    for start, end in gone:
        tape.absent(BTC, start, end)
    interval = INTERVALS[name]
    periods: dict[int, list] = {}
    for time, figures in tape.rows(BTC, SECONDS, None, None, 4_000, NOW):
        periods.setdefault(interval.open_time(time), []).append(figures)
    assert tape.rows(BTC, interval, None, None, 100, NOW) == [(time, total(parts)) for time, parts in periods.items()]
