"""Candles as they are asked for: what is stored, and over it what is live."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from rtchart.core.candle import Candle, of_second
from rtchart.core.gap import Gap
from rtchart.core.interval import MINUTE, MINUTES, SECOND, Interval
from rtchart.store import history as stored
from rtchart.store.database import MAX_PARAMETER, Connection
from rtchart.store.history import Close, Page, StoredSymbol
from rtchart.store.reader import Reader, Unread
from rtchart.web import parts
from rtchart.web.catalog import Catalog, Known
from rtchart.web.live import DAYS, HOURS, better, child_of
from rtchart.web.market import Entry, Market
from rtchart.web.parts import Parts

_LEVELS = (MINUTES, HOURS, DAYS)
MAX_GAPS = 500


@dataclass(frozen=True)
class View:
    """Candles oldest first, the gaps in their time, and whether the database's part is missing."""

    candles: list[Candle]
    gaps: list[Gap]
    partial: bool
    more: bool
    """Whether there is more in the direction that the page was cut at."""


@dataclass(frozen=True)
class Grid:
    """The closes of several symbols in the same periods, and whether the database's part is missing."""

    start: int
    """Open time of the first period."""
    closes: list[list[str | None]]
    """By symbol, as they were asked for, and period; None where there is no candle."""
    partial: bool


@dataclass(frozen=True)
class _Stored:
    candles: list[Candle] = field(default_factory=list)
    gaps: list[Gap] = field(default_factory=list)
    loaded: Parts | None = None


