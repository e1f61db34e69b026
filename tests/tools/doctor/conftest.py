"""Real engines and the simulated exchange, on which all is well."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import asyncpg
import pytest

from rtchart.broker.admin import ensure_topics
from rtchart.broker.cluster import Cluster
from rtchart.process.clock import now_ms
from rtchart.sim.exchange import Address
from rtchart.store.retention import sweep
from rtchart.tools.doctor.command import Asked
from tests.tools.doctor.examining import PATIENCE, market, tell


@pytest.fixture
async def venue() -> AsyncIterator[Address]:
    async with market() as address:
        yield address


@pytest.fixture
async def cluster(kafka: str, topic_prefix: str) -> Cluster:
    """With its topics, and one symbol that is wanted and streams."""
    cluster = Cluster(kafka, topic_prefix)
    await ensure_topics(cluster)
    await tell(cluster, "BTCUSDT")
    return cluster


@pytest.fixture
async def asked(cluster: Cluster, database: str, venue: Address, tmp_path: Path) -> Asked:
    connection = await asyncpg.connect(database)
    await sweep(connection, now_ms())
    await connection.close()
    return Asked(cluster, database, "sim", venue.ws, venue.rest, tmp_path, PATIENCE)
