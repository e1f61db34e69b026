"""Connecting to PostgreSQL, with errors a person can act on."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, TypeAlias
from urllib.parse import urlsplit

import asyncpg

from rtchart.core.errors import UserError

if TYPE_CHECKING:  # generic for the type checker alone
    Connection: TypeAlias = asyncpg.Connection[asyncpg.Record]
    Pool: TypeAlias = asyncpg.Pool[asyncpg.Record]
else:
    Connection = asyncpg.Connection
    Pool = asyncpg.Pool


async def connect(url: str, *, service: str) -> Connection:
    """A connection of this service. Raises `UserError` when the database cannot be reached or refuses."""
    try:
        connection: Connection = await asyncpg.connect(
            url, timeout=10, server_settings={"application_name": f"rtchart-{service}"}
        )
    except Exception as error:
        raise _refusal(url, error) from None
    await _texts(connection)
    return connection


@contextmanager
def within(connection: Connection, seconds: float) -> Iterator[None]:
    """Cut the connection off when the block takes longer, which ends its work with an error (`rtchart.store.failures`).

    A timeout alone would not end it: leaving a transaction waits for the server to answer, and the server may have vanished.
    """
    timer = asyncio.get_running_loop().call_later(seconds, connection.terminate)
    try:
        yield
    finally:
        timer.cancel()


async def connect_pool(url: str, *, service: str, size: int) -> Pool:
    """A pool of at most ``size`` connections. Raises `UserError` when the database cannot be reached or refuses."""
    try:
        return await asyncpg.create_pool(
            url,
            min_size=1,
            max_size=size,
            timeout=10,
            init=_texts,
            server_settings={"application_name": f"rtchart-{service}"},
        )
    except Exception as error:
        raise _refusal(url, error) from None


async def _texts(connection: Any) -> None:
    # Prices and volumes go in and come out as the text they are: no Decimal objects on the way (five times as fast).
    await connection.set_type_codec("numeric", schema="pg_catalog", encoder=str, decoder=str, format="text")


def _refusal(url: str, error: Exception) -> Exception:
    """The `UserError` for a connection that failed, or the error itself when it is none a user can mend."""
    where = place(url)
    match error:
        case asyncpg.InvalidPasswordError() | asyncpg.InvalidAuthorizationSpecificationError():
            return UserError(f"PostgreSQL at {where} refuses the user: {error}; check user and password in --database")
        case asyncpg.InsufficientPrivilegeError():
            return UserError(
                f"PostgreSQL at {where} lets the user not in: {error}; grant it CONNECT, or name another user in --database"
            )
        case asyncpg.InvalidCatalogNameError():
            return UserError(f"PostgreSQL at {where}: {error}; create it, or name another one in --database")
        case asyncpg.TooManyConnectionsError():
            return UserError(f"PostgreSQL at {where} has no connection left: {error}; raise max_connections or stop a client")
        case OSError() | TimeoutError() | asyncpg.CannotConnectNowError():
            return UserError(f"PostgreSQL does not answer at {where} ({error or 'timed out'}); start it, or correct --database")
        case ValueError() | asyncpg.ClientConfigurationError():
            return UserError(f"--database is no PostgreSQL URL ({error}); it has the form postgresql://USER@HOST:PORT/NAME")
    return error


def place(url: str) -> str:
    """Host, port and database of a URL, without its password, for messages."""
    try:
        parts = urlsplit(url)
        return f"{parts.hostname or 'localhost'}:{parts.port or 5432}/{parts.path.lstrip('/')}"
    except ValueError:
        return "the given address"
