"""What is to be said of stored candles. Pure.

A transaction of the aggregator deletes checkpoints and writes the candles of their minutes in all intervals, and one of the
inserter writes seconds and their checkpoints. So in one snapshot of the database a candle has a checkpoint that waits, or is
the fold of the stored seconds: there is no time between to allow for.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from rtchart.core.candle import Candle, fold
from rtchart.core.gap import Range, common, count, subtract
from rtchart.core.interval import SECOND, Interval
from rtchart.tools.verify.compare import Difference, Figures, Finding, Kind, Pair, differences, figures, same


@dataclass
class Lacks:
    """What is known of a symbol's seconds that are not stored: whose they are, and why."""

    began: int
    """The first second that there ever was of it (ms)."""
    absent: list[Range] = field(default_factory=list)
    """The exchange has none either: as the ledger says, or as the comparison has found."""
    missing: list[Range] = field(default_factory=list)
    """The exchange has them: as the comparison has found."""
    open: list[Range] = field(default_factory=list)
    """In an open gap of the ledger."""

    def why(self, period: Range, lacking: int) -> tuple[str, bool]:
        """Why a candle of the period lacks so many seconds, and whether for nothing that is ours to mend."""
        reasons: list[str] = []
        taken: list[Range] = []
        harmless = True
        for text, ours, ranges in (
            ("before its first second", False, [(period[0], min(period[1], self.began))]),
            ("absent at the exchange", False, self.absent),
            ("missing", True, self.missing),
            ("in an open gap", True, self.open),
        ):
            part = subtract(common([period], ranges), taken)
            taken += part
            if part:
                reasons.append(f"{count(part)} s {text}")
                harmless = harmless and not ours
        if (unknown := lacking - count(taken)) > 0:
            reasons.append(f"{unknown} s for no known reason")
        return ", ".join(reasons), harmless and unknown <= 0


def periods(interval: Interval, window: Range) -> Iterator[int]:
    """The open times of the interval's periods that lie in the window as a whole."""
    start, end = window
    open_time = interval.open_time(start)
    if open_time < start:
        open_time = interval.next_open(start)
    while (after := interval.next_open(open_time)) <= end:
        yield open_time
        open_time = after


def folded(interval: Interval, parts: Iterable[Candle]) -> dict[int, Candle]:
    """Seconds or smaller candles of any times as candles of the interval, by open time."""
    together: dict[int, dict[int, Candle]] = {}
    for part in parts:
        together.setdefault(interval.open_time(part.open_time), {})[part.open_time] = part
    return {open_time: made for open_time, of in together.items() if (made := fold(interval, of.values()))}


def against_fold(
    interval: Interval,
    stored: Mapping[int, Candle],
    made: Mapping[int, Candle],
    times: Iterable[int],
    *,
    waiting: Sequence[Range] = (),
    overdue: Sequence[Range] = (),
    missing: Sequence[Range] = (),
) -> Iterator[Finding]:
    """What the candles of these periods say otherwise than the fold of their stored seconds, ``made``.

    In the periods that touch ``waiting`` the aggregator has not done its work yet; it is told of those that touch ``overdue``.
    A candle may know seconds that are ``missing`` now.
    """
    for time in times:
        end = interval.next_open(time)
        candle, fresh = stored.get(time), made.get(time)
        if touches(waiting, (time, end)):
            if touches(overdue, (time, end)) and (candle is None or fresh is None or not _equal(candle, fresh)):
                yield _finding("waiting", interval, time, "seconds of it wait for the aggregator")
        elif candle is None and fresh is not None:
            yield _finding("no_candle", interval, time, f"{fresh.received} s of it are stored")
        elif candle is not None and candle.source == "venue" and (fresh is None or candle.received > fresh.received):
            pass  # the exchange's own minutes stand for seconds that were not stored: it is compared with the exchange alone
        elif candle is not None and (fresh is None or candle.received > fresh.received):
            more = candle.received - (0 if fresh is None else fresh.received)
            if more > count(common([(time, end)], missing)):
                yield _finding("excess", interval, time, f"{more} s more")
        elif candle is not None and fresh is not None and not _equal(candle, fresh):
            less = fresh.received - candle.received
            yield _finding("fold", interval, time, f"it has {less} s less than are stored" if less else "", (candle, fresh))


def against_exchange(
    interval: Interval, stored: Mapping[int, Figures], theirs: Mapping[int, Figures], times: Iterable[int]
) -> Iterator[Finding]:
    """What complete candles say otherwise than the exchange's own of the interval."""
    for difference in differences(stored, theirs, times):
        _, ours, other = difference
        if ours is None:
            continue
        yield Finding(
            kind="candle",
            interval=interval.name,
            start=difference.time,
            end=interval.next_open(difference.time),
            note="" if other is not None else "the exchange has none",
            figures=(difference.pair,),
        )


def incomplete(interval: Interval, time: int, received: int, lacks: Lacks) -> Finding:
    """What to say of a candle that has not all its seconds, or (with 0 of them) is not there."""
    end = interval.next_open(time)
    why, harmless = lacks.why((time, end), (end - time) // SECOND - received)
    return _finding("incomplete" if harmless else "unexplained", interval, time, why)


def _finding(kind: Kind, interval: Interval, time: int, note: str, pair: tuple[Candle, Candle] | None = None) -> Finding:
    shown: tuple[Pair, ...] = ()
    if pair is not None and not same(figures(pair[0]), figures(pair[1])):
        shown = (Difference(time, figures(pair[0]), figures(pair[1])).pair,)
    return Finding(kind=kind, interval=interval.name, start=time, end=interval.next_open(time), note=note, figures=shown)


def _equal(candle: Candle, made: Candle) -> bool:
    return candle.received == made.received and same(figures(candle), figures(made))


def touches(ranges: Iterable[Range], period: Range) -> bool:
    """Whether the period has a second of the ranges."""
    return any(start < period[1] and period[0] < end for start, end in ranges)
