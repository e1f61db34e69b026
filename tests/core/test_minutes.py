"""Which of the exchange's own minutes are wanted, fetched and lacking: pure."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from rtchart.core.gap import normal, subtract
from rtchart.core.interval import DAY, HOUR, MINUTE, SECOND
from rtchart.core.minutes import PIECE, Minutes, lacking

T = 1_763_769_600_000
"""2025-11-22T00:00Z."""
NOW = T + 9 * HOUR + 30 * SECOND


@given(
    st.lists(
        st.one_of(
            st.tuples(st.just("want"), st.integers(0, 6), st.integers(0, 3)),
            st.tuples(st.just("fetch"), st.integers(1, 960), st.just(0)),
            st.tuples(st.just("lose"), st.integers(0, 6 * 1440), st.integers(1, 3_000)),
            st.tuples(st.just("restart"), st.just(0), st.just(0)),
        ),
        max_size=30,
    ),
    st.integers(-8, -1),
)
def test_in_the_end_each_wanted_minute_was_fetched_or_is_left(steps: list[tuple[str, int, int]], listed: int) -> None:
    minutes, listed_day, fetched, wanted, days = Minutes(), T + listed * DAY, [], [], 0
    now = NOW
    for what, one, other in steps:
        match what:
            case "want":
                days, now = one, now + other * HOUR
                before = minutes.since
                minutes.want(days, now, listed_day=listed_day)
                if not days:
                    fetched, wanted = [], []
                elif before is None:
                    wanted = [(max((now // DAY - days) * DAY, listed_day), now // MINUTE * MINUTE)]
            case "fetch":
                piece = minutes.next()
                if piece is None:
                    continue
                start, end = piece
                assert end - start <= PIECE and start % MINUTE == end % MINUTE == 0 and end == minutes.left[-1][1]
                minutes.fetched(end - min(one * MINUTE, end - start), end)
                fetched.append((end - min(one * MINUTE, end - start), end))
            case "lose":
                minutes.add([(T - one * MINUTE + 7 * SECOND, T - one * MINUTE + (7 + other) * SECOND)])
            case "restart":
                minutes = Minutes(minutes.since, minutes.left)
        if minutes.since is None:
            assert minutes.left == [] and minutes.reach is None
            continue
        assert minutes.since == max((now // DAY - days) * DAY, listed_day)
        since = [(minutes.since, wanted[0][1])]
        assert subtract(since, [*fetched, *minutes.left]) == []
        assert all(start >= minutes.since for start, _ in minutes.left)
        assert minutes.reach == (minutes.left[-1][1] if minutes.left else minutes.since)


def test_the_newest_goes_first_in_pieces_at_fixed_times() -> None:
    minutes = Minutes()
    minutes.want(2, NOW, listed_day=0)
    pieces = []
    while (piece := minutes.next()) is not None:
        pieces.append(piece)
        minutes.fetched(*piece)
    assert pieces[0][1] == NOW // MINUTE * MINUTE
    assert all(later[1] == earlier[0] for earlier, later in pairwise(pieces))
    assert [start % PIECE for start, _ in pieces[:-1]] == [0] * (len(pieces) - 1)
    assert pieces[-1][0] == minutes.reach == T - 2 * DAY


def test_more_days_later_are_only_those_that_are_new() -> None:
    minutes = Minutes(T - 2 * DAY, [])
    minutes.want(5, NOW, listed_day=0)
    assert minutes.left == [(T - 5 * DAY, T - 2 * DAY)]
    minutes.want(3, NOW, listed_day=0)  # fewer again
    assert (minutes.left, minutes.reach) == ([(T - 3 * DAY, T - 2 * DAY)], T - 2 * DAY)
    minutes.want(3, NOW + DAY, listed_day=0)  # a day later
    assert (minutes.left, minutes.since) == ([], T - 2 * DAY)


@given(
    st.sets(st.integers(0, 59)),
    st.sampled_from([T - 10 * DAY, T - DAY, T - 5 * HOUR, T]),
)
def test_what_the_venue_lacks_is_between_what_it_has(there: set[int], listed: int) -> None:
    times = [T + number * MINUTE for number in there]
    found = lacking(T, T + HOUR, times, listed_day=listed // DAY * DAY)
    has = normal((time, time + MINUTE) for time in times)
    if listed < T:
        assert found == subtract([(T, T + HOUR)], has)
    else:  # before its first trade it lacked nothing
        assert found == (subtract([(min(times), T + HOUR)], has) if times else [])
