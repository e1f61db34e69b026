"""Records that fell out of Kafka's retention while nobody stored them: the exchange has their seconds, and they come back."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import asyncpg
import pytest
from aiokafka.admin.records_to_delete import RecordsToDelete

from rtchart.broker.cluster import Cluster
from rtchart.broker.publisher import partition_of
from rtchart.broker.table import Table
from rtchart.broker.topics import KLINES, REPAIRS
from rtchart.core.gap import normal, seconds_of, subtract
from rtchart.core.interval import SECOND
from rtchart.core.messages import GapOpened
from rtchart.inserter.command import serve
from rtchart.inserter.service import Limits
from rtchart.process.health import Health
from rtchart.producer.ledger import Patience
from rtchart.sim.exchange import Config, Exchange
from rtchart.store.sources import SOURCE_OF
from tests.producer.venue import producer, topics
from tests.waiting import wait_until

SYMBOL = "BTCUSDT"


@asynccontextmanager
async def inserter(cluster: Cluster, database: str) -> AsyncIterator[None]:
    stopping = asyncio.Event()
    task = asyncio.create_task(serve(cluster, database, Limits(seconds=0.05), None, Health(), stopping))
    try:
        yield
    finally:
        stopping.set()
        await task


@pytest.fixture
async def connection(database: str) -> AsyncIterator[asyncpg.Connection]:
    connection = await asyncpg.connect(database)
    yield connection
    await connection.close()


async def stored(connection: asyncpg.Connection) -> list[int]:
    return [row["open_time"] for row in await connection.fetch("SELECT open_time FROM kline_1s ORDER BY open_time")]


async def cut_off(cluster: Cluster) -> None:
    """Delete all that the symbol's partition holds, as the end of its retention would."""
    mine = partition_of(f"sim:{SYMBOL}".encode(), KLINES.partitions)
    (partition,) = (tp for tp in cluster.topic_partitions(KLINES, KLINES.partitions) if tp.partition == mine)
    async with cluster.consumer() as consumer:
        end = (await consumer.end_offsets([partition]))[partition]
    async with cluster.admin() as admin:
        await admin.delete_records({partition: RecordsToDelete(before_offset=end)})


async def test_what_kafka_lost_is_asked_for_and_everything_is_whole_again(
    kafka: str, topic_prefix: str, database: str, connection: asyncpg.Connection
) -> None:
    cluster = Cluster(kafka, topic_prefix)
    exchange = Exchange(Config(symbols=(SYMBOL,), rate=20, history_days=1))
    patience = Patience(absent=15_000)
    async with exchange.serve() as address, topics(cluster) as there, producer(cluster, address, patience=patience):
        await there.want(SYMBOL)
        async with inserter(cluster, database):
            await wait_until(lambda: stored(connection))
        last = (await stored(connection))[-1]
        await wait_until(lambda: there.last(SYMBOL) > last + 60 * SECOND)
        lacks = last + 20 * SECOND
        exchange.faults.absent(SYMBOL, lacks, lacks + 3 * SECOND)  # streamed, and not there any more for REST
        await cut_off(cluster)

        async with inserter(cluster, database):

            async def settled() -> bool:
                states = await connection.fetch("SELECT state FROM gap WHERE reason = 'offset_lost'")
                return bool(states) and all(row["state"] != "open" for row in states)

            await wait_until(settled, within=60)
            await wait_until(lambda: _is_empty(cluster))
        gaps = await connection.fetch("SELECT start_time, end_time, state FROM gap WHERE reason = 'offset_lost'")
        ranges = {state: normal((gap[0], gap[1]) for gap in gaps if gap[2] == state) for state in ("absent", "repaired")}
        assert ranges["absent"] == [(lacks, lacks + 3 * SECOND)]
        assert ranges["repaired"][0] == (last + SECOND, lacks)
        seconds = await stored(connection)
        until = ranges["repaired"][-1][1]
        assert subtract([(seconds[0], until)], seconds_of(seconds)) == ranges["absent"]
        source = await connection.fetchval("SELECT source FROM kline_1s WHERE open_time = $1", last + SECOND)
        assert SOURCE_OF[source] == "repair"


async def _is_empty(cluster: Cluster) -> bool:
    return not await Table(cluster, REPAIRS, GapOpened).snapshot()
