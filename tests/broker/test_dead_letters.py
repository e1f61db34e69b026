"""The topic of dead letters as people use it, on a real broker."""

from __future__ import annotations

import msgspec
import pytest

from rtchart.broker.admin import ensure_topics
from rtchart.broker.cluster import Cluster
from rtchart.broker.dead_letters import LONGEST, DeadLetterPublisher, Span, hand_on, is_cut, read, remove_through, require, span
from rtchart.broker.on_demand import OnDemandProducer
from rtchart.broker.topics import DEAD_LETTERS, KLINES
from rtchart.core.errors import UserError
from rtchart.core.messages import DeadLetter, decode
from tests.broker.test_broker import read as read_klines

LETTERS = [
    DeadLetter(at=number, stage="producer", reason="malformed_frame", detail="why", payload=f"{number}") for number in range(5)
]


@pytest.fixture
async def cluster(kafka: str, topic_prefix: str) -> Cluster:
    cluster = Cluster(kafka, topic_prefix)
    await ensure_topics(cluster, (DEAD_LETTERS, KLINES))
    return cluster


async def found(cluster: Cluster, part: Span, since: int = 0) -> list[tuple[int, DeadLetter]]:
    return [each async for each in read(cluster, part, since=since)]


async def test_a_part_is_read_and_the_oldest_can_be_removed(cluster: Cluster, caplog: pytest.LogCaptureFixture) -> None:
    assert await span(cluster) == (0, 0) and await found(cluster, Span(0, 0)) == []
    async with DeadLetterPublisher(cluster, patience=10) as publisher:
        await publisher.publish(LETTERS[:3])
        async with cluster.producer() as producer:
            await producer.send_and_wait(cluster.name(DEAD_LETTERS), b"no letter")
            await producer.send_and_wait(cluster.name(DEAD_LETTERS), None, key=b"none")
        await publisher.publish(LETTERS[3:])
    every = [*enumerate(LETTERS[:3]), (5, LETTERS[3]), (6, LETTERS[4])]
    assert await span(cluster) == (0, 7)
    assert await found(cluster, Span(0, 7)) == every
    assert caplog.text.count("skipped what is no dead letter") == 2
    assert await found(cluster, Span(1, 6)) == every[1:4]
    assert await found(cluster, Span(0, 7), since=2**53) == [], "none was written after that"

    await remove_through(cluster, 1)
    assert await span(cluster) == (2, 7)
    assert await found(cluster, await span(cluster)) == every[2:]
    assert 1 not in await span(cluster) and 2 in await span(cluster) and 7 not in await span(cluster)
    await remove_through(cluster, 6)
    assert await span(cluster) == (7, 7)


async def test_what_came_since_a_time_is_not_missed(cluster: Cluster) -> None:
    async with cluster.producer() as producer:
        for letter in LETTERS:  # each was written a moment after the time that it tells
            await producer.send_and_wait(cluster.name(DEAD_LETTERS), msgspec.json.encode(letter), timestamp_ms=letter.at + 1)
    assert [letter for _, letter in await found(cluster, Span(0, 5), since=4)] == LETTERS[3:]


async def test_a_topic_that_is_missing_is_named_and_not_made(cluster: Cluster) -> None:
    nobody = Cluster(cluster.bootstrap, f"{cluster.prefix}nobody.")
    await require(cluster, DEAD_LETTERS, KLINES)
    for asked in (require(nobody, KLINES, DEAD_LETTERS), span(nobody)):
        with pytest.raises(UserError, match=rf"has no topic .*{nobody.prefix}rtchart.dead-letters.* --topic-prefix"):
            await asked
    async with cluster.admin() as admin:
        assert not [name for name in await admin.list_topics() if name.startswith(nobody.prefix)]


async def test_it_is_known_of_a_letter_from_the_topic_whether_it_was_cut(cluster: Cluster) -> None:
    end = "… (of 5 characters)"
    payloads = ["whole", "x" * LONGEST["payload"], f"says itself {end}", "x" * (LONGEST["payload"] + 1)]
    async with DeadLetterPublisher(cluster, patience=10) as publisher:
        await publisher.publish([msgspec.structs.replace(LETTERS[0], payload=payload) for payload in payloads])
    assert [is_cut(letter) for _, letter in await found(cluster, Span(0, 4))] == [False, False, False, True]


async def test_records_are_handed_on_and_one_that_is_too_large_holds_up_none(cluster: Cluster) -> None:
    records = [(b"sim:BTCUSDT", b"one"), (b"sim:BTCUSDT", b"x" * 2_000_000), (b"sim:ETHUSDT", b"two")]
    async with OnDemandProducer(cluster, patience=10) as client:
        good, large, other = await hand_on(client, cluster, records)
    assert (good, other) == ("", "") and "2000" in large
    assert sorted(record[1:] for record in await read_klines(cluster, 2)) == [records[0], records[2]]


def test_a_letter_is_read_as_it_was_written() -> None:
    for letter in LETTERS:
        assert decode(msgspec.json.encode(letter), DeadLetter) == letter
