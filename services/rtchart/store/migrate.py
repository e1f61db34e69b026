"""Schema migrations: numbered SQL files, applied in order under an advisory lock, each in one transaction.

A file never changes once it was released: its checksum is stored, and a difference is refused. Migrations only expand, so
that the release before runs on the new schema.
"""

from __future__ import annotations

import hashlib
import logging
from dataclasses import dataclass
from importlib import resources

import asyncpg

from rtchart.core.errors import UserError
from rtchart.process.logs import fields
from rtchart.store.database import Connection

log = logging.getLogger(__name__)

ROLES = ("rtchart_inserter", "rtchart_aggregator", "rtchart_web")
"""A login role per service, with the least it needs; migrations grant to them."""

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


async def migrate(connection: Connection) -> list[str]:
    """Bring the schema to this version; the names of the migrations applied. Safe to run from many places at once.

    Raises `UserError` when the database holds a schema newer than this version, a changed migration, or refuses.
    """
    await connection.execute(_LOCK)
    try:
        return await _apply(connection)
    except (asyncpg.DiskFullError, asyncpg.ReadOnlySQLTransactionError) as error:
        raise UserError(
            f"the database takes no changes ({error}); make room on its disk, or name the primary in --database, and run "
            "`rtchart migrate` again"
        ) from None
    except asyncpg.InsufficientPrivilegeError as error:
        raise UserError(
            f"the database user may not change the schema ({error}); run `rtchart migrate` as the database's owner, with the "
            f"right to make roles, or make the roles {', '.join(ROLES)} before"
        ) from None
    finally:
        if not connection.is_closed():
            await connection.execute(_UNLOCK)


async def _apply(connection: Connection) -> list[str]:
    await connection.execute(
        """CREATE TABLE IF NOT EXISTS schema_migration (
               number integer PRIMARY KEY, name text NOT NULL, checksum text NOT NULL,
               applied_at timestamptz NOT NULL DEFAULT now())"""
    )
    applied = {row["number"]: row for row in await connection.fetch("SELECT number, name, checksum FROM schema_migration")}
    known = migrations()
    newer = set(applied) - {migration.number for migration in known}
    if newer:
        raise UserError(
            f"the database's schema is at {max(newer)} and this version of rtchart knows up to {LATEST}; run the newer version"
        )
    await _make_roles(connection)
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


async def _make_roles(connection: Connection) -> None:
    for role in ROLES:
        if not await connection.fetchval("SELECT 1 FROM pg_roles WHERE rolname = $1", role):
            try:
                await connection.execute(f"CREATE ROLE {role} LOGIN")
            except (asyncpg.DuplicateObjectError, asyncpg.UniqueViolationError):
                log.info("the role was made by somebody else just now", extra=fields(role=role))


async def schema_version(connection: Connection) -> int:
    """The number of the last migration applied; 0 for a database without rtchart's schema. Raises `UserError` (no right)."""
    if await connection.fetchval("SELECT to_regclass('schema_migration')") is None:
        return 0
    try:
        return int(await connection.fetchval("SELECT coalesce(max(number), 0) FROM schema_migration"))
    except asyncpg.InsufficientPrivilegeError as error:
        raise UserError(
            f"the database user has not the rights of its service ({error}); name one of the roles {', '.join(ROLES)}, or a "
            "member of one, in --database"
        ) from None
