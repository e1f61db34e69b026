"""The ledger's decisions about what is wanted below the watermark: a new symbol's past, and what was lost behind Kafka."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from rtchart.producer.ledger import Ledger, Patience
from rtchart.producer.track import history_of

S = 1_000
T = 1_700_000_000_000


def new(*, history: int = 0) -> Ledger:
    """Of a symbol that nobody has seen before, with so many seconds of its past."""
    return Ledger(T, Patience(), now=T, history=[(T - history * S, T)], new=True)


def announced(by: Ledger) -> list[tuple[int, int, str]]:
    return [(hole.start - T, hole.end - T, hole.reason) for hole in by.announce()]


def test_the_past_of_a_new_symbol_is_fetched_and_is_no_gap() -> None:
    made = new(history=5)
    assert made.watermark == T  # nobody waits for it
    assert (made.announce(), made.gaps) == ([], [])
    assert made.ask(T) == (T - 5 * S, T)
    assert made.asks_history
    # What the venue has of it comes; the rest is not asked for again, and nothing is said of it.
    fill = made.on_answer(T - 5 * S, T, [T - 2 * S, T - S], T)
    assert (fill.wanted, fill.absent) == (frozenset((T - 2 * S, T - S)), [])
    made.asked(T)
    assert made.holes == []
    assert made.past == [(T - 5 * S, T)]  # until Kafka has it
    made.mark()
    assert made.lost(T - 2 * S, T - S, T)  # and what did not get through is fetched again, and is still none
    made.acknowledged()
    assert (made.watermark, made.past) == (T, [(T - 2 * S, T - S)])
    assert (made.announce(), made.gaps) == ([], [])
    assert (made.ask(T), made.asks_history) == ((T - 2 * S, T - S), True)
    made.on_answer(T - 2 * S, T - S, [T - 2 * S], T)
    made.mark()
    made.acknowledged()
    assert made.past == []
    assert not made.lost(T - 2 * S, T - S, T)  # it had got through: a correction
    assert made.holes == []


def test_the_watermark_of_a_new_symbol_follows_its_stream_while_its_past_is_fetched() -> None:
    made = new(history=5)
    made.on_kline(T, T + S, T + S)
    made.mark()
    made.acknowledged()
    assert made.watermark == T + S
    made.on_kline(T + S, T + 2 * S, T + 2 * S)
    made.mark()
    made.lost(T + S, T + 2 * S, T + 3 * S)
    made.acknowledged()
    assert made.watermark == T + S
    assert announced(made) == [(S, 2 * S, "step")]


def test_seconds_before_the_first_kline_of_a_new_symbol_are_asked_for_twice() -> None:
    made = new(history=1)
    made.on_answer(T - S, T, [T - S], T)
    made.on_kline(T + 3 * S, T + 4 * S, T + 4 * S)
    assert made.ask(T + 5 * S) == (T, T + 3 * S)
    assert not made.asks_history
    assert made.on_answer(T, T + 3 * S, [T], T + 5 * S).wanted == {T}
    made.asked(T + 5 * S)
    assert made.ask(T + 65 * S) == (T + S, T + 3 * S)
    fill = made.on_answer(T + S, T + 3 * S, [T + S], T + 65 * S)
    assert (fill.wanted, fill.absent) == ({T + S}, [])  # nobody was told that they were missing
    assert (made.announce(), made.holes) == ([], [])


def test_a_new_symbol_may_begin_a_little_late_and_a_known_one_may_not() -> None:
    unseen, known = new(), Ledger(T, Patience(), now=T)
    for made in (unseen, known):
        assert made.on_kline(T + 2 * S, T + 3 * S, T + 3 * S)
    assert announced(unseen) == []
    assert announced(known) == [(0, 2 * S, "start")]
    # A step later on is a gap of both.
    for made in (unseen, known):
        assert made.on_kline(T + 5 * S, T + 6 * S, T + 6 * S)
        assert announced(made) == [(3 * S, 5 * S, "step")]


@pytest.mark.parametrize("how", [Ledger.on_tick, Ledger.suspend], ids=["time passes", "it is suspended"])
def test_a_symbol_of_which_no_kline_came_yet_has_no_gap_however_long(how: Callable[[Ledger, int], None]) -> None:
    unseen, known = new(), Ledger(T, Patience(), now=T)
    for made in (unseen, known):
        how(made, T + 60 * S)
        assert made.expected >= T + 59 * S
    assert (announced(unseen), unseen.gaps) == ([], [])
    assert announced(known) == [(0, known.expected - T, "start")]
    assert unseen.ask(T + 61 * S) == known.ask(T + 61 * S) == (T, unseen.expected)  # the venue may have them
    assert unseen.watermark == T


def test_history_and_gaps_are_asked_for_apart() -> None:
    made = new(history=2)
    made.on_kline(T, T + S, T + S)
    made.on_kline(T + 2 * S, T + 3 * S, T + 3 * S)
    now = T + 10 * S
    assert (made.ask(now), made.asks_history) == ((T - 2 * S, T), True)
    made.on_answer(T - 2 * S, T, [T - 2 * S, T - S], now)
    made.asked(now)
    assert (made.ask(now), made.asks_history) == ((T + S, T + 2 * S), False)


def test_many_new_symbols_get_less_of_their_past_each() -> None:
    hours = 6 * 3_600 * S
    assert history_of(hours, 1) == history_of(hours, 6) == hours
    assert 0 < history_of(hours, 100) < history_of(hours, 20) < hours
    assert history_of(hours, 1_500) == history_of(0, 1) == 0


def test_the_past_that_an_earlier_life_did_not_fetch_is_fetched_and_the_symbol_is_not_new() -> None:
    made = Ledger(T, Patience(), now=T, missing=[(T - 3 * S, T)], history=[(T - 9 * S, T - 7 * S)])
    assert made.began
    assert (made.watermark, made.past) == (T - 3 * S, [(T - 9 * S, T - 7 * S)])
    assert announced(made) == [(-3 * S, 0, "start")]
    assert (made.ask(T), made.asks_history) == ((T - 9 * S, T - 7 * S), True)
    made.on_answer(T - 9 * S, T - 7 * S, [T - 8 * S], T)
    made.asked(T)
    assert (made.ask(T), made.asks_history) == ((T - 3 * S, T), False)


def known(*, seconds: int) -> Ledger:
    """So many seconds of which came, and were acknowledged."""
    made = Ledger(T, Patience(), now=T)
    for second in range(T, T + seconds * S, S):
        made.on_kline(second, second + 1_010, second + 1_010)
    made.mark()
    made.acknowledged()
    assert made.watermark == T + seconds * S
    return made


def test_what_was_lost_behind_kafka_is_asked_for_and_does_not_hold_the_watermark() -> None:
    made, now = known(seconds=10), T + 11 * S
    made.request(T + 2 * S, T + 5 * S, now)
    assert announced(made) == []  # who missed them has told of it
    assert (made.gaps, made.requests) == ([(T + 2 * S, T + 5 * S)], [(T + 2 * S, T + 5 * S)])
    made.request(T + 2 * S, T + 5 * S, now)  # asked for twice is asked for once
    assert (made.ask(now), made.asks_history) == ((T + 2 * S, T + 5 * S), False)
    assert made.on_answer(T + 2 * S, T + 5 * S, [T + 2 * S, T + 3 * S], now).wanted == {T + 2 * S, T + 3 * S}
    made.asked(now)
    made.on_kline(T + 10 * S, T + 11_010, T + 11_010)
    made.mark()
    assert made.lost(T + 2 * S, T + 3 * S, now)
    made.acknowledged()
    assert (made.watermark, made.requests) == (T + 11 * S, [(T + 2 * S, T + 3 * S), (T + 4 * S, T + 5 * S)])

    assert made.ask(now) == (T + 2 * S, T + 3 * S)
    made.on_answer(T + 2 * S, T + 3 * S, [T + 2 * S], now)
    made.asked(now)
    now += 60 * S
    assert made.ask(now) == (T + 4 * S, T + 5 * S)
    assert made.on_answer(T + 4 * S, T + 5 * S, [], now).absent == [(T + 4 * S, T + 5 * S)]  # said twice
    made.asked(now)
    made.mark()
    assert made.requests
    made.acknowledged()
    assert (made.requests, made.gaps) == ([], [])


def test_what_a_comparison_found_is_announced_once_and_again_when_the_word_was_lost() -> None:
    made, now = known(seconds=10), T + 11 * S
    made.request(T + 2 * S, T + 4 * S, now, "verify")
    made.request(T + 6 * S, T + 7 * S, now)
    assert announced(made) == [(2 * S, 4 * S, "verify")]
    assert announced(made) == []
    made.unannounced(T + 2 * S, T + 4 * S)
    assert announced(made) == [(2 * S, 4 * S, "verify")]
    assert made.ask(now) == (T + 2 * S, T + 7 * S)
    # They may be there, and others: whatever the venue has is published.
    made.on_answer(T + 2 * S, T + 7 * S, range(T + 2 * S, T + 7 * S, S), now)
    made.mark()
    assert made.lost(T + 2 * S, T + 3 * S, now)  # fetched again, and no news
    assert announced(made) == []
    assert made.watermark == T + 10 * S


def test_what_is_asked_for_and_was_not_acknowledged_is_a_gap_like_any_other() -> None:
    made = known(seconds=3)
    made.on_kline(T + 3 * S, T + 4_010, T + 4_010)
    made.mark()
    made.request(T + 2 * S, T + 10 * S, T + 4_010)
    made.acknowledged()
    assert made.watermark == T + 3 * S
    assert made.requests == [(T + 2 * S, T + 3 * S)]
    assert announced(made) == [(3 * S, 4 * S, "offset_lost")]  # what is not over yet comes by the stream
