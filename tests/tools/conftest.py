"""The topics and the database of one pipeline, and the command as a person runs it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable

import asyncpg
import pytest

from rtchart.broker.admin import ensure_topics
from rtchart.broker.cluster import Cluster
from rtchart.broker.table import TableWriter
from rtchart.broker.topics import DEAD_LETTERS, KLINES, SYMBOLS
from rtchart.core.symbol import DesiredSymbol
from tests.tools.running import Tool

Want = Callable[[DesiredSymbol], Awaitable[None]]


@pytest.fixture
async def cluster(kafka: str, topic_prefix: str) -> Cluster:
    cluster = Cluster(kafka, topic_prefix)
    await ensure_topics(cluster, (KLINES, SYMBOLS, DEAD_LETTERS))
    return cluster


@pytest.fixture
async def connection(database: str) -> AsyncIterator[asyncpg.Connection]:
    connection = await asyncpg.connect(database)
    yield connection
    await connection.close()


@pytest.fixture
def tool(cluster: Cluster, database: str) -> Tool:
    return Tool("dead-letters", kafka=cluster.bootstrap, topic_prefix=cluster.prefix, database=database)


@pytest.fixture
async def want(cluster: Cluster) -> Want:
    """Ask for a symbol on ``rtchart.symbols``."""

    async def put(desired: DesiredSymbol) -> None:
        async with cluster.producer() as producer:
            writer: TableWriter[DesiredSymbol] = TableWriter(producer, cluster, SYMBOLS)
            await writer.put({str(desired.identity): desired})

    return put
