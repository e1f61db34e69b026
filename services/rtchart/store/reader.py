"""Reading from a database that may be away: for services that go on without it."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import TypeVar

import asyncpg

from rtchart.core.errors import UserError
from rtchart.process.logs import fields
from rtchart.store.database import Connection, Pool, connect, connect_pool, place, within
from rtchart.store.failures import is_outage
from rtchart.store.migrate import LATEST, schema_version

log = logging.getLogger(__name__)

T = TypeVar("T")
RETRY = 2.0
"""Seconds between attempts to reach a database that is away, or that failed to answer a read."""

POOL = 8
PATIENCE = 5.0
"""Seconds that a read may take, waiting for a connection included."""

LEAVING = 2.0
"""Seconds more for ending a read that took too long, before its connection is cut off."""

MOST_AT_ONCE = 2_000
"""Reads under way and waiting; what comes on top would wait too long for a connection."""

_CUT_OFF = (
    asyncpg.PostgresConnectionError,
    asyncpg.AdminShutdownError,
    asyncpg.CrashShutdownError,
    asyncpg.CannotConnectNowError,
    asyncpg.InvalidAuthorizationSpecificationError,
    asyncpg.InvalidCatalogNameError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,
    OSError,
)
"""Errors of a connection: no read will do better. (A `TimeoutError` is an `OSError` too, and none of them.)"""


class Unread(Exception):
    """Nothing could be read now; the text says why."""


class DatabaseAway(Unread):
    """The database does not answer anybody."""


class DatabaseBusy(Unread):
    """This read was not answered; others may be."""


class Reader:
    """Reads in the database, each in one REPEATABLE READ transaction, so that its parts agree with each other.

    A read that fails while the connection holds is that reader's matter, and has the database probed, over a connection of
    its own: only what fails there makes it away for all.
    """

    def __init__(self, url: str, *, service: str) -> None:
        self._url = url
        self._service = service
        self._pool: Pool | None = None
        self._reads = 0
        self._doubted = False
        self.why = "not connected yet"
        """Why it is away; empty while it answers."""
        self.asked = asyncio.Event()
        """Set when the first attempt to reach it has ended, in whichever way."""

    @property
    def away(self) -> bool:
        return bool(self.why)

    async def read(self, work: Callable[[Connection], Awaitable[T]]) -> T:
        """What ``work`` reads. Raises `DatabaseBusy`, and `DatabaseAway`, at once while the database is known to be."""
        if self._pool is None or self.why:
            raise DatabaseAway(self.why)
        if self._reads >= MOST_AT_ONCE:
            raise self._busy(f"{MOST_AT_ONCE} reads are under way")
        self._reads += 1
        patience = asyncio.timeout(PATIENCE)
        try:
            async with patience, self._pool.acquire() as connection:
                with within(connection, PATIENCE + LEAVING):  # type: ignore[arg-type]
                    async with connection.transaction(isolation="repeatable_read", readonly=True):
                        return await work(connection)  # type: ignore[arg-type]
        except Exception as error:
            if patience.expired():
                raise self._busy(f"it did not answer within {PATIENCE:.0f} s") from None
            if not is_outage(error):
                raise
            if not isinstance(error, _CUT_OFF):
                raise self._busy(str(error)) from error
            self._lost(str(error) or "the connection broke")
            raise DatabaseAway(self.why) from error
        finally:
            self._reads -= 1

    async def keep(self, back: Callable[[], Awaitable[None]]) -> None:
        """Connect, and connect again whenever the database was away.

        ``back`` is awaited each time it answers again, after reads that it did not answer too.
        """
        while True:
            if self.why or self._doubted:
                self._doubted = False
                try:
                    await self._connect()
                    await back()
                except DatabaseBusy:
                    pass  # it is doubted, and asked again
                except (UserError, DatabaseAway) as error:
                    self._let_go()
                    if self.why != str(error):
                        log.warning("going on without the database: %s", error)
                    self.why = str(error)
                finally:
                    self.asked.set()
            await asyncio.sleep(RETRY)

    async def close(self) -> None:
        """Let the connections go."""
        self._let_go()

    async def _connect(self) -> None:
        await self._probe()
        if self._pool is None:
            self._pool = await connect_pool(self._url, service=self._service, size=POOL)
        if self.why:
            log.info("reading the database", extra=fields(database=place(self._url)))
        self.why = ""

    async def _probe(self) -> None:
        """Ask for the schema's version, which costs nothing, so that only what is wrong with the database can be slow."""
        connection: Connection | None = None
        try:
            async with asyncio.timeout(PATIENCE):
                connection = await connect(self._url, service=self._service)
                version = await schema_version(connection)
        except Exception as error:
            if isinstance(error, UserError) or not is_outage(error):
                raise
            raise DatabaseAway(str(error) or "it did not answer in time") from None
        finally:
            if connection is not None:
                connection.terminate()
        if version < LATEST:
            raise DatabaseAway(
                f"{place(self._url)} is at schema {version} and must be at {LATEST}; run `rtchart migrate --database …`"
            )

    def _let_go(self) -> None:
        if self._pool is not None:
            self._pool.terminate()
            self._pool = None

    def _busy(self, why: str) -> DatabaseBusy:
        if not self._doubted:
            log.warning("a read was not answered; probing the database", extra=fields(database=place(self._url), why=why))
        self._doubted = True
        return DatabaseBusy(why)

    def _lost(self, why: str) -> None:
        if not self.why:
            log.warning("the database is away; going on without it", extra=fields(database=place(self._url), why=why))
        self.why = why
