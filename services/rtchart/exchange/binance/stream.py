"""The thin driver of `rtchart.exchange.binance.protocol`: connects, reads, writes, sleeps, and begins again for ever.

A `BinanceStream` spreads its symbols over shards; a shard has one connection that carries, and, while that is being
replaced, a second one: the old one is closed when the new one carries (make before break).
"""

from __future__ import annotations

import asyncio
import logging
import random
import time
from collections.abc import Callable, Mapping

from websockets.exceptions import ConnectionClosed, InvalidHandshake

from rtchart.exchange.base import Batch, Lost, Sink, Venue
from rtchart.exchange.binance import limits
from rtchart.exchange.binance.protocol import KEEP, PATH, Protocol, Reconnect, Timing
from rtchart.exchange.binance.socket import BatchConnection, open_socket
from rtchart.process.clock import now_us
from rtchart.process.logs import fields

log = logging.getLogger(__name__)

FIRST_BACKOFF = 0.5
MAX_BACKOFF = 30.0
GOOD_AFTER = 60.0
"""Seconds of klines after which a connection was a good one, and the next back-off starts small again."""

OVERLAP = 1.0
"""Seconds that the old connection goes on after the new one carries: what was under way on it still comes."""


class Backoff:
    """Seconds to wait before the next attempt: anything up to a bound that doubles from `FIRST_BACKOFF` to `MAX_BACKOFF`.

    Full jitter, so that a thousand clients of a venue that comes back do not come back as one.
    """

    def __init__(self, draw: Callable[[float, float], float] = random.uniform) -> None:
        self._draw = draw
        self._bound = FIRST_BACKOFF

    def next(self) -> float:
        """The wait before this attempt; the next bound is twice as high."""
        bound, self._bound = self._bound, min(self._bound * 2, MAX_BACKOFF)
        return self._draw(0.0, bound)

    def reset(self) -> None:
        """The last attempt was a good one."""
        self._bound = FIRST_BACKOFF


class _Unwell(Exception):
    """The protocol wants another connection; the text is its reason."""


class _Link:
    """One connection, from the attempt to make it to its end."""

    def __init__(self, stream: BinanceStream, symbols: frozenset[str]) -> None:
        self._stream = stream
        self._symbols = symbols
        self._socket: BatchConnection | None = None
        self._protocol: Protocol | None = None
        self.carrying = asyncio.Event()
        self.rotate = asyncio.Event()
        self.over = asyncio.Event()
        self.why = ""
        self._task = asyncio.create_task(self._run())

    @property
    def good(self) -> bool:
        """Whether it has carried for so long that a new one may be made at once."""
        since = None if self._protocol is None else self._protocol.first_kline_at
        return since is not None and time.monotonic() - since > GOOD_AFTER

    @property
    def opened(self) -> bool:
        """Whether there was a connection at all."""
        return self._protocol is not None

    def want(self, symbols: frozenset[str]) -> None:
        self._symbols = symbols
        if self._protocol is not None and self._socket is not None:
            self._protocol.want(symbols)
            self._socket.wake()

    async def close(self) -> None:
        """End it, and wait until it has ended. Raises what it died of, if that was a defect of ours."""
        self._task.cancel()
        await asyncio.wait([self._task])
        if not self._task.cancelled() and (error := self._task.exception()):
            raise error

    async def _run(self) -> None:
        try:
            async with open_socket(self._stream.url) as socket:
                assert isinstance(socket, BatchConnection)
                protocol = self._stream.protocol()
                socket.on_pong = lambda: protocol.ponged(time.monotonic())
                self._socket, self._protocol = socket, protocol
                protocol.want(self._symbols)
                await self._carry(socket, protocol)
        except (ConnectionClosed, InvalidHandshake, OSError, TimeoutError, _Unwell) as error:
            self.why = str(error) or type(error).__name__
        finally:
            self._socket = None
            self.over.set()

    async def _carry(self, socket: BatchConnection, protocol: Protocol) -> None:
        now = time.monotonic()
        while True:
            for message in protocol.outgoing(now):
                await socket.send(message)
            for read in await socket.read(protocol.due(now)):
                batch = protocol.receive(read.frames, read.received_us, time.monotonic())
                if batch.klines or batch.events or batch.ignored:
                    await self._stream.sink(batch)
            now = time.monotonic()
            verdict = protocol.verdict(now)
            if isinstance(verdict, Reconnect):
                raise _Unwell(verdict.why)
            if verdict is not KEEP and not self.rotate.is_set():
                self.why = verdict.why  # type: ignore[union-attr]
                self.rotate.set()
            if not self.carrying.is_set() and protocol.carrying(now):
                self.carrying.set()


