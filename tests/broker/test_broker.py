"""Topics, batches and tables, on a real broker."""

from __future__ import annotations

import asyncio
import socket

import msgspec
import pytest
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType

from rtchart.broker.admin import ensure_topics
from rtchart.broker.cluster import Cluster
from rtchart.broker.publisher import Publisher, partition_of
from rtchart.broker.table import Table, TableWriter
from rtchart.broker.topics import KLINES, SYMBOLS, TOPICS
from rtchart.core.errors import UserError
from rtchart.core.kline import Kline
from rtchart.core.messages import Absent, decode_kline_message
from rtchart.core.symbol import DesiredSymbol
from tests.corners import make_topics
from tests.klines import kline
from tests.waiting import wait_until

KLINE = kline(1_733_561_823_000, exchange="binance")


@pytest.fixture
def cluster(kafka: str, topic_prefix: str) -> Cluster:
    return Cluster(kafka, topic_prefix)


async def settings_of(cluster: Cluster, name: str) -> dict[str, str]:
    async with cluster.admin() as admin:
        (answer,) = await admin.describe_configs([ConfigResource(ConfigResourceType.TOPIC, name)])
        assert answer.resources[0][0] == 0
        return {entry[0]: entry[1] for entry in answer.resources[0][4]}


async def read(cluster: Cluster, count: int) -> list[tuple[int, bytes, bytes]]:
    """``count`` records of the klines topic: (partition, key, value), in the order of each partition."""
    async with cluster.consumer(group_id=None, auto_offset_reset="earliest") as consumer:
        consumer.assign(cluster.topic_partitions(KLINES, KLINES.partitions))
        records: list[tuple[int, bytes, bytes]] = []
        async with asyncio.timeout(15):
            while len(records) < count:
                for batch in (await consumer.getmany(timeout_ms=100)).values():
                    records += [(record.partition, record.key, record.value) for record in batch]
        return records


async def test_topics_are_made_with_their_settings_and_only_once(cluster: Cluster):
    assert set(await ensure_topics(cluster)) == {cluster.name(topic) for topic in TOPICS}
    for topic in TOPICS:
        settings = await settings_of(cluster, cluster.name(topic))
        assert {name: settings[name] for name in topic.config} == topic.config
    assert await ensure_topics(cluster) == []


async def test_settings_of_ours_that_differ_are_set_and_others_left(cluster: Cluster):
    name = cluster.name(KLINES)
    async with cluster.admin() as admin:
        other = {"retention.ms": "60000", "max.message.bytes": "2000000"}
        await make_topics(admin, NewTopic(name, KLINES.partitions, 1, topic_configs=other))
    await ensure_topics(cluster, (KLINES,))

    async def are_set() -> bool:  # a broker that took them knows them a moment later
        settings = await settings_of(cluster, name)
        assert settings["max.message.bytes"] == "2000000"
        assert {key: settings[key] for key in KLINES.config} == KLINES.config
        return True

    await wait_until(are_set)


async def test_a_topic_with_another_number_of_partitions_is_refused(cluster: Cluster, kafka: str):
    name = cluster.name(KLINES)
    admin = AIOKafkaAdminClient(bootstrap_servers=kafka)
    await admin.start()
    await make_topics(admin, NewTopic(name, 3, 1))
    await admin.close()
    with pytest.raises(UserError, match=rf"{name} .* has 3 partitions and must have 12"):
        await ensure_topics(cluster, (KLINES,))


async def test_no_broker_is_said_in_one_sentence():
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    with pytest.raises(UserError, match=rf"no Kafka broker answers at 127\.0\.0\.1:{port}.*--kafka"):
        async with Cluster(f"127.0.0.1:{port}").producer():
            raise AssertionError("started without a broker")


@pytest.mark.parametrize("bootstrap", ["foo:bar", "", "127.0.0.1:9092,", "http://127.0.0.1:9092", "host:99999"])
async def test_what_names_no_broker_is_said_in_one_sentence(bootstrap: str):
    with pytest.raises(UserError, match="no HOST:PORT"):
        await Cluster(bootstrap).cluster_id()


def test_brokers_are_named_in_every_form():
    for bootstrap in ("host:9092", "host", "one:9092, two:9093", "[::1]:9092", "127.0.0.1:9092"):
        assert Cluster(bootstrap).settings()["bootstrap_servers"] == bootstrap


async def test_published_records_arrive_in_order_under_their_key(cluster: Cluster):
    await ensure_topics(cluster, (KLINES,))
    symbols = ["BTCUSDT", "ETHUSDT", "币安人生USDT"]
    klines = [
        msgspec.structs.replace(KLINE, symbol=symbol, open_time=KLINE.open_time + second * 1000)
        for second in range(50)
        for symbol in symbols
    ]
    async with cluster.producer() as producer, Publisher(producer, cluster, KLINES) as publisher:
        await asyncio.gather(*{publisher.publish(klines[at : at + 7]) for at in range(0, len(klines), 7)})
    records = await read(cluster, len(klines))
    assert {key.decode() for _, key, _ in records} == {f"binance:{symbol}" for symbol in symbols}
    assert all(partition == partition_of(key, KLINES.partitions) for partition, key, _ in records)
    for symbol in symbols:
        arrived = [decode_kline_message(value) for _, key, value in records if key.decode() == f"binance:{symbol}"]
        assert all(isinstance(kline, Kline) and kline.published_us > 0 for kline in arrived)
        assert [msgspec.structs.replace(kline, published_us=0) for kline in arrived] == [
            kline for kline in klines if kline.symbol == symbol
        ]


