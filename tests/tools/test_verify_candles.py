"""What is said of stored candles: against the fold of the seconds, against the exchange's, and why some are incomplete."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from rtchart.core.candle import Candle, of_second
from rtchart.core.gap import Range
from rtchart.core.interval import DAY, INTERVALS, MINUTE, SECOND
from rtchart.tools.verify.candles import Lacks, against_exchange, against_fold, folded, incomplete, periods
from rtchart.tools.verify.compare import Finding, figures
from tests.klines import kline

M = 1_700_000_040_000
"""A whole minute, and no more."""
MINUTES = INTERVALS["1m"]


def seconds(*at: int) -> list[Candle]:
    return [of_second(kline(M + second * SECOND)) for second in at]


WHOLE = folded(MINUTES, seconds(*range(60)))[M]


def said(stored: Candle | None, made: Candle | None, **known: list[Range]) -> list[tuple[str, str]]:
    found = against_fold(
        MINUTES,
        {} if stored is None else {M: stored},
        {} if made is None else {M: made},
        [M],
        **known,  # type: ignore[arg-type]
    )
    return [(finding.kind, finding.note) for finding in found]


def test_the_fold_is_taken_by_figures_and_seconds() -> None:
    assert said(WHOLE, replace(WHOLE, volume=WHOLE.volume + ".00")) == []
    assert said(None, None) == []
    assert said(None, WHOLE) == [("no_candle", "60 s of it are stored")]
    (finding,) = against_fold(MINUTES, {M: replace(WHOLE, high="9")}, {M: WHOLE}, [M])
    assert (finding.kind, finding.start, finding.end) == ("fold", M, M + MINUTE)
    (pair,) = finding.figures
    assert pair.stored and pair.other
    assert (pair.stored["high"], pair.other["high"]) == ("9", "3")
    short = folded(MINUTES, seconds(*range(50)))[M]
    assert said(short, WHOLE) == [("fold", "it has 10 s less than are stored")]


def test_a_candle_may_know_seconds_that_are_missing_now_and_no_others() -> None:
    short = folded(MINUTES, seconds(*range(50)))[M]
    lost = [(M + 50 * SECOND, M + MINUTE)]
    assert said(WHOLE, short, missing=lost) == []
    assert said(WHOLE, None, missing=[(M, M + MINUTE)]) == []
    assert said(WHOLE, short) == [("excess", "10 s more")]
    assert said(WHOLE, short, missing=[(M + 51 * SECOND, M + MINUTE)]) == [("excess", "10 s more")]
    assert said(WHOLE, None) == [("excess", "60 s more")]


def test_the_exchanges_own_minutes_stand_for_seconds_that_were_never_stored() -> None:
    own = replace(WHOLE, source="venue")
    assert said(own, None) == said(own, folded(MINUTES, seconds(*range(50)))[M]) == []
    assert said(replace(own, high="9"), WHOLE) != []


def test_what_waits_for_the_aggregator_is_told_only_when_it_waits_for_long() -> None:
    here = [(M, M + MINUTE)]
    assert said(None, WHOLE, waiting=here) == []
    assert said(None, WHOLE, waiting=here, overdue=here) == [("waiting", "seconds of it wait for the aggregator")]
    assert said(WHOLE, WHOLE, waiting=here, overdue=here) == []  # a second of it came again
    assert said(None, WHOLE, waiting=[(M + MINUTE, M + 2 * MINUTE)]) == [("no_candle", "60 s of it are stored")]


@given(st.sampled_from(["1m", "5m", "1h", "1d"]), st.sets(st.integers(0, 7_200), min_size=1, max_size=80))
def test_minutes_fold_to_what_their_seconds_do(name: str, at: set[int]):
    interval = INTERVALS[name]
    of_minutes = folded(interval, folded(MINUTES, seconds(*at)).values())
    assert of_minutes == folded(interval, seconds(*at))
    assert list(against_fold(interval, of_minutes, of_minutes, of_minutes)) == []


@given(st.sampled_from([*INTERVALS]), st.integers(0, 90 * DAY // SECOND), st.integers(0, 200))
def test_periods_are_those_that_lie_in_the_window_as_a_whole(name: str, start: int, hours: int):
    interval = INTERVALS[name]
    window = start * SECOND, (start + hours * (1 if interval.length < MINUTE else 3_600)) * SECOND
    found = list(periods(interval, window))
    for open_time in found:
        assert interval.open_time(open_time) == open_time
        assert window[0] <= open_time < interval.next_open(open_time) <= window[1]
    before = interval.previous_open(found[0]) if found else interval.open_time(window[0])
    assert before < window[0] or interval.next_open(before) > window[1]
    if found:
        assert interval.next_open(interval.next_open(found[-1])) > window[1]


def test_a_complete_candle_is_the_exchanges_own() -> None:
    ours = {M: figures(WHOLE)}

    def kinds(**there: str) -> list[str]:
        return [finding.kind for finding in against_exchange(MINUTES, ours, {M: figures(replace(WHOLE, **there))}, [M])]

    assert kinds() == []
    assert kinds(open="2.2") == ["candle"]
    assert kinds(close="2.2") == ["candle"]
    (finding,) = against_exchange(MINUTES, ours, {}, [M])
    assert (finding.kind, finding.note, finding.figures[0].other) == ("candle", "the exchange has none", None)


@pytest.mark.parametrize(
    ("lacks", "kind", "why"),
    [
        pytest.param(Lacks(0, absent=[(M, M + 9 * SECOND)]), "incomplete", "9 s absent at the exchange", id="absent"),
        pytest.param(Lacks(M + 9 * SECOND), "incomplete", "9 s before its first second", id="a beginning"),
        pytest.param(Lacks(0, open=[(M, M + 9 * SECOND)]), "unexplained", "9 s in an open gap", id="an open gap"),
        pytest.param(Lacks(0, missing=[(M, M + 9 * SECOND)]), "unexplained", "9 s missing", id="missing"),
        pytest.param(
            Lacks(0, absent=[(M, M + 5 * SECOND)]),
            "unexplained",
            "5 s absent at the exchange, 4 s for no known reason",
            id="not enough of a reason",
        ),
        pytest.param(
            Lacks(M + 2 * SECOND, absent=[(M, M + 9 * SECOND)], open=[(M, M + 4 * SECOND)]),
            "incomplete",
            "2 s before its first second, 7 s absent at the exchange",
            id="the first of several reasons counts",
        ),
    ],
)
def test_why_a_candle_is_incomplete(lacks: Lacks, kind: str, why: str) -> None:
    finding = incomplete(MINUTES, M, 51, lacks)
    assert (finding.kind, finding.note) == (kind, why)
    assert finding.fails == (kind == "unexplained")


def test_candles_of_a_range_are_counted_by_their_periods() -> None:
    assert Finding(kind="fold", interval="5m", start=0, end=30 * MINUTE).count == 6
    assert Finding(kind="fold", interval="1M", start=0, end=59 * DAY).count == 2  # January and February of 1970
