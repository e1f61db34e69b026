"""Intervals open when the exchange's do, and cut time without holes or overlaps."""

from __future__ import annotations

import csv
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rtchart.core.interval import CANDLE_INTERVALS, DAY, INTERVALS, SECOND, UnknownInterval, interval, parents

with (Path(__file__).parent / "open_times.csv").open() as file:
    OPEN_TIMES = list(csv.DictReader(file))

times = st.integers(0, 4_102_444_800_000)  # to 2100
intervals = st.sampled_from(list(INTERVALS.values())).flatmap(
    lambda one: st.integers(0, 20_000).map(lambda day: one.of(day * DAY))
)


@pytest.mark.parametrize("row", OPEN_TIMES, ids=lambda row: f"{row['symbol']}-{row['interval']}-{row['date'][:10]}")
def test_open_times_are_the_exchanges(row: dict[str, str]) -> None:
    own = interval(row["interval"]).of(int(row["listed_day"]))
    open_time = int(row["open_time"])
    assert datetime.fromtimestamp(open_time // SECOND, UTC).strftime("%Y-%m-%dT%H:%M:%SZ") == row["date"]
    assert own.open_time(open_time) == open_time
    assert own.open_time(own.next_open(open_time) - 1) == open_time
    assert own.open_time(open_time - 1) < open_time


def test_the_table_knows_every_way_in_which_3d_can_lie() -> None:
    assert {int(row["open_time"]) // DAY % 3 for row in OPEN_TIMES if row["interval"] == "3d"} == {0, 1, 2}
    assert {row["interval"] for row in OPEN_TIMES} == {"3d", "1w", "1M"}


@given(intervals, times)
def test_a_time_lies_in_its_period(own, time) -> None:
    opened = own.open_time(time)
    assert opened <= time < own.next_open(time)
    assert own.open_time(opened) == opened
    assert own.next_open(opened) == own.next_open(time)


@given(intervals, times)
def test_periods_touch_and_do_not_overlap(own, time) -> None:
    following = own.next_open(time)
    assert own.open_time(following) == following
    assert own.open_time(following - 1) == own.open_time(time)
    assert own.previous_open(following) == own.open_time(time)
    assert own.expected(time) * SECOND == following - own.open_time(time)


@given(times)
def test_what_an_interval_is_folded_from_never_lies_in_two_of_its_periods(time) -> None:
    for own in INTERVALS.values():
        for name in own.divisors:
            child = interval(name)
            assert own.open_time(child.open_time(time)) == own.open_time(child.next_open(time) - 1) == own.open_time(time)


@given(times, st.integers(0, 20_000))
def test_days_never_lie_in_two_3d_periods_wherever_these_are_anchored(time, listed_day) -> None:
    own = interval("3d").of(listed_day * DAY)
    day = interval("1d")
    assert own.open_time(day.open_time(time)) == own.open_time(day.next_open(time) - 1)
    assert (own.open_time(time) - listed_day * DAY) % (3 * DAY) == 0


@given(st.sets(st.sampled_from(CANDLE_INTERVALS)))
def test_each_interval_is_folded_from_the_largest_stored_one_that_divides_it(stored) -> None:
    chain = parents(stored)
    names = [one.name for one in chain]
    assert set(names) == {"1m", *stored}
    assert names == [name for name in INTERVALS if name in names]  # shortest first: a child is folded before its parent
    for own, child in chain.items():
        usable = [name for name in own.divisors if name in names]
        assert child.name == (usable[0] if usable else "1s")
    assert chain[interval("1m")] == interval("1s")


def test_the_default_chain() -> None:
    chain = parents(["1m", "5m", "15m", "1h", "4h", "1d"])
    assert {str(own): str(child) for own, child in chain.items()} == {
        "1m": "1s",
        "5m": "1m",
        "15m": "5m",
        "1h": "15m",
        "4h": "1h",
        "1d": "4h",
    }


def test_a_week_is_made_of_days_and_never_of_3d() -> None:
    assert str(parents(["1d", "3d", "1w", "1M"])[interval("1w")]) == "1d"


@pytest.mark.parametrize("name", ["", "1 m", "1min", "1S", "60s", None, ["1m"]])
def test_an_unknown_interval_is_refused_with_the_known_ones(name) -> None:
    with pytest.raises(UnknownInterval, match=r"known are 1s, 1m, 3m, .* 1M$"):
        interval(name)
