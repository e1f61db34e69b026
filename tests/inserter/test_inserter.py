"""The inserter as a whole, on a real Kafka and a real PostgreSQL: nothing lost, nothing doubled, whatever happens."""

from __future__ import annotations

import asyncio
import itertools
import os
import random
import signal
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any

import asyncpg
import msgspec
import pytest
from aiokafka.admin.records_to_delete import RecordsToDelete

from rtchart.broker.admin import ensure_topics
from rtchart.broker.cluster import Cluster
from rtchart.broker.group import Group, join
from rtchart.broker.publisher import Publisher, partition_of
from rtchart.broker.table import TableWriter
from rtchart.broker.topics import DEAD_LETTERS, KLINES, SYMBOLS
from rtchart.core.interval import SECOND
from rtchart.core.kline import Kline
from rtchart.core.messages import DeadLetter, decode
from rtchart.core.symbol import DesiredSymbol
from rtchart.inserter import command
from rtchart.inserter.command import serve
from rtchart.inserter.service import Limits
from rtchart.process.clock import now_ms
from rtchart.process.health import Health
from rtchart.process.run import patiently
from tests.klines import kline
from tests.waiting import wait_until

SYMBOLS_HERE = [f"COIN{number}USDT" for number in range(24)]
QUICK = Limits(records=200, seconds=0.05)


def klines(seconds: Iterable[int], *, start: int, symbols: Iterable[str] = SYMBOLS_HERE) -> list[Kline]:
    """Second after second, as they come live, of all symbols."""
    return [
        kline(start + second * SECOND, symbol=symbol, volume=f"{second}.25", trades=second)
        for second in seconds
        for symbol in symbols
    ]


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


@asynccontextmanager
async def inserter(cluster: Cluster, database: str, limits: Limits = QUICK) -> AsyncIterator[Health]:
    """The service in this process."""
    health, stopping = Health(), asyncio.Event()
    task = asyncio.create_task(serve(cluster, database, limits, None, health, stopping))
    try:
        await wait_until(lambda: task.done() or not health.reasons)
        yield health
    finally:
        stopping.set()
        await task


async def rows(connection: asyncpg.Connection) -> set[tuple[str, int, int]]:
    """What is stored, as (symbol, open_time, trades)."""
    found = await connection.fetch("SELECT symbol, open_time, trades FROM kline_1s JOIN symbol USING (symbol_id)")
    return {tuple(row) for row in found}


def expected(sent: Iterable[Kline]) -> set[tuple[str, int, int]]:
    return {(k.symbol, k.open_time, k.trades) for k in sent}


async def count(connection: asyncpg.Connection) -> int:
    return await connection.fetchval("SELECT count(*) FROM kline_1s")


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


