"""A generated market: every second of a symbol is a pure function of (seed, symbol, second).

So nothing is stored, any second of any day can be asked for, and a simulator that starts again goes on in the same series.
Prices come from noise on several scales (month, week, day, four hours, hour), bridged over the hour's minutes; a minute takes
its sixty seconds from a `shape`. The hour is the unit that is remembered. A minute is a formula of some twenty terms, so a
candle of a day is folded from 1,440 of them in milliseconds, and equals the fold of its 86,400 seconds exactly.
"""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Iterator
from functools import lru_cache
from typing import NamedTuple, Protocol

from rtchart.core.interval import DAY, HOUR, MINUTE, SECOND
from rtchart.sim.figures import DECIMALS, Figures, flat, total
from rtchart.sim.listing import Listing
from rtchart.sim.shape import SHAPES, STEPS, Shape, shapes


class Series(Protocol):
    """All seconds of one symbol. Times are whole seconds in milliseconds."""

    def second(self, time: int) -> Figures | None:
        """The second that opens at ``time``; `None` where there is none."""

    def span(self, start: int, end: int) -> Figures | None:
        """What the seconds of ``[start, end)`` add up to; `None` when there is none among them."""

    def delay(self, time: int) -> int:
        """How long after its close time the second is published (ms)."""


# (period in hours, swing in parts per million): from the month down to the hour.
_SCALES = ((720, 120_000), (168, 60_000), (24, 25_000), (4, 9_000), (1, 4_000))
_MILLION = 1_000_000
_MINUTES = 60
_IDS_PER_MINUTE = 1_000_000
# Heavy-tailed: half of the minutes trade less than the usual volume, a few in a hundred ten times as much.
_BUSTLE = tuple(max(2, round(16 * (256 / (256 - index) - 0.9))) if index < 250 else 400 for index in range(256))
_EARLIEST, _LATEST = 2, 49  # ms after the close time (observed)


class _Minute(NamedTuple):
    """What turns a shape into the seconds of a minute. Prices in ticks, volumes in lots."""

    open: int
    drifts: tuple[int, ...]
    """How far the price has drifted after each step."""
    wiggle: int
    lots: int
    """Of a weight of 1."""
    bustle: int
    """Trades for each of the shape's."""
    first_trade: int
    shape: Shape


