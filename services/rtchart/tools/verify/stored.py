"""What the database has of a symbol."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import islice

from rtchart.core.candle import Candle
from rtchart.core.gap import Range
from rtchart.core.interval import INTERVALS, MINUTE, MINUTES, Interval
from rtchart.process.clock import now_ms
from rtchart.store import candles, comparison, fills
from rtchart.store.candles import Period, Series, Span
from rtchart.store.database import Connection
from rtchart.store.history import StoredSymbol
from rtchart.store.symbols import SymbolRow
from rtchart.tools.verify.candles import folded, periods

OVERDUE = 5 * MINUTE
"""How long (ms) seconds may wait to be folded before that is told: a CronJob that runs each minute may skip some."""

ALL = 2**62
"""More rows than there can be."""

MINUTES_AT_ONCE = 200
"""Whose seconds one statement reads: it bounds the memory."""


@dataclass(frozen=True)
class Subject:
    """A symbol to compare, as the database knows it."""

    row: SymbolRow
    series: Series

    @property
    def stored(self) -> StoredSymbol:
        """… as the readers of seconds want it."""
        series = self.series
        identity = series.identity
        return StoredSymbol(
            series.symbol_id, identity.exchange, identity.symbol, series.intervals, series.listed_day, tick_size=None
        )

    def intervals(self, only: Iterable[str] = ()) -> list[Interval]:
        """Those it has candles of, as it has them, shortest first; of these only, if any are given."""
        wanted = set(only) or set(INTERVALS)
        listed_day = self.series.listed_day
        return [
            interval if listed_day is None else interval.of(listed_day)
            for name, interval in INTERVALS.items()
            if name in {"1m", *self.series.intervals} & wanted and (name != "3d" or listed_day is not None)
        ]

    def floor(self) -> int:
        """Seconds that open before this time (ms) are not stored any more, or are about to be removed."""
        return self.series.raw_floor(now_ms() + MINUTE)


@dataclass
class State:
    """What one snapshot of the database says of a symbol's candles."""

    stored: dict[str, dict[int, Candle]]
    """By interval and open time."""
    minutes: list[Candle]
    """Folded from the stored seconds."""
    waiting: list[Range]
    overdue: list[Range]
    filled: dict[str, int]
    """Intervals whose candles before a time (ms) are being folded from what is stored."""

    def folded(self, interval: Interval) -> dict[int, Candle]:
        """The candles of the interval that the stored seconds make, whole or not."""
        return folded(interval, self.minutes)


async def read(connection: Connection, subject: Subject, intervals: Iterable[Interval], kept: Range, window: Range) -> State:
    """What is stored in the window, and what the seconds in the part of it where they are kept fold to. In a `snapshot`."""
    symbol_id = subject.row.symbol_id
    await candles.plan_lookups(connection)
    names = [interval.name for interval in intervals]
    found = await candles.read_candles(connection, [Span(symbol_id, name, *window) for name in names])
    waiting = await comparison.waiting(connection, symbol_id)
    overdue = await comparison.waiting(connection, symbol_id, since=now_ms() - OVERDUE)
    added = {one.interval: one.below for one in await fills.read_added(connection) if one.symbol_id == symbol_id}
    minutes: list[Candle] = []
    wanted = (Period(symbol_id, time) for time in periods(MINUTES, kept))
    while part := list(islice(wanted, MINUTES_AT_ONCE)):
        for seconds in (await candles.read_seconds(connection, part)).values():
            minutes += folded(MINUTES, seconds).values()
    stored = {name: {candle.open_time: candle for candle in of} for name, of in zip(names, found, strict=True)}
    return State(stored, minutes, waiting, overdue, added)
