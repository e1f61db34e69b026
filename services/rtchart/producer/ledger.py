"""The gap ledger of one symbol: which seconds came, which are missing, what to do about it. Pure: no I/O, no clock.

``now`` is the venue's time (ms), estimated from below, everywhere here. Seconds are handed over (to Kafka's client) before
they are acknowledged; the ledger counts them as there when they are handed over, and as missing again when that was
`lost`. Two laws, held by ``tests/producer/test_ledger_laws.py``: the watermark never passes a second that is neither
acknowledged nor absent; and whatever is lost on the way, in the end each second is one of the two. Both are about what was
promised. Two kinds of seconds are below the watermark and wanted all the same (`Hole.kind`): a new symbol's history, and
what was lost after Kafka had acknowledged it. The ledger says what of them is not acknowledged (`Ledger.past`,
`Ledger.requests`), so that whoever comes after it can go on.
"""

from __future__ import annotations

from collections.abc import Iterable
from itertools import chain

import msgspec

from rtchart.core.gap import GapReason, Range, common, normal, seconds_of, subtract
from rtchart.core.interval import SECOND
from rtchart.producer.holes import Hole, HoleKind, cut, part_of


class Patience(msgspec.Struct, frozen=True):
    """How long to wait for what, in milliseconds of the venue's time."""

    silence: int = 5_000
    """Without a kline: what is missing becomes a gap. Then twice as long, up to ``longest_silence``, for the next piece."""
    longest_silence: int = 60_000
    late: int = 1_000
    """A kline may come this much after its second's end before it counts as missing; also the wait before a stepped second
    is asked for, since in fast markets klines come late."""
    absent: int = 60_000
    """Between two answers that agree that the venue has nothing."""
    retry: int = 2_000
    """After an answer that did not come; doubled each time, up to ``longest_retry``."""
    longest_retry: int = 60_000


MAX_ASK = 1_000 * SECOND
"""Length of the range that is asked for at once: a page of the venue."""


class Fill(msgspec.Struct, frozen=True):
    """What an answer of the venue is worth."""

    wanted: frozenset[int]
    """Open times in the answer that were missing: to be published."""
    absent: list[Range]
    """Ranges that the venue has said twice it does not have: to be published as such."""


