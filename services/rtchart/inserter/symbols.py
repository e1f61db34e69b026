"""What the inserter knows of symbols: their ids, and what is wanted of them, as the topic ``rtchart.symbols`` says."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping

from rtchart.broker.table import Changes, Table
from rtchart.core.kline import Identity
from rtchart.core.symbol import DesiredSymbol
from rtchart.inserter.session import Session
from rtchart.process.clock import now_ms
from rtchart.process.logs import fields
from rtchart.store import symbols as store
from rtchart.store.database import Connection
from rtchart.store.failures import is_refusal
from rtchart.store.symbols import SymbolRow

log = logging.getLogger(__name__)


class Symbols:
    """The rows of ``symbol`` in memory, kept with the table by what is written here and by nobody else's writes.

    Every inserter follows the topic and writes the same, so each has what counts for the klines that it reads.
    """

    def __init__(self, *, clock: Callable[[], int] = now_ms) -> None:
        self._clock = clock
        self.rows: dict[tuple[str, str], SymbolRow] = {}
        self.edition = 0
        """Rises whenever a row changes: what was worked out of older rows is to be worked out anew."""
        self._epochs: dict[str, int] = {}
        """The last epoch that the topic asked for, by key: the life that a tombstone ends."""
        # Two connections write here. Held from a write until its rows are in memory, so that these never go backwards.
        self._turn = asyncio.Lock()

    async def load(self, connection: Connection) -> None:
        """Begin with what is stored."""
        async with self._turn:
            self._take(await store.load(connection))

    async def ensure(self, connection: Connection, epochs: Mapping[tuple[str, str], int]) -> None:
        """Have a row of each (exchange, symbol), whose epoch is not older than the one given.

        Klines may overtake the Symbol that asks for them, because it travels on another topic.
        """
        async with self._turn:
            self._take(await store.ensure(connection, {Identity(*name): epoch for name, epoch in epochs.items()}))

    async def follow(self, table: Table[DesiredSymbol], session: Session, followed: Callable[[], None]) -> None:
        """Begin with what is stored, and write each change of the topic to it; never ends.

        ``followed`` is called once the first whole is in. The rows are read before the topic: a life that was stored by then
        is told in the topic up to its own end, so a tombstone there never ends a later one.
        """
        await session.patiently(self.load)
        async for changes in table.follow():
            await self.take(changes, session)
            followed()

    async def take(self, changes: Changes[DesiredSymbol], session: Session) -> None:
        """Write changes. One that the database refuses is logged and skipped: what the symbol was before stays."""
        try:
            await session.patiently(lambda connection: self._write(connection, changes))
        except Exception as error:
            if not is_refusal(error):
                raise
            if len(changes) == 1:
                log.error("skipped a record that the database refuses", extra=fields(key=next(iter(changes)), error=str(error)))
                return
            for key, desired in changes.items():
                await self.take({key: desired}, session)

    async def _write(self, connection: Connection, changes: Changes[DesiredSymbol]) -> None:
        async with self._turn:
            gone: dict[Identity, int] = {}
            for key, desired in changes.items():
                if desired is not None:
                    self._epochs[key] = desired.epoch
                    continue
                try:
                    identity = Identity.parse(key)
                except ValueError as error:
                    log.error("skipped a deletion", extra=fields(topic="rtchart.symbols", error=str(error)))
                else:
                    gone[identity] = self._ended(key, identity)
            self._take(await store.want(connection, [desired for desired in changes.values() if desired is not None]))
            self._take(await store.unwant(connection, gone, at=self._clock()))

    def _ended(self, key: str, identity: Identity) -> int:
        """The epoch of the life that a tombstone ends. Of a key that the topic did not hold before, the one that is stored."""
        row = self.rows.get((identity.exchange, identity.symbol))
        return self._epochs.get(key, row.epoch if row else 0)

    def _take(self, rows: list[SymbolRow]) -> None:
        for row in rows:
            name = (row.identity.exchange, row.identity.symbol)
            if self.rows.get(name) != row:
                self.rows[name] = row
                self.edition += 1
