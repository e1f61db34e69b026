"""What is stored of a symbol and joins its live candles: read when somebody looks at it."""

from __future__ import annotations

from dataclasses import dataclass, field

from rtchart.core.candle import Candle, fold
from rtchart.core.interval import DAY, HOUR, INTERVALS, MINUTES, Interval
from rtchart.core.kline import Kline
from rtchart.store import history
from rtchart.store.database import Connection
from rtchart.store.history import Page, StoredSymbol
from rtchart.web.live import DAYS, HOURS

_MONTH_AND_WEEK = 38 * DAY


@dataclass(frozen=True)
class Parts:
    """What `LiveSymbol.load` takes."""

    level: Interval
    candles: dict[str, list[Candle]] = field(default_factory=dict)
    seconds: list[Kline] = field(default_factory=list)


async def read(connection: Connection, symbol: StoredSymbol, level: Interval, now: int) -> Parts:
    """The minutes of this hour and the one before, the hours of today and yesterday, the days of this month and week.

    ``level``: 1m, 1h or 1d, the largest of them that is needed. The seconds whose minutes wait to be folded come with them.
    """
    since = HOURS.open_time(now) - HOUR
    parts = Parts(level)
    parts.candles["1m"] = await _candles(connection, symbol, MINUTES, since, now)
    parts.seconds.extend(await history.pending_klines(connection, symbol, since))
    if level is not MINUTES:
        parts.candles["1h"] = await _candles(connection, symbol, HOURS, DAYS.open_time(now) - DAY, now)
    if level is DAYS:
        parts.candles["1d"] = await _candles(connection, symbol, DAYS, DAYS.open_time(now) - _MONTH_AND_WEEK, now)
    return parts


async def _candles(connection: Connection, symbol: StoredSymbol, interval: Interval, since: int, now: int) -> list[Candle]:
    """Of an interval that may not be kept for this symbol: then folded from the largest kept one that divides it."""
    kept = {"1m", *symbol.intervals}
    name = interval.name if interval.name in kept else next(d for d in interval.divisors if d in kept)
    page = Page(start=since, limit=100_000, newest=False)
    found = await history.candles(connection, symbol.symbol_id, INTERVALS[name], page, now=now)
    if name == interval.name:
        return found
    periods: dict[int, list[Candle]] = {}
    for candle in found:
        periods.setdefault(interval.open_time(candle.open_time), []).append(candle)
    folded = (fold(interval, children, closed=interval.next_open(time) <= now) for time, children in periods.items())
    return [candle for candle in folded if candle is not None]
