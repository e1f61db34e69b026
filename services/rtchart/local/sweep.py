"""Retention on one machine: what the operator does in a cluster, each minute."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping

from rtchart.broker.table import Changes
from rtchart.core.kline import Identity
from rtchart.core.symbol import DesiredSymbol
from rtchart.store.database import connect
from rtchart.store.failures import is_outage
from rtchart.store.retention import delete_symbol_data, sweep

log = logging.getLogger(__name__)

EVERY = 60.0
"""Seconds between two sweeps."""
_TRIES = 10
"""Sweeps that look for data of a symbol whose deletion is to delete it: the inserter first has to hear of it."""


class Sweeper:
    """Sweeps the database, and deletes the data of symbols whose manifest said ``deletionPolicy: Delete``."""

    def __init__(self, database: str, clock: Callable[[], int]) -> None:
        self._database = database
        self._clock = clock
        self._deleting: dict[Identity, int] = {}

    def ended(self, changes: Changes[DesiredSymbol], before: Mapping[str, DesiredSymbol]) -> None:
        """Take note of symbols that ended, and of those that are wanted again."""
        for key, record in changes.items():
            self._deleting.pop(Identity.parse(key), None)
            if record is None and before[key].deletion_policy == "Delete":
                self._deleting[Identity.parse(key)] = _TRIES

    async def sweep(self) -> None:
        """One sweep. Safe to repeat, and to stop anywhere."""
        connection = await connect(self._database, service="up")
        try:
            swept = await sweep(connection, self._clock())
            if swept.partitions_dropped or swept.klines or swept.candles:
                log.info("swept: %s", swept)
            for identity, tries in list(self._deleting.items()):
                rows = await delete_symbol_data(connection, identity)
                log.info("deleted %d rows of %s", rows, identity)
                self._deleting[identity] = tries - 1
                if rows or tries <= 1:
                    del self._deleting[identity]
        finally:
            await connection.close()

    async def run(self) -> None:
        """Sweep now and each minute, for ever. The database may be away."""
        while True:
            try:
                await self.sweep()
            except Exception as error:
                if not is_outage(error):
                    raise
                log.warning("could not sweep what is past its retention; it is tried again in a minute: %s", error)
            await asyncio.sleep(EVERY)
