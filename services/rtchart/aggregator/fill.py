"""Intervals that a symbol got later, and ``3d`` once its anchor is known: filled from the candles that are stored.

An added interval is folded of everything that is stored, from the newest back, also when the symbol had it before: there is a
hole in its candles of the time between, and they are as old as their removal. How far that went is stored (``candle_fill``).
Any other interval is whole when its candles reach back as far as those it is folded from; its own first candle says where to
go on. Both go on in the next run where this one stopped.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from rtchart.aggregator.chain import chain
from rtchart.aggregator.levels import Folded, Levels
from rtchart.store import candles, fills, venue
from rtchart.store.candles import Period, Series, Span
from rtchart.store.database import Connection
from rtchart.store.fills import Missing

CHILDREN = 20_000
"""How many candles a transaction reads for added intervals, about."""


@dataclass
class _Portion:
    """What one transaction folds."""

    room: int
    """How many more candles it may read."""
    wanted: dict[str, set[Period]] = field(default_factory=dict)
    left: list[Missing] = field(default_factory=list)
    """What is missing of each interval when it is folded."""


class Fill:
    """Fills step by step, each step a transaction."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def step(self, now: int) -> Folded | None:
        """Fold the next portion, at the time ``now`` (ms); None when every interval is whole."""
        series = await candles.read_series(self._connection)
        added = await fills.read_added(self._connection)
        portion = _Portion(CHILDREN)
        await self._take(portion, series, added, now)
        progress = portion.left.copy()
        if portion.room > 0:
            noted = {(one.symbol_id, one.interval) for one in added}
            # Where the exchange's own minutes came, larger candles are short for a while: `aggregator.venue` folds them.
            busy = await venue.waiting(self._connection)
            pairs = [
                (symbol_id, name, child.name)
                for symbol_id, one in series.items()
                for name, child in chain(one.intervals, one.listed_day).child.items()
                if child.name != "1s" and (symbol_id, name) not in noted and symbol_id not in busy
            ]
            await self._take(portion, series, await fills.read_short(self._connection, pairs), now)
        if not portion.wanted and not progress:
            return None
        async with self._connection.transaction(isolation="read_committed"):
            await candles.plan_lookups(self._connection)
            levels = Levels(self._connection, series, now)
            await levels.larger(portion.wanted)
            if progress:
                await fills.advance(self._connection, progress)
        return levels.folded

    async def _take(self, portion: _Portion, series: Mapping[int, Series], missing: Iterable[Missing], now: int) -> None:
        """Put into the portion what it has room for."""
        for symbol_id, name, below in missing:
            if portion.room <= 0:
                return
            links = chain(series[symbol_id].intervals, series[symbol_id].listed_day)
            if name not in links.own:  # removed again, or 3d without its anchor
                continue
            interval, child = links.own[name], links.child[name]
            times: list[int] = []
            room = portion.room
            if child.name != "1s":  # minutes are folded whenever their seconds come
                floor = series[symbol_id].floor(child, now)
                times = await fills.read_times(self._connection, Span(symbol_id, child.name, floor, below), limit=room)
                if opens := {opened for time in times if (opened := interval.open_time(time)) >= floor}:
                    portion.wanted.setdefault(name, set()).update(Period(symbol_id, opened) for opened in opens)
            portion.room -= len(times)
            portion.left.append(Missing(symbol_id, name, interval.open_time(times[-1]) if len(times) == room else 0))
