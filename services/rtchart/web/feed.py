"""What flows in: klines, revisions, wishes and stream states from Kafka, each by a task that outlives a broker's absence."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable

from rtchart.broker.cluster import Cluster
from rtchart.broker.tail import BrokerError, Record, Tail, tail
from rtchart.broker.topics import CANDLES, KLINES
from rtchart.core.errors import UserError
from rtchart.core.interval import HOUR, MINUTE
from rtchart.core.kline import Kline
from rtchart.core.messages import Revision, UnreadableRecord, decode, decode_kline_message
from rtchart.process import metrics as stages
from rtchart.process.clock import now_ms, now_us
from rtchart.process.logs import fields
from rtchart.process.tracing import Traces
from rtchart.web import metrics, tracing
from rtchart.web.hub import Hub
from rtchart.web.market import Market

log = logging.getLogger(__name__)

TICKS_A_SECOND = 62.5
"""Ticks at most, in the long run: one each frame of a display. Every symbol's second ends at the same moment, so that a burst
(`BURST`) may go faster: made to wait, its last records would be late by as many frames."""

BURST = 16

CHUNK = 400
"""Records taken in a tick, so that clients get the first of a burst while the last are still on their way."""

SILENT = 10.0
"""Seconds without a kline after which the server is not ready, while symbols are asked for."""

POLL = 5_000
"""Records read at once, which are also taken at once until all that was there at the start has been read."""

REVISIONS_WAIT_MS = 200
"""Revisions come once a minute or so, and what they replace is on screen already."""

_RETRY = 1.0


class Pace:
    """So many a second in the long run, of which a burst may come at once."""

    def __init__(self, a_second: float, burst: int) -> None:
        self._every = 1 / a_second
        self._ahead = burst * self._every
        self._due = time.monotonic()

    def wait(self) -> float:
        """Count one; the seconds to wait before the next."""
        now = time.monotonic()
        self._due = max(self._due + self._every, now - self._ahead + self._every)
        return max(0.0, self._due - now)


class Klines:
    """Reads ``rtchart.klines`` into the market, and has the hub tick."""

    def __init__(self, cluster: Cluster, market: Market, hub: Hub, traces: Traces | None = None) -> None:
        self._cluster = cluster
        self._market = market
        self._hub = hub
        self._traces = traces
        self._tail: Tail | None = None
        self._sample = stages.Sample()
        self._last = time.monotonic()
        self.lag = 0
        """Records that were not read yet, as of the last measurement."""
        self.caught_up = False
        """Whether all that was there at the start is in the market."""

    @property
    def silent_for(self) -> float:
        """Seconds since the last kline came. Other records say that the broker lives, not that the venue is heard."""
        return time.monotonic() - self._last

    async def follow(self, stored: dict[int, int] | None) -> None:
        """Read for ever. ``stored``: the offsets up to which the database has everything; None when it does not answer."""
        self.caught_up = False
        since = now_ms() - (HOUR if stored is None else 2 * MINUTE)
        async with tail(self._cluster, KLINES, since_ms=since, stored=stored) as reader:
            self._tail = reader
            self.caught_up = reader.caught_up  # at once, when there is nothing to read
            counter = metrics.records.labels(KLINES.name)
            pace = Pace(TICKS_A_SECOND, BURST)
            while True:
                # All that came, however much: only then is the next of it fetched, while this is being taken.
                records = await reader.poll(1000, POLL)
                consumed_us = now_us()
                chunk = CHUNK if reader.caught_up else POLL
                published: list[int] = []
                for at in range(0, len(records), chunk):
                    published += self._take(records[at : at + chunk], consumed_us)
                    ticked = self._hub.tick(consumed_us)
                    # The clients' tasks send before more is taken; measuring comes last.
                    await asyncio.sleep(pace.wait() if ticked and reader.caught_up else 0)
                self.caught_up = reader.caught_up
                counter.inc(len(records))
                if reader.caught_up:
                    for stamp in published:
                        stages.observe("published_to_consumed", (consumed_us - stamp) / 1e6)

    async def measure_lag(self) -> None:
        """Bring `lag` up to date, every second."""
        while True:
            if self._tail is not None:
                self.lag = await self._tail.lag()
                metrics.lag.set(self.lag)
            await asyncio.sleep(1)

    def _take(self, records: list[Record], consumed_us: int) -> list[int]:
        """Put the records into the market; when some of the klines among them were published (µs)."""
        published: list[int] = []
        take = self._market.take
        for record in records:
            try:
                message = decode_kline_message(record.value or b"")
            except UnreadableRecord as error:
                unreadable(KLINES.name, record, error)
                continue
            new = take(record.key, message)
            if type(message) is Kline:
                published.append(message.published_us)
                if new and record.headers and self._traces is not None and self.caught_up:
                    telling = tracing.consumed(self._traces, record, message, consumed_us)
                    if telling is not None:
                        self._market.trace(record.key, telling)
        if published:
            self._last = time.monotonic()
        self._sample.over(len(self._market))
        return [published[index] for index in self._sample.of(len(published)) if published[index]]


async def follow_revisions(cluster: Cluster, hub: Hub) -> None:
    """Read ``rtchart.candles`` for ever, from now on: what was stored before is read from the database."""
    async with tail(cluster, CANDLES, since_ms=now_ms(), wait_ms=REVISIONS_WAIT_MS) as reader:
        counter = metrics.records.labels(CANDLES.name)
        while True:
            records = await reader.poll(1000)
            counter.inc(len(records))
            for index, record in enumerate(records):
                try:
                    hub.revise(decode(record.value or b"", Revision))
                except UnreadableRecord as error:
                    unreadable(CANDLES.name, record, error)
                if index % 200 == 199:  # a run of the aggregator revises thousands at once
                    await asyncio.sleep(0)
            await asyncio.sleep(1 / TICKS_A_SECOND)


async def always(what: str, work: Callable[[], Awaitable[None]]) -> None:
    """Run the work, and run it again when Kafka failed it."""
    while True:
        try:
            await work()
        except (UserError, BrokerError, OSError) as error:
            log.warning("%s: %s", what, error)
        await asyncio.sleep(_RETRY)


def unreadable(topic: str, record: Record, error: UnreadableRecord) -> None:
    """Count and log a record that cannot be read."""
    metrics.unreadable.labels(topic).inc()
    log.error(
        "skipped a record that cannot be read",
        extra=fields(topic=topic, partition=record.partition, offset=record.offset, error=str(error)),
    )
