"""Inserters that end, are killed, come and go, on a real Kafka and a real PostgreSQL: nothing lost, nothing doubled."""

from __future__ import annotations

import asyncio
import itertools
import os
import random
import signal
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import asyncpg
import pytest
from aiokafka.admin.records_to_delete import RecordsToDelete

from rtchart.broker.cluster import Cluster
from rtchart.broker.group import Group, join
from rtchart.broker.publisher import Publisher, partition_of
from rtchart.broker.topics import KLINES
from rtchart.core.interval import SECOND
from rtchart.core.kline import Kline
from rtchart.inserter import command
from rtchart.inserter.service import Limits
from tests.counting import counted
from tests.inserter.running import SYMBOLS_HERE, becomes, count, expected, inserter, klines, more_than, rows
from tests.waiting import wait_until


async def test_a_restart_goes_on_where_the_database_ends(
    cluster: Cluster, publisher: Publisher, database: str, connection: asyncpg.Connection, start: int
):
    """Kafka's own idea of the group's offsets is made wrong in between, and does not count."""
    sent = klines(range(10), start=start)
    await publisher.publish(sent[:120])
    async with inserter(cluster, database):
        await wait_until(lambda: becomes(count(connection), 120))
    async with cluster.consumer(group_id=cluster.prefix + "rtchart-inserter") as consumer:
        partitions = cluster.topic_partitions(KLINES, KLINES.partitions)
        consumer.assign(partitions)
        await consumer.commit(dict.fromkeys(partitions, 0))
    await connection.execute("DELETE FROM kline_1s")
    await publisher.publish(sent[120:])
    async with inserter(cluster, database):
        await wait_until(lambda: becomes(count(connection), 120))
    assert await rows(connection) == expected(sent[120:])


async def test_inserters_that_come_and_go_store_each_second_once(
    cluster: Cluster,
    publisher: Publisher,
    database: str,
    connection: asyncpg.Connection,
    start: int,
    stored_times: Callable[[], Awaitable[int]],
    monkeypatch: pytest.MonkeyPatch,
):
    """Rebalances in the middle of a stream: a second and a third inserter join while records flow, and the first leaves."""
    groups: list[Group] = []
    sent: list[Kline] = []
    changed = asyncio.Event()

    @asynccontextmanager
    async def joining(*arguments: Any, **settings: Any) -> AsyncIterator[Group]:
        async with join(*arguments, **settings) as group:
            if arguments[1] is KLINES:
                groups.append(group)
            yield group

    async def publish() -> None:
        for second in itertools.count():
            if changed.is_set():
                break
            sent.extend(klines([second], start=start - 3_000 * SECOND))
            await publisher.publish(sent[-len(SYMBOLS_HERE) :])
            await wait_until(more_than(looking, len(sent) - 1_000), 60)  # a group that is divided anew stores nothing

    monkeypatch.setattr(command, "join", joining)
    looking = await asyncpg.connect(database)
    publishing = asyncio.create_task(publish())
    async with AsyncExitStack() as rest:
        async with inserter(cluster, database):
            await wait_until(lambda: count(connection))
            await rest.enter_async_context(inserter(cluster, database))
            await rest.enter_async_context(inserter(cluster, database))
            await wait_until(lambda: len(groups) == 3 and all(group.assigned for group in groups))
        await wait_until(lambda: sum(len(group.assigned) for group in groups[1:]) == KLINES.partitions)
        changed.set()
        await publishing
        await wait_until(lambda: becomes(count(connection), len(sent)))
    await looking.close()
    assert await rows(connection) == expected(sent)
    assert await stored_times() == len(sent)
    folded = await connection.fetchval("SELECT sum(array_length(symbol_ids, 1)) FROM checkpoint")
    assert folded >= len(SYMBOLS_HERE) * 5


