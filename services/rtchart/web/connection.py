"""One socket: reads a client's requests and sends it frames, until either side closes."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from typing import Protocol, TypeVar

import msgspec
from msgspec import UNSET

from rtchart.process import metrics as stages
from rtchart.process.clock import now_us
from rtchart.process.logs import fields
from rtchart.store.history import Page
from rtchart.web import metrics
from rtchart.web.addresses import Visitor
from rtchart.web.bucket import Bucket
from rtchart.web.catalog import Catalog, Refused
from rtchart.web.channel import Channel, Client, Joining
from rtchart.web.hub import Hub
from rtchart.web.market import Market
from rtchart.web.protocol import (
    MAX_LIMIT,
    MAX_MESSAGE,
    BadRequest,
    Error,
    ErrorCode,
    Ping,
    Pong,
    Report,
    RequestId,
    Snapshot,
    Subscribe,
    Tickers,
    Unsubscribe,
    Unsubscribed,
    decode_request,
    encode,
    frame,
)
from rtchart.web.views import View, Views

log = logging.getLogger(__name__)

T = TypeVar("T")

MAX_SUBSCRIPTIONS = 50
REQUESTS_PER_SECOND = 50
BURST = 200
REPORT_EVERY = 1.0
"""Seconds between reports of one client that are counted."""

LATENCIES_PER_SECOND = 2
LATENCIES_BURST = 64
"""Of one client that are counted: a page has one a second, so nobody outweighs two of them."""

LONGEST_MS = 10_000.0
"""A reported latency beyond it counts as this much: a sleeping tab shall not be a slow server."""

MEASURE_EVERY = 1.0
"""Seconds between the frames of a client whose latency is observed."""

_CLOSE_PATIENCE = 1.0


class Socket(Protocol):
    """What a connection needs of Quart's ``websocket``."""

    async def receive(self) -> str | bytes: ...

    async def send(self, data: str) -> None: ...

    async def close(self, code: int, reason: str) -> None: ...


