"""Publishing revisions of stored candles."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import AsyncExitStack
from types import TracebackType

from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError

from rtchart.broker.cluster import Cluster
from rtchart.broker.publisher import partition_of
from rtchart.broker.topics import CANDLES
from rtchart.core.errors import UserError
from rtchart.core.messages import Revision, encode
from rtchart.process.clock import now_ms

PATIENCE = 10.0
"""Seconds that Kafka has for taking a set of revisions, or for answering at all."""

_FLUSH = 1.0
"""Seconds that the end of the process waits for Kafka: the outbox has all that it did not take."""


class NotPublished(Exception):
    """Kafka did not acknowledge the revisions. Some may be in the topic: sending them again does no harm."""


class RevisionPublisher:
    """Writes `Revision` records to ``rtchart.candles``, in order per symbol. An async context manager.

    It connects when first needed, so that who writes candles can do so while there is no Kafka, and stays connected.
    """

    def __init__(self, cluster: Cluster, *, patience: float = PATIENCE) -> None:
        self._cluster = cluster
        self._patience = patience
        self._open = AsyncExitStack()
        self._producer: AIOKafkaProducer | None = None
        self._under_way: asyncio.Task[None] | None = None

    async def publish(self, revisions: Sequence[Revision]) -> None:
        """Returns when Kafka acknowledged all of them. Raises `NotPublished`, also for an earlier set still under way."""
        try:
            async with asyncio.timeout(self._patience):
                if self._under_way is not None:
                    # Kafka was slow or away: its client still holds that set, and would only pile up another one.
                    await self._finish(self._under_way)
                if self._producer is None:
                    self._producer = await self._open.enter_async_context(self._cluster.producer(patience=_FLUSH))
                self._under_way = asyncio.create_task(self._send(self._producer, revisions))
                await self._finish(self._under_way)
        except TimeoutError:
            raise NotPublished(
                f"Kafka at {self._cluster.bootstrap} did not take {len(revisions)} revisions in {self._patience:g} s"
            ) from None
        except (UserError, KafkaError) as error:
            raise NotPublished(str(error)) from error

    async def _finish(self, under_way: asyncio.Task[None]) -> None:
        try:
            await asyncio.shield(under_way)
        finally:
            if under_way.done():
                self._under_way = None

    async def _send(self, producer: AIOKafkaProducer, revisions: Sequence[Revision]) -> None:
        topic, timestamp = self._cluster.name(CANDLES), now_ms()
        batches: dict[int, object] = {}
        full: list[tuple[int, object]] = []
        for revision in revisions:
            key = str(revision.identity).encode()
            partition = partition_of(key, CANDLES.partitions)
            value = encode(revision)
            batch = batches.get(partition)
            if batch is None or batch.append(key=key, value=value, timestamp=timestamp) is None:  # type: ignore[attr-defined]
                batch = batches[partition] = producer.create_batch()
                full.append((partition, batch))
                batch.append(key=key, value=value, timestamp=timestamp)
        await asyncio.gather(*[await producer.send_batch(batch, topic, partition=partition) for partition, batch in full])

    async def __aenter__(self) -> RevisionPublisher:
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        try:
            await self._open.aclose()
        finally:
            if self._under_way is not None:
                self._under_way.cancel()
                await asyncio.gather(self._under_way, return_exceptions=True)