class Walk:
    """The generated series of one listing."""

    def __init__(self, listing: Listing, seed: int) -> None:
        self._listing = listing
        self._key = hashlib.blake2b(f"{seed}/{listing.symbol}".encode(), digest_size=16).digest()
        self._shapes = shapes(seed, listing.calm)
        self._phase = self._key[0]
        self._tick = 10 ** (DECIMALS - listing.price_decimals)
        self._lot = 10 ** (DECIMALS - listing.lot_decimals)
        self._product = 10 ** (DECIMALS - listing.price_decimals - listing.lot_decimals)
        # A weight is 30 on average, and a bustle 64.
        self._lots = max(1, listing.turnover * 10 ** (listing.price_decimals + listing.lot_decimals) // (listing.price * 30))
        self._at = -1
        self._minute: _Minute

    def delay(self, time: int) -> int:
        return _EARLIEST + (self._phase + time // SECOND * 29) % (_LATEST - _EARLIEST + 1)

    def second(self, time: int) -> Figures:
        at = time // MINUTE
        if at != self._at:  # seconds are mostly asked for in order
            self._minute, self._at = self._minute_of(at), at
        opened, drifts, wiggle, lots, bustle, first_trade, shape = self._minute
        index = time // SECOND % _MINUTES
        step, relative, up, down, weight, buy, trades, trades_before = shape.moments[index]
        close = opened + drifts[step] + wiggle * relative
        if not trades:
            return flat(close * self._tick)
        if index:
            before = shape.moments[index - 1]
            opened += drifts[before.step] + wiggle * before.close
        high, low = close + wiggle * up, close - wiggle * down
        volume, taken, first = weight * lots, buy * lots, first_trade + trades_before * bustle
        tick, lot, product = self._tick, self._lot, self._product
        return Figures(
            opened * tick,
            (high if high > opened else opened) * tick,
            (low if low < opened else opened) * tick,
            close * tick,
            volume * lot,
            volume * close * product,
            trades * bustle,
            taken * lot,
            taken * close * product,
            first,
            first + trades * bustle - 1,
        )

    def span(self, start: int, end: int) -> Figures | None:
        return total(self._parts(start, end))

    def _parts(self, start: int, end: int) -> Iterator[Figures]:
        """The fewest remembered or computed pieces that make up ``[start, end)``."""
        time = start
        while time < end:
            if time % MINUTE or time + MINUTE > end:
                yield self.second(time)
                time += SECOND
            elif time % HOUR or time + HOUR > end:
                yield self.minute(time)
                time += MINUTE
            elif time % DAY or time + DAY > end:
                yield _hour(self, time)
                time += HOUR
            else:
                yield _day(self, time)
                time += DAY

    def minute(self, time: int) -> Figures:
        """The fold of the minute's seconds, without making them."""
        opened, drifts, wiggle, lots, bustle, first_trade, shape = self._minute_of(time // MINUTE)
        high = low = opened
        moved = shape.moved * wiggle + opened * shape.weight
        buy_moved = shape.buy_moved * wiggle + opened * shape.buy
        for step, top, bottom, weight, buy in shape.stretches:
            drift = drifts[step]
            moved += drift * weight
            buy_moved += drift * buy
            if (up := opened + drift + wiggle * top) > high:
                high = up
            if (down := opened + drift + wiggle * bottom) < low:
                low = down
        return Figures(
            opened * self._tick,
            high * self._tick,
            low * self._tick,
            (opened + drifts[STEPS]) * self._tick,
            shape.weight * lots * self._lot,
            moved * lots * self._product,
            shape.trades * bustle,
            shape.buy * lots * self._lot,
            buy_moved * lots * self._product,
            first_trade,
            first_trade + shape.trades * bustle - 1,
        )

    def _minute_of(self, at: int) -> _Minute:
        """The minute that is the ``at``-th since the epoch."""
        hour, index = divmod(at, _MINUTES)
        opens, chances = _course(self, hour)
        opened = opens[index]
        drift = opens[index + 1] - opened
        which, busy, wild = chances[3 * index : 3 * index + 3]
        bustle = _BUSTLE[busy]
        return _Minute(
            opened,
            tuple([drift * step // STEPS for step in range(STEPS + 1)]),
            max(1, opened * (10 + wild // 8) // _MILLION),
            max(1, self._lots * bustle // 64),
            1 + bustle // 16,
            at * _IDS_PER_MINUTE,
            self._shapes[which % SHAPES],
        )

    def course(self, hour: int) -> tuple[list[int], bytes]:
        """Where the hour's minutes open and where the last one closes, in ticks; and three chances for each minute."""
        chances = hashlib.shake_128(self._key + struct.pack(">q", hour)).digest(4 * _MINUTES)
        start, end = self._price(hour), self._price(hour + 1)
        steps = chances[3 * _MINUTES :]
        walked = [0]
        for step in steps:
            walked.append(walked[-1] + step - 128)
        excess = walked[-1]
        scale = 128 * 2_000  # a step of 128 is 0.05 %
        return [
            start + ((end - start) * index + start * (at * _MINUTES - excess * index) // scale) // _MINUTES
            for index, at in enumerate(walked)
        ], chances

    def _price(self, hour: int) -> int:
        """The price at the beginning of an hour, in ticks."""
        swing = 0
        for period, size in _SCALES:
            at, rest = divmod(hour, period)
            left, right = self._chance(period, at), self._chance(period, at + 1)
            swing += size * (left * (period - rest) + right * rest) // (period << 15)
        return self._listing.price * (_MILLION + swing) // _MILLION

    def _chance(self, period: int, at: int) -> int:
        """A number from -32768 to 32767, for a point of a scale."""
        return int.from_bytes(hashlib.blake2b(struct.pack(">qq", period, at), key=self._key, digest_size=2).digest()) - 32768


# Remembered for all symbols together: what a stream of 2,000 and the charts beside it go back to. An entry of the first is
# about 3 kB, of the others 700 bytes.


@lru_cache(maxsize=8_192)
def _course(walk: Walk, hour: int) -> tuple[list[int], bytes]:
    return walk.course(hour)


@lru_cache(maxsize=32_768)
def _hour(walk: Walk, time: int) -> Figures:
    whole = total(walk.minute(minute) for minute in range(time, time + HOUR, MINUTE))
    assert whole is not None
    return whole


@lru_cache(maxsize=32_768)
def _day(walk: Walk, time: int) -> Figures:
    whole = total(_hour(walk, hour) for hour in range(time, time + DAY, HOUR))
    assert whole is not None
    return whole
