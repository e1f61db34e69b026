"""The second loop of the inserter: ``rtchart.backfill`` into the database, beside the live one and never before it.

A group, offsets and a connection of its own. It stores a small set at once, in a moment when nothing live is to be stored, and
rests three times as long as that took: where the database is busy, it asks less of it.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Sequence

from rtchart.broker.group import Group, KafkaUnavailable, OffsetLost, Record
from rtchart.core.messages import BackfillMessage
from rtchart.inserter import metrics
from rtchart.inserter.batch import Batch, Feed
from rtchart.inserter.service import FINISH, PATIENCE, WATCH_EVERY
from rtchart.inserter.session import Session
from rtchart.inserter.venue import MinuteWriter, read
from rtchart.process.logs import fields
from rtchart.store import offsets
from rtchart.store.offsets import NotOwner

log = logging.getLogger(__name__)

RECORDS = 1_000
"""That are stored at once, at most: about 50 ms of the database's work."""

SHARE = 0.25
"""Of the time that it stores; it rests for the others."""

LONGEST_WAIT = 1.0
"""Seconds that it waits for such a moment. Where there is none (a backlog), it takes its share all the same."""

LONGEST_REST = 5.0
"""Seconds. A set that took long had to wait for the database, and the next one is to find out whether it is back."""


class Backfill:
    """Moves records from a group's partitions into the database, a set after the other."""

    def __init__(self, writer: MinuteWriter, session: Session, feed: Feed, live_is_busy: Callable[[], bool]) -> None:
        self._live_is_busy = live_is_busy
        self._writer = writer
        self._session = session
        self._feed = feed
        self._positions: dict[int, int] = {}
        """Of each placed partition the next record to store."""
        self._work: asyncio.Task[None] | None = None

    async def run(self, group: Group) -> None:
        """Work until cancelled. Raises what is nobody's outage."""
        try:
            while True:
                if group.unplaced:
                    await self._do(group, asyncio.create_task(self._place(group)))
                if records := await self._poll(group):
                    await self._moment()
                    began = time.monotonic()
                    await self._do(group, asyncio.create_task(self._store(group, records)))
                    took = time.monotonic() - began
                    await asyncio.sleep(min(took / SHARE - took, LONGEST_REST))
        finally:
            await self._finish()

    async def watch(self, group: Group) -> None:
        """Tell the lag, to Kafka too; never ends."""
        while True:
            try:
                ends = await group.ends()
            except KafkaUnavailable as error:
                log.debug("no lag known", extra=fields(error=str(error)))
            else:
                metrics.BACKFILL_LAG.set(sum(max(0, ends[each] - position) for each, position in self._positions.items()))
                await group.commit(self._positions)
            await asyncio.sleep(WATCH_EVERY)

    async def revoked(self, partitions: frozenset[int]) -> None:
        """The group is divided anew: let what is being stored end, so that nobody does it again."""
        self._positions.clear()
        if self._work is not None:
            await asyncio.wait({self._work}, timeout=FINISH)

    async def _moment(self) -> None:
        waited_until = time.monotonic() + LONGEST_WAIT
        while self._live_is_busy() and time.monotonic() < waited_until:  # noqa: ASYNC110 - a batch is open or is not
            await asyncio.sleep(0.02)

    async def _do(self, group: Group, work: asyncio.Task[None]) -> None:
        """Wait for the work, and go on polling where it takes long: who stops loses its partitions and does not know."""
        self._work = work
        while not (await asyncio.wait({work}, timeout=PATIENCE))[0]:
            group.hold()
            try:
                await group.poll(1, within=0)
            except (KafkaUnavailable, OffsetLost) as error:
                log.debug("polled in vain", extra=fields(error=str(error)))
        group.release()
        self._work = None
        work.result()

    async def _poll(self, group: Group) -> Sequence[Record]:
        try:
            return await group.poll(RECORDS, within=PATIENCE)
        except OffsetLost as error:
            log.error(
                "older history was lost before it was stored: ask for it again with `rtchart backfill`",
                extra=fields(error=str(error)),
            )
            metrics.OFFSETS_LOST.inc()
            group.place({error.partition: error.earliest})  # and the next set moves the offset on over the hole
        except KafkaUnavailable as error:
            log.debug("Kafka is away", extra=fields(error=str(error)))
            await asyncio.sleep(PATIENCE)
        return []

    async def _place(self, group: Group) -> None:
        """Read the assigned partitions from where the database ends."""
        partitions = group.unplaced
        cluster, topic = self._feed.cluster, self._feed.topic
        stored = await self._session.patiently(lambda connection: offsets.load(connection, cluster, topic))
        if new := partitions - stored.keys():
            try:
                starts = await group.earliest(new)
            except KafkaUnavailable:
                await asyncio.sleep(PATIENCE)
                return
            stored = await self._session.patiently(lambda connection: offsets.begin(connection, cluster, topic, starts))
        places = {partition: stored[partition] for partition in partitions & group.unplaced}
        self._positions.update(places)
        group.place(places)

    async def _store(self, group: Group, records: Sequence[Record]) -> None:
        batch: Batch[BackfillMessage] = Batch(read)
        # Since the group was divided anew, some may be another's.
        batch.add((record for record in records if record.partition in self._positions), self._positions)
        if not len(batch):
            return
        try:
            await self._writer.write(batch)
        except NotOwner as error:
            log.info("read anew", extra=fields(why=str(error)))
            metrics.FENCED.inc()
            group.displace(batch.moves)
            return
        for partition, move in batch.moves.items():
            if partition in self._positions:
                self._positions[partition] = move.next

    async def _finish(self) -> None:
        if self._work is not None:
            await asyncio.wait({self._work}, timeout=FINISH)
            self._work.cancel()
            await asyncio.gather(self._work, return_exceptions=True)
