"""A producer at work: between a simulated exchange and a real Kafka, and what it left there."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from rtchart.broker.admin import ensure_topics
from rtchart.broker.cluster import Cluster
from rtchart.broker.table import Table, TableWriter
from rtchart.broker.topics import BACKFILL, DEAD_LETTERS, KLINES, STREAMS, SYMBOLS, Topic
from rtchart.core.gap import Range, seconds_of, subtract
from rtchart.core.kline import Kline, VenueKline
from rtchart.core.messages import (
    Absent,
    DeadLetter,
    GapOpened,
    KlineMessage,
    Listing,
    StreamState,
    decode,
    decode_backfill_message,
    decode_kline_message,
)
from rtchart.core.symbol import DesiredSymbol
from rtchart.exchange.base import Venue
from rtchart.process.health import Health
from rtchart.producer.command import serve
from rtchart.sim.exchange import Address

EPOCH = 7
"""Of the symbols that tests ask for."""


class Topics:
    """Writes wishes, and reads all that a producer writes, from the beginning."""

    def __init__(self, cluster: Cluster) -> None:
        self.cluster = cluster
        self.records: list[KlineMessage] = []
        self.keys: set[tuple[str, str]] = set()
        self.past: list[VenueKline | Absent] = []
        """What is on ``rtchart.backfill``."""
        self.letters: list[DeadLetter] = []
        self.states: dict[str, StreamState] = {}
        self.tombstones: set[str] = set()

    async def want(self, *symbols: str, epoch: int = EPOCH, suspend: bool = False, history_days: int = 0) -> None:
        wanted = (DesiredSymbol("sim", name, epoch, suspend=suspend, history_days=history_days) for name in symbols)
        await self._put({str(desired.identity): desired for desired in wanted})

    async def forget(self, symbol: str) -> None:
        await self._put({f"sim:{symbol}": None})

    async def was(self, *states: StreamState) -> None:
        """Let there be states from before."""
        async with self.cluster.producer() as producer:
            changes: dict[str, StreamState | None] = {f"{state.identity}/{state.instance}": state for state in states}
            await TableWriter(producer, self.cluster, STREAMS).put(changes)

    async def _put(self, changes: dict[str, DesiredSymbol | None]) -> None:
        async with self.cluster.producer() as producer:
            await TableWriter(producer, self.cluster, SYMBOLS).put(changes)

    def of(self, symbol: str, kind: type[KlineMessage]) -> list[KlineMessage]:
        return [record for record in self.records if record.symbol == symbol and type(record) is kind]

    def klines(self, symbol: str) -> list[Kline]:
        return [record for record in self.of(symbol, Kline) if isinstance(record, Kline)]

    def gaps(self, symbol: str) -> list[GapOpened]:
        return [record for record in self.of(symbol, GapOpened) if isinstance(record, GapOpened)]

    def absent(self, symbol: str) -> list[Range]:
        return [(record.start, record.end) for record in self.of(symbol, Absent) if isinstance(record, Absent)]

    def listings(self, symbol: str) -> list[Listing]:
        return [record for record in self.of(symbol, Listing) if isinstance(record, Listing)]

    def state(self, symbol: str, instance: str = "one") -> StreamState | None:
        return self.states.get(f"sim:{symbol}/{instance}")

    def missing(self, symbol: str) -> list[Range]:
        """What is neither there nor absent between the first and the last second that came."""
        there = seconds_of(kline.open_time for kline in self.klines(symbol))
        if not there:
            return []
        return subtract([(there[0][0], there[-1][1])], [*there, *self.absent(symbol)])

    def minutes(self, symbol: str) -> list[VenueKline]:
        """The exchange's own, in the order they came."""
        return [record for record in self.past if isinstance(record, VenueKline) and record.symbol == symbol]

    def last(self, symbol: str) -> int:
        return max((kline.open_time for kline in self.klines(symbol)), default=0)

    async def follow(self) -> None:
        await asyncio.gather(self._follow_klines(), self._follow_past(), self._follow_letters(), self._follow_states())

    async def _follow_klines(self) -> None:
        async with self._reader(KLINES) as batches:
            async for records in batches:
                for key, value in records:
                    message = decode_kline_message(value)
                    self.keys.add((key.decode(), str(message.identity)))
                    self.records.append(message)

    async def _follow_past(self) -> None:
        async with self._reader(BACKFILL) as batches:
            async for records in batches:
                self.past += [decode_backfill_message(value) for _, value in records]

    async def _follow_letters(self) -> None:
        async with self._reader(DEAD_LETTERS) as batches:
            async for records in batches:
                self.letters += [decode(value, DeadLetter) for _, value in records]

    async def _follow_states(self) -> None:
        async for changes in Table(self.cluster, STREAMS, StreamState).follow():
            for key, state in changes.items():
                if state is None:
                    self.states.pop(key, None)
                    self.tombstones.add(key)
                else:
                    self.states[key] = state

    @asynccontextmanager
    async def _reader(self, topic: Topic) -> AsyncIterator[AsyncIterator[list[tuple[bytes, bytes]]]]:
        async with self.cluster.consumer(auto_offset_reset="earliest") as consumer:
            consumer.assign(self.cluster.topic_partitions(topic, topic.partitions))

            async def batches() -> AsyncIterator[list[tuple[bytes, bytes]]]:
                while True:
                    for records in (await consumer.getmany(timeout_ms=100)).values():
                        yield [(record.key or b"", record.value) for record in records]

            yield batches()


@asynccontextmanager
async def topics(cluster: Cluster) -> AsyncIterator[Topics]:
    await ensure_topics(cluster, (KLINES, BACKFILL, SYMBOLS, STREAMS, DEAD_LETTERS))
    made = Topics(cluster)
    following = asyncio.create_task(made.follow())
    try:
        yield made
    finally:
        following.cancel()
        await asyncio.wait([following])


class Running:
    """A producer that runs."""

    def __init__(self, cluster: Cluster, address: Address, instance: str, **how: Any) -> None:
        self.health = Health()
        self._stopping = asyncio.Event()
        venue = Venue("sim", address.ws, address.rest)
        self._task = asyncio.create_task(serve(venue, cluster, instance, self.health, self._stopping, **how))

    async def stop(self) -> None:
        """As by SIGTERM."""
        self._stopping.set()
        await self._task

    async def crash(self) -> None:
        """Without a word of farewell."""
        self._task.cancel()
        await asyncio.wait([self._task])


@asynccontextmanager
async def producer(cluster: Cluster, address: Address, instance: str = "one", **how: Any) -> AsyncIterator[Running]:
    """``how`` is what `serve` may be told: patience, history, backfill_share."""
    running = Running(cluster, address, instance, **how)
    try:
        yield running
    finally:
        if not running._task.done():
            await running.stop()
        elif not running._task.cancelled():
            running._task.result()


def whole(of: Topics, symbol: str, until: int) -> bool:
    """Whether every second from the first that came up to ``until`` is there, or absent."""
    return of.last(symbol) >= until and not of.missing(symbol)
