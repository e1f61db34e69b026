"""A database that is slow for one reader, for all, or away, as those who read see it."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import AsyncIterator

import asyncpg
import pytest

from rtchart.store import reader as readers
from rtchart.store.database import Connection
from rtchart.store.reader import DatabaseAway, DatabaseBusy, Reader
from tests.waiting import wait_until


class Keeping:
    """A reader that is kept, and how often the database was back."""

    def __init__(self, url: str) -> None:
        self.reader = Reader(url, service="test")
        self.backs = 0

    async def back(self) -> None:
        await self.reader.read(one)
        self.backs += 1


@pytest.fixture
async def keeping(database: str, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Keeping]:
    monkeypatch.setattr(readers, "RETRY", 0.02)
    kept = Keeping(database)
    task = asyncio.create_task(kept.reader.keep(kept.back))
    await wait_until(lambda: kept.backs == 1)
    monkeypatch.setattr(readers, "PATIENCE", 0.4)
    yield kept
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    await kept.reader.close()


async def one(connection: Connection) -> int:
    return await connection.fetchval("SELECT 1")


async def slow(connection: Connection) -> None:
    await connection.execute("SELECT pg_sleep(30)")


async def test_a_slow_read_is_its_own_matter(keeping: Keeping) -> None:
    reader = keeping.reader
    with pytest.raises(DatabaseBusy):
        await reader.read(slow)
    assert await reader.read(one) == 1
    await wait_until(lambda: keeping.backs == 2)  # who went without its part is to ask again
    assert not reader.away


async def test_a_read_that_finds_no_connection_does_not_make_it_away(keeping: Keeping, monkeypatch: pytest.MonkeyPatch) -> None:
    reader = keeping.reader
    holding, enough = 0, asyncio.Event()

    async def hold(connection: Connection) -> None:
        nonlocal holding
        holding += 1
        await enough.wait()

    monkeypatch.setattr(readers, "PATIENCE", 30.0)
    holders = asyncio.gather(*(reader.read(hold) for _ in range(readers.POOL)))
    await wait_until(lambda: holding == readers.POOL)
    with monkeypatch.context() as impatient:
        impatient.setattr(readers, "PATIENCE", 0.05)
        with pytest.raises(DatabaseBusy):
            await reader.read(one)
    assert not reader.away
    enough.set()
    await holders
    await wait_until(lambda: keeping.backs == 2)
    assert await reader.read(one) == 1


async def test_a_connection_whose_server_falls_silent_is_left(keeping: Keeping, monkeypatch: pytest.MonkeyPatch) -> None:
    """Leaving its transaction would wait for an answer too."""
    monkeypatch.setattr(readers, "LEAVING", 0.05)
    silenced: list[int] = []

    async def silence(connection: Connection) -> None:
        silenced.append(await connection.fetchval("SELECT pg_backend_pid()"))
        os.kill(silenced[0], signal.SIGSTOP)
        await connection.fetchval("SELECT 1")

    try:
        async with asyncio.timeout(15):
            with pytest.raises(DatabaseBusy):
                await keeping.reader.read(silence)
            assert await keeping.reader.read(one) == 1
    finally:
        os.kill(silenced[0], signal.SIGCONT)
    assert not keeping.reader.away


async def test_too_many_reads_at_once_are_refused(keeping: Keeping, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(readers, "MOST_AT_ONCE", 2)
    answers = await asyncio.gather(*(keeping.reader.read(one) for _ in range(4)), return_exceptions=True)
    assert [type(answer) for answer in answers] == [int, int, DatabaseBusy, DatabaseBusy]


async def test_a_probe_that_is_not_answered_makes_it_away_until_it_is(keeping: Keeping, database: str) -> None:
    reader = keeping.reader
    connection = await asyncpg.connect(database)
    try:
        async with connection.transaction():
            await connection.execute("LOCK TABLE schema_migration IN ACCESS EXCLUSIVE MODE")
            with pytest.raises(DatabaseBusy):
                await reader.read(slow)
            await wait_until(lambda: reader.away)
            with pytest.raises(DatabaseAway, match="in time"):
                await reader.read(one)
        await wait_until(lambda: keeping.backs == 2)
        assert await reader.read(one) == 1
    finally:
        await connection.close()


async def test_a_connection_that_is_cut_makes_it_away_until_it_answers(keeping: Keeping, database: str) -> None:
    reader = keeping.reader

    async def cut(connection: Connection) -> None:
        await connection.fetch("SELECT pg_terminate_backend(pg_backend_pid())")

    with pytest.raises(DatabaseAway):
        await reader.read(cut)
    await wait_until(lambda: keeping.backs == 2)
    assert await reader.read(one) == 1


async def test_a_defect_in_the_work_is_not_the_databases(keeping: Keeping) -> None:
    async def defect(connection: Connection) -> None:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await keeping.reader.read(defect)
    assert not keeping.reader.away
