"""Open gaps: whatever comes, in whatever order, a gap ends when each of its seconds came or is absent."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from rtchart.core.interval import SECOND
from rtchart.core.messages import Absent, GapOpened
from rtchart.web.gaps import MAX_OPEN, OpenGaps

EXCHANGE, SYMBOL = "sim", "BTCUSDT"


def opened(start: int, end: int) -> GapOpened:
    return GapOpened(EXCHANGE, SYMBOL, start * SECOND, end * SECOND, "step", at=1)


@settings(deadline=None)
@given(
    start=st.integers(0, 5), length=st.integers(1, 10), order=st.permutations(range(-3, 18)), absent=st.sets(st.integers(0, 17))
)
def test_a_gap_ends_with_its_last_second(start: int, length: int, order: list[int], absent: set[int]) -> None:
    gaps = OpenGaps()
    assert gaps.opened(opened(start, start + length))
    missing = set(range(start, start + length))
    states = []
    for second in order:
        missing.discard(second)
        if second in absent:
            closed = gaps.absent(Absent(EXCHANGE, SYMBOL, second * SECOND, (second + 1) * SECOND, asked_at=9))
        else:
            closed = gaps.came(second * SECOND, 9)
        states += [gap.state for gap in closed]
        assert bool(gaps) == bool(missing)
    assert states == ["absent" if absent & set(range(start, start + length)) else "repaired"]


def test_a_known_gap_is_no_news() -> None:
    gaps = OpenGaps()
    assert gaps.opened(opened(1, 3))
    assert gaps.opened(opened(1, 3)) is None
    assert gaps.opened(opened(3, 3)) is None
    assert [(gap.start, gap.end) for gap in gaps.gaps()] == [(SECOND, 3 * SECOND)]


def test_open_gaps_are_bounded() -> None:
    gaps = OpenGaps()
    for number in range(MAX_OPEN + 5):
        gaps.opened(opened(2 * number, 2 * number + 1))
    assert len(gaps.gaps()) == MAX_OPEN
