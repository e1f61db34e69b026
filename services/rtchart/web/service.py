"""The web service: what it is made of, and what runs beside the HTTP server."""

from __future__ import annotations

import asyncio
import logging
import socket
from collections.abc import Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass, field, replace

from rtchart.broker.admin import ensure_topics
from rtchart.broker.cluster import Cluster
from rtchart.broker.table import Table
from rtchart.broker.topics import CANDLES, KLINES, STREAMS, SYMBOLS
from rtchart.core.interval import MINUTE
from rtchart.core.messages import StreamState
from rtchart.core.symbol import DesiredSymbol
from rtchart.process.clock import now_ms
from rtchart.process.health import Health
from rtchart.process.run import until_stopped
from rtchart.process.tracing import Traces
from rtchart.store import history as stored
from rtchart.store import offsets
from rtchart.store.database import Connection
from rtchart.store.reader import Reader, Unread
from rtchart.web import metrics, page, server
from rtchart.web.admission import Rules
from rtchart.web.api import Sources
from rtchart.web.app import create_app
from rtchart.web.catalog import Catalog
from rtchart.web.feed import SILENT, Klines, always, follow_revisions
from rtchart.web.hub import Hub
from rtchart.web.listening import listen
from rtchart.web.market import Market
from rtchart.web.tickers import QUARTER, WINDOW, bucket_of
from rtchart.web.views import Views

log = logging.getLogger(__name__)

SWEEP = 0.1
"""Seconds between looks at what is due: candles to close, minutes to fold, clients to cut off."""

SEALS_A_SWEEP = 50
"""Symbols whose late minutes are folded in one sweep, so that a minute's turn does not hold everybody up."""

STATUSES = 0.5
"""Seconds between looks at the symbols' statuses."""

WINDOW_REFRESH = 300.0
"""Seconds between reads of the stored minutes of the last half hour, for the tickers."""

DATABASE_PATIENCE = 5.0
"""Seconds that the start waits for the database before it serves without."""


@dataclass(frozen=True)
class Settings:
    """What the service is told."""

    database: str
    host: str = "127.0.0.1"
    port: int = 8000
    rules: Rules = field(default_factory=Rules)
    page: page.Site | None = None


