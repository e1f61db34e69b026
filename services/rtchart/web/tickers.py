"""Every symbol's last price and its last 24 hours, in bounded memory.

The window moves in steps of a quarter of an hour: it opens with the quarter that 24 hours before the newest second lies in,
so it is 24 h to 24 h 15 min long. Per symbol it holds a `Bucket` a quarter (97), and a bucket a minute for the newest half
hour. Seconds that come later than `live.LATE` are not in it until the stored minutes of the last half hour are read again.
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Context, Decimal

from rtchart.core.candle import Candle
from rtchart.core.interval import DAY, MINUTE
from rtchart.store.history import Bucket
from rtchart.web.live import LiveSymbol
from rtchart.web.protocol import Ticker

QUARTER = 15 * MINUTE
WINDOW = DAY
_MINUTES_KEPT = 2 * QUARTER
_EXACT = Context(prec=60)


def bucket_of(candle: Candle) -> Bucket:
    """A minute's candle as a bucket."""
    return Bucket(candle.open_time, candle.open, candle.high, candle.low, candle.volume)


def merged(open_time: int, parts: Sequence[Bucket | Candle]) -> Bucket | None:
    """One bucket of those in time order; None of none."""
    if not parts:
        return None
    high_text, low_text = parts[0].high, parts[0].low
    high, low, volume = Decimal(high_text), Decimal(low_text), Decimal(parts[0].volume)
    for part in parts[1:]:
        # Most of the time prices are the same texts: comparing these first is a quarter of the work.
        if part.high != high_text and (number := Decimal(part.high)) > high:
            high, high_text = number, part.high
        if part.low != low_text and (number := Decimal(part.low)) < low:
            low, low_text = number, part.low
        volume = _EXACT.add(volume, Decimal(part.volume))
    return Bucket(open_time, parts[0].open, high_text, low_text, format(volume, "f"))


class DayWindow:
    """The last 24 hours of one symbol but for the minutes whose seconds are still kept by its `LiveSymbol`."""

    __slots__ = ("_cached", "_minutes", "_quarters")

    def __init__(self) -> None:
        self._quarters: dict[int, Bucket] = {}
        self._minutes: dict[int, Bucket] = {}
        self._cached: Bucket | None = None

    def put_minute(self, bucket: Bucket) -> None:
        """A minute as it is now."""
        self._minutes[bucket.open_time] = bucket
        self._cached = None
        newest = max(self._minutes)
        if newest - min(self._minutes) >= _MINUTES_KEPT + QUARTER:
            self._roll(newest)

    def put_quarters(self, buckets: list[Bucket]) -> None:
        """Quarters that were stored. Those of which single minutes are known here stay as they are."""
        held = {time - time % QUARTER for time in self._minutes}
        self._quarters |= {bucket.open_time: bucket for bucket in buckets if bucket.open_time not in held}
        self._cached = None

    def whole(self, newest: int) -> Bucket | None:
        """The window that ends with the second ``newest`` (ms), without the seconds that are still kept."""
        start = (newest - WINDOW) // QUARTER * QUARTER
        if self._cached is None or self._cached.open_time != start:
            for time in [time for time in self._quarters if time < start]:
                del self._quarters[time]
            parts = [*self._quarters.values(), *(bucket for bucket in self._minutes.values() if bucket.open_time >= start)]
            self._cached = merged(start, sorted(parts, key=lambda bucket: bucket.open_time))
        return self._cached

    def _roll(self, newest: int) -> None:
        floor = newest // QUARTER * QUARTER - _MINUTES_KEPT
        old: dict[int, list[Bucket]] = {}
        for time in sorted(time for time in self._minutes if time < floor):
            old.setdefault(time // QUARTER * QUARTER, []).append(self._minutes.pop(time))
        for quarter, parts in old.items():
            bucket = merged(quarter, parts)
            assert bucket is not None
            self._quarters[quarter] = bucket


def ticker(live: LiveSymbol, window: DayWindow) -> Ticker | None:
    """The symbol as it is now; None before its first second."""
    newest = live.newest
    if newest is None:
        return None
    whole = window.whole(newest.open_time)
    recent = live.open_minutes()
    now = merged(0, recent if whole is None else [whole, *recent])
    if now is None:  # its last minute was folded away with the window: nothing came for a day
        return None
    return Ticker(newest.exchange, newest.symbol, newest.close, now.open, now.high, now.low, now.volume, newest.open_time)
