"""A database to look into, and a writer on it."""

from __future__ import annotations

from collections.abc import AsyncIterator

import asyncpg
import pytest

from tests.inserter.table import Table


@pytest.fixture
async def connection(database: str) -> AsyncIterator[asyncpg.Connection]:
    connection = await asyncpg.connect(database)
    yield connection
    await connection.close()


@pytest.fixture
async def table(database: str, connection: asyncpg.Connection) -> AsyncIterator[Table]:
    table = await Table(database, connection).begin()
    yield table
    await table.session.close()
