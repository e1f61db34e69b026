"""A candle: what the seconds of a period fold to, with how whole it is.

`fold` is the only place where candles are made, of live seconds and of stored ones, of seconds and of smaller candles.
It is associative over neighbouring periods: folding minutes of seconds gives what folding the seconds gives
(``tests/core/test_candle.py`` holds it to that). Prices are those of trades, as in the exchange's own candles: a second without
one stands at the price of a trade before it, which may be of another period (docs/decisions/0008).
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from decimal import Context, Decimal
from operator import attrgetter
from typing import Literal

import msgspec

from rtchart.core.interval import MINUTE, SECOND, Interval
from rtchart.core.kline import SOURCES, Kline, VenueKline

CandleSource = Literal["stream", "repair", "backfill", "venue"]
"""How the seconds of a candle came to us. ``venue``: they did not, and it is, or is made of, the exchange's own minutes."""

CANDLE_SOURCES: tuple[CandleSource, ...] = (*SOURCES, "venue")
"""From the best to the weakest."""

# Exact for sums of any number of seconds: 20 digits before the point, 18 after it, and room for the carry.
_EXACT = Context(prec=60)
_ZERO = Decimal(0)
_RANK = {source: rank for rank, source in enumerate(CANDLE_SOURCES)}
_open_time = attrgetter("open_time")


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
    source: CandleSource = "stream"
    """The weakest source among its seconds; ``venue``: some of them were never seen here, and the exchange's own record of
    their minutes stands for them."""
    revision: int = 0
    """How often its stored content changed, from 1; 0 while it is not stored."""
    closed: bool = False
    """Whether the period is over."""


def fold(interval: Interval, parts: Iterable[Kline | Candle], *, closed: bool = False) -> Candle | None:
    """One candle from the seconds or smaller candles of one period, in any order; `None` from nothing.

    All parts must lie in one period of ``interval``, each time once: of a second's versions the highest alone. Raises
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
    running.extend(ordered)
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
        self._received = self._trades = self._rank = 0
        self._open = self._close = self._high_text = self._low_text = ""
        self._high, self._low = -math.inf, math.inf
        self._volume = self._quote_volume = self._taker_buy_volume = self._taker_buy_quote_volume = _ZERO

    def append(self, part: Kline | Candle) -> None:
        """Add the part that comes next in time. Raises `ValueError` when it does not."""
        self.extend((part,))

    def extend(self, parts: Iterable[Kline | Candle]) -> None:
        """Add the parts that come next, in the order of their times. Raises `ValueError` when one does not."""
        # In locals: this runs for each second of each symbol.
        add, last, received, trades, rank = _EXACT.add, self.last, self._received, self._trades, self._rank
        high, high_text, low, low_text = self._high, self._high_text, self._low, self._low_text
        volume, quote_volume = self._volume, self._quote_volume
        taker_buy_volume, taker_buy_quote_volume = self._taker_buy_volume, self._taker_buy_quote_volume
        close = self._close
        for part in parts:
            if part.open_time <= last:
                raise ValueError(f"{part.open_time} comes twice, or before {last}, in the fold of {self.open_time}")
            traded = part.trades
            if traded or not trades:
                if not trades and (traded or not received):
                    self._open = part.open
                    high, high_text, low, low_text = -math.inf, "", math.inf, ""
                # Rounding keeps the order: of two decimals whose floats differ, the greater has the greater float. Only
                # where the floats are equal do the decimals have to be made.
                if (text := part.high) != high_text:
                    number = float(text)
                    if number > high or (number == high and Decimal(text) > Decimal(high_text)):
                        high, high_text = number, text
                if (text := part.low) != low_text:
                    number = float(text)
                    if number < low or (number == low and Decimal(text) < Decimal(low_text)):
                        low, low_text = number, text
                close = part.close
            volume = add(volume, Decimal(part.volume))
            quote_volume = add(quote_volume, Decimal(part.quote_volume))
            taker_buy_volume = add(taker_buy_volume, Decimal(part.taker_buy_volume))
            taker_buy_quote_volume = add(taker_buy_quote_volume, Decimal(part.taker_buy_quote_volume))
            trades += traded
            if part.source != "stream" and _RANK[part.source] > rank:
                rank = _RANK[part.source]
            received += part.received if type(part) is Candle else 1  # isinstance takes five times as long
            last = part.open_time
        self.last, self._received, self._trades, self._rank = last, received, trades, rank
        self._high, self._high_text, self._low, self._low_text = high, high_text, low, low_text
        self._volume, self._quote_volume = volume, quote_volume
        self._taker_buy_volume, self._taker_buy_quote_volume = taker_buy_volume, taker_buy_quote_volume
        self._close = close

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
            source=CANDLE_SOURCES[self._rank],
            revision=revision,
            closed=closed,
        )


def standing(candle: Candle) -> tuple[int, bool]:
    """By what a candle of a period stands against another one: its seconds, and between equals whether all were seen here."""
    return candle.received, candle.source != "venue"


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


def of_venue(kline: VenueKline) -> Candle:
    """The exchange's own minute as a candle: whole by its word, which its source says."""
    seconds = MINUTE // SECOND
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
        received=seconds,
        expected=seconds,
        source="venue",
        closed=True,
    )


def _text(number: Decimal) -> str:
    return format(number, "f")
