"""The database as the operator needs it: its schema, what is stored of each symbol, and the sweep of what is too old."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field

from rtchart.core.errors import Unavailable, UserError
from rtchart.core.interval import SECOND
from rtchart.core.kline import Identity
from rtchart.process.logs import fields
from rtchart.store import overview, symbols
from rtchart.store.database import Connection, connect, within
from rtchart.store.failures import is_outage
from rtchart.store.history import Run, newest_run
from rtchart.store.migrate import migrate
from rtchart.store.retention import delete_symbol_data, sweep

log = logging.getLogger(__name__)

LOOK_EVERY = 2.0
"""Seconds between looks at how far each symbol is stored: a new one is to be Ready soon after it is."""
SWEEP_EVERY = 60.0
SWEEP_SOON = 5.0
"""… when the data of deleted symbols had to wait."""
COUNT_EVERY = 60.0
BOOKS_HOLD = 3 * COUNT_EVERY
"""Seconds for which the books are taken for what is: a count may fail once or twice."""
RETRY = 3.0
ANSWER = 20.0
"""Seconds that the database has for a look; less than what is stored may lag, which it is not to be taken for."""
WORK = 900.0
"""… for a migration, a sweep, or the deletion of a symbol's data. What is cut off there goes on with the next one."""


@dataclass(frozen=True)
class Books:
    """What is counted once a minute."""

    at: int = 0
    """When (ms) it was."""
    unaggregated: Mapping[Identity, int] = field(default_factory=dict)
    gaps: overview.Counts = field(default_factory=dict)
    open_since: Mapping[Identity, int] = field(default_factory=dict)
    completeness: Mapping[Identity, float] = field(default_factory=dict)
    bytes: int | None = None
    """What the database has on its disk; None before it was asked."""


class Storage:
    """What the database says, kept up to date by the coroutines ``keep_…``; ``changed`` is called after a look."""

    def __init__(
        self,
        url: str,
        clock: Callable[[], int],
        changed: Callable[[], None],
        *,
        passwords: Mapping[str, str] | None = None,
        closed: Callable[[overview.Counts], None] = lambda counts: None,
    ) -> None:
        """``passwords`` of the services' roles; ``closed`` is told which gaps were closed since it was told last."""
        self._url = url
        self._clock = clock
        self._changed = changed
        self._passwords = passwords or {}
        self._closed = closed
        self._counted = clock()
        self._migrated = asyncio.Event()
        self.ends: dict[Identity, overview.Ends] = {}
        self.run: Run | None = None
        self.books = Books()
        self.away: str | None = None
        """Why the database cannot be asked: empty if it can, None before it was."""
        self.swept = False
        self.sweep_away = ""
        """Why the last sweep did not end; empty if it did."""
        self.count_away = ""
        """… and the last count."""

    @property
    def is_current(self) -> bool:
        """Whether ``ends`` and ``run`` are of now; while the database cannot be asked they are what was."""
        return self.away == ""

    @property
    def books_are_current(self) -> bool:
        """Whether ``books`` are: they also grow old while only the count fails."""
        return self.is_current and self._clock() - self.books.at <= BOOKS_HOLD * SECOND

    async def keep_looking(self) -> None:
        """Bring the schema to this version, then look how far each symbol is stored, for ever."""
        while True:
            try:
                async with self._connection() as connection:
                    if not self._migrated.is_set():
                        with within(connection, WORK):
                            await migrate(connection, self._passwords)
                        self._migrated.set()
                    await self._look(connection)
            except Exception as error:
                # A changed migration, or no right to migrate: nothing that comes by itself.
                if isinstance(error, UserError) and not isinstance(error, Unavailable) and not self._migrated.is_set():
                    raise
                if not is_outage(error):
                    raise
                self._is_away(str(error) or repr(error))
            await asyncio.sleep(RETRY)

    async def keep_sweeping(self) -> None:
        """Sweep now and each minute, for ever."""
        await self._migrated.wait()
        while True:
            pause = SWEEP_EVERY

            async def work(connection: Connection) -> None:
                nonlocal pause
                with within(connection, WORK):
                    if await self._sweep(connection):
                        pause = SWEEP_SOON

            self.sweep_away = await self._tried("sweep", work)
            self.swept |= not self.sweep_away
            self._changed()
            await asyncio.sleep(pause)

    async def keep_counting(self) -> None:
        """Count now and each minute, for ever: beside the sweep, which may take long when much is too old."""
        await self._migrated.wait()
        while True:
            self.count_away = await self._tried("count", self._count)
            self._changed()
            await asyncio.sleep(COUNT_EVERY)

    async def _tried(self, what: str, work: Callable[[Connection], Awaitable[None]]) -> str:
        """Do the work. Why it did not end, for want of the database; empty if it did."""
        try:
            async with self._connection() as connection:
                await work(connection)
        except Exception as error:
            if not is_outage(error):
                raise
            why = str(error) or repr(error)
            log.warning("could not %s; it is tried again in a minute", what, extra=fields(error=why))
            return why
        return ""

    async def erase(self, identity: Identity, epoch: int) -> str:
        """Delete what is stored of a symbol whose life ``epoch`` ended; why it is not gone yet, empty when it is."""
        if not self._migrated.is_set():
            return f"the database cannot be asked: {self.away or 'its schema is being made'}"
        try:
            async with self._connection() as connection:
                with within(connection, WORK):
                    return await self._erase(connection, identity, epoch)
        except Exception as error:
            if not is_outage(error):
                raise
            return f"the database cannot be asked: {error}"

    async def _erase(self, connection: Connection, identity: Identity, epoch: int) -> str:
        # The inserter writes this too, when it hears of it; if it is down, nobody has to wait for it.
        await symbols.unwant(connection, {identity: epoch}, at=self._clock())
        rows = await delete_symbol_data(connection, identity)
        if rows is None:
            return "the aggregator is at work"
        if rows:
            log.info("deleted what was stored of a symbol", extra=fields(symbol=str(identity), rows=rows))
            return "seconds that were under way may still come"
        return "" if await overview.is_gone(connection, identity) else "some of it is left"

    async def _look(self, connection: Connection) -> None:
        while True:
            with within(connection, ANSWER):
                self.ends = await overview.ends(connection)
                self.run = await newest_run(connection)
            self._is_away("")
            self._changed()
            await asyncio.sleep(LOOK_EVERY)

    async def _sweep(self, connection: Connection) -> bool:
        """Whether there is more to delete soon."""
        swept = await sweep(connection, self._clock())
        if swept.partitions_dropped or swept.klines or swept.candles or swept.deleted:
            log.info("swept", extra=fields(swept=str(swept)))
        return swept.deletions_wait

    async def _count(self, connection: Connection) -> None:
        with within(connection, ANSWER):
            now = self._clock()
            self.books = Books(
                at=now,
                unaggregated=await overview.unaggregated(connection, now),
                gaps=await overview.gaps(connection),
                open_since=await overview.open_since(connection, now),
                completeness=await overview.completeness(connection, now),
                bytes=await overview.size(connection),
            )
            self._closed(await overview.gaps_closed(connection, self._counted, now))
            self._counted = now

    @asynccontextmanager
    async def _connection(self) -> AsyncIterator[Connection]:
        connection = await connect(self._url, service="operator")
        try:
            yield connection
        finally:
            with suppress(Exception):  # it may be the connection that failed
                await connection.close(timeout=2)

    def _is_away(self, why: str) -> None:
        if why and why != self.away:
            log.warning("the database cannot be asked", extra=fields(error=why))
        before, self.away = self.away, why
        if before is None or bool(why) != bool(before):
            self._changed()
