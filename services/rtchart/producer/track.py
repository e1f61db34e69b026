"""What the producer knows of one symbol that is asked for."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime

from rtchart.core.gap import GapReason, Range, common, normal, subtract
from rtchart.core.interval import DAY, MINUTE, SECOND
from rtchart.core.messages import Absent, GapOpened, Listing, StreamState, StreamStatus
from rtchart.core.minutes import Minutes
from rtchart.core.symbol import DesiredSymbol
from rtchart.exchange.base import Listed
from rtchart.producer import metrics
from rtchart.producer.ledger import MAX_ASK, Ledger, Patience

SHOWN_RANGES = 50
"""Ranges of a kind that a state names at most; the last of them then covers all further ones."""

HISTORY_PAGES = 150
"""Pages of the venue's answers that all new symbols' histories may have together. More would hold up the live seconds: ten
times as many, at 1,500 symbols, made these seconds late for a minute."""


def history_of(wanted: int, symbols: int) -> int:
    """How much of the past (ms) a new symbol gets when ``wanted`` is asked for: less when there are many symbols.

    A little less than whole pages, so that what is missed while it begins does not take one more.
    """
    return max(0, min(wanted, HISTORY_PAGES // max(1, symbols) * MAX_ASK - 10 * SECOND))


AGING = MINUTE
"""Milliseconds before a second gets too old to be stored in which it is no longer asked for, nor taken, and after that in which
it is not given up yet: by so much the venue's clock and the inserter's may differ. What waits longer on Kafka is too late."""

TOLD = 100
"""Gaps that are too old whose word is remembered: it is acknowledged in seconds, or lost."""


class Resume:
    """What earlier states of a symbol, of any instance, say about where to begin."""

    def __init__(self, epoch: int, states: Iterable[StreamState]) -> None:
        states = sorted(states, key=lambda state: state.at)
        self.listed_day = next((state.listed_day for state in reversed(states) if state.listed_day is not None), None)
        """What no life of the symbol changes."""
        own = [state for state in states if state.epoch == epoch]
        self.watermark = max((state.watermark for state in own if state.watermark is not None), default=None)
        self.pending = own[-1].pending if own else ()
        self.history = own[-1].history if own else ()
        self.minutes = Minutes(own[-1].minutes_from, own[-1].minutes) if own else Minutes()
        self._suspended_until: int | None = None
        """Up to when, at least, streaming was not wanted; None when it was, last."""
        if own and own[-1].status == "suspended":
            told_at = own[-1].at if own[-1].venue_time is None else own[-1].venue_time
            self._suspended_until = told_at // SECOND * SECOND
        self.new = self.watermark is None
        """Whether nobody has seen this life of the symbol before."""

    def missing(self, expected: int, *, suspend: bool) -> list[Range]:
        """What is missing before ``expected``, of a symbol that shall or shall not ``suspend`` now.

        When that changed while nobody looked, nobody knows at which second: all that were not looked at count as wanted. To
        fetch some that were not is better than to lose some that were.
        """
        if self.watermark is None:
            return []
        if self._suspended_until is None:
            return normal([(self.watermark, expected)])
        # Suspended time is no gap, and what was missing before it still is one.
        since = expected if suspend else max(self.watermark, self._suspended_until)
        return normal([*self.pending, (since, expected)])


class Track:
    """A symbol's wish, ledger and state."""

    __slots__ = (
        "_resume",
        "_too_old",
        "_too_old_told",
        "desired",
        "doubted",
        "ledger",
        "listed",
        "listed_day",
        "listing",
        "minutes",
        "recorded",
        "refusal",
        "written",
        "written_at",
    )

    def __init__(self, desired: DesiredSymbol, states: Iterable[StreamState] = ()) -> None:
        self.desired = desired
        self.ledger: Ledger | None = None
        """None until the venue's time is known, and while the venue does not know the symbol."""
        self.listed = Listed("trading")
        """What the venue said of it last; taken to be traded until the venue says otherwise."""
        self.doubted = True
        """Whether one answer that the venue does not know it is believed: two are needed once it has said that it does."""
        self.refusal = ""
        """Why the venue does not stream it."""
        self.listing: Listing | None = None
        """What was published of it."""
        self._resume = Resume(desired.epoch, states)
        self.listed_day = self._resume.listed_day
        """UTC day (ms) of its first trade, None until the venue said it."""
        self.minutes = self._resume.minutes
        """What is older than the seconds, as far as it is wanted."""
        self._too_old: list[Range] = []
        """Missing, and older than what is stored: gaps of which nobody asks for the seconds, and that are to be told."""
        self._too_old_told: list[Range] = []
        self.recorded = self._resume.watermark is not None
        """Whether Kafka holds a watermark of this life of the symbol. No second is published before, of the stream or by REST,
        because whoever came after us would not know where to refill from."""
        self.written: tuple[StreamStatus, str, tuple[Range, ...], int] | None = None
        """What `told` gave for the last state written: a change of it is written at once."""
        self.written_at = 0

    @property
    def streams(self) -> bool:
        """Whether it should be subscribed."""
        return not self.desired.suspend and self.listed.trading != "unknown"

    def begin(self, patience: Patience, now: int, history: int = 0) -> Ledger:
        """Make the ledger. The second that is under way is the first one expected.

        A symbol that is new gets so much of its past (ms) too, so that there is something to see at once; one that is not
        gets what of this was not fetched before.
        """
        expected, floor = now // SECOND * SECOND, self.desired.raw_floor(now - AGING)
        missing = self._resume.missing(expected, suspend=self.desired.suspend)
        self._too_old = [(start, min(end, floor)) for start, end in missing if start < floor]
        self._too_old_told = []
        self.minutes.add(self._too_old)
        missing = [(max(start, floor), end) for start, end in missing if end > floor]
        new = self._resume.new and not self.desired.suspend
        past = [(expected - history, expected)] if new else self._resume.history
        past = [(max(start, floor), end) for start, end in past if end > floor]
        self._resume = Resume(self.desired.epoch, ())
        self.ledger = Ledger(expected, patience, now=now, missing=missing, history=past, new=new)
        return self.ledger

    def begin_again(self, now: int) -> None:
        """Drop the ledger. What is made at the next `begin` goes on from where it came; it is new again if nothing came yet."""
        if self.ledger is None:
            return
        states = [self.state("", now, 0)] if self.ledger.began else []
        self._resume = Resume(self.desired.epoch, states)
        self.recorded = self.recorded and bool(states)
        self.ledger = None

    def age(self, now: int) -> None:
        """What was missing for so long that its seconds are not stored any more is wanted as minutes, as at the start."""
        if self.ledger is None or not self.ledger.holes:
            return
        floor = self.desired.raw_floor(now - AGING)
        if self.ledger.holes[0].start < floor and (left := self.ledger.leave(floor)):
            self._tell_of_old(left)
            self.minutes.add(left)

    def stored_from(self, now: int) -> int:
        """The first second (ms) that will still be stored when it is on Kafka."""
        return self.desired.raw_floor(now + AGING)

    def announcements(self, now: int) -> list[GapOpened]:
        """The gaps that are to be published now."""
        if self.ledger is None:
            return []
        new: list[tuple[int, int, GapReason]] = [(hole.start, hole.end, hole.reason) for hole in self.ledger.announce()]
        if self._too_old:
            new += [(start, end, "start") for start, end in self._too_old]
            self._tell_of_old(self._too_old)
            self._too_old = []
        desired = self.desired
        for _, _, reason in new:
            metrics.GAPS.labels(reason).inc()
        return [
            GapOpened(desired.exchange, desired.symbol, start, end, reason, now, desired.epoch) for start, end, reason in new
        ]

    def unannounced(self, start: int, end: int) -> None:
        """The word of this gap did not get through."""
        if self.ledger is not None:
            self.ledger.unannounced(start, end)
        lost = common([(start, end)], self._too_old_told)
        self._too_old = normal([*self._too_old, *lost])
        self._too_old_told = subtract(self._too_old_told, lost)

    def _tell_of_old(self, ranges: Iterable[Range]) -> None:
        self._too_old_told = [*self._too_old_told, *ranges][-TOLD:]

    def absences(self, ranges: Iterable[Range], asked_at: int) -> list[Absent]:
        """The word that the venue lacks these seconds too."""
        desired = self.desired
        return [Absent(desired.exchange, desired.symbol, start, end, asked_at, desired.epoch) for start, end in ranges]

    def status(self, now: int | None) -> tuple[StreamStatus, str]:
        """Where it stands, and why, for people. ``now`` is the venue's time, None while that is not known."""
        ledger = self.ledger
        if self.desired.suspend:
            return "suspended", ""
        if self.listed.trading == "unknown":
            return "refused", f"{self.desired.exchange} does not list {self.desired.symbol}"
        if self.listed.trading == "halted":
            return "halted", f"{self.desired.exchange} lists {self.desired.symbol} and does not trade it now"
        if self.refusal:
            return "refused", self.refusal
        if ledger is None or now is None or ledger.last_open_time is None:
            return "subscribing", "no kline came yet"
        if ledger.silent(now):
            last = datetime.fromtimestamp(ledger.last_open_time / SECOND, UTC)
            return "stale", f"no kline since that of {last:%Y-%m-%dT%H:%M:%SZ}"
        return "streaming", ""

    def told(self, now: int | None) -> tuple[StreamStatus, str, tuple[Range, ...], int]:
        """Of a state what others wait for: status, detail, pending gaps, and to which day older history reaches back."""
        return (*self.status(now), self.pending, (self.minutes.reach or 0) // DAY)

    @property
    def pending(self) -> tuple[Range, ...]:
        """The gaps that are not closed, as a state names them."""
        if self.ledger is None:
            return self._resume.pending
        return _few(self.ledger.gaps)

    def state(self, instance: str, now: int | None, at: int) -> StreamState:
        """The record for ``rtchart.streams``; ``at`` is this machine's time (ms)."""
        status, detail = self.status(now)
        ledger = self.ledger
        return StreamState(
            exchange=self.desired.exchange,
            symbol=self.desired.symbol,
            instance=instance,
            at=at,
            status=status,
            epoch=self.desired.epoch,
            watermark=self._resume.watermark if ledger is None else ledger.watermark,
            last_open_time=None if ledger is None else ledger.last_open_time,
            pending=self.pending,
            history=self._resume.history if ledger is None else _few(ledger.past),
            minutes_from=self.minutes.since,
            minutes=_newest(self.minutes.left),
            venue_time=now,
            listed_day=self.listed_day,
            detail=detail,
        )


def _newest(ranges: list[Range]) -> tuple[Range, ...]:
    """As `_few`; but here it is the first that covers the older ones, because the newest are fetched first."""
    if len(ranges) > SHOWN_RANGES:
        return ((ranges[0][0], ranges[-SHOWN_RANGES][1]), *ranges[1 - SHOWN_RANGES :])
    return tuple(ranges)


def _few(ranges: list[Range]) -> tuple[Range, ...]:
    if len(ranges) > SHOWN_RANGES:
        return (*ranges[: SHOWN_RANGES - 1], (ranges[SHOWN_RANGES - 1][0], ranges[-1][1]))
    return tuple(ranges)
