"""A corner of the shared servers for one test, or for some that share more: topics and a database that nobody else has."""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import asyncpg
from aiokafka.admin import AIOKafkaAdminClient, NewTopic

from tests.waiting import wait_until


@asynccontextmanager
async def own_topics(kafka: str) -> AsyncIterator[str]:
    """A prefix for the names of topics; those that have it are deleted at the end."""
    prefix = f"t{uuid.uuid4().hex[:8]}."
    yield prefix
    admin = AIOKafkaAdminClient(bootstrap_servers=kafka)
    await admin.start()
    try:
        if mine := [name for name in await admin.list_topics() if name.startswith(prefix)]:
            await admin.delete_topics(mine)
    finally:
        await admin.close()


async def make_topics(admin: AIOKafkaAdminClient, *topics: NewTopic) -> None:
    """Make topics as somebody else does, and wait until the broker has heard of them from the controller, which made them."""
    answer = await admin.create_topics(list(topics))
    assert all(error[1] == 0 for error in answer.topic_errors), answer

    async def known() -> bool:
        return {topic.name for topic in topics} <= set(await admin.list_topics())

    await wait_until(known)


@asynccontextmanager
async def own_database(postgres: str, template: str) -> AsyncIterator[str]:
    """URL (superuser) of a copy of the template; it is dropped at the end."""
    name = f"t{uuid.uuid4().hex[:8]}"
    await execute(postgres, f"CREATE DATABASE {name} TEMPLATE {template}")
    yield with_name(postgres, name)
    await execute(postgres, f"DROP DATABASE {name} WITH (FORCE)")


async def execute(url: str, statement: str) -> None:
    """Run one statement on a connection of its own."""
    connection = await asyncpg.connect(url)
    try:
        await connection.execute(statement)
    finally:
        await connection.close()


def with_name(url: str, database: str) -> str:
    """The URL, of another database of the server."""
    return f"{url.rpartition('/')[0]}/{database}"
