"""Reading from a database that may be away: for services that go on without it."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import TypeVar

from rtchart.core.errors import UserError
from rtchart.process.logs import fields
from rtchart.store.database import Connection, Pool, connect_pool, place
from rtchart.store.failures import is_outage
from rtchart.store.migrate import LATEST, schema_version

log = logging.getLogger(__name__)

T = TypeVar("T")
RETRY = 2.0
"""Seconds between attempts to reach a database that is away."""

POOL = 8
PATIENCE = 5.0
"""Seconds that a read may take, waiting for a connection included."""


class DatabaseAway(Exception):
    """The database cannot be read now; the text says why."""


class Reader:
    """Reads in the database, each in one REPEATABLE READ transaction, so that its parts agree with each other."""

    def __init__(self, url: str, *, service: str) -> None:
        self._url = url
        self._service = service
        self._pool: Pool | None = None
        self.why = "not connected yet"
        """Why it is away; empty while it answers."""
        self.asked = asyncio.Event()
        """Set when the first attempt to reach it has ended, in whichever way."""

    @property
    def away(self) -> bool:
        return bool(self.why)

    async def read(self, work: Callable[[Connection], Awaitable[T]]) -> T:
        """What ``work`` reads. Raises `DatabaseAway`, at once while the database is known to be away."""
        if self._pool is None or self.why:
            raise DatabaseAway(self.why)
        try:
            async with (
                asyncio.timeout(PATIENCE),
                self._pool.acquire() as connection,
                connection.transaction(isolation="repeatable_read", readonly=True),
            ):
                return await work(connection)  # type: ignore[arg-type]
        except Exception as error:
            if not is_outage(error):
                raise
            self._lost(str(error) or "it did not answer in time")
        raise DatabaseAway(self.why)

    async def keep(self, back: Callable[[], Awaitable[None]]) -> None:
        """Connect, and connect again whenever the database was away; ``back`` is awaited each time it answers."""
        while True:
            if self.why:
                try:
                    await self._connect()
                    await back()
                except (UserError, DatabaseAway) as error:
                    if self.why != str(error):
                        log.warning("going on without the database: %s", error)
                    self.why = str(error)
                finally:
                    self.asked.set()
            await asyncio.sleep(RETRY)

    async def close(self) -> None:
        """Let the connections go."""
        if self._pool is not None:
            self._pool.terminate()
            self._pool = None

    async def _connect(self) -> None:
        if self._pool is None:
            self._pool = await connect_pool(self._url, service=self._service, size=POOL)
        try:
            async with asyncio.timeout(PATIENCE), self._pool.acquire() as connection:
                version = await schema_version(connection)  # type: ignore[arg-type]
        except Exception as error:
            if not is_outage(error):
                raise
            raise DatabaseAway(str(error) or "it did not answer in time") from None
        if version < LATEST:
            raise DatabaseAway(
                f"{place(self._url)} is at schema {version} and must be at {LATEST}; run `rtchart migrate --database …`"
            )
        self.why = ""
        log.info("reading the database", extra=fields(database=place(self._url)))

    def _lost(self, why: str) -> None:
        if not self.why:
            log.warning("the database is away; going on without it", extra=fields(database=place(self._url), why=why))
        self.why = why or "it does not answer"
