"""What tests stand on: the real servers, started once, and a corner of them for each test.

``kafka`` and ``topic_prefix``, ``database`` (migrated, empty, the test's own), ``chromium``, ``built``. To wait for something:
``from tests.waiting import wait_until``.
"""

from __future__ import annotations

import tempfile
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import asyncpg
import pytest
from scripts import page

from rtchart.local.kafka import Kafka
from rtchart.local.postgres import Postgres
from rtchart.store.migrate import migrate
from tests.corners import execute, own_database, own_topics, with_name
from tests.programs import program

pytest_plugins = ["tests.web.every_schema"]

# They need a cluster, or many minutes, so they run when they are named: `make e2e`, `make chaos`.
collect_ignore = ["e2e", "chaos"]


@pytest.fixture(scope="session")
def engine_folder() -> Iterator[Path]:
    """Of this run's servers. Not below pytest's own folder: it closes that to others, and run as root, PostgreSQL is one."""
    with tempfile.TemporaryDirectory(prefix="rtchart-tests-", ignore_cleanup_errors=True) as folder:
        yield Path(folder)


@pytest.fixture(scope="session")
def built() -> None:
    """The page is built from the modules as they are now."""
    if page.stale():
        page.build()


@pytest.fixture
def folder() -> Iterator[Path]:
    """A data folder. Not below pytest's own, which is closed to others: run as root, PostgreSQL is one."""
    with tempfile.TemporaryDirectory(prefix="rtchart-test-", ignore_cleanup_errors=True) as path:
        yield Path(path)


@pytest.fixture(scope="session")
async def kafka(engine_folder: Path) -> AsyncIterator[str]:
    """``HOST:PORT`` of a broker that all tests share; keep to topics with your ``topic_prefix``."""
    async with Kafka(engine_folder / "kafka", brief=True) as engine:
        yield engine.bootstrap


@pytest.fixture
async def topic_prefix(kafka: str) -> AsyncIterator[str]:
    """Put before each topic's name; the topics are deleted after the test."""
    async with own_topics(kafka) as prefix:
        yield prefix


@pytest.fixture(scope="session")
async def postgres(engine_folder: Path) -> AsyncIterator[str]:
    """URL of the superuser at a server that all tests share."""
    async with Postgres(engine_folder / "postgres", unsafe=True) as engine:
        yield engine.url()


@pytest.fixture(scope="session")
async def migrated_template(postgres: str) -> str:
    """The name of a database with the current schema; copying it is faster than migrating."""
    name = "rtchart_template"
    await execute(postgres, f"CREATE DATABASE {name}")
    connection = await asyncpg.connect(with_name(postgres, name))
    try:
        await migrate(connection)
    finally:
        await connection.close()
    return name


@pytest.fixture
async def database(postgres: str, migrated_template: str) -> AsyncIterator[str]:
    """URL (superuser) of an empty database with the current schema, for this test alone."""
    async with own_database(postgres, migrated_template) as url:
        yield url


@pytest.fixture
async def empty_database(postgres: str) -> AsyncIterator[str]:
    """URL (superuser) of a database without a schema, for this test alone."""
    async with own_database(postgres, "template1") as url:
        yield url


@pytest.fixture(scope="session")
def chromium() -> str:
    """Path of Chromium."""
    return program("chromium", "chromium-browser", "google-chrome", package="chromium", what="the page")
