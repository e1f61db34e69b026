"""A database to look into, a writer on it, and a Kafka to send by."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable

import asyncpg
import pytest

from rtchart.broker.admin import ensure_topics
from rtchart.broker.cluster import Cluster
from rtchart.broker.publisher import Publisher
from rtchart.broker.topics import DEAD_LETTERS, KLINES, SYMBOLS
from rtchart.core.interval import SECOND
from rtchart.process.clock import now_ms
from tests.inserter.table import Table


@pytest.fixture
def start() -> int:
    """The first second: ten minutes ago."""
    return now_ms() // SECOND * SECOND - 600 * SECOND


@pytest.fixture
async def cluster(kafka: str, topic_prefix: str) -> Cluster:
    cluster = Cluster(kafka, topic_prefix)
    await ensure_topics(cluster, (KLINES, SYMBOLS, DEAD_LETTERS))
    return cluster


@pytest.fixture
async def publisher(cluster: Cluster) -> AsyncIterator[Publisher]:
    async with cluster.producer() as producer, Publisher(producer, cluster, KLINES) as publisher:
        yield publisher


@pytest.fixture
async def stored_times(connection: asyncpg.Connection) -> Callable[[], Awaitable[int]]:
    """How often a second was stored, whatever became of it, by all committed transactions.

    A second that is stored twice leaves nothing behind that shows it, as it should: so the table is made to count.
    """
    await connection.execute(
        """CREATE TABLE stored (symbol_id integer, open_time bigint);
           CREATE FUNCTION note_stored() RETURNS trigger LANGUAGE plpgsql AS $$
           BEGIN
               INSERT INTO stored VALUES (NEW.symbol_id, NEW.open_time);
               RETURN NEW;
           END $$;
           CREATE TRIGGER note_stored BEFORE INSERT ON kline_1s FOR EACH ROW EXECUTE FUNCTION note_stored()"""
    )

    async def times() -> int:
        return await connection.fetchval("SELECT count(*) FROM stored")

    return times


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
