"""A member of a consumer group that keeps its positions elsewhere than in Kafka.

The group decides who reads which partition. From where, the owner says (`Group.place`), because the truth is in its database:
a partition that was just assigned gives no records before that. `Group.poll` must be called at least every five minutes,
even while nothing can be taken (`Group.hold`): who stops polling loses its partitions and does not know.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from typing import Protocol

from aiokafka import AIOKafkaConsumer, ConsumerRebalanceListener, TopicPartition
from aiokafka.errors import IllegalStateError, KafkaError, NoOffsetForPartitionError, OffsetOutOfRangeError

from rtchart.broker.cluster import Cluster
from rtchart.broker.topics import Topic
from rtchart.process.logs import fields
from rtchart.process.tracing import Headers

log = logging.getLogger(__name__)

INSERTERS = "rtchart-inserter"
"""The group that stores what is in ``rtchart.klines``."""
BACKFILLERS = "rtchart-inserter-backfill"
"""… and what is in ``rtchart.backfill``, beside it."""

_MEBIBYTE = 1024 * 1024
_ANSWER = 5.0
"""Seconds in which a broker that is well answers a question about offsets."""

_SETTINGS = {
    # A killed member's partitions are given to others after this; brokers allow no less by default.
    "session_timeout_ms": 6_000,
    "heartbeat_interval_ms": 1_500,
    "rebalance_timeout_ms": 15_000,
    "auto_offset_reset": "none",
    # What is fetched ahead, as it is on the wire: bounded, whatever the lag.
    "fetch_max_bytes": 8 * _MEBIBYTE,
    "max_partition_fetch_bytes": _MEBIBYTE,
    # A partition that was just read waits for the fetch of the others that is under way, and that waits this long.
    "fetch_max_wait_ms": 50,
}


class Record(Protocol):
    """A record as it came; ``timestamp`` is milliseconds."""

    partition: int
    offset: int
    timestamp: int
    value: bytes | None
    headers: Headers


class KafkaUnavailable(Exception):
    """Kafka does not answer, or the group has no coordinator, for now: to be tried again."""


class OffsetLost(Exception):
    """The record that comes next is not in Kafka's log (any more); the oldest that is there is ``earliest``."""

    def __init__(self, partition: int, offset: int, earliest: int, end: int) -> None:
        super().__init__(f"offset {offset} of partition {partition} is not in the log, which holds {earliest} to {end}")
        self.partition = partition
        self.offset = offset
        self.earliest = earliest


Revoked = Callable[[frozenset[int]], Awaitable[None]]


