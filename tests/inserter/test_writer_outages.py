"""A database that is out, silent or too slow while a batch is stored."""

from __future__ import annotations

import asyncio
import os
import signal

import asyncpg
import pytest

from rtchart.core.messages import KlineMessage
from rtchart.inserter.batch import Batch
from rtchart.store.offsets import NotOwner
from tests.inserter.material import kline, stored
from tests.inserter.table import Table
from tests.waiting import wait_until


async def test_an_outage_is_waited_out_and_nothing_is_a_dead_letter(table: Table, database: str):
    await table.write(kline(0))
    name = database.rpartition("/")[2]
    admin = await asyncpg.connect(f"{database.rpartition('/')[0]}/postgres")
    try:
        await admin.execute(f"ALTER DATABASE {name} ALLOW_CONNECTIONS false")
        await admin.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = $1", name)
        writing = asyncio.create_task(table.write(kline(1)))
        await wait_until(lambda: "database" in table.health.reasons)
        assert not writing.done()
    finally:
        await admin.execute(f"ALTER DATABASE {name} ALLOW_CONNECTIONS true")
        await admin.close()
    await asyncio.wait_for(writing, 15)
    assert "database" not in table.health.reasons
    looking = await asyncpg.connect(database)
    assert len(await stored(looking)) == 2
    assert await looking.fetchval("SELECT count(*) FROM dead_letter") == 0
    await looking.close()


async def test_a_statement_that_times_out_is_tried_again(table: Table, database: str):
    await table.write(kline(0))
    async with table.connection.transaction():
        await table.connection.execute("SELECT * FROM kafka_offset FOR UPDATE")
        await table.session.patiently(lambda c: c.execute("SET statement_timeout = '50ms'"))
        writing = asyncio.create_task(table.write(kline(1)))
        await wait_until(lambda: "statement timeout" in table.health.reasons.get("database", ""))
    await asyncio.wait_for(writing, 15)
    assert len(await stored(table.connection)) == 2


async def test_a_server_that_falls_silent_is_left(table: Table, monkeypatch: pytest.MonkeyPatch):
    """In the middle of a transaction, whose end it does not answer either."""
    monkeypatch.setattr("rtchart.inserter.session.WORK_TIMEOUT", 0.3)
    silenced: list[int] = []

    async def work(connection: asyncpg.Connection) -> str:
        async with connection.transaction():
            if not silenced:
                silenced.append(await connection.fetchval("SELECT pg_backend_pid()"))
                os.kill(silenced[0], signal.SIGSTOP)
            return await connection.fetchval("SELECT 'done'")

    try:
        async with asyncio.timeout(15):
            assert await table.session.patiently(work) == "done"
    finally:
        os.kill(silenced[0], signal.SIGCONT)


async def test_a_commit_whose_answer_was_lost_is_not_repeated(table: Table, monkeypatch: pytest.MonkeyPatch):
    """The connection breaks after the commit: the retry finds the offset moved, and the batch is read again from there."""
    await table.write(kline(0))
    commit = table.writer._commit
    attempts: list[Batch[KlineMessage]] = []

    async def breaking(connection: asyncpg.Connection, batch: Batch[KlineMessage]) -> object:
        attempts.append(batch)
        done = await commit(connection, batch)
        connection.terminate()
        await connection.fetchval("SELECT 1")
        return done

    monkeypatch.setattr(table.writer, "_commit", breaking)
    with pytest.raises(NotOwner):
        await table.write(kline(1))
    assert len(attempts) == 2
    assert sorted(await stored(table.connection)) == [0, 1]
    assert await table.offset() == 2
    assert len(await table.checkpoints()) == 2
