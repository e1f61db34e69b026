"""The ledger's decisions about what was promised, one by one: what is a gap, when it is asked for, and how it ends."""

from __future__ import annotations

from rtchart.core.gap import seconds_of
from rtchart.producer.ledger import Ledger, Patience

S = 1_000
T = 1_700_000_000_000


def ledger() -> Ledger:
    """Whose first second came already."""
    made = Ledger(T, Patience(), now=T)
    assert made.on_kline(T, T + 1_010, T + 1_010)
    return made


def gaps(of: Ledger) -> list[tuple[int, int, str]]:
    return [(hole.start - T, hole.end - T, hole.reason) for hole in of.announce()]


def test_seconds_in_order_open_nothing() -> None:
    made = ledger()
    for second in range(T + S, T + 20 * S, S):
        assert made.on_kline(second, second + 1_010, second + 1_010)
        made.on_tick(second + 1_010)
    assert made.holes == []
    assert made.expected == T + 20 * S


def test_a_step_opens_a_gap_that_is_asked_for_a_moment_later() -> None:
    made, now = ledger(), T + 5_010
    assert made.on_kline(T + 4 * S, T + 5_010, now)
    assert gaps(made) == [(1 * S, 4 * S, "step")]
    assert gaps(made) == []
    assert made.ask(now) is None
    assert made.ask(now + S) == (T + S, T + 4 * S)
    assert made.ask(now + S) is None  # one at a time


def test_after_a_lost_connection_the_step_says_so() -> None:
    made = ledger()
    made.broken = "reconnect"
    made.on_kline(T + 4 * S, T + 5_010, T + 5_010)
    made.on_kline(T + 6 * S, T + 7_010, T + 7_010)
    assert gaps(made) == [(1 * S, 4 * S, "reconnect"), (5 * S, 6 * S, "step")]


def test_late_klines_need_no_rest() -> None:
    made = ledger()
    made.on_kline(T + 3 * S, T + 4_010, T + 4_010)
    assert made.on_kline(T + 2 * S, T + 3_010, T + 4_020)
    assert made.on_kline(T + S, T + 2_010, T + 4_030)
    assert made.ask(T + 60 * S) is None


def test_only_the_repetition_of_the_last_kline_is_dropped() -> None:
    made = ledger()
    assert not made.on_kline(T, T + 1_010, T + 1_020)
    assert made.on_kline(T, T + 1_500, T + 1_600)  # a correction
    assert made.on_kline(T - S, T + 10, T + 1_700)  # from before we began, and as welcome


def test_silence_opens_gaps_that_grow_slower_and_slower() -> None:
    made, ends = ledger(), []
    for now in range(T + S, T + 400 * S, S):
        made.on_tick(now + 10)
        ends += [end for _, end, reason in gaps(made) if reason == "silence"]
    assert ends[:4] == [5 * S, 10 * S, 20 * S, 40 * S]
    assert ends[-1] > 300 * S
    assert len(ends) < 11


def test_a_silent_symbol_is_filled_by_rest_and_goes_on_with_its_stream() -> None:
    made = ledger()
    made.on_tick(T + 6_010)
    made.announce()
    asked = made.ask(T + 6_010)
    assert asked == (T + S, T + 5 * S)
    fill = made.on_answer(*asked, range(T + S, T + 5 * S, S), T + 6_020)
    made.asked(T + 6_030)
    assert fill.wanted == frozenset(range(T + S, T + 5 * S, S))
    assert made.on_kline(T + 7 * S, T + 8_010, T + 8_010)
    assert gaps(made) == [(5 * S, 7 * S, "step")]