class Views:
    """Composes views. ``clock`` gives milliseconds."""

    def __init__(self, market: Market, catalog: Catalog, history: Reader, clock: Callable[[], int]) -> None:
        self._market = market
        self._catalog = catalog
        self._history = history
        self._clock = clock

    async def candles(
        self, known: Known, interval: Interval, page: Page, *, gaps: bool = False, revised: Iterable[Candle] = ()
    ) -> View:
        """The page of candles, live ones included.

        ``revised`` is read when the database has answered: stored candles that changed in the meantime.
        """
        entry = self._market.entry(known.identity)
        now = entry.looked_at = self._clock()
        partial = False
        # One more than asked for tells whether there is more.
        wider = replace(page, limit=page.limit + 1)
        try:
            found = await self._history.read(
                lambda connection: self._read(connection, entry, known, interval, wider, gaps, now)
            )
        except Unread:
            found, partial = _Stored(), True
        if found.loaded is not None:
            entry.live.load(found.loaded.level, found.loaded.candles, found.loaded.seconds)
        for gap in found.gaps:
            if gap.state == "open":
                entry.gaps.take(gap)
        candles = self._merge(entry, interval, wider, found.candles, revised)
        more = len(candles) > page.limit
        candles = candles[-page.limit :] if page.newest else candles[: page.limit]
        return View(candles, _with_live(found.gaps, entry, candles, interval), partial, more)

    async def closes(self, asked: Sequence[Known], interval: Interval, limit: int) -> Grid:
        """The last ``limit`` closes of each symbol, live ones included. The last period is the one that is forming now.

        ``interval``: 1m or more, and the same periods for all symbols, which ``3d`` has not.
        """
        now = self._clock()
        times = [interval.open_time(now)]
        while len(times) < limit:
            times.append(interval.previous_open(times[-1]))
        times.reverse()
        found: dict[int, dict[int, Close]] = {}
        partial = False
        try:
            found = await self._history.read(lambda connection: self._read_closes(connection, asked, interval, times))
        except Unread:
            partial = True
        rows = []
        for known in asked:
            held = found.get(known.stored.symbol_id, {}) if known.stored is not None else {}
            closes = {time: close.close for time, close in held.items()}
            if (entry := self._market.get(known.identity)) is not None:
                closes |= _live_closes(entry, interval, times[0], now, held)
            rows.append([closes.get(time) for time in times])
        return Grid(times[0], rows, partial)

    async def symbol(self, connection: Connection, known: Known) -> StoredSymbol | None:
        """The symbol's row; None while nothing of it is stored."""
        (row,) = await self.symbols(connection, [known])
        return row

    async def symbols(self, connection: Connection, asked: Sequence[Known]) -> list[StoredSymbol | None]:
        """Those of several."""
        if any(known.stored is None for known in asked):
            self._catalog.stored(await stored.symbols(connection))
        return [known.stored for known in asked]

    async def _read(
        self, connection: Connection, entry: Entry, known: Known, interval: Interval, page: Page, gaps: bool, now: int
    ) -> _Stored:
        symbol = await self.symbol(connection, known)
        if symbol is None:
            return _Stored(loaded=Parts(child_of(interval)))
        if interval.length == SECOND:
            candles = [of_second(kline) for kline in await stored.klines(connection, symbol, page)]
            loaded = None
        else:
            candles = await stored.candles(connection, symbol.symbol_id, interval, page, now=now)
            loaded = await self._load(connection, entry, symbol, interval, now)
        found = []
        if gaps:
            start = candles[0].open_time if candles else max(page.start, 0)
            found = await stored.gaps(connection, symbol.symbol_id, Page(start, page.end, MAX_GAPS))
        return _Stored(candles, found, loaded)

    async def _read_closes(
        self, connection: Connection, asked: Sequence[Known], interval: Interval, times: Sequence[int]
    ) -> dict[int, dict[int, Close]]:
        rows = await self.symbols(connection, asked)
        symbol_ids = {row.symbol_id for row in rows if row is not None}
        return await stored.closes(connection, sorted(symbol_ids), interval, times[0], times[-1] + 1)

    async def _load(
        self, connection: Connection, entry: Entry, symbol: StoredSymbol, interval: Interval, now: int
    ) -> Parts | None:
        level = child_of(interval)
        held = entry.live.loaded
        if held is not None and _LEVELS.index(held) >= _LEVELS.index(level):
            return None
        return await parts.read(connection, symbol, level, now)

    def _merge(
        self, entry: Entry, interval: Interval, page: Page, found: list[Candle], revised: Iterable[Candle]
    ) -> list[Candle]:
        by_time = {candle.open_time: candle for candle in found}
        cut = len(found) >= page.limit
        start = max(page.start, found[0].open_time if cut and page.newest else 0)
        end = min(page.end, found[-1].open_time + 1 if cut and not page.newest else MAX_PARAMETER)
        for candle in revised:
            held = by_time.get(candle.open_time)
            if start <= candle.open_time < end and (held is None or candle.revision > held.revision):
                by_time[candle.open_time] = candle
        for candle in entry.live.candles(interval, start, self._clock()):
            if candle.open_time < end:
                by_time[candle.open_time] = better(by_time.get(candle.open_time), candle) or candle
        return [by_time[time] for time in sorted(by_time)]


def _with_live(found: list[Gap], entry: Entry, candles: list[Candle], interval: Interval) -> list[Gap]:
    gaps = {(gap.start, gap.end, gap.state): gap for gap in found}
    if candles:
        start, end = candles[0].open_time, interval.next_open(candles[-1].open_time)
        for gap in entry.gaps.gaps():
            if gap.start < end and gap.end > start:
                gaps.setdefault((gap.start, gap.end, gap.state), gap)
    return sorted(gaps.values(), key=lambda gap: gap.start)


def _live_closes(entry: Entry, interval: Interval, start: int, now: int, found: Mapping[int, Close]) -> dict[int, str]:
    """By open time, the closes of live candles that count, and not the stored ones of ``found``.

    A close is that of the last minute, so no stored parts need to be loaded: where the last minute of a period is live, or the
    newest of all, nothing that is stored is later. Elsewhere the candle with more received seconds counts, as always.
    """
    minutes = [candle.open_time for candle in entry.live.candles(MINUTES, start, now)]
    last = {interval.open_time(minute): minute for minute in minutes}
    closes: dict[int, str] = {}
    for candle in entry.live.candles(interval, start, now):
        held, minute = found.get(candle.open_time), last.get(candle.open_time)
        latest = minute in (minutes[-1], interval.next_open(candle.open_time) - MINUTE)
        if held is None or latest or candle.received > held.received:
            closes[candle.open_time] = candle.close
    return closes
