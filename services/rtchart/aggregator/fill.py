"""Intervals that a symbol got later, and ``3d`` once its anchor is known: filled from the candles that are stored.

An interval is whole when its candles reach back as far as those it is folded from. What is missing is folded from the newest
back, so its own first candle says where to go on, in the next run as well.
"""

from __future__ import annotations

from collections.abc import Mapping

from rtchart.aggregator.chain import chain
from rtchart.aggregator.levels import Folded, Levels
from rtchart.store import candles
from rtchart.store.candles import Period, Reach, Series, Span
from rtchart.store.database import Connection
from rtchart.store.history import MAX_PARAMETER

CHILDREN = 20_000
"""How many candles a transaction reads for added intervals, about."""


class Fill:
    """Fills step by step, each step a transaction."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def step(self, now: int) -> Folded | None:
        """Fold the next portion, at the time ``now`` (ms); None when every interval is whole."""
        series = await candles.read_series(self._connection)
        reach = await candles.read_short(
            self._connection,
            [
                (symbol_id, name, child.name)
                for symbol_id, one in series.items()
                for name, child in chain(one.intervals, one.listed_day).child.items()
                if child.name != "1s"
            ],
        )
        wanted = await self._missing(series, reach, now)
        if not wanted:
            return None
        async with self._connection.transaction(isolation="read_committed"):
            await candles.plan_lookups(self._connection)
            levels = Levels(self._connection, series, now)
            await levels.larger(wanted)
        return levels.folded

    async def _missing(self, series: Mapping[int, Series], reach: list[Reach], now: int) -> Mapping[str, set[Period]]:
        wanted: dict[str, set[Period]] = {}
        left = CHILDREN
        for symbol_id, name, first in reach:
            links = chain(series[symbol_id].intervals, series[symbol_id].listed_day)
            interval, child = links.own[name], links.child[name]
            floor = series[symbol_id].floor(child, now)
            times = await candles.read_times(
                self._connection, Span(symbol_id, child.name, floor, MAX_PARAMETER if first is None else first), limit=left
            )
            opens = {opened for time in times if (opened := interval.open_time(time)) >= floor}
            if opens:
                wanted[name] = wanted.get(name, set()) | {Period(symbol_id, opened) for opened in opens}
            left -= len(times)
            if left <= 0:
                break
        return wanted
