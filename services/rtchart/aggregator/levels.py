"""Folding: minutes of stored seconds, then each larger interval of the candles below it.

Each level is read in a statement of its own, after the level below was written; one transaction holds them all. The fold is
`rtchart.core.candle.fold`: there is none in SQL.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

from rtchart.aggregator.chain import chain
from rtchart.core.candle import Candle, fold, standing
from rtchart.core.interval import INTERVALS, MINUTES, Interval
from rtchart.store import candles
from rtchart.store.candles import Period, Series, Span, Written
from rtchart.store.database import Connection

P = TypeVar("P")
R = TypeVar("R")

READ_AT_ONCE = 12_000
"""Seconds or candles that one statement reads: it bounds the memory."""


@dataclass
class Folded:
    """What was done."""

    minutes: int = 0
    """Of one symbol each, folded from their seconds."""
    candles: int = 0
    """Of all intervals, folded."""
    revisions: int = 0
    """Candles that were new or had changed."""
    streamed_minutes: frozenset[int] = frozenset()
    """Minutes of which a candle is there for the first time whose seconds all came as they passed: no repair, no history."""


class Levels:
    """The fold of a set of changes through all levels, inside the transaction of ``connection``, at the time ``now`` (ms)."""

    def __init__(self, connection: Connection, series: Mapping[int, Series], now: int, *, of_old: bool = False) -> None:
        """``of_old``: also of candles that are past their retention. They came later than that, and are there."""
        self._connection = connection
        self._series = series
        self._now = now
        self._of_old = of_old
        self._wanted: dict[str, set[Period]] = {name: set() for name in INTERVALS}
        self.folded = Folded()

    async def minutes(self, minutes: Sequence[Period]) -> None:
        """Fold these minutes from their seconds, and all that is made of them."""
        made: list[tuple[int, Candle]] = []
        size = READ_AT_ONCE // 60
        parts = [minutes[at : at + size] for at in range(0, len(minutes), size)]
        async for found in _read_ahead(lambda part: candles.read_seconds(self._connection, part), parts):
            for period, seconds in found.items():
                if candle := fold(MINUTES, seconds):
                    made.append((period.symbol_id, candle))
        written = await self._write(MINUTES, await self._knowing_more(made))
        streamed = {(symbol_id, candle.open_time) for symbol_id, candle in made if candle.source == "stream"}
        self.folded.streamed_minutes = frozenset(
            change.open_time for change in written if change.revision == 1 and (change.symbol_id, change.open_time) in streamed
        )
        self.folded.minutes = len(minutes)
        await self.larger()

    async def larger(self, wanted: Mapping[str, Iterable[Period]] | None = None) -> None:
        """Fold these periods of larger intervals, by their names, and all that is made of them."""
        for name, periods in (wanted or {}).items():
            self._wanted[name].update(periods)
        for name in INTERVALS:
            if self._wanted[name]:
                periods, self._wanted[name] = sorted(self._wanted[name]), set()
                await self._level(name, periods)

    async def _level(self, name: str, periods: Sequence[Period]) -> None:
        made: list[tuple[int, Candle]] = []
        for part in self._parts(name, periods):
            children = await candles.read_candles(self._connection, [span for span, _ in part])
            for (span, interval), found in zip(part, children, strict=True):
                if candle := fold(interval, found):
                    made.append((span.symbol_id, candle))
        await self._write(INTERVALS[name], made)

    def _parts(self, name: str, periods: Iterable[Period]) -> Iterator[list[tuple[Span, Interval]]]:
        """What the periods that can be folded are made of, each with its own interval, in portions to read at once."""
        part: list[tuple[Span, Interval]] = []
        size = 0
        for period in periods:
            series = self._series[period.symbol_id]
            links = chain(series.intervals, series.listed_day)
            interval, child = links.own[name], links.child[name]
            # A child that retention has taken would be missing in the sum.
            if period.open_time < series.floor(child, self._now) and not self._of_old:
                continue
            end = interval.next_open(period.open_time)
            part.append((Span(period.symbol_id, child.name, period.open_time, end), interval))
            size += (end - period.open_time) // child.length
            if size >= READ_AT_ONCE:
                yield part
                part, size = [], 0
        if part:
            yield part

    async def _write(self, interval: Interval, made: Sequence[tuple[int, Candle]]) -> list[Written]:
        written = await candles.write(self._connection, interval.name, made)
        self.folded.candles += len(made)
        self.folded.revisions += len(written)
        for change in written:
            series = self._series[change.symbol_id]
            for parent in chain(series.intervals, series.listed_day).parents[interval.name]:
                self._wanted[parent.name].add(Period(change.symbol_id, parent.open_time(change.open_time)))
        return written

    async def _knowing_more(self, made: list[tuple[int, Candle]]) -> list[tuple[int, Candle]]:
        """Without the minutes below the raw floor whose candle stands as well: some of their seconds may be gone since.

        Nothing below the floor is inserted, so these are minutes that waited for the aggregator all that time: retention
        has kept them for it.
        """
        old = [
            Period(symbol_id, candle.open_time)
            for symbol_id, candle in made
            if candle.open_time < self._series[symbol_id].raw_floor(self._now)
        ]
        if not old:
            return made
        stored = {**dict.fromkeys(old, (0, False)), **await candles.read_standing(self._connection, old)}
        return [
            (symbol_id, candle)
            for symbol_id, candle in made
            if standing(candle) > stored.get(Period(symbol_id, candle.open_time), (0, False))
        ]


async def _read_ahead(read: Callable[[P], Awaitable[R]], parts: Iterable[P]) -> AsyncIterator[R]:
    """What is read for each part. The database works on the next one while the caller folds this one."""
    ahead: asyncio.Future[R] | None = None
    try:
        for part in parts:
            found = await ahead if ahead else None
            ahead = asyncio.ensure_future(read(part))
            await asyncio.sleep(0)  # so that the query leaves before the caller is busy
            if found is not None:
                yield found
        if ahead:
            yield await ahead
    finally:
        if ahead and not ahead.done():
            ahead.cancel()
            await asyncio.gather(ahead, return_exceptions=True)
