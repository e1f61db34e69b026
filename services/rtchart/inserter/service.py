"""The inserter's loop: poll the group, gather a batch, store it while the next is gathered.

At most two batches are in memory, one gathered and one being stored, whatever the lag. While the database takes nothing,
fetching is paused and polling goes on, so that the group does not count this member as dead.
"""

from __future__ import annotations

import asyncio
import logging
import time
from dataclasses import dataclass

from rtchart.broker.group import Group, KafkaUnavailable, OffsetLost
from rtchart.core.messages import KlineMessage
from rtchart.inserter import metrics
from rtchart.inserter.batch import Batch, Feed
from rtchart.inserter.plan import read
from rtchart.inserter.session import Session
from rtchart.inserter.writer import Writer
from rtchart.process.health import Health
from rtchart.process.logs import fields
from rtchart.store import offsets
from rtchart.store.offsets import NotOwner

log = logging.getLogger(__name__)

POLL_RECORDS = 500
"""Records taken at once, so that between two polls the loop does other things too."""

PATIENCE = 1.0
"""Seconds that a full batch waits for the one before it, until fetching is paused (which discards what was fetched)."""

FINISH = 2.0
"""Seconds that a batch which is being stored has to end, when its partitions or the process go."""

WATCH_EVERY = 5.0


@dataclass(frozen=True)
class Limits:
    """When a batch is closed: at so many records or bytes, or so many seconds after its first record."""

    records: int = 20_000
    seconds: float = 0.25
    bytes: int = 16 * 1024 * 1024


class Inserter:
    """Moves records from a group's partitions into the database."""

    def __init__(
        self,
        writer: Writer,
        session: Session,
        feed: Feed,
        health: Health,
        limits: Limits = Limits(),
    ) -> None:
        self._writer = writer
        self._session = session
        self._feed = feed
        self._health = health
        self._limits = limits
        self._positions: dict[int, int] = {}
        """Of each placed partition the next record to gather."""
        self._lost: set[int] = set()
        self._stored: dict[int, int] = {}
        self._begin_batch()
        self._work: asyncio.Task[None] | None = None

    @property
    def busy(self) -> bool:
        """Whether records wait, or are being stored."""
        return self._work is not None or len(self._batch) > 0

    async def run(self, group: Group) -> None:
        """Work until cancelled. Raises what is nobody's outage."""
        try:
            while True:
                self._begin_work(group)
                if self._is_full() and self._work is not None:
                    await asyncio.wait({self._work}, timeout=PATIENCE)
                    if not self._work.done():
                        metrics.PAUSED.set(1)
                        group.hold()
                        await self._poll(group, PATIENCE)
                else:
                    await self._poll(group, self._poll_timeout())
                    await asyncio.sleep(0)  # records that were fetched ahead come without a turn of the loop
        finally:
            await self._finish()

    async def watch(self, group: Group) -> None:
        """Tell the lag, to Kafka too, and whether Kafka answers; never ends."""
        while True:
            try:
                ends = await group.ends()
            except KafkaUnavailable as error:
                self._health.unready("kafka", str(error))
            else:
                self._health.ready("kafka")
                metrics.LAG.clear()
                for partition, position in self._stored.items():
                    metrics.LAG.labels(partition).set(max(0, ends[partition] - position))
                await group.commit(self._stored)
            await asyncio.sleep(WATCH_EVERY)

    async def revoked(self, partitions: frozenset[int]) -> None:
        """The group is divided anew: forget what was gathered, let what is being stored end, so that nobody does it again."""
        self._begin_batch()
        self._positions.clear()
        self._stored.clear()
        self._lost.clear()
        if self._work is not None:
            await asyncio.wait({self._work}, timeout=FINISH)

    def _begin_batch(self) -> None:
        self._batch: Batch[KlineMessage] = Batch(read)
        self._due = 0.0

    def _begin_work(self, group: Group) -> None:
        """Take the next thing to do with the database in hand, if nothing is."""
        if self._work is not None and self._work.done():
            self._work.result()
            self._work = None
            metrics.PAUSED.set(0)
            group.release()
        if self._work is None:
            if group.unplaced:
                self._work = asyncio.create_task(self._place(group))
            elif len(self._batch) and (self._is_full() or time.monotonic() >= self._due):
                self._work = asyncio.create_task(self._store(group, self._batch))
                self._begin_batch()

    def _is_full(self) -> bool:
        return len(self._batch) >= self._limits.records or self._batch.size >= self._limits.bytes

    def _poll_timeout(self) -> float:
        if self._work is not None:
            return 0.02  # work that ends wants the next batch soon, and polling cannot be woken for it
        return max(0.0, self._due - time.monotonic()) if len(self._batch) else self._limits.seconds

    async def _poll(self, group: Group, within: float) -> None:
        room = max(1, self._limits.records - len(self._batch))
        try:
            records = await group.poll(min(room, POLL_RECORDS), within=within)
        except OffsetLost as error:
            log.error("records were lost before they were read", extra=fields(error=str(error)))
            metrics.OFFSETS_LOST.inc()
            # With records from before the cut in the batch, it is placed anew from what is stored (`_place`), so that a batch
            # never holds both sides of a cut.
            if error.partition not in self._batch.moves:
                self._lost.add(error.partition)
                group.place({error.partition: error.earliest})
            return
        except KafkaUnavailable as error:
            self._health.unready("kafka", str(error))
            await asyncio.sleep(within)
            return
        if records:
            if not len(self._batch):
                self._due = time.monotonic() + self._limits.seconds
            self._batch.add(records, self._positions)
            self._writer.prepare(self._batch)
            for partition, move in self._batch.moves.items():
                self._positions[partition] = move.next
            self._batch.lost |= self._lost.intersection(self._batch.moves)
            self._lost -= self._batch.lost

    async def _place(self, group: Group) -> None:
        """Read the assigned partitions from where the database ends."""
        partitions = group.unplaced
        cluster, topic = self._feed.cluster, self._feed.topic
        stored = await self._session.patiently(lambda connection: offsets.load(connection, cluster, topic))
        if new := partitions - stored.keys():
            try:
                starts = await group.earliest(new)
            except KafkaUnavailable as error:
                self._health.unready("kafka", str(error))
                await asyncio.sleep(PATIENCE)
                return
            stored = await self._session.patiently(lambda connection: offsets.begin(connection, cluster, topic, starts))
        # What was gathered or assigned in the meantime is of another division of the group.
        places = {partition: stored[partition] for partition in partitions & group.unplaced}
        self._batch = self._batch.without(frozenset(places))
        self._positions.update(places)
        self._stored.update(places)
        self._lost -= places.keys()
        group.place(places)

    async def _store(self, group: Group, batch: Batch[KlineMessage]) -> None:
        try:
            await self._writer.write(batch)
        except NotOwner as error:
            log.info("read anew", extra=fields(why=str(error)))
            metrics.FENCED.inc()
            group.displace(batch.moves)
            self._batch = self._batch.without(frozenset(batch.moves))
            return
        for partition, move in batch.moves.items():
            if partition in self._stored:
                self._stored[partition] = move.next

    async def _finish(self) -> None:
        if self._work is not None:
            await asyncio.wait({self._work}, timeout=FINISH)
            self._work.cancel()
            await asyncio.gather(self._work, return_exceptions=True)
