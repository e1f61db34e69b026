"""The comparison of two records of the same times, and what is made of it."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from rtchart.core.gap import count, normal, seconds_of, subtract
from rtchart.core.interval import SECOND
from rtchart.tools.verify.compare import (
    Difference,
    Figures,
    Finding,
    differences,
    grouped,
    same,
    split,
)
from rtchart.tools.verify.repair import NEAR, together

T = 1_700_000_000_000
TIMES = range(T, T + 40 * SECOND, SECOND)

decimals = st.sampled_from(["1", "1.0", "1.00", "2", "2.50", "2.5"])
of_a_second = st.builds(lambda price, volume, trades: (*[price] * 4, *[volume] * 2, trades, *[volume] * 2), decimals, decimals,
                        st.integers(0, 2))  # fmt: skip
records = st.dictionaries(st.sampled_from(TIMES), of_a_second)
ranges = st.lists(
    st.tuples(st.integers(0, 40), st.integers(0, 40)).map(lambda r: (T + min(r) * SECOND, T + max(r) * SECOND)), max_size=8
)


def put(found: Iterable[Difference], into: dict[int, Figures]) -> dict[int, Figures]:
    """One side with what was found of it put right."""
    out = dict(into)
    for difference in found:
        out.pop(difference.time, None)
        if difference.theirs is not None:
            out[difference.time] = difference.theirs
    return out


@given(records, records)
def test_what_is_found_and_what_is_equal_is_all_and_nothing_is_both(ours: dict[int, Figures], theirs: dict[int, Figures]):
    found = differences(ours, theirs, TIMES)
    times = [difference.time for difference in found]
    equal = [time for time in TIMES if time in ours and time in theirs and same(ours[time], theirs[time])]
    assert sorted([*times, *equal]) == list(TIMES)
    kinds = {difference.time: difference.kind for difference in found}
    for time in times:
        assert (
            kinds[time]
            == {
                (False, False): "absent",
                (False, True): "missing",
                (True, False): "alone",
                (True, True): "different",
            }[time in ours, time in theirs]
        )


@given(records, records)
def test_what_is_found_put_into_one_side_gives_the_other(ours: dict[int, Figures], theirs: dict[int, Figures]):
    mended = put(differences(ours, theirs, TIMES), ours)
    assert mended.keys() == theirs.keys()
    assert all(same(mended[time], theirs[time]) for time in theirs)
    assert {one.kind for one in differences(mended, theirs, TIMES)} <= {"absent"}


def test_decimals_are_compared_by_their_value_and_trades_too() -> None:
    assert same(("1.50", "2", 3), ("1.5", "2.0", 3))
    assert not same(("1.50", "2", 3), ("1.5", "2.0", 4))
    assert not same(("0.1",), ("0.10000000000000001",))


findings = st.lists(
    st.builds(
        lambda kind, time, note: Finding(kind=kind, interval="1s", start=time, end=time + SECOND, note=note),
        st.sampled_from(["missing", "absent"]),
        st.sampled_from(TIMES),
        st.sampled_from(["", "known"]),
    ),
    unique_by=lambda finding: finding.start,
)


@given(findings)
def test_neighbours_become_the_fewest_ranges_of_the_same_seconds(single: list[Finding]):
    together = grouped(single)
    for kind in ("missing", "absent"):
        for note in ("", "known"):
            mine = [(one.start, one.end) for one in together if (one.kind, one.note) == (kind, note)]
            assert mine == seconds_of(one.start for one in single if (one.kind, one.note) == (kind, note))
    assert sum(finding.count for finding in together) == len(single)


def test_a_range_keeps_the_figures_of_all_its_seconds_in_their_order() -> None:
    one, other = (
        Difference(T + SECOND, (*["1"] * 6, 1, "1", "1"), (*["2"] * 6, 1, "1", "1")).pair,
        Difference(T, (*["3"] * 6, 1, "1", "1"), (*["4"] * 6, 1, "1", "1")).pair,
    )
    single = [
        Finding(kind="different", interval="1s", start=pair.open_time, end=pair.open_time + SECOND, figures=(pair,))
        for pair in (one, other)
    ]
    (finding,) = grouped(single)
    assert (finding.start, finding.end, finding.count) == (T, T + 2 * SECOND, 2)
    assert [pair.open_time for pair in finding.figures] == [T, T + SECOND]
    assert msgspec.to_builtins(finding.figures[0])["stored"]["high"] == "3"


@given(ranges, ranges)
def test_a_finding_is_split_by_what_is_known_of_its_parts(known: list[tuple[int, int]], open_: list[tuple[int, int]]):
    whole = Finding(kind="absent", interval="1s", start=T + 5 * SECOND, end=T + 30 * SECOND)
    parts = split(whole, [("known", known), ("open", open_)], "unknown")
    assert normal((part.start, part.end) for part in parts) == [(whole.start, whole.end)]
    assert sum(part.count for part in parts) == whole.count  # and none twice
    for part in parts:
        inside = (part.start, part.end)
        if part.note == "known":
            assert not subtract([inside], known)
        else:
            assert subtract([inside], known) == [inside]
        if part.note == "open":
            assert not subtract([inside], open_)
        elif part.note == "unknown":
            assert subtract([inside], open_) == [inside]


def candle(open_: str, high: str, low: str, close: str = "5", trades: int = 3) -> Figures:
    return (open_, high, low, close, "1", "2", trades, "0", "0")


@given(ranges, ranges, st.integers(1, 4))
def test_what_is_asked_for_holds_all_that_is_wrong_and_nothing_that_the_exchange_lacks(
    wrong: list[tuple[int, int]], lacked: list[tuple[int, int]], at_most: int
):
    wrong = subtract(wrong, lacked)
    asked = together(wrong, lacked, at_most=at_most, near=2 * SECOND)
    assert not subtract(wrong, asked)
    assert count(asked) == count(subtract(asked, lacked))
    assert len(together(wrong, at_most=at_most, near=2 * SECOND)) <= at_most
    if wrong:
        assert (asked[0][0], asked[-1][1]) == (normal(wrong)[0][0], normal(wrong)[-1][1])


def test_what_is_far_apart_is_asked_for_apart() -> None:
    first, second = (T, T + SECOND), (T + SECOND + NEAR + SECOND, T + 3 * SECOND + NEAR)
    assert together([second, first]) == [first, second]
    near = (T + NEAR, T + NEAR + SECOND)
    assert together([near, first]) == [(T, T + NEAR + SECOND)]
