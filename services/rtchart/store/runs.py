"""The aggregator's runs: one at a time, and a row about each."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from rtchart.store.database import Connection, within

LOCK = "hashtext('rtchart.aggregator')"
"""The advisory lock that a run holds."""

_ANSWER = 10.0
"""Seconds that the database has for giving the lock, or taking it back."""


@asynccontextmanager
async def alone(connection: Connection) -> AsyncIterator[bool]:
    """Whether this run is the only one, which it stays until the block is left. Does not wait.

    Two at once, each skipping what the other holds, would leave larger candles short for good: neither sees the smaller
    ones that the other has not committed.
    """
    with within(connection, _ANSWER):
        mine = bool(await connection.fetchval(f"SELECT pg_try_advisory_lock({LOCK})"))
    try:
        yield mine
    finally:
        # A connection that is lost has given the lock back.
        if mine and not connection.is_closed():
            with within(connection, _ANSWER):
                await connection.execute(f"SELECT pg_advisory_unlock({LOCK})")


async def start(connection: Connection, now: int) -> int:
    """Note that a run began, at ``now`` (ms); its run_id. Earlier ones that never ended get that as their error."""
    await connection.execute(
        "UPDATE aggregation_run SET finished_at = $1, error = 'it never ended: killed, or it lost the database' "
        "WHERE finished_at IS NULL",
        now,
    )
    return int(await connection.fetchval("INSERT INTO aggregation_run (started_at) VALUES ($1) RETURNING run_id", now))


async def finish(
    connection: Connection, run_id: int, now: int, *, minutes: int, candles: int, revisions: int, error: str | None = None
) -> None:
    """Note how a run ended."""
    await connection.execute(
        """UPDATE aggregation_run SET finished_at = $2, minutes = $3, candles = $4, revisions = $5, error = $6
           WHERE run_id = $1""",
        run_id,
        now,
        minutes,
        candles,
        revisions,
        error,
    )
