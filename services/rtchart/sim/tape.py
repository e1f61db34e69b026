"""What there is of the market at a time: its seconds from the beginning of history until now, less what is absent."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import islice

from rtchart.core.gap import Range, normal, subtract
from rtchart.core.interval import SECOND, Interval
from rtchart.sim.figures import Figures, flat, total
from rtchart.sim.walk import Series

Row = tuple[int, Figures]
"""A kline of any interval: its open time (ms) and its figures."""


class Tape:
    """The exchange's memory. ``begin`` (ms) is the open time of the oldest second it has of any symbol."""

    def __init__(self, series: Mapping[str, Series], begin: int) -> None:
        self.series = series
        self.begin = begin
        self._absent: dict[str, list[Range]] = {}

    def absent(self, symbol: str, start: int, end: int) -> None:
        """From now on there are no seconds ``[start, end)`` of the symbol, and never were."""
        self._absent[symbol] = normal([*self._absent.get(symbol, ()), (start, end)])

    def present(self, symbol: str, start: int, end: int) -> None:
        """Take back `absent` for these seconds."""
        self._absent[symbol] = subtract(self._absent.get(symbol, ()), [(start, end)])

    def second(self, symbol: str, time: int) -> Figures | None:
        """The second that opens at ``time``, whole; `None` where there is none."""
        if time < self.begin or any(start <= time < end for start, end in self._absent.get(symbol, ())):
            return None
        return self.series[symbol].second(time)

    def span(self, symbol: str, start: int, end: int, now: int) -> Figures | None:
        """What ``[start, end)`` adds up to at the time ``now``.

        The second under way counts as the price that it opened at, without a trade, as if all its trades were still to come.
        """
        current = now - now % SECOND
        closed = [(max(start, self.begin), min(end, current))]
        parts = [self.series[symbol].span(*part) for part in subtract(closed, self._absent.get(symbol, ()))]
        if start <= current < end and (opening := self.second(symbol, current)) is not None:
            parts.append(flat(opening.open))
        return total(part for part in parts if part is not None)

    def rows(self, symbol: str, interval: Interval, start: int | None, end: int | None, limit: int, now: int) -> list[Row]:
        """At most ``limit`` klines that open in ``[start, end]``, oldest first; the last one may be under way.

        The oldest ones when ``start`` is given, else the newest ones (Binance, REST API, Kline/Candlestick data).
        """
        last = now if end is None else min(end, now)
        first = self.begin if start is None else start
        if first > last:
            return []
        # Wide enough for a kline whose only seconds come before `first` or after `last`, which are times of opening.
        low, high = max(self.begin, interval.open_time(first)), min(now + 1, interval.next_open(last))
        opens = self._opens(symbol, interval, low, high, start is None)
        rows = (
            (time, figures)
            for time in opens
            if (start is None or time >= start)
            and time <= last
            and (figures := self.span(symbol, time, interval.next_open(time), now)) is not None
        )
        found = list(islice(rows, limit))
        return found[::-1] if start is None else found

    def _opens(self, symbol: str, interval: Interval, low: int, high: int, backwards: bool) -> Iterator[int]:
        """Open times of the klines with a second in ``[low, high)`` that is not absent; each once."""
        there = subtract([(low, high)], self._absent.get(symbol, ()))
        last = None
        for start, end in reversed(there) if backwards else there:
            time = interval.open_time(end - 1 if backwards else start)
            while time < end if not backwards else interval.next_open(time) > start:
                if time != last:
                    yield time
                last = time
                time = interval.previous_open(time) if backwards else interval.next_open(time)
