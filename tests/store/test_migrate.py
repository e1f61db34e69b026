"""Migrations, on a real PostgreSQL."""

from __future__ import annotations

import asyncio
import os
import re
import sys
from collections.abc import AsyncIterator
from dataclasses import replace

import asyncpg
import pytest

from rtchart.core.errors import Unavailable, UserError
from rtchart.store import migrate as module
from rtchart.store.database import connect
from rtchart.store.migrate import LATEST, Migration, migrate, migrations, require_schema, schema_version
from rtchart.store.roles import ROLES


@pytest.fixture
async def connection(empty_database: str) -> AsyncIterator[asyncpg.Connection]:
    connection = await asyncpg.connect(empty_database)
    yield connection
    await connection.close()


def test_migrations_are_numbered_without_a_hole():
    assert [migration.number for migration in migrations()] == list(range(1, LATEST + 1))


async def test_a_database_is_brought_to_this_version_and_only_once(connection: asyncpg.Connection):
    assert await schema_version(connection) == 0
    assert await migrate(connection) == [f"{m.number:03d}_{m.name}" for m in migrations()]
    assert await schema_version(connection) == LATEST
    assert await migrate(connection) == []


async def test_many_at_once_apply_each_migration_once(empty_database: str):
    connections = [await asyncpg.connect(empty_database) for _ in range(4)]
    done = await asyncio.gather(*(migrate(connection) for connection in connections))
    assert sorted(map(len, done)) == [0, 0, 0, len(migrations())]
    for connection in connections:
        await connection.close()


async def test_a_newer_schema_is_left_as_it_is(connection: asyncpg.Connection, empty_database: str):
    """The release before comes back: what it needs is there, and more."""
    await migrate(connection)
    await connection.execute("INSERT INTO schema_migration (number, name, checksum) VALUES (999, 'later', '')")
    assert await migrate(connection) == []
    assert await schema_version(connection) == 999
    await require_schema(connection, empty_database)
    await connection.execute("DELETE FROM schema_migration WHERE number >= $1", LATEST)
    with pytest.raises(Unavailable, match=f"is at {LATEST - 1} and must be at {LATEST}; run `rtchart migrate`"):
        await require_schema(connection, empty_database)


async def test_a_migration_that_changed_is_refused(connection: asyncpg.Connection, monkeypatch: pytest.MonkeyPatch):
    await migrate(connection)
    changed = [replace(m, sql=m.sql + " ") for m in migrations()]
    monkeypatch.setattr(module, "migrations", lambda: changed)
    with pytest.raises(UserError, match="another content"):
        await migrate(connection)


async def test_a_migration_that_fails_leaves_nothing(connection: asyncpg.Connection, monkeypatch: pytest.MonkeyPatch):
    broken = [*migrations(), Migration(LATEST + 1, "broken", "CREATE TABLE half (); SELECT 1 / 0")]
    monkeypatch.setattr(module, "migrations", lambda: broken)
    with pytest.raises(asyncpg.DivisionByZeroError):
        await migrate(connection)
    assert await schema_version(connection) == LATEST
    assert await connection.fetchval("SELECT to_regclass('half')") is None


async def test_each_service_has_a_role_that_may_do_its_work_only(connection: asyncpg.Connection):
    await migrate(connection)
    tables = [
        row["relname"]
        for row in await connection.fetch(
            "SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p', 'v')"
        )
    ]
    for role in ROLES:
        assert not await connection.fetchval(
            "SELECT rolsuper OR rolcreatedb OR rolcreaterole FROM pg_roles WHERE rolname = $1", role
        )
        for right in ("TRUNCATE", "TRIGGER", "REFERENCES"):
            for table in tables:
                assert not await connection.fetchval("SELECT has_table_privilege($1, $2, $3)", role, table, right)
    for table in tables:
        for right in ("INSERT", "UPDATE", "DELETE"):
            assert not await connection.fetchval("SELECT has_table_privilege('rtchart_web', $1, $2)", table, right), table
    assert not await connection.fetchval("SELECT has_table_privilege('rtchart_inserter', 'kline_1s', 'DELETE')")
    for table in ("candle", "venue_checkpoint"):
        assert not await connection.fetchval("SELECT has_table_privilege('rtchart_inserter', $1, 'DELETE')", table)
    assert not await connection.fetchval("SELECT has_table_privilege('rtchart_inserter', 'candle_outbox', 'SELECT, INSERT')")


