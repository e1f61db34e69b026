"""A web server for each test, on the real broker and database."""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator

import asyncpg
import pytest

from rtchart.core.symbol import DesiredSymbol
from rtchart.web.admission import Origins, Rules
from tests.waiting import wait_until
from tests.web.klines import IDENTITY
from tests.web.running import Running, running

BTC = DesiredSymbol(IDENTITY.exchange, IDENTITY.symbol, epoch=0, intervals=("1m", "5m", "1h", "1d", "3d"))


async def ready(server: Running) -> None:
    """Wait until it follows the broker and reads the database."""
    web = server.web
    await wait_until(lambda: web.klines.caught_up and web.catalog.active() and not web.history.away)


@pytest.fixture
async def web(kafka: str, topic_prefix: str, database: str) -> AsyncIterator[Running]:
    """A server that follows BTCUSDT at sim, with its database."""
    async with running(kafka, topic_prefix, database, symbols=[BTC]) as server:
        await ready(server)
        yield server


@pytest.fixture(scope="module")
async def web_shared(kafka: str, postgres: str, migrated_template: str) -> AsyncIterator[Running]:
    """A server for the tests of a module that write nothing; an origin of its allow-list is https://charts.example."""
    name = f"shared{uuid.uuid4().hex[:8]}"
    connection = await asyncpg.connect(postgres)
    try:
        await connection.execute(f"CREATE DATABASE {name} TEMPLATE {migrated_template}")
        database = f"{postgres.rpartition('/')[0]}/{name}"
        rules = Rules(Origins.of(["https://charts.example"]))
        async with running(kafka, f"{name}.", database, symbols=[BTC], rules=rules) as server:
            await ready(server)
            yield server
    finally:
        await connection.execute(f"DROP DATABASE {name} WITH (FORCE)")
        await connection.close()
