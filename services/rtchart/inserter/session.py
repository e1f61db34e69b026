"""One connection to the database that comes back: what fails for now is done again, for as long as it takes."""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import TypeVar

from rtchart.process.health import Health
from rtchart.process.logs import fields
from rtchart.store.database import Connection, connect, within
from rtchart.store.failures import is_outage
from rtchart.store.klines import prepare
from rtchart.store.migrate import require_schema

log = logging.getLogger(__name__)

T = TypeVar("T")

SHORTEST, LONGEST = 0.1, 2.0
"""Seconds between two attempts, doubled from the one to the other, with jitter."""

WORK_TIMEOUT = 60.0
"""Seconds after which work is given up and begun again on a new connection: the server, or the way to it, hangs."""

# An owner that stops in the middle of a transaction (a paused machine) must not hold its offsets for long.
_LIMITS = "SET statement_timeout = '30s'; SET lock_timeout = '15s'; SET idle_in_transaction_session_timeout = '10s'"


class Session:
    """A connection under one name (``part``) in /readyz."""

    def __init__(self, url: str, health: Health, *, part: str = "database") -> None:
        self._url = url
        self._health = health
        self._part = part
        self._connection: Connection | None = None

    async def patiently(self, work: Callable[[Connection], Awaitable[T]]) -> T:
        """Do the work, again and again while the database is out (`is_outage`). Any other exception is the work's own.

        Work is begun anew as a whole, on a new connection, so it has to be a transaction, or safe to repeat. It may have
        been committed although its end was not heard of.
        """
        delay = SHORTEST
        while True:
            try:
                async with asyncio.timeout(WORK_TIMEOUT):
                    connection = await self._connected()
                with within(connection, WORK_TIMEOUT):
                    result = await work(connection)
            except Exception as error:
                if not is_outage(error):
                    raise
                self._drop()
                self._complain(error)
            else:
                if self._part in self._health.reasons:
                    log.info("the database takes data", extra=fields(part=self._part))
                self._health.ready(self._part)
                return result
            await asyncio.sleep(delay * random.uniform(0.5, 1.0))
            delay = min(2 * delay, LONGEST)

    async def check(self) -> None:
        """Connect once. Raises `Unavailable` when the database cannot be reached, refuses, or has not the schema."""
        connection = await connect(self._url, service="inserter")
        try:
            await require_schema(connection, self._url)
        finally:
            connection.terminate()

    async def close(self) -> None:
        """Let the connection go: in order, if that takes no time."""
        if self._connection is not None:
            with suppress(Exception):
                await self._connection.close(timeout=1)
        self._drop()

    def _drop(self) -> None:
        if self._connection is not None:
            self._connection.terminate()
            self._connection = None

    async def _connected(self) -> Connection:
        if self._connection is None or self._connection.is_closed():
            connection = await connect(self._url, service="inserter")
            try:
                await require_schema(connection, self._url)
                await connection.execute(_LIMITS)
                await prepare(connection)
            except BaseException:
                connection.terminate()
                raise
            self._connection = connection
        return self._connection

    def _complain(self, error: Exception) -> None:
        why = str(error) or type(error).__name__
        if self._health.reasons.get(self._part) != why:
            log.warning("the database does not take data; trying again", extra=fields(part=self._part, error=why))
        self._health.unready(self._part, why)
