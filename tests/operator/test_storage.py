"""What the operator knows of the database, and since when."""

from __future__ import annotations

import asyncio
from contextlib import AbstractAsyncContextManager

import asyncpg
import pytest

from rtchart.core.interval import SECOND
from rtchart.process.clock import now_ms
from rtchart_operator import storage as module
from rtchart_operator.storage import BOOKS_HOLD, COUNT_EVERY, Storage
from tests.beside import beside
from tests.waiting import wait_until


def kept(storage: Storage) -> AbstractAsyncContextManager[None]:
    """It looks, sweeps and counts."""
    return beside(storage.keep_looking(), storage.keep_sweeping(), storage.keep_counting())


async def test_what_it_knows_is_current_only_while_the_database_answers(
    postgres: str, database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "RETRY", 0.05)
    monkeypatch.setattr(module, "LOOK_EVERY", 0.05)
    name = database.rpartition("/")[2].partition("?")[0]
    storage = Storage(database, now_ms, lambda: None)
    assert not storage.is_current and not storage.books_are_current, "it has not asked yet"
    admin = await asyncpg.connect(postgres)
    try:
        async with kept(storage):
            await wait_until(lambda: storage.books_are_current)
            counted = storage.books
            assert storage.is_current and counted.bytes
            await admin.execute(f"ALTER DATABASE {name} ALLOW_CONNECTIONS false")
            await admin.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = $1", name)
            await wait_until(lambda: not storage.is_current)
            assert not storage.books_are_current and storage.books is counted, "though they are young"
            await admin.execute(f"ALTER DATABASE {name} ALLOW_CONNECTIONS true")
            await wait_until(lambda: storage.is_current)
            assert storage.books_are_current and storage.books is counted, "and so they hold until the next count"
    finally:
        await admin.execute(f"ALTER DATABASE {name} ALLOW_CONNECTIONS true")
        await admin.close()


async def test_books_grow_old_while_only_the_count_fails(database: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "COUNT_EVERY", 0.05)
    ahead = 0
    storage = Storage(database, lambda: now_ms() + ahead, lambda: None)
    owner = await asyncpg.connect(database)
    async with kept(storage):
        await wait_until(lambda: storage.books_are_current)
        await owner.execute("ALTER TABLE gap RENAME TO lost")
        await wait_until(lambda: storage.count_away)
        counted = storage.books
        ahead = 2 * int(COUNT_EVERY * SECOND)
        assert storage.books_are_current, "two counts may fail"
        ahead = int(BOOKS_HOLD * SECOND) + 1
        assert storage.is_current and not storage.books_are_current and storage.books is counted
        await owner.execute("ALTER TABLE lost RENAME TO gap")
        await wait_until(lambda: storage.books_are_current)
    await owner.close()


async def test_a_sweep_that_takes_long_does_not_hold_up_the_count(database: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "COUNT_EVERY", 0.05)
    never = asyncio.Event()

    async def sweep(*_: object) -> None:
        await never.wait()

    monkeypatch.setattr(module, "sweep", sweep)
    storage = Storage(database, now_ms, lambda: None)
    async with kept(storage):
        await wait_until(lambda: storage.books.at)
        first = storage.books.at
        await wait_until(lambda: storage.books.at > first)
        assert not storage.swept
