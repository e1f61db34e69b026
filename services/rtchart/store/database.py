"""Connecting to PostgreSQL, with errors a person can act on."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias
from urllib.parse import parse_qs, quote, urlsplit, urlunsplit

import asyncpg

from rtchart.core.errors import Unavailable, UserError

if TYPE_CHECKING:  # generic for the type checker alone
    Connection: TypeAlias = asyncpg.Connection[asyncpg.Record]
    Pool: TypeAlias = asyncpg.Pool[asyncpg.Record]
else:
    Connection = asyncpg.Connection
    Pool = asyncpg.Pool

MAX_PARAMETER = 2**63 - 1
"""The latest time that a query can be asked for: the largest bigint."""


async def connect(url: str, *, service: str) -> Connection:
    """A connection of this service. Raises `Unavailable` (`Away`: nobody answers), and `UserError` for what is no address."""
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
    """A pool of at most ``size`` connections. Raises as `connect` does."""
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


class Away(Unavailable):
    """Nobody answers at the database's address, or he has no time."""


def _refusal(url: str, error: Exception) -> Exception:
    """The `UserError` for a connection that failed, or the error itself when it is none a user can mend."""
    where = place(url)
    match error:
        # Roles, their passwords and the database itself may be made while a service waits for them.
        case asyncpg.InvalidPasswordError() | asyncpg.InvalidAuthorizationSpecificationError():
            return Unavailable(
                f"PostgreSQL at {where} refuses the user: {error}; check user and password in --database, or run "
                "`rtchart migrate`, which makes the services' roles"
            )
        case asyncpg.InsufficientPrivilegeError():
            return Unavailable(
                f"PostgreSQL at {where} lets the user not in: {error}; grant it CONNECT, or name another user in --database"
            )
        case asyncpg.InvalidCatalogNameError():
            return Unavailable(f"PostgreSQL at {where}: {error}; create it, or name another one in --database")
        case asyncpg.TooManyConnectionsError():
            return Away(f"PostgreSQL at {where} has no connection left: {error}; raise max_connections or stop a client")
        case FileNotFoundError() if missing := _missing_file(url):
            return UserError(f"--database names a file that is not there, {missing}; correct the path")
        case ssl.SSLError():
            return Unavailable(
                f"PostgreSQL at {where} is not spoken to, because its certificate does not convince ({error.reason}: {error}); "
                "correct host, sslmode or sslrootcert in --database, or the certificate"
            )
        case ConnectionError() if "rejected SSL upgrade" in str(error):
            return Unavailable(f"PostgreSQL at {where} speaks no TLS; turn it on there (ssl), or correct sslmode in --database")
        case OSError() | TimeoutError() | asyncpg.CannotConnectNowError():
            return Away(f"PostgreSQL does not answer at {where} ({error or 'timed out'}); start it, or correct --database")
        case asyncpg.ClientConfigurationError():
            return UserError(f"--database is no PostgreSQL URL ({error}); it has the form postgresql://USER@HOST:PORT/NAME")
        case ValueError():  # whose text may be a part of the password
            return UserError(
                "--database is no PostgreSQL URL; it has the form postgresql://USER@HOST:PORT/NAME, in which a password's "
                "/ : @ ? # % are written as %2F and so on (--database-password takes it as it is)"
            )
    return error


def _missing_file(url: str) -> str:
    """The first file of TLS that the URL names and that is not there, as it is named; empty: there is none."""
    named = parse_qs(urlsplit(url).query)
    files = [value for key in ("sslrootcert", "sslcert", "sslkey", "sslcrl") for value in named.get(key, ())]
    return next((file for file in files if not Path(file).exists()), "")


def with_password(url: str, password: str) -> str:
    """The URL with the password in. Raises `UserError` when it is no URL, or has one."""
    try:
        parts = urlsplit(url)
        has_password, scheme = parts.password is not None, parts.scheme
    except ValueError:
        raise UserError("--database is no PostgreSQL URL; it has the form postgresql://USER@HOST:PORT/NAME") from None
    if has_password:
        raise UserError("--database holds a password, and --database-password gives another one; leave one of them out")
    user, _, hosts = parts.netloc.rpartition("@")
    if not scheme or not user:
        raise UserError("a password needs a user in --database; it has the form postgresql://USER@HOST:PORT/NAME")
    return urlunsplit(parts._replace(netloc=f"{user}:{quote(password, safe='')}@{hosts}"))


def place(url: str) -> str:
    """Hosts, ports and database of a URL, without its password, for messages."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return "the given address"
    hosts = parts.netloc.rpartition("@")[2]
    # A password with a / in it is read as a path, the rest of the address with it.
    if "@" in f"{parts.path}{parts.query}{parts.fragment}" or (not hosts and parts.path.count("/") > 1):
        return "the given address"
    port = "" if hosts.rpartition(":")[2].isdecimal() or "," in hosts else ":5432"
    return f"{hosts or 'localhost'}{port}/{parts.path.lstrip('/')}"