async def test_klines_become_rows_checkpoints_and_offsets(
    cluster: Cluster, publisher: Publisher, database: str, connection: asyncpg.Connection, start: int
):
    sent = klines(range(20), start=start)
    await publisher.publish(sent[:240])
    async with inserter(cluster, database):
        await wait_until(lambda: _is(count(connection), 240))
        await publisher.publish(sent[240:])
        await wait_until(lambda: _is(count(connection), len(sent)))
    assert await rows(connection) == expected(sent)
    ids = await cluster.cluster_id()
    offsets = await connection.fetch("SELECT cluster, topic, next FROM kafka_offset")
    assert {(row["cluster"], row["topic"]) for row in offsets} == {(ids, cluster.name(KLINES))}
    assert sum(row["next"] for row in offsets) == len(sent)
    minutes = await connection.fetch("SELECT DISTINCT minute FROM checkpoint")
    assert {row["minute"] for row in minutes} == {k.open_time // 60_000 * 60_000 for k in sent}


async def _is(answer, wanted) -> bool:
    value = await answer
    assert value == wanted
    return True


async def test_a_restart_goes_on_where_the_database_ends(
    cluster: Cluster, publisher: Publisher, database: str, connection: asyncpg.Connection, start: int
):
    """Kafka's own idea of the group's offsets is made wrong in between, and does not count."""
    sent = klines(range(10), start=start)
    await publisher.publish(sent[:120])
    async with inserter(cluster, database):
        await wait_until(lambda: _is(count(connection), 120))
    async with cluster.consumer(group_id=cluster.prefix + "rtchart-inserter") as consumer:
        partitions = cluster.topic_partitions(KLINES, KLINES.partitions)
        consumer.assign(partitions)
        await consumer.commit(dict.fromkeys(partitions, 0))
    await connection.execute("DELETE FROM kline_1s")
    await publisher.publish(sent[120:])
    async with inserter(cluster, database):
        await wait_until(lambda: _is(count(connection), 120))
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
            groups.append(group)
            yield group

    async def publish() -> None:
        for second in itertools.count():
            if changed.is_set():
                break
            sent.extend(klines([second], start=start - 3_000 * SECOND))
            await publisher.publish(sent[-len(SYMBOLS_HERE) :])
            await wait_until(_more_than(looking, len(sent) - 1_000), 60)  # a group that is divided anew stores nothing

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
        await wait_until(lambda: _is(count(connection), len(sent)))
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
                await wait_until(_more_than(connection, before), 30, every=0.001)
                await asyncio.sleep(luck.uniform(0, 0.1))  # at any point of a transaction, which nothing outside tells
            finally:
                process.send_signal(signal.SIGKILL)
                await process.wait()
        assert before < await count(connection)
    # One without a name: it waits until the killed one's session is over.
    async with inserter(cluster, database, Limits()):
        await wait_until(lambda: _is(count(connection), len(sent)), 30)
    assert await rows(connection) == expected(sent)
    assert await connection.fetchval("SELECT sum(next) FROM kafka_offset") == len(sent)
    assert await stored_times() == len(sent)


def _more_than(connection: asyncpg.Connection, number: int):
    async def more() -> bool:
        return await count(connection) > number

    return more


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
            await wait_until(lambda: _is(count(connection), 240))
            await admin.execute(f"ALTER DATABASE {name} ALLOW_CONNECTIONS false")
            await admin.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = $1", name)
            await publisher.publish(sent[240:])
            await wait_until(lambda: "database" in health.reasons)
            await admin.execute(f"ALTER DATABASE {name} ALLOW_CONNECTIONS true")
            again = await asyncpg.connect(database)
            await wait_until(lambda: _is(count(again), len(sent)))
            assert health.reasons == {}
        assert await rows(again) == expected(sent)
        assert await again.fetchval("SELECT count(*) FROM dead_letter") == 0
        await again.close()
    finally:
        await admin.close()


async def test_records_that_cannot_be_used_reach_the_topic_of_dead_letters(
    cluster: Cluster, publisher: Publisher, database: str, connection: asyncpg.Connection, start: int
):
    good, bad = klines([0, 1], start=start, symbols=["BTCUSDT"])
    await publisher.publish([good, msgspec.structs.replace(bad, trades=2**40)])
    async with cluster.producer() as producer:
        partition = partition_of(b"sim:BTCUSDT", KLINES.partitions)
        await producer.send_and_wait(cluster.name(KLINES), b"{}", partition=partition)
        await producer.send_and_wait(cluster.name(KLINES), None, key=b"sim:BTCUSDT", partition=partition)
    async with inserter(cluster, database), cluster.consumer(group_id=None) as consumer:
        topic = cluster.topic_partitions(DEAD_LETTERS, 1)
        consumer.assign(topic)
        await consumer.seek_to_beginning(*topic)
        letters: list[DeadLetter] = []
        async with asyncio.timeout(15):
            while len(letters) < 3:
                for batch in (await consumer.getmany(timeout_ms=100)).values():
                    letters += (decode(record.value, DeadLetter) for record in batch)
    assert [(letter.reason, letter.offset) for letter in sorted(letters, key=lambda letter: letter.offset or 0)] == [
        ("refused_row", 1),
        ("unreadable_record", 2),
        ("unreadable_record", 3),
    ]
    assert await connection.fetchval("SELECT count(*) FROM dead_letter") == 3
    assert await rows(connection) == expected([good])


async def test_a_log_that_was_cut_off_is_told_and_read_on(
    cluster: Cluster, publisher: Publisher, database: str, connection: asyncpg.Connection, start: int
):
    sent = klines(range(30), start=start, symbols=["BTCUSDT"])
    partition = partition_of(b"sim:BTCUSDT", KLINES.partitions)
    await publisher.publish(sent[:10])
    async with inserter(cluster, database):
        await wait_until(lambda: _is(count(connection), 10))
    await publisher.publish(sent[10:])
    (tp,) = (tp for tp in cluster.topic_partitions(KLINES, KLINES.partitions) if tp.partition == partition)
    async with cluster.admin() as admin:
        await admin.delete_records({tp: RecordsToDelete(before_offset=20)})
    async with inserter(cluster, database):
        await wait_until(lambda: _is(count(connection), 20))
    assert await rows(connection) == expected(sent[:10] + sent[20:])
    gaps = await connection.fetch("SELECT start_time, end_time, state, reason FROM gap")
    assert [tuple(gap) for gap in gaps] == [(sent[10].open_time, sent[20].open_time, "open", "offset_lost")]


async def test_symbols_are_followed(
    cluster: Cluster, publisher: Publisher, database: str, connection: asyncpg.Connection, start: int
):
    async with cluster.producer() as producer, inserter(cluster, database):
        table: TableWriter[DesiredSymbol] = TableWriter(producer, cluster, SYMBOLS)
        await table.put({"sim:BTCUSDT": DesiredSymbol("sim", "BTCUSDT", 7, name="a", kline_hours=3, suspend=True)})
        query = "SELECT epoch, name, kline_hours, suspended, deleted_at IS NOT NULL FROM symbol"

        async def row():
            return tuple(await connection.fetchrow(query) or ())

        await wait_until(lambda: _is(row(), (7, "a", 3, True, False)))
        await table.put({"sim:BTCUSDT": None})
        await wait_until(lambda: _is(row(), (7, "a", 3, True, True)))
        dead, alive = (
            msgspec.structs.replace(k, epoch=epoch)
            for k, epoch in zip(klines([0, 1], start=start, symbols=["BTCUSDT"]), (7, 8), strict=True)
        )
        await publisher.publish([dead, alive])
        await wait_until(lambda: _is(count(connection), 1))
    assert await rows(connection) == expected([alive])


async def test_a_symbol_that_was_deleted_while_it_was_down_is_deleted(
    cluster: Cluster, database: str, connection: asyncpg.Connection
):
    query = "SELECT symbol, deleted_at IS NOT NULL FROM symbol ORDER BY symbol"

    async def rows() -> list[tuple[object, ...]]:
        return [tuple(row) for row in await connection.fetch(query)]

    async with cluster.producer() as producer:
        table: TableWriter[DesiredSymbol] = TableWriter(producer, cluster, SYMBOLS)
        await table.put({f"sim:{name}": DesiredSymbol("sim", name, 7) for name in ("BTCUSDT", "ETHUSDT")})
        async with inserter(cluster, database):
            await wait_until(lambda: _is(rows(), [("BTCUSDT", False), ("ETHUSDT", False)]))
        await table.put({"sim:BTCUSDT": None})
    async with inserter(cluster, database):
        await wait_until(lambda: _is(rows(), [("BTCUSDT", True), ("ETHUSDT", False)]))


async def test_it_waits_for_the_schema_and_says_so(cluster: Cluster, empty_database: str):
    health, stopping = Health(), asyncio.Event()
    service = partial(serve, cluster, empty_database, QUICK, None)
    task = asyncio.create_task(patiently(service, health, stopping, wait=60))
    await wait_until(lambda: task.done() or "rtchart migrate" in health.reasons.get("start", ""))
    stopping.set()
    await task


async def test_memory_is_bounded_whatever_the_lag(
    cluster: Cluster, publisher: Publisher, database: str, connection: asyncpg.Connection, start: int, monkeypatch
):
    """While the database holds a batch, at most one more is gathered."""
    from rtchart.inserter.service import Inserter

    sizes: list[int] = []
    original = Inserter._begin_work

    def watched(self, group):
        sizes.append(len(self._batch))
        original(self, group)

    monkeypatch.setattr(Inserter, "_begin_work", watched)
    monkeypatch.setattr("rtchart.inserter.service.PATIENCE", 0.05)
    sent = klines(range(60), start=start)
    await publisher.publish(sent[:24])
    async with inserter(cluster, database, Limits(records=100, seconds=0.02)):
        await wait_until(lambda: _is(count(connection), 24))
        async with connection.transaction():
            await connection.execute("SELECT * FROM kafka_offset FOR UPDATE")
            await publisher.publish(sent[24:])
            full = itertools.count()
            await wait_until(lambda: sizes[-1] == 100 and next(full) > 5)
        await wait_until(lambda: _is(count(connection), len(sent)))
    assert max(sizes) == 100
    assert await rows(connection) == expected(sent)
