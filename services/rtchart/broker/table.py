"""Compacted topics as tables: the newest record of each key, first as a whole, then change by change."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from typing import Generic, TypeVar

from aiokafka import AIOKafkaProducer

from rtchart.broker.cluster import Cluster
from rtchart.broker.topics import Topic
from rtchart.core.messages import GapOpened, StreamState, UnreadableRecord, decode, encode
from rtchart.core.symbol import DesiredSymbol
from rtchart.process.logs import fields

log = logging.getLogger(__name__)

R = TypeVar("R", DesiredSymbol, StreamState, GapOpened)

Changes = dict[str, R | None]
"""New records by key; None is a tombstone: the key is gone."""


class Table(Generic[R]):
    """A reader of one compacted topic with one partition.

    A record that cannot be read is logged and skipped: what its key held before stays. Once followed, it may be followed again
    after a failure: it knows what it told.
    """

    def __init__(self, cluster: Cluster, topic: Topic, record: type[R]) -> None:
        self._cluster = cluster
        self._topic = topic
        self._record: type[R] = record
        self._told: set[str] = set()
        """Keys that whoever follows may hold."""

    async def snapshot(self) -> dict[str, R]:
        """The table as it is now, then let go."""
        async for changes in self.follow():
            return {key: record for key, record in changes.items() if record is not None}
        raise AssertionError("follow() never ends")

    async def follow(self) -> AsyncIterator[Changes[R]]:
        """First the whole table as one set of changes (it may be empty), then each set of changes as it comes.

        The whole holds the tombstones that the topic still has: a reader that keeps what it read elsewhere, as the inserter
        does in the database, may have been down when they came. When it is followed again, there is one more for each key
        that was told before and is gone by now: the topic's own may have come, and been compacted away, in between. None is
        invented for what was never told, so that nobody takes a topic that was made anew for deletions.
        """
        partitions = self._cluster.topic_partitions(self._topic, 1)
        async with self._cluster.consumer() as consumer:
            consumer.assign(partitions)
            await consumer.seek_to_beginning(*partitions)
            end = (await consumer.end_offsets(partitions))[partitions[0]]
            whole: Changes[R] = {}
            while await consumer.position(partitions[0]) < end:
                for records in (await consumer.getmany(timeout_ms=200)).values():
                    self._read(records, whole)
            gone: Changes[R] = dict.fromkeys(self._told)
            there = {key for key, record in whole.items() if record is not None}
            # A key stays told until whoever follows comes for more, and so has taken its end.
            self._told |= there
            yield {**gone, **whole}
            self._told = there
            while True:
                changes: Changes[R] = {}
                for records in (await consumer.getmany(timeout_ms=1000)).values():
                    self._read(records, changes)
                if changes:
                    self._told |= changes.keys()
                    yield changes
                    self._told -= {key for key, record in changes.items() if record is None}

    def _read(self, records: list[object], into: Changes[R]) -> None:
        for record in records:
            key: str = record.key.decode(errors="backslashreplace")  # type: ignore[attr-defined]
            value: bytes | None = record.value  # type: ignore[attr-defined]
            try:
                into[key] = None if value is None else decode(value, self._record)
            except UnreadableRecord as error:
                log.error(
                    "skipped a record that cannot be read",
                    extra=fields(topic=self._topic.name, key=key, offset=record.offset, error=str(error)),  # type: ignore[attr-defined]
                )


class TableWriter(Generic[R]):
    """Writes one compacted topic."""

    def __init__(self, producer: AIOKafkaProducer, cluster: Cluster, topic: Topic) -> None:
        self._producer = producer
        self._topic = cluster.name(topic)

    async def put(self, changes: Changes[R]) -> None:
        """Write records and tombstones; returns when Kafka acknowledged all of them."""
        deliveries = [
            await self._producer.send(
                self._topic, key=key.encode(), value=None if record is None else encode(record), partition=0
            )
            for key, record in changes.items()
        ]
        await asyncio.gather(*deliveries)
