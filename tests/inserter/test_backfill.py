"""Older history through a real Kafka into a real PostgreSQL, beside the live seconds."""

from __future__ import annotations

import asyncio
import os
import random
import signal
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import asyncpg
import pytest
from aiokafka.admin.records_to_delete import RecordsToDelete

from rtchart.broker.admin import ensure_topics
from rtchart.broker.cluster import Cluster
from rtchart.broker.publisher import Publisher, partition_of
from rtchart.broker.topics import BACKFILL
from rtchart.core.interval import DAY, MINUTE
from rtchart.core.kline import VenueKline
from rtchart.inserter import backfill
from rtchart.process.clock import now_ms
from tests.inserter.running import SYMBOLS_HERE, becomes, count, inserter, klines
from tests.klines import venue
from tests.waiting import wait_until

OLD = now_ms() // DAY * DAY - 30 * DAY


@pytest.fixture
async def past(cluster: Cluster) -> AsyncIterator[Publisher]:
    await ensure_topics(cluster, (BACKFILL,))
    async with cluster.producer() as producer, Publisher(producer, cluster, BACKFILL) as publisher:
        yield publisher


def minutes(number: int, symbols: list[str] = SYMBOLS_HERE) -> list[VenueKline]:
    return [venue(OLD + each * MINUTE, symbol=symbol) for each in range(number) for symbol in symbols]


async def candles(connection: asyncpg.Connection) -> int:
    return await connection.fetchval("SELECT count(*) FROM candle")


async def test_it_goes_beside_the_live_seconds(
    cluster: Cluster, publisher: Publisher, past: Publisher, database: str, connection: asyncpg.Connection, start: int
) -> None:
    live = klines(range(10), start=start)
    await past.publish(minutes(20))
    await publisher.publish(live)
    async with inserter(cluster, database):
        await wait_until(lambda: becomes(count(connection), len(live)))
        await wait_until(lambda: becomes(candles(connection), 20 * len(SYMBOLS_HERE)))
    rows = await connection.fetch("SELECT topic, sum(next)::bigint AS next FROM kafka_offset GROUP BY topic")
    assert {row["topic"]: row["next"] for row in rows} == {
        cluster.name(BACKFILL): 20 * len(SYMBOLS_HERE),
        cluster.prefix + "rtchart.klines": len(live),
    }


async def test_records_of_a_month_ago_are_stamped_with_their_arrival(cluster: Cluster, past: Publisher) -> None:
    """Or Kafka's retention would take them at once, whoever writes them."""
    before = now_ms()
    async with cluster.producer() as producer:
        sent = await producer.send_and_wait(cluster.name(BACKFILL), b"{}", partition=0, timestamp_ms=OLD)
    assert sent.timestamp >= before - MINUTE


async def test_killed_at_random_moments_with_records_doubled_it_stores_each_minute_once(
    cluster: Cluster, past: Publisher, database: str, connection: asyncpg.Connection, tmp_path: Path
) -> None:
    """SIGKILL in the middle of its work. ``TEST_SEED`` has it die as late as in the run that said it."""
    seed = int(os.environ.get("TEST_SEED", random.randrange(1_000_000)))
    luck = random.Random(seed)
    print(f"TEST_SEED={seed}")
    sent = minutes(400)
    for at in range(0, len(sent), 1_200):
        await past.publish(sent[at : at + 1_200])
        await past.publish(sent[at : at + 600])
    published = len(sent) + len(sent) // 2
    environment = {**os.environ, "RTCHART_TOPIC_PREFIX": cluster.prefix, "RTCHART_KAFKA": cluster.bootstrap}
    environment |= {"RTCHART_DATABASE": database, "RTCHART_INSTANCE": "one"}
    with (tmp_path / "log").open("wb") as log:
        for _ in range(3):
            before = await candles(connection)
            process = await asyncio.create_subprocess_exec(
                sys.executable, "-m", "rtchart", "inserter", env=environment, stdout=log, stderr=log
            )
            try:

                async def more(before: int = before) -> bool:
                    return await candles(connection) > before

                await wait_until(more, 30, every=0.001)
                await asyncio.sleep(luck.uniform(0, 0.1))  # at any point of a transaction, which nothing outside tells
            finally:
                process.send_signal(signal.SIGKILL)
                await process.wait()
        assert before < await candles(connection)
    async with inserter(cluster, database):
        await wait_until(lambda: becomes(stored_offsets(connection, cluster), published), 60)
    assert await candles(connection) == len(sent)
    assert await connection.fetchval("SELECT max(revision) FROM candle") == 1
    assert await connection.fetchval("SELECT sum(end_time - start_time)::bigint FROM venue_checkpoint") == len(sent) * MINUTE
    assert await connection.fetchval("SELECT count(*) FROM dead_letter") == 0


