"""The inserter as a whole, on a real Kafka and a real PostgreSQL: what becomes of each kind of record."""

from __future__ import annotations

import asyncio
import itertools
from functools import partial

import asyncpg
import msgspec

from rtchart.broker.cluster import Cluster
from rtchart.broker.publisher import Publisher, partition_of
from rtchart.broker.table import TableWriter
from rtchart.broker.topics import DEAD_LETTERS, KLINES, SYMBOLS
from rtchart.core.messages import DeadLetter, decode
from rtchart.core.symbol import DesiredSymbol
from rtchart.inserter.command import serve
from rtchart.inserter.service import Limits
from rtchart.process.health import Health
from rtchart.process.run import patiently
from tests.inserter.running import QUICK, becomes, count, expected, inserter, klines, rows
from tests.waiting import wait_until


async def test_klines_become_rows_checkpoints_and_offsets(
    cluster: Cluster, publisher: Publisher, database: str, connection: asyncpg.Connection, start: int
):
    sent = klines(range(20), start=start)
    await publisher.publish(sent[:240])
    async with inserter(cluster, database):
        await wait_until(lambda: becomes(count(connection), 240))
        await publisher.publish(sent[240:])
        await wait_until(lambda: becomes(count(connection), len(sent)))
    assert await rows(connection) == expected(sent)
    ids = await cluster.cluster_id()
    offsets = await connection.fetch("SELECT cluster, topic, next FROM kafka_offset WHERE next > 0")
    assert {(row["cluster"], row["topic"]) for row in offsets} == {(ids, cluster.name(KLINES))}
    assert sum(row["next"] for row in offsets) == len(sent)
    minutes = await connection.fetch("SELECT DISTINCT minute FROM checkpoint")
    assert {row["minute"] for row in minutes} == {k.open_time // 60_000 * 60_000 for k in sent}


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


async def test_symbols_are_followed(
    cluster: Cluster, publisher: Publisher, database: str, connection: asyncpg.Connection, start: int
):
    async with cluster.producer() as producer, inserter(cluster, database):
        table: TableWriter[DesiredSymbol] = TableWriter(producer, cluster, SYMBOLS)
        await table.put({"sim:BTCUSDT": DesiredSymbol("sim", "BTCUSDT", 7, name="a", kline_hours=3, suspend=True)})
        query = "SELECT epoch, name, kline_hours, suspended, deleted_at IS NOT NULL FROM symbol"

        async def row():
            return tuple(await connection.fetchrow(query) or ())

        await wait_until(lambda: becomes(row(), (7, "a", 3, True, False)))
        await table.put({"sim:BTCUSDT": None})
        await wait_until(lambda: becomes(row(), (7, "a", 3, True, True)))
        dead, alive = (
            msgspec.structs.replace(k, epoch=epoch)
            for k, epoch in zip(klines([0, 1], start=start, symbols=["BTCUSDT"]), (7, 8), strict=True)
        )
        await publisher.publish([dead, alive])
        await wait_until(lambda: becomes(count(connection), 1))
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
            await wait_until(lambda: becomes(rows(), [("BTCUSDT", False), ("ETHUSDT", False)]))
        await table.put({"sim:BTCUSDT": None})
    async with inserter(cluster, database):
        await wait_until(lambda: becomes(rows(), [("BTCUSDT", True), ("ETHUSDT", False)]))


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
        await wait_until(lambda: becomes(count(connection), 24))
        async with connection.transaction():
            await connection.execute("SELECT * FROM kafka_offset FOR UPDATE")
            await publisher.publish(sent[24:])
            full = itertools.count()
            await wait_until(lambda: sizes[-1] == 100 and next(full) > 5)
        await wait_until(lambda: becomes(count(connection), len(sent)))
    assert max(sizes) == 100
    assert await rows(connection) == expected(sent)
