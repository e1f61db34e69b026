"""Retention on one machine: what the operator does in a cluster, each minute."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable

from rtchart.store.database import connect
from rtchart.store.failures import is_outage
from rtchart.store.retention import Swept, sweep

log = logging.getLogger(__name__)

EVERY = 60.0
"""Seconds between two sweeps."""
SOON = 5.0
"""The same, when the data of deleted symbols had to wait."""


class Sweeper:
    """Sweeps the database, also of the data of symbols that ended and whose manifest said ``deletionPolicy: Delete``."""

    def __init__(self, database: str, clock: Callable[[], int]) -> None:
        self._database = database
        self._clock = clock

    async def sweep(self) -> Swept:
        """One sweep. Safe to repeat, and to stop anywhere."""
        connection = await connect(self._database, service="up")
        try:
            swept = await sweep(connection, self._clock())
            if swept.partitions_dropped or swept.klines or swept.candles:
                log.info("swept: %s", swept)
            for identity, rows in swept.deleted.items():
                log.info("deleted %d rows of %s", rows, identity)
            return swept
        finally:
            await connection.close()

    async def run(self) -> None:
        """Sweep now and each minute, for ever. The database may be away."""
        while True:
            pause = EVERY
            try:
                if (await self.sweep()).deletions_wait:
                    pause = SOON
            except Exception as error:
                if not is_outage(error):
                    raise
                log.warning("could not sweep what is past its retention; it is tried again in a minute: %s", error)
            await asyncio.sleep(pause)