def test_absent_needs_two_answers_a_minute_apart() -> None:
    made = ledger()
    made.on_kline(T + 4 * S, T + 5_010, T + 5_010)
    assert made.ask(T + 6_010) == (T + S, T + 4 * S)
    assert made.on_answer(T + S, T + 4 * S, [T + S], T + 6_010).absent == []
    made.asked(T + 6_020)
    assert made.ask(T + 66_009) is None
    assert made.ask(T + 66_010) == (T + 2 * S, T + 4 * S)
    assert made.on_answer(T + 2 * S, T + 4 * S, [T + 3 * S], T + 66_010).absent == [(T + 2 * S, T + 3 * S)]
    made.asked(T + 66_020)
    assert made.holes == []


def test_a_second_of_which_the_venue_has_no_usable_row_is_neither_there_nor_absent() -> None:
    made = ledger()
    made.on_kline(T + 5 * S, T + 6_010, T + 6_010)
    now = T + 7_010
    for _ in range(3):
        asked = made.ask(now)
        assert asked is not None
        fill = made.on_answer(*asked, [T + S], now, unusable=[T + 3 * S])
        made.asked(now)
        assert not set(range(T + 3 * S, T + 4 * S, S)) & {second for low, high in fill.absent for second in range(low, high, S)}
        assert made.ask(now + 59_999) is None
        now += 60_000
    assert made.gaps == [(T + 3 * S, T + 4 * S)]
    assert made.ask(now) == (T + 3 * S, T + 4 * S)
    assert made.on_answer(T + 3 * S, T + 4 * S, [T + 3 * S], now).wanted == {T + 3 * S}
    assert made.holes == []


def test_a_failure_is_asked_again_later_and_later() -> None:
    made, now, waits = ledger(), T + 6_010, []
    made.on_kline(T + 4 * S, T + 5_010, T + 5_010)
    for _ in range(7):
        assert made.ask(now) is not None
        made.on_failure(now)
        made.asked(now)
        failed_at = now
        while made.ask(now) is None:
            now += 500
        made.asked(now - 10 * S)  # it was only looked at
        waits.append((now - failed_at) // S)
    assert waits == [2, 4, 8, 16, 32, 60, 60]


def test_a_long_absence_is_asked_for_page_by_page() -> None:
    made = Ledger(T, Patience(), now=T, missing=[(T - 2_500 * S, T)])
    assert gaps(made) == [(-2_500 * S, 0, "start")]
    pages = []
    while (asked := made.ask(T)) is not None:
        pages.append((asked[1] - asked[0]) // S)
        made.on_answer(*asked, range(*asked, S), T)
        made.asked(T)
    assert pages == [1_000, 1_000, 500]
    made.mark()
    made.acknowledged()
    assert made.watermark == T


def test_neighbouring_gaps_are_asked_for_together() -> None:
    made = ledger()
    for second in (T + 2 * S, T + 4 * S, T + 6 * S):
        made.on_kline(second, second + 1_010, second + 1_010)
    assert made.ask(T + 60 * S) == (T + S, T + 6 * S)
    fill = made.on_answer(T + S, T + 6 * S, range(T, T + 10 * S, S), T + 60 * S)
    assert seconds_of(fill.wanted) == [(T + S, T + 2 * S), (T + 3 * S, T + 4 * S), (T + 5 * S, T + 6 * S)]


def test_suspended_time_is_no_gap_but_what_was_missing_before_stays_missing() -> None:
    made = ledger()
    made.on_kline(T + 2 * S, T + 3_010, T + 3_010)
    made.suspend(T + 3_020)
    made.resume(T + 500 * S + 300)
    made.on_kline(T + 500 * S, T + 501_010, T + 501_010)
    assert gaps(made) == [(S, 2 * S, "step")]
    made.mark()
    made.acknowledged()
    assert made.watermark == T + S


def test_seconds_that_had_not_come_when_it_was_suspended_are_missing() -> None:
    made = ledger()
    made.suspend(T + 4_300)
    made.resume(T + 500 * S + 300)
    assert gaps(made) == [(S, 4 * S, "silence")]
    assert made.expected == T + 500 * S
    made.broken = "reconnect"
    made.suspend(T + 502_000)
    assert gaps(made) == [(500 * S, 502 * S, "reconnect")]
