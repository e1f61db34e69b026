"""What this producer sees of each symbol, for all who ask, and for itself when it starts again: ``rtchart.streams``."""

from __future__ import annotations

import asyncio
import logging
import random
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from typing import get_args

from rtchart.core.interval import MINUTE, SECOND
from rtchart.core.messages import StreamState, StreamStatus
from rtchart.exchange.base import Rest
from rtchart.process.clock import now_ms
from rtchart.process.logs import fields
from rtchart.producer import metrics
from rtchart.producer.service import Producer

log = logging.getLogger(__name__)

EVERY = 10_000
"""Milliseconds after which a state is written again, changed or not; how long it counts is `rtchart.core.messages.FRESH`."""
LOOK = 0.5
"""Seconds between looks at what changed."""
EXPORT_EVERY = 2.0
"""Seconds between updates of the gauges."""
GONE = 600_000
"""Milliseconds after which another instance's state is taken for one that will not come back."""

Put = Callable[[dict[str, StreamState | None]], Awaitable[None]]
"""Writes records by key and tombstones; returns when Kafka acknowledged them, raises when it did not."""


class States:
    """Writes the states of a producer's symbols, under ``EXCHANGE:SYMBOL/INSTANCE``."""

    def __init__(self, producer: Producer, instance: str, put: Put, *, before: Mapping[str, StreamState]) -> None:
        self._producer = producer
        self._instance = instance
        self._put = put
        self._before = dict(before)

    async def keep_writing(self) -> None:
        """Write what changed, and everything every 10 s, until cancelled."""
        while True:
            await self.acknowledge()
            try:
                await self.write()
            except Exception as error:  # whatever Kafka's client raises; the next round tries again
                log.warning("states were not written", extra=fields(error=repr(error)))
            with suppress(TimeoutError):
                await asyncio.wait_for(self._producer.begun.wait(), LOOK)

    async def acknowledge(self) -> None:
        """Move the watermarks up to what has been handed over by now, when it is acknowledged."""
        ledgers = [track.ledger for track in self._producer.tracks.values() if track.ledger is not None]
        for ledger in ledgers:
            ledger.mark()
        await self._producer.outbox.settled()
        for ledger in ledgers:
            ledger.acknowledged()

    async def write(self, *, everything: bool = False) -> None:
        """Write what is due, and remove what is over."""
        self._producer.begun.clear()
        at, clock = now_ms(), self._producer.clock
        now = clock.now() if clock.known else None
        changes: dict[str, StreamState | None] = {}
        for identity in self._producer.forgotten:
            changes[f"{identity}/{self._instance}"] = None
        due = []
        for symbol, track in self._producer.tracks.items():
            told = track.told(now)
            first = not track.recorded and track.ledger is not None
            if everything or first or told != track.written or at - track.written_at >= EVERY:
                changes[f"{self._producer.exchange}:{symbol}/{self._instance}"] = track.state(self._instance, now, at)
                due.append((track, track.ledger, told))
        forgotten = list(self._producer.forgotten)
        if changes:
            await self._put(changes)
            for track, ledger, told in due:
                track.recorded = track.recorded or (ledger is not None and ledger is track.ledger)
                # Spread what was written at once, so that 1,500 records do not hold up the klines of one moment.
                track.written, track.written_at = told, at - random.randrange(EVERY // 2)
            del self._producer.forgotten[: len(forgotten)]
        if self._before:
            await self._clear(at)

    async def _clear(self, at: int) -> None:
        """Remove the states that nobody writes any more, once nothing is known by them alone.

        Killed at any moment, the next start finds where to refill from: in the old states, or in what was made of them.
        """
        if not self._producer.told:
            return
        over: dict[str, StreamState | None] = {}
        for key, state in list(self._before.items()):
            track = self._producer.tracks.get(state.symbol)
            own = state.instance == self._instance
            mine = state.exchange == self._producer.exchange
            if not mine or (track is not None if own else at - state.at <= GONE):
                del self._before[key]  # not ours to remove, or written anew; one that lives will be older when we look again
            elif track is None or (track.recorded and track.written is not None):
                over[key] = None
        if over:
            await self._put(over)
            for key in over:
                del self._before[key]


async def keep_exporting(producer: Producer, rest: Rest) -> None:
    """Keep the gauges of this moment up to date, until cancelled."""
    while True:
        now = producer.clock.now() if producer.clock.known else None
        counts = Counter(track.status(now)[0] for track in producer.tracks.values())
        for status in get_args(StreamStatus):
            metrics.SYMBOLS.labels(status).set(counts[status])
        ledgers = [track.ledger for track in producer.tracks.values() if track.ledger is not None and track.streams]
        metrics.MISSING.set(sum(end - start for ledger in ledgers for start, end in ledger.gaps) / SECOND)
        left = [end - start for track in producer.tracks.values() for start, end in track.minutes.left]
        metrics.VENUE_KLINES_LEFT.set(sum(left) / MINUTE)
        producer.outbox.export()
        metrics.RATE_LIMIT_USED.set(rest.used)
        if now is not None:
            metrics.CLOCK_OFFSET.set((now_ms() - now) / SECOND)
        if now is not None and ledgers:
            metrics.WATERMARK_LAG.set(max(now - min(ledger.watermark for ledger in ledgers), 0) / SECOND)
        await asyncio.sleep(EXPORT_EVERY)