async def test_more_than_a_batch_holds_is_several_batches(cluster: Cluster):
    await ensure_topics(cluster, (KLINES,))
    absents = [Absent("binance", "BTCUSDT", at, at + 1000, asked_at=at) for at in range(0, 12_000_000, 1000)]
    async with cluster.producer() as producer, Publisher(producer, cluster, KLINES) as publisher:
        await publisher.publish(absents)
    assert [decode_kline_message(value) for _, _, value in await read(cluster, len(absents))] == absents


async def test_a_key_has_the_partition_that_other_clients_give_it(cluster: Cluster):
    await ensure_topics(cluster, (KLINES,))
    async with cluster.producer() as producer:
        for key in (b"binance:BTCUSDT", b"sim:ETHUSDT", "binance:币安人生USDT".encode()):
            sent = await producer.send_and_wait(cluster.name(KLINES), b"{}", key=key)
            assert sent.partition == partition_of(key, KLINES.partitions)


async def test_a_table_is_the_newest_record_of_each_key_and_then_its_changes(cluster: Cluster):
    await ensure_topics(cluster, (SYMBOLS,))
    table = Table(cluster, SYMBOLS, DesiredSymbol)
    assert await table.snapshot() == {}
    btc, eth = (DesiredSymbol("binance", symbol, epoch=1) for symbol in ("BTCUSDT", "ETHUSDT"))
    suspended = msgspec.structs.replace(btc, suspend=True)
    async with cluster.producer() as producer:
        writer: TableWriter[DesiredSymbol] = TableWriter(producer, cluster, SYMBOLS)
        await writer.put({str(btc.identity): btc, str(eth.identity): eth})
        await writer.put({str(btc.identity): suspended})
        await writer.put({str(eth.identity): None})
        assert await table.snapshot() == {"binance:BTCUSDT": suspended}

        changes = table.follow()
        async with asyncio.timeout(15):
            assert await anext(changes) == {"binance:BTCUSDT": suspended, "binance:ETHUSDT": None}
            await writer.put({"binance:BTCUSDT": None})
            assert await anext(changes) == {"binance:BTCUSDT": None}
        await changes.aclose()


async def test_a_table_that_is_followed_again_tells_what_ended_in_between(cluster: Cluster):
    """Also when the reader failed at the very changes that told it."""
    await ensure_topics(cluster, (SYMBOLS,))
    table = Table(cluster, SYMBOLS, DesiredSymbol)
    btc, eth, sol = (DesiredSymbol("binance", symbol, epoch=1) for symbol in ("BTCUSDT", "ETHUSDT", "SOLUSDT"))
    async with cluster.producer() as producer, asyncio.timeout(15):
        writer: TableWriter[DesiredSymbol] = TableWriter(producer, cluster, SYMBOLS)
        await writer.put({str(symbol.identity): symbol for symbol in (btc, eth, sol)})
        first = table.follow()
        assert set(await anext(first)) == {"binance:BTCUSDT", "binance:ETHUSDT", "binance:SOLUSDT"}
        await writer.put({"binance:BTCUSDT": None})
        assert await anext(first) == {"binance:BTCUSDT": None}
        await first.aclose()
        await writer.put({"binance:ETHUSDT": None})

        again = table.follow()
        assert await anext(again) == {"binance:BTCUSDT": None, "binance:ETHUSDT": None, "binance:SOLUSDT": sol}
        await writer.put({"binance:SOLUSDT": None})
        assert await anext(again) == {"binance:SOLUSDT": None}
        await again.aclose()

        other = Table(cluster, SYMBOLS, DesiredSymbol).follow()
        ends = {"binance:BTCUSDT": None, "binance:ETHUSDT": None, "binance:SOLUSDT": None}
        assert await anext(other) == ends, "who was down when they came is told too"
        await other.aclose()


async def test_a_record_that_cannot_be_read_leaves_what_its_key_held(cluster: Cluster, caplog: pytest.LogCaptureFixture):
    await ensure_topics(cluster, (SYMBOLS,))
    btc = DesiredSymbol("binance", "BTCUSDT", epoch=1)
    async with cluster.producer() as producer:
        await TableWriter[DesiredSymbol](producer, cluster, SYMBOLS).put({str(btc.identity): btc})
        await producer.send_and_wait(cluster.name(SYMBOLS), b'{"exchange": 1}', key=b"binance:BTCUSDT", partition=0)
    assert await Table(cluster, SYMBOLS, DesiredSymbol).snapshot() == {"binance:BTCUSDT": btc}
    assert "cannot be read" in caplog.text
