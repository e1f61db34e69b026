"""Reading every partition of a topic in this process alone: for services of which each replica needs all records.

A consumer by assignment, without a group, so that replicas do not share the partitions out among them.
"""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import TypeAlias

from aiokafka import AIOKafkaConsumer, ConsumerRecord
from aiokafka.errors import KafkaError

from rtchart.broker.cluster import Cluster
from rtchart.broker.topics import Topic
from rtchart.process.logs import fields

log = logging.getLogger(__name__)

Record: TypeAlias = "ConsumerRecord[bytes, bytes]"

BrokerError = KafkaError
"""What reading may raise when the broker fails it; who reads for ever begins again."""

REPLAY_RECORDS = 240_000
"""Records before the log's end that a tail starts at, at most: about two seconds of reading."""

FETCH_WAIT_MS = 100
"""How long a fetch that finds nothing waits for records.

aiokafka fetches for all partitions as soon as all that came before was taken, and the broker answers with the first record, so
this delays nothing; each fetch costs the CPU time of tens of records. Only after a taking that lasted 200 ms the next fetch is
for the other partitions alone, and the last ones wait for its end.
"""


class Tail:
    """The records of a topic, as they come. Made by `tail`."""

    def __init__(self, consumer: AIOKafkaConsumer, ends: dict[int, int]) -> None:
        self._consumer = consumer
        self._ends = ends

    async def poll(self, timeout_ms: int, most: int = 5_000) -> list[Record]:
        """What came, ``most`` records at most, in order per partition; waits up to ``timeout_ms`` for a first one."""
        records: list[Record] = []
        for batch in (await self._consumer.getmany(timeout_ms=timeout_ms, max_records=most)).values():
            records += batch
        if self._ends:
            for tp in self._consumer.assignment():
                end = self._ends.get(tp.partition)
                if end is not None and await self._consumer.position(tp) >= end:
                    del self._ends[tp.partition]
        return records

    @property
    def caught_up(self) -> bool:
        """Whether all that was there when it started has been read."""
        return not self._ends

    async def lag(self) -> int:
        """Records that the broker has and that were not read, as far as the last fetches told."""
        behind = 0
        for tp in self._consumer.assignment():
            newest = self._consumer.highwater(tp)
            if newest is not None:
                behind += max(0, newest - await self._consumer.position(tp))
        return behind


@asynccontextmanager
async def tail(
    cluster: Cluster,
    topic: Topic,
    *,
    since_ms: int,
    stored: Mapping[int, int] | None = None,
    wait_ms: int = FETCH_WAIT_MS,
) -> AsyncIterator[Tail]:
    """A reader of all partitions, from the records of ``since_ms`` on, or from the ``stored`` offsets where these are older.

    ``wait_ms``: a fetch that finds nothing waits this long; each costs the same CPU time as reading tens of records.

    It never starts more than `REPLAY_RECORDS` before the end. Raises `UserError` (no broker).
    """
    async with cluster.consumer(
        fetch_max_wait_ms=wait_ms, auto_offset_reset="latest", max_partition_fetch_bytes=4 * 1024 * 1024
    ) as consumer:
        partitions = cluster.topic_partitions(topic, topic.partitions)
        consumer.assign(partitions)
        begins = await consumer.beginning_offsets(partitions)
        ends = await consumer.end_offsets(partitions)
        at_time = await consumer.offsets_for_times(dict.fromkeys(partitions, since_ms))
        ahead: dict[int, int] = {}
        replay = 0
        for tp in partitions:
            found, end = at_time[tp], ends[tp]
            start = end if found is None else found.offset
            if stored is not None and tp.partition in stored:
                start = min(start, stored[tp.partition])
            # A stored offset may also be of an earlier life of the topic, and lie outside the log.
            start = min(max(start, begins[tp], end - REPLAY_RECORDS // topic.partitions), end)
            consumer.seek(tp, start)
            if start < end:
                ahead[tp.partition] = end
                replay += end - start
        log.info("reading every partition", extra=fields(topic=cluster.name(topic), replay=replay))
        yield Tail(consumer, ahead)
