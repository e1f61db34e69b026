"""Publishing revisions of stored candles."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from types import TracebackType

from aiokafka import AIOKafkaProducer

from rtchart.broker.cluster import Cluster
from rtchart.broker.on_demand import OnDemandProducer
from rtchart.broker.publisher import partition_of
from rtchart.broker.topics import CANDLES
from rtchart.core.messages import Revision, encode
from rtchart.process.clock import now_ms

PATIENCE = 10.0
"""Seconds that Kafka has for taking a set of revisions, or for answering at all."""


class RevisionPublisher:
    """Writes `Revision` records to ``rtchart.candles``, in order per symbol. An async context manager.

    It connects when first needed, so that who writes candles can do so while there is no Kafka, and stays connected until a
    set is not taken.
    """

    def __init__(self, cluster: Cluster, *, patience: float = PATIENCE) -> None:
        self._topic = cluster.name(CANDLES)
        self._client = OnDemandProducer(cluster, patience=patience)

    async def publish(self, revisions: Sequence[Revision]) -> None:
        """Returns when Kafka acknowledged all of them. Raises `rtchart.broker.on_demand.NotPublished`."""
        await self._client.send(lambda producer: self._send(producer, revisions))

    async def _send(self, producer: AIOKafkaProducer, revisions: Sequence[Revision]) -> None:
        timestamp = now_ms()
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
        topic = self._topic
        await asyncio.gather(*[await producer.send_batch(batch, topic, partition=partition) for partition, batch in full])

    async def __aenter__(self) -> RevisionPublisher:
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        await self._client.__aexit__(kind, error, at)