class Connection:
    """A client from handshake to close, of an address. ``run`` returns when it is over."""

    def __init__(
        self, socket: Socket, client: Client, visitor: Visitor, hub: Hub, views: Views, catalog: Catalog, market: Market
    ) -> None:
        self._socket = socket
        self._client = client
        self._visitor = visitor
        self._hub = hub
        self._views = views
        self._catalog = catalog
        self._market = market
        self._seq = 0
        self._requests = Bucket(REQUESTS_PER_SECOND, BURST)
        self._reported = 0.0
        self._latencies = Bucket(LATENCIES_PER_SECOND, LATENCIES_BURST)
        self._measured = 0.0
        self._reading: dict[Channel, asyncio.Task[None]] = {}
        self._turn = asyncio.Lock()

    async def run(self) -> None:
        """Serve the client until it goes, or the server wants it closed."""
        client = self._client
        self._hub.enter(client)
        sender = client.sender = asyncio.create_task(self._send())
        receiver = asyncio.create_task(self._receive())
        try:
            await asyncio.wait({sender, receiver}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            # Left before anything is awaited: a client that goes while it is closed has this cancelled once more.
            ending = _end(sender, receiver, *self._reading.values())
            self._hub.leave(client)
            await ending
        for task in (sender, receiver):
            if not task.cancelled() and (error := task.exception()) is not None:
                raise error
        if client.closing is not None:
            code, reason = client.closing
            metrics.closed.labels(code).inc()
            # Behind a client that reads nothing even this frame may never leave; then the kernel ends it (listening.py).
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_CLOSE_PATIENCE):
                    await self._socket.close(code, reason)

    async def _send(self) -> None:
        client, socket = self._client, self._socket
        while True:
            await client.waiting()
            if client.tickers_late:
                client.tickers_late = False
                client.put("tickers", encode(Tickers(self._hub.tickers())))
            consumed_us, tells = client.waits_since_us, client.take_tells()
            messages = client.take()
            if messages:
                self._seq += 1
                began = client.sending_since = time.monotonic()
                await socket.send(frame(self._seq, now_us(), messages))
                client.sending_since = None
                self._hub.frames += 1
                if consumed_us and began - self._measured > MEASURE_EVERY:
                    self._measured = began
                    stages.observe("consumed_to_sent", (now_us() - consumed_us) / 1e6)
                for telling in tells:
                    telling.sent(now_us())
            if client.closing is not None:
                return

    async def _receive(self) -> None:
        client = self._client
        while client.closing is None:
            text = await self._socket.receive()
            if len(text) > MAX_MESSAGE or (isinstance(text, str) and len(text.encode()) > MAX_MESSAGE):
                client.close(1009, f"a message may have {MAX_MESSAGE} bytes")
            elif self._requests.take():
                client.close(1008, f"more than {REQUESTS_PER_SECOND} messages a second")
            else:
                self._handle(text)

    def _handle(self, text: str | bytes) -> None:
        try:
            request = decode_request(text)
        except BadRequest as error:
            self._error("bad_message", str(error), error.id)
            return
        try:
            match request:
                case Subscribe():
                    self._subscribe(request)
                case Unsubscribe():
                    self._unsubscribe(request)
                case Ping():
                    self._client.reply(encode(Pong(now_us(), request.at_us, request.id)))
                case Report():
                    self._report(request)
        except Refused as error:
            self._error(error.code, str(error), request.id)

    # ── subscriptions ────────────────────────────────────────────────────────────────────────────────────────────────

    def _subscribe(self, request: Subscribe) -> None:
        if request.channel is not UNSET:
            self._hub.subscribe_tickers(self._client, True)
            self._client.reply(encode(Tickers(self._hub.tickers(), request.id)))
            return
        if request.symbol is UNSET:
            raise Refused("bad_message", "symbol", "subscribe needs a symbol or a channel")
        known = self._catalog.find(request.symbol, _optional(request.exchange))
        interval = self._catalog.interval(known, request.interval)
        entry = self._market.entry(known.identity)
        there = self._hub.subscribed(self._client, known.identity, interval.name)
        if there is None and len(self._client.channels) >= MAX_SUBSCRIPTIONS:
            raise Refused(
                "too_many_subscriptions", "symbol", f"a socket may have {MAX_SUBSCRIPTIONS} subscriptions; end one first"
            )
        if there is None and self._visitor.sated:
            most = self._visitor.limits.subscriptions
            raise Refused("too_many_subscriptions", "symbol", f"your address may have {most} subscriptions; end one first")
        channel, joining = self._hub.join(self._client, entry, interval)
        if (before := self._reading.pop(channel, None)) is not None:
            before.cancel()
        task = asyncio.create_task(self._welcome(request, channel, joining))
        self._reading[channel] = task
        task.add_done_callback(lambda done: self._read(channel, done))

    async def _welcome(self, request: Subscribe, channel: Channel, joining: Joining) -> None:
        identity, interval = channel.entry.identity, channel.interval
        known = self._catalog.find(identity.symbol, identity.exchange)
        since = _optional(request.since)
        page = Page(limit=request.limit)
        # One at a time, and no further than the client reads: it shall have neither all of the database nor of our memory.
        async with self._turn:
            await self._client.taken()
            await self._visitor.turn(request.limit if since is None else MAX_LIMIT)
            if since is not None:
                resumed = Page(start=interval.open_time(since), limit=MAX_LIMIT)
                view = await self._views.candles(known, interval, resumed, gaps=True, revised=joining.revised)
            if since is None or view.more or view.partial:
                since = None
                view = await self._views.candles(known, interval, page, gaps=True, revised=joining.revised)
        snapshot = self._snapshot(request.id, channel, view, recovered=since is not None)
        newest = view.candles[-1] if view.candles else None
        if self._hub.welcome(self._client, channel, joining, snapshot, newest) and view.partial:
            channel.partial.add(self._client)

    def _snapshot(self, id: RequestId | msgspec.UnsetType, channel: Channel, view: View, *, recovered: bool) -> str:
        identity = channel.entry.identity
        return encode(
            Snapshot(
                exchange=identity.exchange,
                symbol=identity.symbol,
                interval=channel.interval.name,
                candles=view.candles,
                gaps=view.gaps,
                recovered=recovered,
                partial=view.partial,
                id=id,
            )
        )

    def _read(self, channel: Channel, task: asyncio.Task[None]) -> None:
        if self._reading.get(channel) is task:
            del self._reading[channel]
        if not task.cancelled() and (error := task.exception()) is not None:
            if not isinstance(error, Refused):
                log.error("a snapshot failed", exc_info=error, extra=fields(symbol=str(channel.entry.identity)))
            self._hub.unsubscribe(self._client, channel)
            self._client.put((channel, "resync"), channel.resync)

    def _unsubscribe(self, request: Unsubscribe) -> None:
        if request.channel is not UNSET:
            if not self._client.tickers:
                raise Refused("not_subscribed", "channel", "the channel tickers is not subscribed")
            self._hub.subscribe_tickers(self._client, False)
        else:
            if request.symbol is UNSET:
                raise Refused("bad_message", "symbol", "unsubscribe needs a symbol or a channel")
            found = [
                channel
                for channel in self._client.channels
                if channel.entry.identity.symbol == request.symbol
                and channel.interval.name == request.interval
                and _optional(request.exchange) in (None, channel.entry.identity.exchange)
            ]
            if not found:
                raise Refused("not_subscribed", "symbol", f"{request.symbol} {request.interval} is not subscribed")
            for channel in found:
                if (task := self._reading.pop(channel, None)) is not None:
                    task.cancel()
                self._hub.unsubscribe(self._client, channel)
        self._client.reply(encode(Unsubscribed(request.id)))

    # ── the rest ─────────────────────────────────────────────────────────────────────────────────────────────────────

    def _report(self, report: Report) -> None:
        now = time.monotonic()
        if now - self._reported < REPORT_EVERY:
            metrics.reported.labels("limited").inc(len(report.latency))
            raise Refused("rate_limited", "latency", f"one report in {REPORT_EVERY:.0f} s is taken")
        self._reported = now
        for latency in report.latency:
            if self._latencies.take():
                metrics.reported.labels("limited").inc()
                continue
            clamped = latency.ms > LONGEST_MS
            metrics.reported.labels("clamped" if clamped else "taken").inc()
            stages.observe(latency.stage, min(latency.ms, LONGEST_MS) / 1000)

    def _error(self, code: ErrorCode, message: str, id: RequestId | msgspec.UnsetType) -> None:
        metrics.bad_requests.labels(code).inc()
        self._client.reply(encode(Error(code, message, id)))


def _optional(value: T | msgspec.UnsetType) -> T | None:
    return None if isinstance(value, msgspec.UnsetType) else value


def _end(*tasks: asyncio.Task[None]) -> asyncio.Future[list[BaseException | None]]:
    """Cancel the tasks; when they are over."""
    for task in tasks:
        task.cancel()
    return asyncio.gather(*tasks, return_exceptions=True)
