"""A writer on a real database, for the tests of what it stores."""

from __future__ import annotations

from collections.abc import Iterable

import asyncpg

from rtchart.core.interval import SECOND
from rtchart.core.messages import DeadLetter, KlineMessage
from rtchart.inserter.batch import Batch, Feed
from rtchart.inserter.plan import read
from rtchart.inserter.session import Session
from rtchart.inserter.symbols import Symbols
from rtchart.inserter.writer import Writer
from rtchart.process.health import Health
from rtchart.store import offsets
from tests.inserter.material import NOW, T0, records


class Table:
    """A writer, the offset it is at in partition 0, and a connection to look with."""

    def __init__(self, database: str, connection: asyncpg.Connection) -> None:
        self.connection = connection
        self.health = Health()
        self.session = Session(database, self.health)
        self.book = Symbols(clock=lambda: NOW)
        self.published: list[DeadLetter] = []
        self.writer = Writer(self.session, self.book, Feed("cluster", "klines", 12), self._publish, clock=lambda: NOW)
        self.next = 0

    async def _publish(self, letters: Iterable[DeadLetter]) -> None:
        self.published += letters

    async def begin(self) -> Table:
        await offsets.begin(self.connection, "cluster", "klines", dict.fromkeys(range(12), 0))
        return self

    def batch(self, *messages: KlineMessage | bytes) -> Batch[KlineMessage]:
        batch = Batch(read)
        batch.add(records(messages, offset=self.next), {0: self.next})
        return batch

    async def write(self, *messages: KlineMessage | bytes) -> None:
        await self.writer.write(self.batch(*messages))
        self.next += len(messages)

    async def offset(self) -> int:
        return (await offsets.load(self.connection, "cluster", "klines"))[0]

    async def checkpoints(self) -> list[tuple[int, int, int]]:
        """Those since the last call, as (minute, first, last) in seconds from `T0`."""
        rows = await self.connection.fetch("DELETE FROM checkpoint RETURNING minute, first_second, last_second")
        return sorted(tuple((time - T0) // SECOND for time in row) for row in rows)
