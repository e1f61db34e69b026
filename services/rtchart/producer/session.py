"""The connection to Kafka, which is made anew when it fails.

The first failure, or a long wait, ends a client: why is told in `rtchart.broker.on_demand`. What it held is lost to it and not
to us: the ledgers know of it, and the venue still has it.
"""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Awaitable, Callable
from contextlib import suppress
from functools import partial

from rtchart.broker import dead_letters
from rtchart.broker.cluster import Cluster
from rtchart.broker.publisher import BeginTrace, Publisher
from rtchart.broker.table import Changes, TableWriter
from rtchart.broker.topics import BACKFILL, KLINES, REPAIRS, STREAMS
from rtchart.core.errors import UserError
from rtchart.core.messages import BackfillMessage, DeadLetter, GapOpened, StreamState
from rtchart.process.health import Health
from rtchart.process.logs import fields
from rtchart.producer.outbox import Outbox

log = logging.getLogger(__name__)

PATIENCE = 20.0
"""Seconds without an acknowledgement after which a client is given up. A broker that restarts needs about ten."""
AT_ONCE = 120
"""Records of older history that are published at once: about a millisecond of work."""
LEAVE_WITHIN = 1.5
"""Seconds that a client has to send what it holds before it is closed."""
RETRY = (0.5, 3.0)
"""Seconds between attempts, at least and at most."""


class Session:
    """Keeps a client of Kafka open, and what is published going through it."""

    def __init__(self, cluster: Cluster, outbox: Outbox, health: Health, *, begin_trace: BeginTrace | None = None) -> None:
        """``begin_trace`` is asked for each kline."""
        self._cluster = cluster
        self._outbox = outbox
        self._health = health
        self._begin_trace = begin_trace
        self._states: TableWriter[StreamState] | None = None
        self._repairs: TableWriter[GapOpened] | None = None
        self._past: Publisher | None = None
        self._bury: Callable[[list[DeadLetter]], Awaitable[None]] | None = None
        self._open = asyncio.Event()

    async def keep(self, *, patience: float = PATIENCE) -> None:
        """Keep connected until cancelled."""
        while True:
            try:
                await self._one(patience)
                why = "it did not acknowledge what was published"
            except Exception as error:  # no broker there, or whatever the client raises on its way out
                why = str(error) if isinstance(error, UserError) else repr(error)
            wait = random.uniform(*RETRY)
            log.warning("connecting to Kafka anew", extra=fields(why=why, next_in_s=round(wait, 1)))
            await asyncio.sleep(wait)

    async def _one(self, patience: float) -> None:
        async with self._cluster.producer(patience=LEAVE_WITHIN) as client:
            self._states = TableWriter(client, self._cluster, STREAMS)
            self._repairs = TableWriter(client, self._cluster, REPAIRS)
            self._past = Publisher(client, self._cluster, BACKFILL)
            self._bury = partial(dead_letters.publish, client, self._cluster)
            self._outbox.open(Publisher(client, self._cluster, KLINES, begin_trace=self._begin_trace))
            self._open.set()
            self._health.ready("kafka")
            try:
                while self._outbox.waiting < patience:
                    with suppress(TimeoutError):
                        await asyncio.wait_for(self._outbox.failed.wait(), 1.0)
                        return
            finally:
                self._health.unready("kafka", f"Kafka at {self._cluster.bootstrap} does not take what is published")
                self._open.clear()
                self._outbox.close()

    async def put(self, changes: Changes[StreamState]) -> None:
        """Write states and tombstones, once there is a connection. Raises what Kafka's client does when it fails."""
        await self._open.wait()
        assert self._states is not None
        await self._states.put(changes)

    async def end(self, repairs: Changes[GapOpened]) -> None:
        """Write the ends of repairs, once there is a connection. Raises what Kafka's client does when it fails."""
        await self._open.wait()
        assert self._repairs is not None
        await self._repairs.put(repairs)

    async def fill_back(self, messages: list[BackfillMessage]) -> None:
        """Publish older history, once there is a connection; returns when Kafka acknowledged it. Raises when it did not.

        In small sets, each after the one before: live seconds go between them, over the same client.
        """
        await self._open.wait()
        assert self._past is not None
        publisher = self._past
        async with asyncio.timeout(PATIENCE):
            for at in range(0, len(messages), AT_ONCE):
                await publisher.publish(messages[at : at + AT_ONCE])

    async def bury(self, letters: list[DeadLetter]) -> None:
        """Write dead letters, once there is a connection."""
        await self._open.wait()
        assert self._bury is not None
        await self._bury(letters)
