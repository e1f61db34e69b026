"""The ledger's laws, with everything that can go wrong going wrong in any order."""

from __future__ import annotations

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from rtchart.core.gap import seconds_of
from rtchart.producer.ledger import Ledger, Patience

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
        self.past: set[int] = set()
        self.requested: set[int] = set()

    @initialize(past=st.none() | st.integers(0, 30))
    def begins(self, past: int | None) -> None:
        """It was seen before, or is new, and so many seconds of its past are fetched."""
        if past is not None:
            self.unpromised.update(range(T - past * S, T, S))
            self.has |= self.unpromised
            self.past = set(self.unpromised)
            self.ledger = Ledger(T, Patience(), now=T, history=[(T - past * S, T)], new=True)

    def hand_over(self, kind: str, start: int, end: int) -> None:
        self.windows.setdefault(self.number, []).append((kind, start, end))

    def announce(self) -> None:
        for hole in self.ledger.announce():
            self.told.update(range(hole.start, hole.end, S))
            self.hand_over("gap", hole.start, hole.end)

    def tick(self) -> None:
        expected = self.ledger.expected
        self.ledger.on_tick(self.now)
        self.promise_nothing_since(expected)
        self.announce()

    def promise_nothing_since(self, expected: int) -> None:
        """Unless a kline came: before the first of a new symbol, what is missing is asked for and is no gap."""
        if not self.ledger.began:
            self.unpromised.update(range(expected, self.ledger.expected, S))

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
            self.tick()

    @rule(minutes=st.integers(1, 3))
    def nothing_comes_for_long(self, minutes: int) -> None:
        for _ in range(minutes * 6):
            self.made += 10 * S
            self.now += 10 * S
            self.tick()

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

    @rule(
        fate=st.sampled_from(["answer", "answer", "first page", "failure"]), length=seconds, kept=st.none() | st.integers(1, 60)
    )
    def ask(self, fate: str, length: int, kept: int | None) -> None:
        floor = 0 if kept is None else self.made - kept * S
        asked = self.ledger.ask(self.now, floor=floor)
        if asked is None:
            return
        start, end = asked
        assert floor <= start < end <= self.made
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

    @rule()
    def everything_settles(self) -> None:
        """As it does most of the time."""
        self.window_closes()
        for number in [n for n in self.windows if n < self.number]:
            self.settle(number, True)
        self.mark()
        for number in list(self.awaited or ()):
            self.settle(number, True)

    @precondition(lambda self: self.awaited is None)
    @rule()
    def mark(self) -> None:
        self.window_closes()
        self.ledger.mark()
        self.awaited = set(self.windows)

    @precondition(lambda self: self.ledger.watermark > self.first)
    @rule(before=seconds, length=seconds, told=st.booleans())
    def seconds_are_lost_behind_kafka(self, before: int, length: int, told: bool) -> None:
        """After the watermark passed them. Whoever missed them has told of the gap, or leaves that to the ledger."""
        first = self.ledger.watermark - before * S
        lost = set(range(first, min(first + length * S, self.ledger.watermark), S)) & self.acked - self.unpromised
        for low, high in seconds_of(lost):
            if told:
                self.told.update(range(low, high, S))
            self.ledger.request(low, high, self.now, "offset_lost" if told else "verify")
        self.announce()
        self.acked -= lost
        self.requested |= lost

    @rule(pause=seconds)
    def suspended(self, pause: int) -> None:
        expected = self.ledger.expected
        self.ledger.suspend(self.now)
        self.promise_nothing_since(expected)
        self.announce()
        expected = self.ledger.expected
        assert self.made <= expected
        self.made += pause * S
        self.now = self.made + 10
        self.ledger.resume(self.now)
        self.excused.update(range(expected, self.ledger.expected, S))
        self.announce()

    @rule(kept=seconds)
    def seconds_become_too_old(self, kept: int) -> None:
        """All but so many of them; what was missed of the others, and is told, is left to who fetches minutes."""
        floor = self.made - kept * S
        before = {second for low, high in self.ledger.gaps for second in range(low, high, S)}
        holes = {second for hole in self.ledger.holes for second in range(hole.start, hole.end, S)}
        left = {second for low, high in self.ledger.leave(floor) for second in range(low, high, S)}
        holes -= {second for hole in self.ledger.holes for second in range(hole.start, hole.end, S)}
        assert left == holes & before <= self.told
        assert all(second < floor for second in holes)
        self.excused |= holes
        self.past = {second for second in self.past if second >= floor}
        self.requested -= left

    @invariant()
    def the_watermark_passes_nothing_that_is_open(self) -> None:
        for second in range(self.first, self.ledger.watermark, S):
            assert second in self.acked | self.absent | self.excused | self.unpromised | self.requested

    @invariant()
    def what_is_wanted_below_the_watermark_is_said_to_be_until_kafka_has_it(self) -> None:
        said = {second for low, high in self.ledger.past for second in range(low, high, S)}
        assert self.past - self.acked <= said
        said = {second for low, high in self.ledger.requests for second in range(low, high, S)}
        assert self.requested - self.acked - self.absent <= said

    @invariant()
    def holes_are_in_order_and_apart(self) -> None:
        edges = [edge for hole in self.ledger.holes for edge in (hole.start, hole.end)]
        assert edges == sorted(edges)
        assert all(hole.start < hole.end for hole in self.ledger.holes)
        assert not edges or edges[-1] <= self.ledger.expected
        assert all(self.ledger.watermark <= hole.start for hole in self.ledger.holes if hole.promised)

    def teardown(self) -> None:
        """When nothing goes wrong any more, all ends well: gaps and received together are everything."""
        for _ in range(60):
            self.window_closes()
            for number in [n for n in self.windows if n < self.number]:
                self.settle(number, True)
            self.now += 61 * S
            self.made = self.now // S * S
            self.tick()
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
        assert everything & self.has - self.excused <= self.acked | open_seconds
        assert self.acked <= self.has
        assert not (self.absent & self.has) - self.excused
        assert not self.has & open_seconds
        self.mark()
        for number in [n for n in self.windows if n < self.number]:
            self.settle(number, True)
        assert self.ledger.past == []
        assert self.ledger.requests == []
        assert self.ledger.watermark == min(open_seconds, default=self.ledger.expected)


World.TestCase.settings = settings(max_examples=100, stateful_step_count=40, deadline=None)
TestLaws = World.TestCase
