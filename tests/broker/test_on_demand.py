"""A client of Kafka that is made anew when it fails, and dead letters, which have one."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
from pathlib import Path

import msgspec
import pytest
from aiokafka import AIOKafkaProducer
from aiokafka.errors import OutOfOrderSequenceNumber

from rtchart.broker.admin import ensure_topics
from rtchart.broker.cluster import Cluster
from rtchart.broker.dead_letters import LONGEST, DeadLetterPublisher
from rtchart.broker.on_demand import NotPublished, OnDemandProducer
from rtchart.broker.topics import DEAD_LETTERS
from rtchart.core.messages import DeadLetter, decode
from tests.waiting import wait_until

LETTER = DeadLetter(at=1, stage="inserter", reason="unreadable_record", detail="why", payload="what")


@pytest.fixture
async def cluster(kafka: str, topic_prefix: str) -> Cluster:
    cluster = Cluster(kafka, topic_prefix)
    await ensure_topics(cluster, (DEAD_LETTERS,))
    return cluster


def state(thread: Path) -> str:
    """What Linux says of a thread in its folder of /proc: T when it is stopped."""
    return (thread / "stat").read_text().rpartition(")")[2].split()[0]


async def read(cluster: Cluster, count: int) -> list[bytes]:
    """The values of ``count`` records of the topic of dead letters."""
    async with cluster.consumer(group_id=None, auto_offset_reset="earliest") as consumer, asyncio.timeout(15):
        consumer.assign(cluster.topic_partitions(DEAD_LETTERS, DEAD_LETTERS.partitions))
        return [(await consumer.getone()).value for _ in range(count)]


async def test_a_client_that_failed_or_hangs_is_replaced(cluster: Cluster):
    """After aiokafka's own error, Kafka refuses all later batches of that client as out of order."""
    clients: list[AIOKafkaProducer] = []

    async def well(producer: AIOKafkaProducer) -> None:
        clients.append(producer)
        await producer.send_and_wait(cluster.name(DEAD_LETTERS), b"{}")

    async def refused(producer: AIOKafkaProducer) -> None:
        assert producer is clients[-1], "what works is kept"
        raise OutOfOrderSequenceNumber

    async def hanging(producer: AIOKafkaProducer) -> None:
        await asyncio.Event().wait()

    async with OnDemandProducer(cluster, patience=1) as producer:
        for fails in (refused, hanging):
            await producer.send(well)
            with pytest.raises(NotPublished):
                await producer.send(fails)
        await producer.send(well)
    assert len(set(clients)) == 3
    assert len(await read(cluster, 3)) == 3


async def test_a_broker_that_falls_silent_under_a_record_ends_the_send_and_nothing_else(cluster: Cluster, engine_folder: Path):
    broker = int((engine_folder / "kafka/kafka.pid").read_text().split()[0])

    async def well(producer: AIOKafkaProducer) -> None:
        await producer.send_and_wait(cluster.name(DEAD_LETTERS), b"{}")

    async with OnDemandProducer(cluster, patience=3) as producer:
        await producer.send(well)
        os.kill(broker, signal.SIGSTOP)
        try:
            # The signal is sent; its threads stop one after the other.
            await wait_until(lambda: all(state(thread) == "T" for thread in Path(f"/proc/{broker}/task").iterdir()))
            with pytest.raises(NotPublished):
                await producer.send(well)
        finally:
            os.kill(broker, signal.SIGCONT)
        await producer.send(well)


async def test_a_dead_letter_of_any_size_travels_with_its_companions(cluster: Cluster):
    long = msgspec.structs.replace(LETTER, payload="\x01" * 2_000_000, symbol="A" * 2_000_000, exchange="sim")
    async with DeadLetterPublisher(cluster, patience=10) as publisher:
        await publisher.publish([LETTER, long, LETTER])
    letters = [decode(value, DeadLetter) for value in await read(cluster, 3)]
    (cut,) = (letter for letter in letters if letter.exchange)
    assert letters.count(LETTER) == 2
    assert cut.payload == "\x01" * LONGEST["payload"] + "… (of 2000000 characters)"


async def test_dead_letters_do_not_wait_for_a_kafka_that_is_away(caplog: pytest.LogCaptureFixture):
    with socket.create_server(("127.0.0.1", 0)) as silent:  # it takes connections, and never answers
        async with DeadLetterPublisher(Cluster(f"127.0.0.1:{silent.getsockname()[1]}"), patience=0.1) as publisher:
            for _ in range(2):
                async with asyncio.timeout(10):
                    await publisher.publish([LETTER])
    assert caplog.text.count("dead letters are in the database alone") == 2
