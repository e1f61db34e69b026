"""The intervals a candle can have: Binance's fifteen, and the second they are all folded from.

An interval maps any time to the open time of the period it lies in. Periods are half-open, ``[open_time, next_open)``, and
in UTC. Fixed lengths count from the epoch (1970-01-01, a Thursday), ``1w`` opens on Mondays and ``1M`` on the first of the
month. ``3d`` counts from the UTC day of each symbol's first trade, so it is one interval per symbol: `Interval.of`. So the
exchange does it; the table that this is tested against, with its sources, is ``tests/core/open_times.csv``.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import UTC, datetime

SECOND = 1_000
MINUTE = 60 * SECOND
HOUR = 60 * MINUTE
DAY = 24 * HOUR
WEEK = 7 * DAY

_MONDAY = 4 * DAY  # 1970-01-05, the first Monday after the epoch


@dataclass(frozen=True, slots=True)
class Interval:
    """A candle's length. ``length`` and ``anchor`` are milliseconds; a month has no fixed length (``length`` is 0).

    Compare and hash by value; ``str(interval)`` is the exchange's own name for it.
    """

    name: str
    length: int
    anchor: int = 0
    divisors: tuple[str, ...] = ()
    """Names of the intervals it can be folded from, largest first. Empty for the second."""

    def __str__(self) -> str:
        return self.name

    def open_time(self, time: int) -> int:
        """The open time of the period that ``time`` lies in."""
        if self.length:
            return time - (time - self.anchor) % self.length
        month = datetime.fromtimestamp(time // SECOND, UTC).replace(day=1, hour=0, minute=0, second=0)
        return int(month.timestamp()) * SECOND

    def next_open(self, time: int) -> int:
        """The open time of the period after the one that ``time`` lies in; also the (exclusive) end of that period."""
        opened = self.open_time(time)
        # From the first of a month, 31 days later is always in the next month.
        return opened + self.length if self.length else self.open_time(opened + 31 * DAY)

    def previous_open(self, time: int) -> int:
        """The open time of the period before the one that ``time`` lies in."""
        return self.open_time(self.open_time(time) - 1)

    def of(self, listed_day: int) -> Interval:
        """This interval as a symbol has it that was first traded on ``listed_day`` (ms): differs for ``3d`` alone."""
        return replace(self, anchor=listed_day % self.length) if self.name == "3d" else self

    def expected(self, time: int) -> int:
        """How many seconds the period that ``time`` lies in has."""
        return (self.next_open(time) - self.open_time(time)) // SECOND


def _intervals() -> dict[str, Interval]:
    fixed = {
        "1s": SECOND,
        "1m": MINUTE,
        "3m": 3 * MINUTE,
        "5m": 5 * MINUTE,
        "15m": 15 * MINUTE,
        "30m": 30 * MINUTE,
        "1h": HOUR,
        "2h": 2 * HOUR,
        "4h": 4 * HOUR,
        "6h": 6 * HOUR,
        "8h": 8 * HOUR,
        "12h": 12 * HOUR,
        "1d": DAY,
        "3d": 3 * DAY,
        "1w": WEEK,
    }
    table: dict[str, Interval] = {}
    for name, length in fixed.items():
        divisors = tuple(n for n in reversed(table) if length % fixed[n] == 0)
        if name == "1w":  # a week starts in the middle of a 3d period, so it is made of days
            divisors = tuple(n for n in divisors if n != "3d")
        table[name] = Interval(name, length, _MONDAY if name == "1w" else 0, divisors)
    table["1M"] = Interval("1M", 0, 0, tuple(n for n in reversed(table) if fixed[n] <= DAY))
    return table


INTERVALS: dict[str, Interval] = _intervals()
"""Every interval by its name, shortest first."""

SECONDS = INTERVALS["1s"]
MINUTES = INTERVALS["1m"]

CANDLE_INTERVALS: tuple[str, ...] = tuple(name for name in INTERVALS if name != "1s")
"""The intervals that are folded and stored; the second itself is a kline."""


class UnknownInterval(ValueError):
    """A name that is no interval."""

    def __init__(self, name: object) -> None:
        super().__init__(f"unknown interval {name!r}; known are {', '.join(INTERVALS)}")


def interval(name: str) -> Interval:
    """The interval of this name. Raises `UnknownInterval`, which lists the known ones."""
    try:
        return INTERVALS[name]
    except (KeyError, TypeError):
        raise UnknownInterval(name) from None


def parents(stored: Iterable[str]) -> dict[Interval, Interval]:
    """The chain in which ``stored`` candle intervals are folded: each with what it is folded from, shortest first.

    Minutes are always there, and made of seconds; every other interval is folded from the largest of the stored ones
    that divides it. Raises `UnknownInterval`.
    """
    names = {"1m"} | {interval(name).name for name in stored} - {"1s"}
    chain: dict[Interval, Interval] = {}
    for name, child in INTERVALS.items():
        if name in names:
            chain[child] = interval(next(d for d in child.divisors if d in names or d == "1s"))
    return chain