class Group(ConsumerRebalanceListener):  # type: ignore[misc]  # aiokafka is not typed
    """Reading one topic as a member of a group. Made by `join`."""

    def __init__(self, consumer: AIOKafkaConsumer, topic: str, partitions: int, on_revoked: Revoked) -> None:
        self._consumer = consumer
        self._topic = topic
        self._partitions = partitions
        self._on_revoked = on_revoked
        self._placed: set[int] = set()
        self._held = False
        self.assigned: frozenset[int] = frozenset()
        """The partitions that this member reads now."""

    @property
    def unplaced(self) -> frozenset[int]:
        """Assigned partitions that wait for `place`."""
        return self.assigned - self._placed

    async def poll(self, max_records: int, *, within: float) -> list[Record]:
        """What came of the placed partitions, in order per partition; waits up to ``within`` seconds for a first record.

        Raises `OffsetLost`, after which the partition waits for `place`, and `KafkaUnavailable`.
        """
        try:
            with _availability():
                batches = await self._consumer.getmany(timeout_ms=int(within * 1000), max_records=max_records)
        except OffsetOutOfRangeError as error:
            ((tp, offset),) = error.args[0].items()
            await self._out_of_range(tp, offset)
            return []
        except NoOffsetForPartitionError:
            return []  # of a partition that was assigned this moment: Kafka is asked before `place` can say
        return [record for tp, batch in batches.items() if tp.partition in self._placed for record in batch]

    def place(self, starts: Mapping[int, int]) -> None:
        """Read these partitions from these offsets on. Those that are not assigned (any more) are left out."""
        for partition, offset in starts.items():
            if partition in self.assigned:
                self._placed.add(partition)
                self._consumer.seek(self._tp(partition), offset)
                if not self._held:
                    self._consumer.resume(self._tp(partition))

    def displace(self, partitions: Iterable[int]) -> None:
        """Take nothing more from these partitions until they are placed again."""
        for partition in self.assigned.intersection(partitions):
            self._placed.discard(partition)
            self._consumer.pause(self._tp(partition))

    def hold(self) -> None:
        """Fetch nothing more; `poll` goes on being called, and gives nothing."""
        self._held = True
        self._consumer.pause(*self._tps(self._placed))

    def release(self) -> None:
        """Fetch again what was held."""
        if self._held:
            self._held = False
            self._consumer.resume(*self._tps(self._placed))

    async def earliest(self, partitions: Iterable[int]) -> dict[int, int]:
        """The oldest offset in the log of each partition. Raises `KafkaUnavailable`."""
        with _availability():
            async with asyncio.timeout(_ANSWER):
                offsets = await self._consumer.beginning_offsets(self._tps(partitions))
        return {tp.partition: offset for tp, offset in offsets.items()}

    async def ends(self) -> dict[int, int]:
        """The offset that the next record of each of the topic's partitions will get. Raises `KafkaUnavailable`."""
        with _availability():
            async with asyncio.timeout(_ANSWER):
                offsets = await self._consumer.end_offsets(self._tps(range(self._partitions)))
        return {tp.partition: offset for tp, offset in offsets.items()}

    async def commit(self, positions: Mapping[int, int]) -> None:
        """Tell Kafka the positions too, for tools that show or scale on lag. Nothing here reads them; failing is logged."""
        mine = {self._tp(partition): offset for partition, offset in positions.items() if partition in self.assigned}
        try:
            if mine:
                async with asyncio.timeout(_ANSWER):
                    await self._consumer.commit(mine)
        except (KafkaError, IllegalStateError, TimeoutError) as error:
            log.info("offsets for lag tools were not taken", extra=fields(error=repr(error)))

    async def on_partitions_revoked(self, revoked: set[TopicPartition]) -> None:
        """By aiokafka, before the group is divided anew: the owner ends what it is doing with them."""
        gone, self.assigned = self.assigned, frozenset()
        self._placed.clear()
        if gone:
            await self._on_revoked(gone)

    async def on_partitions_assigned(self, assigned: set[TopicPartition]) -> None:
        """By aiokafka: these are read by this member from now on, once they are placed."""
        for tp in assigned:
            self._consumer.pause(tp)
            # Any position will do, so that aiokafka does not look for the one that Kafka has.
            self._consumer.seek(tp, 0)
        self.assigned = frozenset(tp.partition for tp in assigned)
        log.info("partitions assigned", extra=fields(partitions=sorted(self.assigned)))

    async def _out_of_range(self, tp: TopicPartition, offset: int) -> None:
        if tp.partition not in self._placed:
            return
        earliest = (await self.earliest([tp.partition]))[tp.partition]
        end = (await self.ends())[tp.partition]
        if tp.partition not in self._placed:
            return
        if earliest <= offset <= end:
            self._consumer.seek(tp, offset)  # it is there after all
        else:
            self.displace([tp.partition])
            raise OffsetLost(tp.partition, offset, earliest, end)

    def _tp(self, partition: int) -> TopicPartition:
        return TopicPartition(self._topic, partition)

    def _tps(self, partitions: Iterable[int]) -> list[TopicPartition]:
        return [self._tp(partition) for partition in partitions]


@contextmanager
def _availability() -> Iterator[None]:
    try:
        yield
    except TimeoutError as error:
        raise KafkaUnavailable(f"Kafka did not answer within {_ANSWER:g} s") from error
    except KafkaError as error:
        # What is not retriable is for the callers, who know some of it; the rest ends the process.
        if not error.retriable:
            raise
        raise KafkaUnavailable(f"Kafka cannot be worked with for now: {error!r}") from error


@asynccontextmanager
async def join(
    cluster: Cluster, topic: Topic, group: str, *, on_revoked: Revoked, instance: str | None = None
) -> AsyncIterator[Group]:
    """Join the group (its name gets the cluster's prefix) to read the topic; left at the end.

    ``on_revoked`` is awaited before the group is divided anew, for a few seconds at most. A named ``instance`` (Kafka calls it
    a static member) that comes back within the session's time gets its partitions back at once, even after it was killed, and
    for as long nobody else gets them. Raises `UserError` (no broker).
    """
    async with cluster.consumer(group_id=cluster.prefix + group, group_instance_id=instance, **_SETTINGS) as consumer:
        member = Group(consumer, cluster.name(topic), topic.partitions, on_revoked)
        consumer.subscribe([cluster.name(topic)], listener=member)
        yield member
