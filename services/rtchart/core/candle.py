"""A candle: what the seconds of a period fold to, with how whole it is.

`fold` is the only place where candles are made, of live seconds and of stored ones, of seconds and of smaller candles.
It is associative over neighbouring periods: folding minutes of seconds gives what folding the seconds gives
(``tests/core/test_candle.py`` holds it to that).
"""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Context, Decimal

import msgspec

from rtchart.core.interval import Interval
from rtchart.core.kline import SOURCES, Kline, Source

# Exact for sums of any number of seconds: 20 digits before the point, 18 after it, and room for the carry.
_EXACT = Context(prec=60)
_RANK = {source: rank for rank, source in enumerate(SOURCES)}


class Candle(msgspec.Struct, frozen=True, gc=False):
    """A period of one symbol and interval. ``open_time`` is milliseconds; prices and volumes are decimal strings."""

    open_time: int
    open: str
    high: str
    low: str
    close: str
    volume: str
    quote_volume: str
    trades: int
    taker_buy_volume: str
    taker_buy_quote_volume: str
    received: int
    """Seconds of the period that it is made of."""
    expected: int
    """Seconds that the period has. A candle is complete when it received them all."""
    source: Source = "stream"
    """The weakest source among its seconds."""
    revision: int = 0
    """How often its stored content changed, from 1; 0 while it is not stored."""
    closed: bool = False
    """Whether the period is over."""

    @property
    def complete(self) -> bool:
        return self.received == self.expected


def fold(interval: Interval, parts: Iterable[Kline | Candle], *, closed: bool = False) -> Candle | None:
    """One candle from the seconds or smaller candles of one period, in any order; `None` from nothing.

    All parts must lie in one period of ``interval``, each time once: take the `newest` of each second first. Raises
    `ValueError` when a part lies in another period or a time comes twice, because a sum over those would be a lie.
    """
    ordered = sorted(parts, key=_open_time)
    if not ordered:
        return None
    first, last = ordered[0], ordered[-1]
    open_time = interval.open_time(first.open_time)
    if last.open_time >= interval.next_open(open_time):
        raise ValueError(f"{last.open_time} is not in the {interval} period that opens at {open_time}")
    running = Fold(interval, open_time)
    for part in ordered:
        running.append(part)
    return running.candle(closed=closed)


class Fold:
    """A fold under way: parts appended in the order of their times, a `Candle` of what came so far at any moment.

    The truth about a period stays with its owner, as a map of open time to second. This is that map's fold, cheap to
    extend by the newest second; after a late or corrected one it is made again from the map.
    """

    __slots__ = (
        "_close",
        "_expected",
        "_high",
        "_high_text",
        "_low",
        "_low_text",
        "_open",
        "_quote_volume",
        "_rank",
        "_received",
        "_taker_buy_quote_volume",
        "_taker_buy_volume",
        "_trades",
        "_volume",
        "last",
        "open_time",
    )

    def __init__(self, interval: Interval, open_time: int) -> None:
        self._expected = interval.expected(open_time)
        self.open_time = open_time
        self.last = -1
        """Open time of the last part appended; -1 before the first."""
        self._received = 0

    def append(self, part: Kline | Candle) -> None:
        """Add the part that comes next in time. Raises `ValueError` when it does not."""
        if part.open_time <= self.last:
            raise ValueError(f"{part.open_time} comes twice, or before {self.last}, in the fold of {self.open_time}")
        high, low = Decimal(part.high), Decimal(part.low)
        if self._received == 0:
            self._open = part.open
            self._high, self._high_text = high, part.high
            self._low, self._low_text = low, part.low
            self._volume = Decimal(part.volume)
            self._quote_volume = Decimal(part.quote_volume)
            self._taker_buy_volume = Decimal(part.taker_buy_volume)
            self._taker_buy_quote_volume = Decimal(part.taker_buy_quote_volume)
            self._trades = part.trades
            self._rank = _RANK[part.source]
        else:
            if high > self._high:
                self._high, self._high_text = high, part.high
            if low < self._low:
                self._low, self._low_text = low, part.low
            add = _EXACT.add
            self._volume = add(self._volume, Decimal(part.volume))
            self._quote_volume = add(self._quote_volume, Decimal(part.quote_volume))
            self._taker_buy_volume = add(self._taker_buy_volume, Decimal(part.taker_buy_volume))
            self._taker_buy_quote_volume = add(self._taker_buy_quote_volume, Decimal(part.taker_buy_quote_volume))
            self._trades += part.trades
            self._rank = max(self._rank, _RANK[part.source])
        self._close = part.close
        self._received += 1 if isinstance(part, Kline) else part.received
        self.last = part.open_time

    def candle(self, *, revision: int = 0, closed: bool = False) -> Candle | None:
        """The candle of what came so far, `None` before the first part."""
        if self._received == 0:
            return None
        return Candle(
            open_time=self.open_time,
            open=self._open,
            high=self._high_text,
            low=self._low_text,
            close=self._close,
            volume=_text(self._volume),
            quote_volume=_text(self._quote_volume),
            trades=self._trades,
            taker_buy_volume=_text(self._taker_buy_volume),
            taker_buy_quote_volume=_text(self._taker_buy_quote_volume),
            received=self._received,
            expected=self._expected,
            source=SOURCES[self._rank],
            revision=revision,
            closed=closed,
        )


def of_second(kline: Kline) -> Candle:
    """The kline as a candle of the interval ``1s``, for those who draw seconds."""
    return Candle(
        open_time=kline.open_time,
        open=kline.open,
        high=kline.high,
        low=kline.low,
        close=kline.close,
        volume=kline.volume,
        quote_volume=kline.quote_volume,
        trades=kline.trades,
        taker_buy_volume=kline.taker_buy_volume,
        taker_buy_quote_volume=kline.taker_buy_quote_volume,
        received=1,
        expected=1,
        source=kline.source,
        closed=True,
    )


def _open_time(part: Kline | Candle) -> int:
    return part.open_time


def _text(number: Decimal) -> str:
    return format(number, "f")
