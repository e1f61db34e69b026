"""Passwords: of the services' roles, and in URLs. On a PostgreSQL of this module's own that asks for them."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from urllib.parse import quote

import asyncpg
import pytest

from rtchart.core.errors import Unavailable, UserError
from rtchart.local.postgres import Postgres
from rtchart.store.database import connect, place, with_password
from rtchart.store.migrate import migrate
from rtchart.store.roles import ROLES, read_passwords

SECRET = "Gehe1m/+:@% 7"


@pytest.fixture(scope="module")
async def strict(engine_folder: Path) -> AsyncIterator[str]:
    """URL (superuser) of a server that lets nobody but him in without a password."""
    async with Postgres(engine_folder / "strict", unsafe=True) as engine:
        url = engine.url()
        connection = await asyncpg.connect(url)
        hba = await connection.fetchval("SHOW hba_file")
        demand_passwords(Path(hba))
        await connection.execute("SELECT pg_reload_conf()")
        await connection.close()
        yield url


def demand_passwords(hba: Path) -> None:
    hba.write_text("local all all trust\nhost all postgres all trust\nhost all all all scram-sha-256\n")


def as_role(url: str, role: str) -> str:
    return f"postgresql://{role}@{url.rpartition('@')[2]}"


async def lets_in(url: str, role: str, password: str) -> bool:
    try:
        connection = await connect(with_password(as_role(url, role), password), service="test")
    except Unavailable as error:
        assert password not in str(error) and quote(password, safe="") not in str(error)
        return False
    try:
        return bool(await connection.fetchval("SELECT current_user = $1", role))
    finally:
        await connection.close()


async def test_roles_log_in_with_their_passwords_which_may_change(strict: str) -> None:
    connection = await asyncpg.connect(strict)
    await migrate(connection)
    assert not await lets_in(strict, "rtchart_web", SECRET)
    first = {role: f"{SECRET} {role}" for role in ROLES}
    for _ in range(2):  # it is safe to repeat
        await migrate(connection, first)
        assert [await lets_in(strict, role, first[role]) for role in ROLES] == [True] * len(ROLES)
    assert not await lets_in(strict, "rtchart_web", first["rtchart_inserter"])
    await migrate(connection, {"rtchart_web": "another"})
    assert not await lets_in(strict, "rtchart_web", first["rtchart_web"])
    assert await lets_in(strict, "rtchart_web", "another")
    assert await lets_in(strict, "rtchart_inserter", first["rtchart_inserter"])
    await connection.execute("ALTER ROLE rtchart_web NOLOGIN")
    await migrate(connection, first)
    assert await lets_in(strict, "rtchart_web", first["rtchart_web"])
    await connection.close()


async def test_an_owner_who_is_no_superuser_migrates(folder: Path) -> None:
    """With the right to make roles; without it, where these were made for him."""
    async with Postgres(folder / "postgres", unsafe=True) as engine:
        connection = await asyncpg.connect(engine.url())
        for owner, right in (("able", "CREATEROLE"), ("plain", "")):
            await connection.execute(f"CREATE ROLE {owner} LOGIN {right}")
            await connection.execute(f"CREATE DATABASE {owner} OWNER {owner}")
        await connection.close()
        able, plain = [await asyncpg.connect(engine.url(), user=owner, database=owner) for owner in ("able", "plain")]
        for passwords in ({role: "first" for role in ROLES}, {"rtchart_web": "second"}):
            await migrate(able, passwords)
        await migrate(plain)
        with pytest.raises(UserError, match=r"permission denied to alter role\); .* with their passwords$"):
            await migrate(plain, {"rtchart_web": "third"})
        await able.close()
        await plain.close()


def run(*arguments: str, **environment: str) -> tuple[int, str]:
    """Exit code and all output of a command, with everything logged."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith("RTCHART_")}
    process = subprocess.run(
        [sys.executable, "-m", "rtchart", *arguments, "--log-level", "debug"],
        env={**clean, **{f"RTCHART_{name}": value for name, value in environment.items()}},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    return process.returncode, process.stdout + process.stderr


async def test_the_command_reads_a_folder_of_passwords_and_tells_none(strict: str, tmp_path: Path) -> None:
    for role in ROLES:
        (tmp_path / role).write_text(f"{SECRET}{role}\n")
    (tmp_path / "owner").write_bytes(b"\xff")  # what else the Secret holds
    code, output = run("migrate", DATABASE=strict, ROLE_PASSWORDS=str(tmp_path))
    assert (code, "is at schema" in output, SECRET in output) == (0, True, False), output
    assert await lets_in(strict, "rtchart_inserter", f"{SECRET}rtchart_inserter")
    file = tmp_path / "rtchart_aggregator"
    code, output = run("aggregator", "--once", DATABASE=as_role(strict, file.name), DATABASE_PASSWORD_FILE=str(file))
    assert (code, SECRET in output) == (0, False), output


@pytest.mark.parametrize("command", ["inserter", "aggregator", "migrate"])
def test_a_password_is_in_no_line_of_a_service_that_is_refused(strict: str, command: str) -> None:
    for given in (
        {"DATABASE": as_role(strict, "rtchart_web"), "DATABASE_PASSWORD": SECRET},
        {"DATABASE": with_password(as_role(strict, "rtchart_web"), SECRET)},
        {"DATABASE": f"postgresql://rtchart_web:{SECRET}@127.0.0.1/rtchart"},
        {"DATABASE": with_password("postgresql://u@127.0.0.1:1/none", SECRET)},
    ):
        code, output = run(command, **given)
        assert code == 1
        assert "--database" in output and "Traceback" not in output
        assert not any(part in output for part in ("Gehe1m", SECRET, quote(SECRET, safe=""))), output


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (None, "holds no file named as a role"),
        ("", "is empty"),
        ("pässword", "other characters than ASCII's"),
        ("a\nb", "ASCII"),
    ],
)
def test_passwords_that_cannot_be_used_are_told(tmp_path: Path, content: str | None, says: str) -> None:
    if content is not None:
        (tmp_path / "rtchart_web").write_text(content, encoding="utf-8")
    with pytest.raises(UserError, match=says):
        read_passwords(tmp_path)


def test_a_password_is_put_into_a_url() -> None:
    url = with_password("postgresql://me@one:5432,two:5433/name?sslmode=verify-full", SECRET)
    assert url == f"postgresql://me:{quote(SECRET, safe='')}@one:5432,two:5433/name?sslmode=verify-full"
    with pytest.raises(UserError, match="leave one of them out"):
        with_password(url, SECRET)
    for wrong in ("no url", "postgresql://host/name", "postgresql://me@[::1/name"):
        with pytest.raises(UserError, match="postgresql://USER@HOST:PORT/NAME"):
            with_password(wrong, SECRET)


@pytest.mark.parametrize(
    ("url", "where"),
    [
        ("postgresql://me:secret@host/name?sslmode=require", "host:5432/name"),
        ("postgresql://me:secret@[::1]:5433/name", "[::1]:5433/name"),
        ("postgresql://one:5432,two:5433/name", "one:5432,two:5433/name"),
        ("postgresql:///name?host=/run/postgresql", "localhost:5432/name"),
        ("postgresql://me:sec/ret@host/name", "the given address"),
        ("postgresql://me:12?34@host/name", "the given address"),
        ("postgresql://me:12#34@host/name", "the given address"),
        ("postgresql://me:secret@[::1/name", "the given address"),
        ("", "localhost:5432/"),
    ],
)
def test_a_place_is_told_without_the_password(url: str, where: str) -> None:
    assert place(url) == where
