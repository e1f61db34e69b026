"""The thin driver of `rtchart.exchange.binance.link`: connects, and begins again for ever.

A `BinanceStream` spreads its symbols over shards; a shard has one connection that carries, and, while that is being
replaced, a second one: the old one is closed when the new one carries (make before break).
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from rtchart.exchange.base import Batch, Lost, Sink, Venue
from rtchart.exchange.binance import limits
from rtchart.exchange.binance.attempts import Attempts
from rtchart.exchange.binance.link import Link
from rtchart.exchange.binance.protocol import PATH, Protocol, Timing
from rtchart.exchange.clock import VenueClock
from rtchart.process.clock import now_us
from rtchart.process.logs import fields

log = logging.getLogger(__name__)

OUTCOME = 15.0
"""Seconds after which an attempt that has no outcome yet is taken for one."""

SAY_AGAIN = 60.0
"""Seconds after which it is said again that the venue is away."""

DOUBTED = 120.0
"""Seconds for which one that brings nothing is taken for bad, after a connection that brought nothing of what there was."""

OVERLAP = 1.0
"""Seconds that the old connection goes on after the new one carries: what was under way on it still comes."""


class _Shard:
    """Symbols that share a connection."""

    def __init__(self, stream: BinanceStream) -> None:
        self._stream = stream
        self._links: list[Link] = []
        self._said, self._said_at = "", 0.0
        self._doubted_at: float | None = None
        self.symbols: frozenset[str] = frozenset()

    def want(self, symbols: frozenset[str]) -> None:
        self.symbols = symbols
        for link in self._links:
            link.want(symbols)

    def missed(self, symbol: str, open_time: int) -> None:
        for link in self._links:
            link.missed(symbol, open_time)

    @property
    def well(self) -> bool:
        """Whether klines come."""
        return any(link.well for link in self._links)

    async def run(self) -> None:
        """Keep a connection, for ever."""
        stream, failed, alone = self._stream, False, 0
        try:
            while True:
                async with stream.attempts.turn(failed=failed, alone=alone, shards=stream.shards, there=stream.there):
                    link = Link(stream, self.symbols, doubted=self._doubted)
                    self._links.append(link)
                    with suppress(TimeoutError):  # one that is told nothing shall not keep others from trying
                        async with asyncio.timeout(OUTCOME):
                            await _first(link.heard, link.rotate, link.over)
                await stream.attempts.tell()
                await _first(link.carrying, link.rotate, link.over)
                if link.carrying.is_set():
                    self._said, self._doubted_at = "", None
                    await self._keep_only(link)
                    await _first(link.rotate, link.over)
                if link.brings_nothing:
                    self._doubted_at = time.monotonic()
                failed = not (link.good or (link.rotate.is_set() and link.heard.is_set()))
                facts = fields(url=stream.url, why=link.why, symbols=len(self.symbols))
                if link.over.is_set():
                    self._say("lost the connection" if link.opened else "cannot connect to the exchange", facts)
                else:
                    log.info("replacing the connection", extra=facts)
                    if not link.heard.is_set():  # it is to be replaced before it brought anything, and would only be one more
                        await link.close()
                await self._let_go()
                alone = alone + 1 if failed and stream.there() else 0
        finally:
            for link in self._links:
                await link.close()

    @property
    def _doubted(self) -> bool:
        """Whether a connection brought nothing of what there was, not long ago, and none has brought anything since."""
        at = self._doubted_at
        return at is not None and time.monotonic() - at < DOUBTED and not any(link.brought_since(at) for link in self._links)

    def _say(self, what: str, facts: dict[str, Any]) -> None:
        """A venue that is away is tried each second or two: the same is not said each time."""
        now = time.monotonic()
        if what != self._said or now - self._said_at > SAY_AGAIN:
            self._said, self._said_at = what, now
            log.warning(what, extra=facts)

    async def _keep_only(self, link: Link) -> None:
        if len(self._links) > 1:
            await asyncio.sleep(OVERLAP)
        for other in [other for other in self._links if other is not link]:
            self._links.remove(other)
            await other.close()

    async def _let_go(self) -> None:
        """Of all that are over, one that is being replaced among them."""
        ended = [link for link in self._links if link.over.is_set()]
        for link in ended:
            self._links.remove(link)
            await link.close()
        if ended and not self._links:
            await self._stream.sink(Batch(now_us(), [], [Lost(self.symbols, ended[-1].why)]))


class BinanceStream:
    """`rtchart.exchange.base.Stream` for every venue that speaks Binance's protocol."""

    def __init__(
        self,
        venue: Venue,
        clock: VenueClock,
        *,
        timing: Timing | None = None,
        per_connection: int = limits.STREAMS_PER_CONNECTION,
    ) -> None:
        """``per_connection`` symbols share a connection, at most."""
        self.clock = clock
        self._per_connection = per_connection
        self.url = venue.ws + PATH
        self._venue = venue
        self._timing = timing or Timing()
        self._epochs: dict[str, int] = {}
        self._shards: list[_Shard] = []
        self._tasks: dict[_Shard, asyncio.Task[None]] = {}
        self._changed = asyncio.Event()
        self.attempts = Attempts()
        self.sink: Sink = _nowhere

    def protocol(self) -> Protocol:
        """The protocol of a connection that has just been opened."""
        return Protocol(self._venue.name, self._epochs, now=time.monotonic(), timing=self._timing)

    def there(self) -> bool:
        """Whether klines come by any connection."""
        return any(shard.well for shard in self._shards)

    @property
    def shards(self) -> int:
        """How many connections it keeps."""
        return len(self._shards)

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
            room = self._per_connection - len(kept)
            shard_symbols = kept | frozenset(waiting[:room])
            waiting = waiting[room:]
            if shard_symbols != shard.symbols:
                shard.want(shard_symbols)
        while waiting:
            shard = _Shard(self)
            shard.want(frozenset(waiting[: self._per_connection]))
            waiting = waiting[self._per_connection :]
            self._shards.append(shard)
        self._shards = [shard for shard in self._shards if shard.symbols]
        self._changed.set()

    def missed(self, symbol: str, open_time: int) -> None:
        """See `rtchart.exchange.base.Stream`."""
        for shard in self._shards:
            if symbol in shard.symbols:
                shard.missed(symbol, open_time)

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
