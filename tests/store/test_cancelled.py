"""A task that is told to end ends, though the database goes at the same moment."""

from __future__ import annotations

import asyncio

import asyncpg
import pytest

from rtchart.store.database import Connection, connect
from rtchart.store.failures import is_outage


async def test_a_cancellation_that_a_dying_connection_hides_is_no_outage(database: str, postgres: str) -> None:
    connection = await connect(database, service="test")
    began = asyncio.Event()

    async def work() -> None:
        try:
            async with connection.transaction():
                began.set()
                try:
                    await connection.execute("SELECT pg_sleep(60)")
                finally:
                    await terminate(postgres, connection)
        except Exception as error:
            assert not is_outage(error)
            raise

    task = asyncio.create_task(work())
    await began.wait()
    task.cancel()
    with pytest.raises((asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError, OSError)):
        await task
    connection.terminate()


def test_without_a_loop_an_outage_is_one() -> None:
    assert is_outage(ConnectionResetError())


async def terminate(postgres: str, connection: Connection) -> None:
    """What a server that is stopped does to its connections."""
    administrator = await asyncpg.connect(postgres)
    try:
        await administrator.execute("SELECT pg_terminate_backend($1)", connection.get_server_pid())
    finally:
        await administrator.close()