class Web:
    """The service's parts, made and joined; ``sources`` is what the application reads."""

    def __init__(
        self,
        cluster: Cluster,
        settings: Settings,
        health: Health,
        clock: Callable[[], int] = now_ms,
        *,
        traces: Traces | None = None,
    ) -> None:
        self._cluster = cluster
        self._settings = settings
        self._health = health
        self._clock = clock
        self.catalog = Catalog()
        self.market = Market(self.catalog)
        self.hub = Hub(self.market, clock)
        self.history = Reader(settings.database, service="web")
        self.klines = Klines(cluster, self.market, self.hub, traces)
        views = Views(self.market, self.catalog, self.history, clock)
        self.sources = Sources(
            self.catalog, self.market, self.hub, views, self.history, clock, lambda: self.klines.lag, lambda: health.reasons
        )
        self._wished = asyncio.Event()
        # Kept, because a table that is followed again tells what ended in between.
        self._wishes = Table(cluster, SYMBOLS, DesiredSymbol)
        self._states = Table(cluster, STREAMS, StreamState)

    async def serve(self, stopping: asyncio.Event, listening: socket.socket) -> None:
        """Run until ``stopping`` is set, then close all sockets with 1001 and return. Raises `UserError` (no broker)."""
        await ensure_topics(self._cluster, (KLINES, CANDLES, SYMBOLS, STREAMS))
        content = self._settings.page or page.load()
        app = create_app(self.sources, self._health, content, self._settings.rules)
        served = asyncio.Event()
        async with AsyncExitStack() as stack:
            stack.push_async_callback(self.history.close)
            background = asyncio.create_task(until_stopped(served, *self._work()))
            stack.callback(background.cancel)
            serving = asyncio.create_task(server.run(app, listening, served))
            waiting = asyncio.create_task(stopping.wait())
            try:
                await asyncio.wait({background, serving, waiting}, return_when=asyncio.FIRST_COMPLETED)
                self._health.unready("draining", "it shuts down")
                await self.hub.drain()
            finally:
                served.set()
                waiting.cancel()
                await asyncio.gather(serving, background, return_exceptions=True)
            for task in (background, serving):
                if not task.cancelled() and (error := task.exception()) is not None:
                    raise error

    def _work(self) -> list[asyncio.Future[None]]:
        cluster = self._cluster
        work = [
            self.history.keep(self._database_back),
            always("reading klines", self._follow_klines),
            always("reading revisions", lambda: follow_revisions(cluster, self.hub)),
            always("reading what is asked for", self._follow_wishes),
            always("reading the streams' states", self._follow_states),
            self.klines.measure_lag(),
            self._sweep(),
            self._keep_statuses(),
            self._watch(),
            self._keep_windows(),
        ]
        return [asyncio.ensure_future(item) for item in work]

    # ── what flows in ────────────────────────────────────────────────────────────────────────────────────────────────

    async def _follow_klines(self) -> None:
        try:
            async with asyncio.timeout(DATABASE_PATIENCE):
                await self.history.asked.wait()
        except TimeoutError:
            log.warning("the database has not answered yet; starting without it")
        await self._wished.wait()
        await self.klines.follow(await self._stored_offsets())

    async def _stored_offsets(self) -> dict[int, int] | None:
        cluster_id = await self._cluster.cluster_id()
        try:
            return await self.history.read(lambda c: offsets.load(c, cluster_id, self._cluster.name(KLINES)))
        except Unread:
            return None

    async def _follow_wishes(self) -> None:
        async for changes in self._wishes.follow():
            for identity in self.catalog.wish(changes):
                if (entry := self.market.drop(identity)) is not None:
                    self.hub.gone(entry)
            self.market.refresh_epochs()
            self._wished.set()
            if changes:
                self.hub.announce(self.sources.infos())

    async def _follow_states(self) -> None:
        async for changes in self._states.follow():
            self.catalog.observe(changes)

    # ── the database ─────────────────────────────────────────────────────────────────────────────────────────────────

    async def _database_back(self) -> None:
        self.catalog.stored(await self.history.read(stored.symbols))
        self.hub.resync_partial()

    async def refresh_windows(self, *, whole: bool) -> None:
        """Read the tickers' last half hour, or all of their 24 hours. Raises `Unread`."""
        await self.history.read(lambda connection: self._read_windows(connection, whole))

    async def _keep_windows(self) -> None:
        read = False
        while True:
            try:
                await self.refresh_windows(whole=not read)
                read = True
                await asyncio.sleep(WINDOW_REFRESH)
            except Unread:
                await asyncio.sleep(1)

    async def _read_windows(self, connection: Connection, whole: bool) -> None:
        recent = self._clock() // QUARTER * QUARTER - QUARTER
        if whole:
            for identity, buckets in (await stored.buckets(connection, QUARTER, recent - WINDOW - QUARTER, recent)).items():
                if (entry := self.market.get(identity)) is not None:
                    entry.window.put_quarters(buckets)
        for identity, buckets in (await stored.buckets(connection, MINUTE, recent, self._clock())).items():
            if (entry := self.market.get(identity)) is not None:
                kept = {candle.open_time for candle in entry.live.open_minutes()}
                for bucket in buckets:
                    if bucket.open_time not in kept:
                        entry.window.put_minute(bucket)

    # ── what is due ──────────────────────────────────────────────────────────────────────────────────────────────────

    async def _sweep(self) -> None:
        entries = iter(self.market)
        while True:
            self.hub.sweep()
            # Not while what came before the start is read: its minutes are late by the clock, and each would end with the
            # seconds that have been read so far.
            for _ in range(SEALS_A_SWEEP if self.klines.caught_up else 0):
                entry = next(entries, None)
                if entry is None:
                    entries = iter(self.market)
                    break
                for candle in entry.live.seal(self._clock()):
                    entry.window.put_minute(bucket_of(candle))
            metrics.symbols.set(len(self.market))
            await asyncio.sleep(SWEEP)

    async def _keep_statuses(self) -> None:
        """Tell of every status that turned, also by the silence of a producer that was killed."""
        while True:
            if self.catalog.turned(self._clock()):
                self.hub.announce(self.sources.infos())
            await asyncio.sleep(STATUSES)

    async def _watch(self) -> None:
        """Keep the readiness right: ready when caught up, and not while asked-for symbols are silent."""
        while True:
            if self.klines.caught_up:
                self._health.ready()
            if self.catalog.active() and self.klines.silent_for > SILENT:
                self._health.unready("klines", f"no kline came for {self.klines.silent_for:.0f} s")
            else:
                self._health.ready("klines")
            await asyncio.sleep(0.5)


async def serve(
    cluster: Cluster, settings: Settings, health: Health, stopping: asyncio.Event, *, traces: Traces | None = None
) -> None:
    """Run the service until ``stopping`` is set. Raises `UserError`: the port is in use, no broker."""
    listening = listen(settings.host, settings.port)
    try:
        host, port = listening.getsockname()[:2]
        log.info("serving http://%s:%d/", host, port)
        rules = replace(settings.rules, max_connections=server.room_for(settings.rules.max_connections))
        await Web(cluster, replace(settings, rules=rules), health, traces=traces).serve(stopping, listening)
    finally:
        listening.close()
