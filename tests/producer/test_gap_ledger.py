"""The ledger's laws, with everything that can go wrong going wrong in any order; then its single decisions."""

from __future__ import annotations

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from rtchart.core.gap import seconds_of
from rtchart.producer.ledger import Ledger, Patience
from rtchart.producer.track import history_of

S = 1_000
T = 1_700_000_000_000

seconds = st.integers(1, 12)


class World(RuleBasedStateMachine):
    """A venue that has some seconds, a stream that brings some of those, a Kafka that takes some of what it is given."""

    def __init__(self) -> None:
        super().__init__()
        self.first = T
        self.now = T
        self.made = T  # seconds before this are over at the venue
        self.has: set[int] = set()
        self.undelivered: list[int] = []
        self.ledger = Ledger(T, Patience(), now=T)
        self.excused: set[int] = set()
        self.windows: dict[int, list[tuple[str, int, int]]] = {}
        self.number = 0
        self.awaited: set[int] | None = None
        self.acked: set[int] = set()
        self.absent: set[int] = set()
        self.told: set[int] = set()
        self.unpromised: set[int] = set()

    @initialize(past=st.none() | st.integers(0, 30))
    def begins(self, past: int | None) -> None:
        """It was seen before, or is new, and so many seconds of its past are fetched."""
        if past is not None:
            self.unpromised.update(range(T - past * S, T, S))
            self.has |= self.unpromised
            self.ledger = Ledger(T, Patience(), now=T, history=(T - past * S, T))

    def hand_over(self, kind: str, start: int, end: int) -> None:
        self.windows.setdefault(self.number, []).append((kind, start, end))

    def announce(self) -> None:
        for hole in self.ledger.announce():
            self.told.update(range(hole.start, hole.end, S))
            self.hand_over("gap", hole.start, hole.end)

    def deliver(self, second: int) -> None:
        if not self.ledger.began and self.ledger.broken == "start":
            self.unpromised.update(range(self.ledger.expected, second, S))
        publish = self.ledger.on_kline(second, second + 1_010, self.now)
        self.announce()
        if publish:
            self.hand_over("kline", second, second + S)

    @rule(pattern=st.lists(st.sampled_from(["streams", "late", "missing"]), min_size=1, max_size=20))
    def time_passes(self, pattern: list[str]) -> None:
        for fate in pattern:
            second, self.made = self.made, self.made + S
            self.now = self.made + 10
            if fate != "missing":
                self.has.add(second)
            if fate == "streams":
                self.deliver(second)
            elif fate == "late":
                self.undelivered.append(second)
            self.ledger.on_tick(self.now)
            self.announce()

    @rule(minutes=st.integers(1, 3))
    def nothing_comes_for_long(self, minutes: int) -> None:
        for _ in range(minutes * 6):
            self.made += 10 * S
            self.now += 10 * S
            self.ledger.on_tick(self.now)
            self.announce()

    @precondition(lambda self: self.undelivered)
    @rule(data=st.data())
    def late_kline(self, data: st.DataObject) -> None:
        second = data.draw(st.sampled_from(self.undelivered))
        self.undelivered.remove(second)
        self.deliver(second)

    @rule(times=st.integers(1, 2))
    def repeated_kline(self, times: int) -> None:
        if self.ledger.expected - S in self.has:
            for _ in range(times):
                self.deliver(self.ledger.expected - S)

    @rule(fate=st.sampled_from(["answer", "answer", "first page", "failure"]), length=seconds)
    def ask(self, fate: str, length: int) -> None:
        asked = self.ledger.ask(self.now)
        if asked is None:
            return
        start, end = asked
        assert start < end <= self.made
        if fate == "failure":
            self.ledger.on_failure(self.now)
        else:
            end = min(end, start + length * S) if fate == "first page" else end
            self.answer(start, end)
        self.ledger.asked(self.now)

    def answer(self, start: int, end: int) -> None:
        fill = self.ledger.on_answer(start, end, sorted(self.has), self.now)
        for second in fill.wanted:
            assert second in self.told | self.unpromised  # what fills a gap comes after the word of the gap
            self.hand_over("kline", second, second + S)
        for low, high in fill.absent:
            assert set(range(low, high, S)) <= self.told
            self.hand_over("absent", low, high)

    @rule()
    def window_closes(self) -> None:
        self.windows.setdefault(self.number, [])
        self.number += 1

    @precondition(lambda self: any(number < self.number for number in self.windows))
    @rule(data=st.data(), arrives=st.booleans())
    def window_settles(self, data: st.DataObject, arrives: bool) -> None:
        self.settle(data.draw(st.sampled_from([n for n in self.windows if n < self.number])), arrives)

    def settle(self, number: int, arrives: bool) -> None:
        for kind, start, end in self.windows.pop(number):
            covered = range(start, end, S)
            if kind == "kline" and arrives:
                self.acked.update(covered)
            elif kind == "absent" and arrives:
                self.absent.update(covered)
            elif kind == "gap" and not arrives:
                self.ledger.unannounced(start, end)
            elif not arrives:
                self.ledger.lost(start, end, self.now)
        self.announce()
        if self.awaited is not None:
            self.awaited.discard(number)
            if not self.awaited:
                self.ledger.acknowledged()
                self.awaited = None

    @precondition(lambda self: self.awaited is None)
    @rule()
    def mark(self) -> None:
        self.window_closes()
        self.ledger.mark()
        self.awaited = set(self.windows)

    @rule(pause=seconds)
    def suspended(self, pause: int) -> None:
        self.ledger.suspend(self.now)
        self.announce()
        expected = self.ledger.expected
        assert self.made <= expected
        self.made += pause * S
        self.now = self.made + 10
        self.ledger.resume(self.now)
        self.excused.update(range(expected, self.ledger.expected, S))
        self.announce()

    @invariant()
    def the_watermark_passes_nothing_that_is_open(self) -> None:
        for second in range(self.first, self.ledger.watermark, S):
            assert second in self.acked | self.absent | self.excused | self.unpromised

    @invariant()
    def holes_are_in_order_and_apart(self) -> None:
        edges = [edge for hole in self.ledger.holes for edge in (hole.start, hole.end)]
        assert edges == sorted(edges)
        assert all(hole.start < hole.end for hole in self.ledger.holes)
        assert not edges or edges[-1] <= self.ledger.expected
        assert all(self.ledger.watermark <= hole.start for hole in self.ledger.holes if not hole.history)

    def teardown(self) -> None:
        """When nothing goes wrong any more, all ends well: gaps and received together are everything."""
        for _ in range(60):
            self.window_closes()
            for number in [n for n in self.windows if n < self.number]:
                self.settle(number, True)
            self.now += 61 * S
            self.made = self.now // S * S
            self.ledger.on_tick(self.now)
            self.announce()
            while (asked := self.ledger.ask(self.now)) is not None:
                self.answer(*asked)
                self.ledger.asked(self.now)
            if not any(hole.end <= self.made - 600 * S for hole in self.ledger.holes) and _ > 15:
                break
        self.window_closes()
        for number in [n for n in self.windows if n < self.number]:
            self.settle(number, True)
        open_seconds = {second for hole in self.ledger.holes for second in range(hole.start, hole.end, S)}
        everything = set(range(self.first, self.ledger.expected, S))
        assert everything - self.excused - self.unpromised <= self.acked | self.absent | open_seconds
        assert self.acked <= self.has
        assert not (self.absent & self.has) - self.excused
        assert not self.has & open_seconds
        self.mark()
        for number in [n for n in self.windows if n < self.number]:
            self.settle(number, True)
        assert self.ledger.watermark == min(open_seconds, default=self.ledger.expected)


