"""Range arithmetic against sets of seconds, which cannot be wrong."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from rtchart.core.gap import Gap, Range, count, normal, seconds_of, subtract
from rtchart.core.interval import SECOND

moments = st.integers(0, 60).map(lambda number: number * SECOND)
ranges = st.lists(st.tuples(moments, moments), max_size=12)


def seconds(of: list[Range]) -> set[int]:
    return {time for start, end in of for time in range(start, end, SECOND)}


@given(ranges)
def test_normal_is_the_same_seconds_in_the_fewest_ranges(some) -> None:
    out = normal(some)
    assert seconds(out) == seconds(some)
    assert all(start < end for start, end in out)
    assert all(a[1] < b[0] for a, b in pairwise(out))
    assert normal(out) == out


@given(ranges, ranges)
def test_subtract_leaves_what_was_not_taken(some, taken) -> None:
    out = subtract(some, taken)
    assert seconds(out) == seconds(some) - seconds(taken)
    assert normal(out) == out


@given(ranges, ranges)
def test_what_is_left_and_what_was_taken_is_all(some, taken) -> None:
    left = subtract(some, taken)
    covered = subtract(some, left)
    assert normal(left + covered) == normal(some)
    assert count(left) + count(covered) == count(some)


@given(st.lists(moments, max_size=40))
def test_ranges_of_seconds_hold_just_these(times) -> None:
    out = seconds_of(times)
    assert seconds(out) == set(times)
    assert count(out) == len(set(times))
    assert normal(out) == out


def test_a_gap_knows_how_long_it_is() -> None:
    assert Gap(start=0, end=7 * SECOND, state="open", reason="step", opened_at=0).seconds == 7