async def stored_offsets(connection: asyncpg.Connection, cluster: Cluster) -> int:
    return await connection.fetchval(
        "SELECT coalesce(sum(next), 0)::bigint FROM kafka_offset WHERE topic = $1", cluster.name(BACKFILL)
    )


@pytest.mark.parametrize("busy_looks", [0, 3, None])
async def test_it_waits_for_a_moment_in_which_nothing_live_is_stored_but_not_for_ever(
    monkeypatch: pytest.MonkeyPatch, busy_looks: int | None
) -> None:
    monkeypatch.setattr(backfill, "LONGEST_WAIT", 10.0 if busy_looks is not None else 0.1)
    looks = 0

    def live_is_busy() -> bool:
        nonlocal looks
        looks += 1
        return busy_looks is None or looks <= busy_looks

    loop = backfill.Backfill(None, None, None, live_is_busy)  # type: ignore[arg-type]  # it stores nothing here
    await loop._moment()
    assert looks == busy_looks + 1 if busy_looks is not None else looks > 1


async def test_two_inserters_share_it_out(
    cluster: Cluster, past: Publisher, database: str, connection: asyncpg.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(backfill, "RECORDS", 50)
    sent = minutes(100)
    await past.publish(sent[:1_000])
    async with inserter(cluster, database):
        await wait_until(lambda: candles(connection))
        async with inserter(cluster, database):
            await past.publish(sent[1_000:])
            await wait_until(lambda: becomes(stored_offsets(connection, cluster), len(sent)), 60)
    assert await candles(connection) == len(sent)
    assert await connection.fetchval("SELECT max(revision) FROM candle") == 1


async def test_it_outlives_the_database(
    cluster: Cluster, past: Publisher, database: str, connection: asyncpg.Connection
) -> None:
    name = database.rpartition("/")[2]
    admin = await asyncpg.connect(f"{database.rpartition('/')[0]}/postgres")
    try:
        async with inserter(cluster, database) as health:
            await past.publish(minutes(10))
            await wait_until(lambda: becomes(candles(connection), 10 * len(SYMBOLS_HERE)))
            await admin.execute(f"ALTER DATABASE {name} ALLOW_CONNECTIONS false")
            await admin.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = $1", name)
            await past.publish(minutes(20))
            await wait_until(lambda: "backfill" in health.reasons)
            await admin.execute(f"ALTER DATABASE {name} ALLOW_CONNECTIONS true")
            again = await asyncpg.connect(database)
            await wait_until(lambda: becomes(candles(again), 20 * len(SYMBOLS_HERE)), 30)
            await wait_until(lambda: health.reasons == {})
        await again.close()
    finally:
        await admin.close()


async def test_a_log_that_was_cut_off_is_read_on(
    cluster: Cluster, past: Publisher, database: str, connection: asyncpg.Connection
) -> None:
    sent = minutes(30, ["BTCUSDT"])
    partition = partition_of(b"sim:BTCUSDT", BACKFILL.partitions)
    await past.publish(sent[:10])
    async with inserter(cluster, database):
        await wait_until(lambda: becomes(candles(connection), 10))
    await past.publish(sent[10:])
    (tp,) = (tp for tp in cluster.topic_partitions(BACKFILL, BACKFILL.partitions) if tp.partition == partition)
    async with cluster.admin() as admin:
        await admin.delete_records({tp: RecordsToDelete(before_offset=20)})
    async with inserter(cluster, database):
        await wait_until(lambda: becomes(candles(connection), 20))
    assert await stored_offsets(connection, cluster) == 30