World.TestCase.settings = settings(max_examples=100, stateful_step_count=40, deadline=None)
TestLaws = World.TestCase


# ── One by one ──────────────────────────────────────────────────────────────────────────────────────────────────────────


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


def test_the_past_of_a_new_symbol_is_fetched_and_is_no_gap() -> None:
    made = Ledger(T, Patience(), now=T, history=(T - 5 * S, T))
    assert made.watermark == T  # nobody waits for it
    assert (made.announce(), made.gaps) == ([], [])
    assert made.ask(T) == (T - 5 * S, T)
    assert made.asks_history
    # What the venue has of it comes; the rest is not asked for again, and nothing is said of it.
    fill = made.on_answer(T - 5 * S, T, [T - 2 * S, T - S], T)
    assert (fill.wanted, fill.absent) == (frozenset((T - 2 * S, T - S)), [])
    made.asked(T)
    assert made.holes == []
    made.mark()
    made.lost(T - 2 * S, T - S, T)  # and what did not get through is fetched again, and is still none
    made.acknowledged()
    assert made.watermark == T
    assert (made.announce(), made.gaps) == ([], [])
    assert (made.ask(T), made.asks_history) == ((T - 2 * S, T - S), True)


def test_the_watermark_of_a_new_symbol_follows_its_stream_while_its_past_is_fetched() -> None:
    made = Ledger(T, Patience(), now=T, history=(T - 5 * S, T))
    made.on_kline(T, T + S, T + S)
    made.mark()
    made.acknowledged()
    assert made.watermark == T + S
    made.on_kline(T + S, T + 2 * S, T + 2 * S)
    made.mark()
    made.lost(T + S, T + 2 * S, T + 3 * S)
    made.acknowledged()
    assert made.watermark == T + S
    assert gaps(made) == [(S, 2 * S, "step")]


def test_seconds_before_the_first_kline_of_a_new_symbol_are_asked_for_twice() -> None:
    made = Ledger(T, Patience(), now=T, history=(T - S, T))
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
    new = Ledger(T, Patience(), now=T, history=(T, T))
    known = Ledger(T, Patience(), now=T)
    for made in (new, known):
        assert made.on_kline(T + 2 * S, T + 3 * S, T + 3 * S)
    assert new.announce() == []
    assert [(hole.start, hole.end, hole.reason) for hole in known.announce()] == [(T, T + 2 * S, "start")]
    # A step later on is a gap of both.
    for made in (new, known):
        assert made.on_kline(T + 5 * S, T + 6 * S, T + 6 * S)
        assert [(hole.start, hole.end, hole.reason) for hole in made.announce()] == [(T + 3 * S, T + 5 * S, "step")]


def test_history_and_gaps_are_asked_for_apart() -> None:
    made = Ledger(T, Patience(), now=T, history=(T - 2 * S, T))
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
