"""Asking for what Kafka lost before it was stored: each such gap of the ledger goes to ``rtchart.repairs``.

From the table and not from the batch that told of it, so that a gap is asked for whenever the one who found it was killed.
A producer takes it from there, and the seconds come the usual way.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable

from rtchart.broker.cluster import Cluster
from rtchart.broker.on_demand import NotPublished, OnDemandProducer
from rtchart.broker.table import Changes, TableWriter
from rtchart.broker.topics import REPAIRS
from rtchart.core.gap import Range, common, normal, subtract
from rtchart.core.kline import Identity
from rtchart.core.messages import GapOpened
from rtchart.inserter.session import Session
from rtchart.process.clock import now_ms
from rtchart.process.logs import fields
from rtchart.store import gaps
from rtchart.store.database import Connection

log = logging.getLogger(__name__)

EVERY = 5.0
"""Seconds between looks at the ledger."""
PATIENCE = 2.0
"""Seconds that Kafka has to take what is asked for."""

Put = Callable[[Changes[GapOpened]], Awaitable[None]]
"""Raises `NotPublished`."""


async def keep_asking(session: Session, put: Put, *, every: float = EVERY, clock: Callable[[], int] = now_ms) -> None:
    """Ask for each gap once, until cancelled. Whoever starts anew asks again for what is still open, which does no harm."""

    async def look(connection: Connection) -> list[GapOpened]:
        return await gaps.lost(connection, clock())

    asked: dict[Identity, list[Range]] = {}
    while True:
        lost = await session.patiently(look)
        asked = {
            of: common(ranges, [(gap.start, gap.end) for gap in lost if gap.identity == of]) for of, ranges in asked.items()
        }
        # A row may be cut in two, and its parts were asked for with it.
        new: Changes[GapOpened] = {
            f"{gap.identity}/{gap.start}-{gap.end}": gap
            for gap in lost
            if subtract([(gap.start, gap.end)], asked.get(gap.identity, ()))
        }
        if new:
            try:
                await put(new)
                for gap in filter(None, new.values()):
                    asked[gap.identity] = normal([*asked.get(gap.identity, ()), (gap.start, gap.end)])
                log.info("asked for what was lost", extra=fields(gaps=len(new)))
            except NotPublished as error:
                log.warning("Kafka takes no word of what was lost; trying again", extra=fields(error=str(error)))
        await asyncio.sleep(every)


async def ask(session: Session, cluster: Cluster) -> None:
    """`keep_asking` of this cluster."""
    async with OnDemandProducer(cluster, patience=PATIENCE) as client:

        async def put(changes: Changes[GapOpened]) -> None:
            await client.send(lambda producer: TableWriter[GapOpened](producer, cluster, REPAIRS).put(changes))

        await keep_asking(session, put)
