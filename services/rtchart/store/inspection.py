"""Looking at a database without changing anything of it. Times are milliseconds."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import NamedTuple, TypeVar

import asyncpg

from rtchart.core.interval import HOUR, SECOND
from rtchart.store.become import may_become
from rtchart.store.database import Connection, connect, within
from rtchart.store.retention import partition_bounds
from rtchart.store.roles import ROLES

T = TypeVar("T")

NEEDED = 120_000
"""The oldest server that takes our SQL, as ``server_version_num``: it attaches partitions without waiting for readers."""

LEAVING = 1.0
"""Seconds more for ending a question that took too long, before its connection is cut off."""


class NotAllowed(Exception):
    """This user may not read that; the text is the server's."""


class Server(NamedTuple):
    """The server, the user that this is, and the database."""

    version: int
    """As PostgreSQL counts it in ``server_version_num``: 180001."""
    user: str
    max_connections: int
    reserved: int
    """Of these, for superusers and for who was given reserved ones."""
    used: int
    size: int
    """Bytes of this database."""


class Waiting(NamedTuple):
    """Checkpoints that the aggregator has not taken: how many, and when the oldest was written."""

    checkpoints: int
    since: int | None


class Run(NamedTuple):
    """The aggregator's newest run."""

    started_at: int
    finished_at: int | None
    minutes: int
    error: str | None


class OpenGaps(NamedTuple):
    """Gaps whose seconds the pipeline still wants, and when the oldest of them was noticed."""

    gaps: int
    seconds: int
    since: int | None


async def ask(url: str, work: Callable[[Connection], Awaitable[T]], *, patience: float) -> T:
    """What ``work`` reads, over a connection of its own, in a transaction that can write nothing.

    Raises `NotAllowed`, `UserError` (nobody there, not let in), `TimeoutError` after ``patience`` seconds, and what asyncpg
    raises.
    """
    connection: Connection | None = None
    limit = asyncio.timeout(patience)
    try:
        async with limit:
            connection = await connect(url, service="doctor")
            with within(connection, patience + LEAVING):
                async with connection.transaction(readonly=True):
                    return await work(connection)
    except asyncpg.InsufficientPrivilegeError as error:
        raise NotAllowed(str(error)) from None
    except Exception as error:
        if limit.expired():  # whatever else the end of the transaction met
            raise TimeoutError from error
        raise
    finally:
        if connection is not None:
            connection.terminate()


async def server(connection: Connection) -> Server:
    """The server, as far as every user may know it."""
    row = await connection.fetchrow(
        """SELECT current_setting('server_version_num')::integer, current_user,
                  current_setting('max_connections')::integer,
                  current_setting('superuser_reserved_connections')::integer
                      + coalesce(current_setting('reserved_connections', true)::integer, 0),
                  (SELECT sum(numbackends) FROM pg_stat_database)::integer,
                  pg_database_size(current_database())"""
    )
    assert row is not None
    return Server(*row)


async def roles(connection: Connection) -> dict[str, bool | None]:
    """Of each of the services' roles whether this user may become it; None: there is no such role."""
    there = {row[0] for row in await connection.fetch("SELECT rolname FROM pg_roles WHERE rolname = ANY($1::text[])", ROLES)}
    return {role: await may_become(connection, role) if role in there else None for role in ROLES}


async def partitions_until(connection: Connection, now: int) -> int:
    """The end of the partitions of ``kline_1s`` that follow on each other from ``now`` on; ``now`` where there is none."""
    until = now
    for start, end in sorted((await partition_bounds(connection)).values()):
        if start <= until < end:
            until = end
    return until


async def waiting(connection: Connection) -> Waiting:
    """What waits for the aggregator."""
    row = await connection.fetchrow("SELECT count(*), min(inserted_at) FROM checkpoint")
    assert row is not None
    return Waiting(*row)


async def last_run(connection: Connection) -> Run | None:
    """The aggregator's newest run, None before the first."""
    row = await connection.fetchrow(
        "SELECT started_at, finished_at, minutes, error FROM aggregation_run ORDER BY run_id DESC LIMIT 1"
    )
    return None if row is None else Run(*row)


async def open_gaps(connection: Connection, now: int) -> OpenGaps:
    """What is missing and may still come. A gap below its symbol's raw floor stays open, and is none of these."""
    row = await connection.fetchrow(
        f"""SELECT count(*), coalesce(sum(end_time - start_time), 0)::bigint / {SECOND}, min(opened_at)
            FROM gap JOIN symbol USING (symbol_id)
            WHERE state = 'open' AND deleted_at IS NULL AND end_time > ($1::bigint / {HOUR} - kline_hours) * {HOUR}""",
        now,
    )
    assert row is not None
    return OpenGaps(*row)


async def letters(connection: Connection, since: int) -> dict[str, int]:
    """How many dead letters there are since then, by reason."""
    rows = await connection.fetch("SELECT reason, count(*) FROM dead_letter WHERE at >= $1 GROUP BY reason", since)
    return {row[0]: row[1] for row in rows}


async def clock(connection: Connection) -> float:
    """The server's time."""
    return float(await connection.fetchval("SELECT extract(epoch FROM clock_timestamp())::float8 * 1000"))