class Ledger:
    """The seconds of one symbol, from the first expected one on."""

    def __init__(
        self,
        expected: int,
        patience: Patience,
        *,
        now: int,
        missing: Iterable[Range] = (),
        history: Iterable[Range] = (),
        new: bool = False,
    ) -> None:
        """``expected`` is the first second to come; ``missing`` before it are known to be so from an earlier life.

        ``history`` is what shall be fetched from before the symbol was asked for. It is ``new`` when nobody has seen a kline
        of it before.
        """
        self._patience = patience
        self.expected = expected
        """Open time of the next second. All before it are there, or in a hole."""
        self.heard_at = now
        """When the last kline came."""
        self.last_open_time: int | None = None
        """Of the newest kline that came by the stream."""
        self.holes: list[Hole] = []
        self.broken: GapReason | None = "start"
        """Why the next step is no mere step: the connection, or all of this, is new."""
        self._last_version = -1
        self._new = new
        self._marked: int | None = None
        self._left: dict[HoleKind, list[Range]] = {"history": [], "request": []}
        """Of these kinds, what had not been handed over at the mark, or was lost since."""
        self._extended_at = now
        self._silence = patience.silence
        self._asked: Range | None = None
        self.asks_history = False
        """Whether what was asked last is history."""
        self._failures = 0
        for start, end in normal(missing):
            self._open(start, min(end, expected), "start", now)
        self.past = normal(history)
        """Of the history, what is not known to be on Kafka, or to be lacking at the venue."""
        for start, end in self.past:
            self._open(start, end, "start", now, kind="history")
        self.requests: list[Range] = []
        """Of what was asked for by `request`, what is not known to be on Kafka again, or absent."""
        self.watermark = self._whole_until
        """Every second before it has been acknowledged by Kafka, or is absent, or history."""

    @property
    def began(self) -> bool:
        """Whether anything was promised yet: not of a new symbol of which no kline came."""
        return not self._new or self.last_open_time is not None

    @property
    def gaps(self) -> list[Range]:
        """What is missing that was promised."""
        return self._of("gap", "request")

    @property
    def _whole_until(self) -> int:
        return next((hole.start for hole in self.holes if hole.promised), self.expected)

    # ── Seconds that come ───────────────────────────────────────────────────────────────────────────────────────────────

    def on_kline(self, open_time: int, version: int, now: int) -> bool:
        """A kline came by the stream. Whether to publish it: a repetition of the last one is not."""
        self.heard_at = now
        if open_time >= self.expected:
            if open_time > self.expected:
                self._open_next(open_time, "step", now + self._patience.late)
            self.expected = open_time + SECOND
            self.last_open_time = open_time
            self.broken = None
            self._last_version = version
            return True
        if open_time == self.expected - SECOND and version == self._last_version:
            return False  # two connections carry while one replaces the other
        self._take([(open_time, open_time + SECOND)])
        return True

    def on_tick(self, now: int) -> None:
        """Time passed. Opens a hole when no kline came for long."""
        if self._extended_at < self.heard_at:
            self._silence, since = self._patience.silence, self.heard_at
        else:
            since = self._extended_at
        if now - since < self._silence:
            return
        end = (now - self._patience.late) // SECOND * SECOND
        if end > self.expected:
            self._open_next(end, "silence", now)
        if self._extended_at >= self.heard_at:
            self._silence = min(self._silence * 2, self._patience.longest_silence)
        self._extended_at = now

    def silent(self, now: int) -> bool:
        """Whether no kline came for so long that something is wrong."""
        return now - self.heard_at >= self._patience.silence

    def overtaken_by(self, open_times: Iterable[int], now: int) -> int | None:
        """The newest of these seconds, if the stream is silent though it should have brought that one."""
        newest = max(open_times, default=0)
        return newest if self.silent(now) and newest >= self.heard_at else None

    def suspend(self, now: int) -> None:
        """Streaming is not wanted from now on: what did not come by now is missing, and will not come by the stream."""
        until = now // SECOND * SECOND
        if until > self.expected:
            self._open_next(until, "silence", now + self._patience.late)

    def resume(self, now: int) -> None:
        """Streaming begins again after it was not wanted: what was in between is not missing."""
        self.expected = max(self.expected, now // SECOND * SECOND)
        self.heard_at = self._extended_at = now
        self._silence = self._patience.silence

    def asks(self, now: int) -> bool:
        """Whether the venue is being asked for seconds, or is to be."""
        return self._asked is not None or any(hole.ask_at <= now for hole in self.holes)

    # ── Asking the venue ────────────────────────────────────────────────────────────────────────────────────────────────

    def ask(self, now: int, *, floor: int = 0) -> Range | None:
        """The range to ask the venue for now, oldest first; at most one at a time, and nothing before ``floor``.

        Then tell `on_answer` each page or `on_failure`, and at the end `asked`.
        """
        if self._asked is not None:
            return None
        start = end = -1
        for hole in self.holes:
            if hole.ask_at > now or hole.end <= floor:
                continue
            if start < 0:
                start, self.asks_history = max(hole.start, floor), hole.kind == "history"
            if hole.start >= start + MAX_ASK or (hole.kind == "history") != self.asks_history:
                break
            end = min(hole.end, start + MAX_ASK)
        if start < 0:
            return None
        self._asked = (start, end)
        return self._asked

    def on_answer(
        self, start: int, end: int, open_times: Iterable[int], asked_at: int, *, unusable: Iterable[int] = ()
    ) -> Fill:
        """The venue answered at ``asked_at``: of ``[start, end)`` it has the seconds ``open_times``, and no others.

        What is missing and in the answer counts as handed over. ``unusable`` are open times of which it has something that is
        no kline: they are no more absent than there, and asked for again after as long a wait as there is.
        """
        self._failures = 0
        missing = {
            time for hole in self.holes for time in range(max(hole.start, start), min(hole.end, end), SECOND)
        }.intersection(open_times)
        self._take((time, time + SECOND) for time in missing)
        odd = seconds_of(unusable)
        absent: list[Range] = []
        holes: list[Hole] = []
        for hole in self.holes:
            for part in cut(hole, {start, end, *chain(*odd)}):
                if not start <= part.start < end:
                    holes.append(part)
                elif part.kind == "history":
                    pass  # what the venue has of it came, and the rest was never published
                elif any(low <= part.start < high for low, high in odd):
                    part.ask_at = asked_at + self._patience.longest_retry
                    holes.append(part)
                elif part.lacked_at is None or asked_at - part.lacked_at < self._patience.absent:
                    part.lacked_at = asked_at if part.lacked_at is None else part.lacked_at
                    part.ask_at = part.lacked_at + self._patience.absent
                    holes.append(part)
                elif part.kind != "quiet":
                    absent.append((part.start, part.end))
        self.holes = holes
        return Fill(frozenset(missing), normal(absent))

    def on_failure(self, now: int) -> None:
        """The venue gave no answer about what was asked."""
        if self._asked is None:
            return
        wait = min(self._patience.retry << min(self._failures, 16), self._patience.longest_retry)
        self._failures += 1
        self._postpone(*self._asked, until=now + wait)

    def asked(self, now: int) -> None:
        """All is said about what was asked. What the answers did not speak for is not yet closed at the venue."""
        if self._asked is not None:
            self._postpone(*self._asked, until=now + self._patience.late)
        self._asked = None

    # ── Handing over, and what comes of it ──────────────────────────────────────────────────────────────────────────────

    def announce(self) -> list[Hole]:
        """The holes that nobody was told of; they count as handed over."""
        new = [hole for hole in self.holes if hole.kind in ("gap", "request") and not hole.announced]
        for hole in new:
            hole.announced = True
        return new

    def lost(self, start: int, end: int, now: int) -> bool:
        """Seconds that were handed over did not get through (or the word that they are absent did not).

        Whether they will be asked for: not if they had got through before, and this was a correction, or a repetition.
        """
        end = min(end, self.expected)
        owed = False
        below: list[tuple[HoleKind, GapReason, list[Range]]] = [
            ("history", "start", self.past),
            ("request", "offset_lost", self.requests),
        ]
        for kind, reason, ranges in below:
            for part in common([(start, end)], ranges):
                owed = True
                self._left[kind].append(part)
                for low, high in self._no_holes(*part):
                    self._open(low, high, reason, now, kind=kind, announced=True)
        self._open_again(start, end, "step", now)
        return owed or start >= self.watermark

    def request(self, start: int, end: int, now: int, reason: GapReason = "offset_lost") -> None:
        """Seconds that Kafka had acknowledged were lost behind it, or became others.

        Whoever missed lost ones (``offset_lost``) has told of the gap; of others nobody has.
        """
        end = min(end, self.expected)
        below = subtract(self._no_holes(start, min(end, self.watermark)), self.requests)
        self.requests = normal([*self.requests, *below])
        self._left["request"] += below
        for part in below:
            self._open(*part, reason, now, kind="request", announced=reason == "offset_lost")
        self._open_again(start, end, reason, now)

    def leave(self, floor: int) -> list[Range]:
        """Ask for no second before ``floor`` any more: none is kept. What of this was missed, and is announced.

        A gap that is not, is kept until it is.
        """
        left: list[Range] = []
        holes: list[Hole] = []
        for hole in self.holes:
            for part in cut(hole, (floor,)):
                missed = part.kind in ("gap", "request")
                if part.start >= floor or (missed and not part.announced):
                    holes.append(part)
                elif missed:
                    left.append((part.start, part.end))
        self.holes = holes
        return normal(left)

    def unannounced(self, start: int, end: int) -> None:
        """The announcement of these holes did not get through."""
        for hole in self.holes:
            if hole.start < end and start < hole.end:
                hole.announced = False

    def mark(self) -> None:
        """Everything that is in no hole has been handed over by now. One mark at a time."""
        self._marked = self._whole_until
        self._left = {"history": self._of("history"), "request": self._of("request")}

    def acknowledged(self) -> None:
        """All that was handed over before `mark` has been acknowledged, or was told to be `lost`."""
        if self._marked is not None:
            self.watermark = max(self.watermark, self._marked)
            self.past, self.requests = normal(self._left["history"]), normal(self._left["request"])
            self._marked = None

    # ── Holes ───────────────────────────────────────────────────────────────────────────────────────────────────────────

    def _of(self, *kinds: HoleKind) -> list[Range]:
        return [(hole.start, hole.end) for hole in self.holes if hole.kind in kinds]

    def _open_again(self, start: int, end: int, reason: GapReason, now: int) -> None:
        """Of these seconds those that the watermark has not passed are missing, whatever was handed over."""
        start = max(start, self.watermark)
        if self._marked is not None and start < end:
            self._marked = min(self._marked, start)
        for low, high in self._no_holes(start, end):
            self._open(low, high, reason, now)

    def _open_next(self, end: int, reason: GapReason, ask_at: int) -> None:
        """What was expected next, up to ``end``, did not come."""
        reason = self.broken or reason
        first = self._new and reason == "start"
        self._open(self.expected, end, reason, ask_at, kind="quiet" if first else "gap")
        self.expected = end

    def _open(
        self, start: int, end: int, reason: GapReason, ask_at: int, *, kind: HoleKind = "gap", announced: bool = False
    ) -> None:
        """Add a hole where there is none; it becomes part of a neighbour that is as new as it."""
        new = Hole(start, end, reason, ask_at, announced=announced, kind=kind)
        holes = sorted([*self.holes, new], key=lambda hole: hole.start)
        self.holes = holes[:1]
        for hole in holes[1:]:
            last = self.holes[-1]
            alike = (hole.reason, hole.kind) == (last.reason, last.kind)
            if hole.start == last.end and alike and hole.lacked_at is last.lacked_at is None:
                last.end = hole.end
                last.ask_at = min(last.ask_at, hole.ask_at)
                last.announced = last.announced and hole.announced
            else:
                self.holes.append(hole)

    def _no_holes(self, start: int, end: int) -> list[Range]:
        return subtract([(start, end)], [(hole.start, hole.end) for hole in self.holes])

    def _take(self, ranges: Iterable[Range]) -> None:
        """These seconds are missing no more."""
        if not self.holes:
            return
        taken = normal(ranges)
        self.holes = [
            part_of(hole, start, end) for hole in self.holes for start, end in subtract([(hole.start, hole.end)], taken)
        ]

    def _postpone(self, start: int, end: int, *, until: int) -> None:
        holes: list[Hole] = []
        for hole in self.holes:
            if hole.start >= end or hole.end <= start or hole.ask_at >= until:
                holes.append(hole)
                continue
            if hole.end > end:  # the rest of a long hole was not asked for yet
                holes += [part_of(hole, hole.start, end), part_of(hole, end, hole.end)]
                holes[-2].ask_at = until
            else:
                hole.ask_at = until
                holes.append(hole)
        self.holes = holes