class _Shard:
    """Symbols that share a connection."""

    def __init__(self, stream: BinanceStream) -> None:
        self._stream = stream
        self._links: list[_Link] = []
        self.symbols: frozenset[str] = frozenset()

    def want(self, symbols: frozenset[str]) -> None:
        self.symbols = symbols
        for link in self._links:
            link.want(symbols)

    async def run(self) -> None:
        """Keep a connection, for ever."""
        backoff = Backoff()
        try:
            while True:
                await self._stream.attempt()
                link = _Link(self._stream, self.symbols)
                self._links.append(link)
                await _first(link.carrying, link.rotate, link.over)
                if link.carrying.is_set():
                    await self._keep_only(link)
                    await _first(link.rotate, link.over)
                if link.good:
                    backoff.reset()
                wait = backoff.next()
                facts = fields(url=self._stream.url, why=link.why, next_in_s=round(wait, 1), symbols=len(self.symbols))
                if link.over.is_set():
                    log.warning("lost the connection" if link.opened else "cannot connect to the exchange", extra=facts)
                    await self._let_go(link)
                else:
                    log.info("replacing the connection", extra=facts)
                await asyncio.sleep(wait)
        finally:
            for link in self._links:
                await link.close()

    async def _keep_only(self, link: _Link) -> None:
        if len(self._links) > 1:
            await asyncio.sleep(OVERLAP)
        for other in [other for other in self._links if other is not link]:
            self._links.remove(other)
            await other.close()

    async def _let_go(self, link: _Link) -> None:
        self._links.remove(link)
        await link.close()
        if all(other.over.is_set() for other in self._links):
            await self._stream.sink(Batch(now_us(), [], [Lost(self.symbols, link.why)]))


class BinanceStream:
    """`rtchart.exchange.base.Stream` for every venue that speaks Binance's protocol."""

    def __init__(self, venue: Venue, *, timing: Timing | None = None) -> None:
        self.url = venue.ws + PATH
        self._venue = venue
        self._timing = timing or Timing()
        self._epochs: dict[str, int] = {}
        self._shards: list[_Shard] = []
        self._tasks: dict[_Shard, asyncio.Task[None]] = {}
        self._changed = asyncio.Event()
        # Attempts are counted per address, whoever makes them; a tenth is left to others here.
        self._attempts = limits.RollingWindow(limits.CONNECTION_ATTEMPTS * 9 // 10, limits.ATTEMPTS_WINDOW)
        self.sink: Sink = _nowhere

    def protocol(self) -> Protocol:
        """The protocol of a connection that has just been opened."""
        return Protocol(self._venue.name, self._epochs, now=time.monotonic(), timing=self._timing)

    async def attempt(self) -> None:
        """Wait until one more connection attempt is allowed, and count it."""
        while wait := self._attempts.delay(time.monotonic()):
            log.warning("too many connection attempts", extra=fields(waiting_s=round(wait, 1)))
            await asyncio.sleep(wait)
        self._attempts.add(time.monotonic())

    def want(self, symbols: Mapping[str, int]) -> None:
        """From now on stream exactly these symbols, each with the epoch that its klines carry."""
        self._epochs.clear()
        self._epochs.update(symbols)
        new = set(symbols)
        for shard in self._shards:
            new -= shard.symbols
        waiting = sorted(new)
        for shard in self._shards:
            kept = shard.symbols & symbols.keys()
            room = limits.STREAMS_PER_CONNECTION - len(kept)
            shard_symbols = kept | frozenset(waiting[:room])
            waiting = waiting[room:]
            if shard_symbols != shard.symbols:
                shard.want(shard_symbols)
        while waiting:
            shard = _Shard(self)
            shard.want(frozenset(waiting[: limits.STREAMS_PER_CONNECTION]))
            waiting = waiting[limits.STREAMS_PER_CONNECTION :]
            self._shards.append(shard)
        self._shards = [shard for shard in self._shards if shard.symbols]
        self._changed.set()

    async def run(self, sink: Sink) -> None:
        """Stream into the sink until cancelled."""
        self.sink = sink
        try:
            async with asyncio.TaskGroup() as group:
                while True:
                    for shard in set(self._tasks) - set(self._shards):
                        self._tasks.pop(shard).cancel()
                    for shard in self._shards:
                        if shard not in self._tasks:
                            self._tasks[shard] = group.create_task(shard.run())
                    self._changed.clear()
                    await self._changed.wait()
        finally:
            self._tasks.clear()


async def _nowhere(batch: Batch) -> None:
    raise AssertionError("nothing streams before run()")


async def _first(*events: asyncio.Event) -> None:
    """Wait for any of the events."""
    waiting = [asyncio.create_task(event.wait()) for event in events]
    try:
        await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in waiting:
            task.cancel()