async def test_a_user_without_the_right_is_told_what_to_do(connection: asyncpg.Connection, empty_database: str):
    await connection.execute(f"CREATE ROLE {(name := 'nobody_' + empty_database.rpartition('/')[2])} LOGIN")
    try:
        poor = await asyncpg.connect(empty_database, user=name)
        with pytest.raises(UserError, match="database's owner"):
            await migrate(poor)
        await poor.close()
    finally:
        await connection.execute(f"DROP ROLE {name}")


async def test_a_database_that_takes_no_changes_is_said_in_one_sentence(connection: asyncpg.Connection):
    await connection.execute("SET default_transaction_read_only = on")
    with pytest.raises(UserError, match="takes no changes"):
        await migrate(connection)


async def test_a_user_without_the_rights_of_a_service_is_told_so(connection: asyncpg.Connection, empty_database: str):
    """Who may not connect at all, and who may read nothing."""
    await migrate(connection)
    database = empty_database.rpartition("/")[2]
    await connection.execute(f"CREATE ROLE {(name := 'nobody_' + database)} LOGIN")
    as_nobody = empty_database.replace("//postgres@", f"//{name}@").replace("//postgres:", f"//{name}:")
    try:
        poor = await connect(as_nobody, service="test")
        with pytest.raises(UserError, match="rights of its service"):
            await schema_version(poor)
        await poor.close()
        await connection.execute(f"REVOKE CONNECT ON DATABASE {database} FROM PUBLIC")
        with pytest.raises(UserError, match="grant it CONNECT"):
            await connect(as_nobody, service="test")
    finally:
        await connection.execute(f"DROP ROLE {name}")


async def run(*arguments: str) -> tuple[int | None, str]:
    environment = {key: value for key, value in os.environ.items() if not key.startswith("RTCHART_")}
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "rtchart",
        "migrate",
        *arguments,
        env=environment,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    output, _ = await process.communicate()
    return process.returncode, output.decode()


async def test_the_command_says_what_it_did(empty_database: str):
    code, output = await run("--database", empty_database)
    assert (code, f"is at schema {LATEST}" in output) == (0, True), output


@pytest.mark.parametrize(
    ("url", "says"),
    [
        ("postgresql://postgres@127.0.0.1:1/none", "start it, or correct --database"),
        ("no url", "postgresql://USER@HOST:PORT/NAME"),
    ],
)
async def test_the_command_refuses_in_a_sentence(url: str, says: str):
    code, output = await run("--database", url)
    assert (code, says in output, "Traceback" in output) == (1, True, False), output


async def test_a_database_that_is_not_there_is_named(postgres: str):
    code, output = await run("--database", postgres.rpartition("/")[0] + "/not_there")
    assert (code, "not_there" in output, "Traceback" in output) == (1, True, False), output


def narrowing(sql: str) -> list[str]:
    """Statements that take something away from the release before, which may run on the new schema."""
    statements = [statement.strip() for statement in re.sub(r"--.*", "", sql).split(";")]
    takes = re.compile(r"\b(DROP|RENAME|TRUNCATE|SET NOT NULL|ALTER (COLUMN )?\w+ (SET DATA )?TYPE)\b", re.IGNORECASE)
    needs = re.compile(r"ADD (COLUMN )?(?!.*\bDEFAULT\b).*\bNOT NULL\b", re.IGNORECASE | re.DOTALL)
    return [statement for statement in statements if takes.search(statement) or needs.search(statement)]


@pytest.mark.parametrize(
    ("sql", "narrows"),
    [
        ("ALTER TABLE candle ADD COLUMN note text", False),
        ("ALTER TABLE candle ADD COLUMN note text NOT NULL DEFAULT ''", False),
        ("CREATE INDEX ON gap (state) -- not DROP", False),
        ("ALTER TABLE candle ADD COLUMN note text NOT NULL", True),
        ("ALTER TABLE candle DROP COLUMN trades", True),
        ("ALTER TABLE candle RENAME trades TO n", True),
        ("ALTER TABLE candle ALTER COLUMN trades TYPE bigint", True),
        ("ALTER TABLE candle ALTER trades SET NOT NULL", True),
    ],
)
def test_what_narrows_is_seen(sql: str, narrows: bool) -> None:
    assert bool(narrowing(f"CREATE TABLE more (); {sql};")) is narrows


def test_migrations_only_expand() -> None:
    """So that the release before runs on the new schema. The first one makes what there is."""
    assert {migration.name: found for migration in migrations()[1:] if (found := narrowing(migration.sql))} == {}
