"""How whole every symbol's last day is: its status, its newest second and its gaps, in one answer that all who ask share."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence

import msgspec

from rtchart.core.gap import common, count
from rtchart.core.interval import DAY, SECOND
from rtchart.core.kline import Identity
from rtchart.store import overview
from rtchart.store.database import Connection
from rtchart.store.overview import Lately
from rtchart.store.reader import Reader, Unread
from rtchart.web.catalog import Catalog, Known
from rtchart.web.market import Market
from rtchart.web.protocol import Status
from rtchart.web.views import Views

SHARED = 1.0
"""Seconds that an answer is given to all who ask, so that the database is asked once however many they are."""

_NO_GAPS = Lately(open=0, repaired=0, absent=0, missing=0)


class SymbolHealth(msgspec.Struct, frozen=True):
    """A symbol that is asked for. ``open``, ``repaired``, ``absent``: how many of its gaps overlap the time, by state."""

    exchange: str
    symbol: str
    status: Status
    newest: int | None
    """Open time of its newest second; null when there is none."""
    open: int
    repaired: int
    absent: int
    missing: int
    """Seconds of the time that lie in open and absent gaps; what has come of an open one so far counts until it is whole."""


class HealthTable(msgspec.Struct, frozen=True):
    """How whole the time from ``since`` to ``time`` (ms), 24 hours, is of every symbol that is asked for, by name."""

    time: int
    since: int
    symbols: list[SymbolHealth]
    partial: bool = False
    """The database did not answer: of the gaps these are the open ones that the server itself saw."""


class Wholeness:
    """Makes the answer. ``clock`` gives milliseconds."""

    def __init__(self, catalog: Catalog, market: Market, views: Views, history: Reader, clock: Callable[[], int]) -> None:
        self._catalog = catalog
        self._market = market
        self._views = views
        self._history = history
        self._clock = clock
        self._making: asyncio.Task[HealthTable] | None = None
        self._good_until = 0.0

    async def table(self) -> HealthTable:
        """The answer, at most `SHARED` old."""
        if self._making is None or (self._making.done() and asyncio.get_running_loop().time() >= self._good_until):
            self._making = asyncio.create_task(self._make())
        return await asyncio.shield(self._making)  # who waits may go: the others still want it

    async def _make(self) -> HealthTable:
        now = self._clock() // SECOND * SECOND
        since = now - DAY
        wanted = self._catalog.desired()
        newest = self._newest(wanted)
        partial = False
        try:
            seconds, gaps = await self._history.read(lambda connection: self._read(connection, wanted, newest, since, now))
            newest = seconds | newest
        except Unread:
            gaps, partial = self._live_gaps(wanted, since, now), True
        symbols = [
            SymbolHealth(
                exchange=known.identity.exchange,
                symbol=known.identity.symbol,
                status=self._catalog.info(known, None, now).status,
                newest=newest.get(known.identity),
                **gaps.get(known.identity, _NO_GAPS)._asdict(),
            )
            for known in wanted
        ]
        self._good_until = asyncio.get_running_loop().time() + SHARED
        return HealthTable(now, since, symbols, partial)

    async def _read(
        self, connection: Connection, wanted: Sequence[Known], newest: Mapping[Identity, int], since: int, now: int
    ) -> tuple[dict[Identity, int], dict[Identity, Lately]]:
        """The newest stored seconds of symbols of which none came since the server started, and the gaps of all."""
        ids = {row.symbol_id: row.identity for row in await self._views.symbols(connection, wanted) if row is not None}
        unseen = [symbol_id for symbol_id, identity in ids.items() if identity not in newest]
        seconds = await overview.newest_seconds(connection, unseen)
        gaps = await overview.lately(connection, list(ids), since, now)
        return {ids[i]: time for i, time in seconds.items()}, {ids[i]: found for i, found in gaps.items()}

    def _newest(self, wanted: Sequence[Known]) -> dict[Identity, int]:
        entries = (self._market.get(known.identity) for known in wanted)
        seen = (entry for entry in entries if entry is not None)
        return {entry.identity: entry.live.newest.open_time for entry in seen if entry.live.newest is not None}

    def _live_gaps(self, wanted: Sequence[Known], since: int, now: int) -> dict[Identity, Lately]:
        found: dict[Identity, Lately] = {}
        for known in wanted:
            if (entry := self._market.get(known.identity)) is not None:
                ranges = [(gap.start, gap.end) for gap in entry.gaps.gaps() if gap.start < now and gap.end > since]
                missing = count(common(ranges, [(since, now)]))
                found[known.identity] = _NO_GAPS._replace(open=len(ranges), missing=missing)
        return found
