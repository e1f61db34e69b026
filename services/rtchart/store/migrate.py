"""Schema migrations: numbered SQL files, applied in order under an advisory lock, each in one transaction.

A file never changes once it was released: its checksum is stored, and a difference is refused. Migrations only expand, so
that the release before runs on the new schema.
"""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import resources

import asyncpg

from rtchart.core.errors import Unavailable, UserError
from rtchart.process.logs import fields
from rtchart.store.database import Away, Connection, connect, place, within
from rtchart.store.roles import ROLES, make_roles

log = logging.getLogger(__name__)

ANSWER = 10.0
"""Seconds that the database has to tell its schema's version."""

_LOCK = "SELECT pg_advisory_lock(hashtext('rtchart.migrate'))"
_UNLOCK = "SELECT pg_advisory_unlock(hashtext('rtchart.migrate'))"


@dataclass(frozen=True)
class Migration:
    """One file of ``schema/``."""

    number: int
    name: str
    sql: str

    @property
    def checksum(self) -> str:
        return hashlib.sha256(self.sql.encode()).hexdigest()


def migrations() -> list[Migration]:
    """All migrations that this version carries, in order."""
    found = []
    for file in resources.files("rtchart.store").joinpath("schema").iterdir():
        number, _, rest = file.name.partition("_")
        if file.name.endswith(".sql"):
            found.append(Migration(int(number), rest.removesuffix(".sql"), file.read_text(encoding="utf-8")))
    return sorted(found, key=lambda migration: migration.number)


LATEST = max(migration.number for migration in migrations())


async def migrate(connection: Connection, passwords: Mapping[str, str] | None = None) -> list[str]:
    """Bring the schema to this version; the names of the migrations applied. Safe to run from many places at once.

    A schema that is newer is left as it is: this version runs on it. ``passwords``, by role: with which the services log in.
    Raises `UserError` when the database holds a changed migration, or refuses.
    """
    await connection.execute(_LOCK)
    try:
        return await _apply(connection, passwords or {})
    except (asyncpg.DiskFullError, asyncpg.ReadOnlySQLTransactionError) as error:
        raise UserError(
            f"the database takes no changes ({error}); make room on its disk, or name the primary in --database, and run "
            "`rtchart migrate` again"
        ) from None
    except asyncpg.InsufficientPrivilegeError as error:
        raise UserError(
            f"the database user may not change the schema or the roles ({error.args[0]}); run `rtchart migrate` as the "
            f"database's owner, with the right to make roles, or make the roles {', '.join(ROLES)} before, with their passwords"
        ) from None
    finally:
        if not connection.is_closed():
            await connection.execute(_UNLOCK)


async def _apply(connection: Connection, passwords: Mapping[str, str]) -> list[str]:
    await connection.execute(
        """CREATE TABLE IF NOT EXISTS schema_migration (
               number integer PRIMARY KEY, name text NOT NULL, checksum text NOT NULL,
               applied_at timestamptz NOT NULL DEFAULT now())"""
    )
    applied = {row["number"]: row for row in await connection.fetch("SELECT number, name, checksum FROM schema_migration")}
    known = migrations()
    newer = set(applied) - {migration.number for migration in known}
    if newer:
        log.warning("the schema is newer than this version, and left as it is", extra=fields(schema=max(newer), known=LATEST))
    await make_roles(connection, passwords)
    done = []
    for migration in known:
        row = applied.get(migration.number)
        if row is None:
            async with connection.transaction():
                await connection.execute(migration.sql)
                await connection.execute(
                    "INSERT INTO schema_migration (number, name, checksum) VALUES ($1, $2, $3)",
                    migration.number,
                    migration.name,
                    migration.checksum,
                )
            log.info("applied a migration", extra=fields(number=migration.number, migration=migration.name))
            done.append(f"{migration.number:03d}_{migration.name}")
        elif row["checksum"] != migration.checksum:
            raise UserError(
                f"migration {migration.number:03d}_{migration.name} was applied with another content than this version has; "
                "a released migration must not change: restore the file, and put the change into a new one"
            )
    return done


async def schema_version(connection: Connection) -> int:
    """The number of the last migration applied; 0 for a database without rtchart's schema. Raises `Unavailable` (no right)."""
    if await connection.fetchval("SELECT to_regclass('schema_migration')") is None:
        return 0
    try:
        return int(await connection.fetchval("SELECT coalesce(max(number), 0) FROM schema_migration"))
    except asyncpg.InsufficientPrivilegeError as error:
        raise Unavailable(
            f"the database user has not the rights of its service ({error}); name one of the roles {', '.join(ROLES)}, or a "
            "member of one, in --database"
        ) from None


async def require_schema(connection: Connection, url: str) -> None:
    """Raises `Unavailable` while the schema is older than this version's; a newer one is as good."""
    with within(connection, ANSWER):
        version = await schema_version(connection)
    if version < LATEST:
        raise Unavailable(f"the schema at {place(url)} is at {version} and must be at {LATEST}; run `rtchart migrate`")


async def schema_if_there(url: str, *, service: str) -> None:
    """As `require_schema`, for who goes on without a database: one that does not answer is no reason to wait."""
    try:
        connection = await connect(url, service=service)
    except Away as error:
        log.warning("going on without the database: %s", error)
        return
    try:
        await require_schema(connection, url)
    finally:
        connection.terminate()