async def test_killed_at_random_moments_it_loses_and_doubles_nothing(
    cluster: Cluster,
    publisher: Publisher,
    database: str,
    connection: asyncpg.Connection,
    start: int,
    stored_times: Callable[[], Awaitable[int]],
    tmp_path: Path,
):
    """SIGKILL, each time some batches after it began to store. ``TEST_SEED`` has it die as late as in the run that said it."""
    seed = int(os.environ.get("TEST_SEED", random.randrange(1_000_000)))
    luck = random.Random(seed)
    print(f"TEST_SEED={seed}")
    sent = klines(range(400), start=start)
    await publisher.publish(sent)
    environment = {**os.environ, "RTCHART_TOPIC_PREFIX": cluster.prefix, "RTCHART_KAFKA": cluster.bootstrap}
    environment |= {
        "RTCHART_DATABASE": database,
        "RTCHART_BATCH_ROWS": "60",
        "RTCHART_BATCH_MS": "20",
        "RTCHART_INSTANCE": "one",
    }
    with (tmp_path / "log").open("wb") as log:
        for _ in range(5):
            before = await count(connection)
            process = await asyncio.create_subprocess_exec(
                sys.executable, "-m", "rtchart", "inserter", env=environment, stdout=log, stderr=log
            )
            try:
                await wait_until(more_than(connection, before), 30, every=0.001)
                await asyncio.sleep(luck.uniform(0, 0.1))  # at any point of a transaction, which nothing outside tells
            finally:
                process.send_signal(signal.SIGKILL)
                await process.wait()
        assert before < await count(connection)
    # One without a name: it waits until the killed one's session is over.
    async with inserter(cluster, database, Limits()):
        await wait_until(lambda: becomes(count(connection), len(sent)), 30)
    assert await rows(connection) == expected(sent)
    assert await connection.fetchval("SELECT sum(next) FROM kafka_offset") == len(sent)
    assert await stored_times() == len(sent)


async def test_a_database_that_goes_and_comes_back(
    cluster: Cluster, publisher: Publisher, database: str, connection: asyncpg.Connection, start: int
):
    """Backends killed and connections refused for a while: fetching pauses, nothing is lost, nothing is a dead letter."""
    name = database.rpartition("/")[2]
    admin = await asyncpg.connect(f"{database.rpartition('/')[0]}/postgres")
    sent = klines(range(100), start=start)
    try:
        async with inserter(cluster, database) as health:
            await publisher.publish(sent[:240])
            await wait_until(lambda: becomes(count(connection), 240))
            await admin.execute(f"ALTER DATABASE {name} ALLOW_CONNECTIONS false")
            await admin.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = $1", name)
            await publisher.publish(sent[240:])
            await wait_until(lambda: "database" in health.reasons)
            await admin.execute(f"ALTER DATABASE {name} ALLOW_CONNECTIONS true")
            again = await asyncpg.connect(database)
            await wait_until(lambda: becomes(count(again), len(sent)))
            assert health.reasons == {}
        assert await rows(again) == expected(sent)
        assert await again.fetchval("SELECT count(*) FROM dead_letter") == 0
        await again.close()
    finally:
        await admin.close()


async def test_a_log_that_was_cut_off_is_told_and_read_on(
    cluster: Cluster, publisher: Publisher, database: str, connection: asyncpg.Connection, start: int
):
    sent = klines(range(30), start=start, symbols=["BTCUSDT"])
    partition = partition_of(b"sim:BTCUSDT", KLINES.partitions)
    await publisher.publish(sent[:10])
    async with inserter(cluster, database):
        await wait_until(lambda: becomes(count(connection), 10))
    await publisher.publish(sent[10:])
    (tp,) = (tp for tp in cluster.topic_partitions(KLINES, KLINES.partitions) if tp.partition == partition)
    async with cluster.admin() as admin:
        await admin.delete_records({tp: RecordsToDelete(before_offset=20)})
    before = counted("rtchart_inserter_offsets_lost_total")
    async with inserter(cluster, database):
        await wait_until(lambda: becomes(count(connection), 20))
    assert counted("rtchart_inserter_offsets_lost_total") > before
    assert await rows(connection) == expected(sent[:10] + sent[20:])
    gaps = await connection.fetch("SELECT start_time, end_time, state, reason FROM gap")
    assert [tuple(gap) for gap in gaps] == [(sent[10].open_time, sent[20].open_time, "open", "offset_lost")]
