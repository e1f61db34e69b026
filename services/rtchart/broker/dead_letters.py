"""The topic of what could not be used: writing it, reading it, removing what is old, and handing on what it told of."""

from __future__ import annotations

import asyncio
import logging
import re
import time
from collections.abc import AsyncGenerator, Collection, Iterator, Sequence
from contextlib import contextmanager
from types import TracebackType
from typing import NamedTuple

import msgspec
from aiokafka import AIOKafkaProducer
from aiokafka.admin import RecordsToDelete
from aiokafka.errors import KafkaError, MessageSizeTooLargeError, TopicAuthorizationFailedError

from rtchart.broker.admin import missing_topics
from rtchart.broker.cluster import Cluster
from rtchart.broker.on_demand import NotPublished, OnDemandProducer
from rtchart.broker.topics import DEAD_LETTERS, KLINES, Topic
from rtchart.core.errors import Unavailable, UserError
from rtchart.core.messages import DeadLetter, UnreadableRecord, decode, encode
from rtchart.process.logs import fields

log = logging.getLogger(__name__)

LONGEST = {"payload": 64 * 1024, "detail": 1024, "exchange": 256, "symbol": 256}
"""Characters of each text that travel: escaped as JSON, they stay under the client's limit for a record."""

PATIENCE = 2.0
"""Seconds that Kafka has for letters that the database has too."""

RETRY = 10.0
"""Seconds after a failure in which Kafka is not asked again."""

_CUT = re.compile(r"… \(of \d+ characters\)\Z")


async def publish(producer: AIOKafkaProducer, cluster: Cluster, letters: Collection[DeadLetter]) -> None:
    """Send letters and wait for Kafka's acknowledgement. One that it does not take is logged, and no reason to stop."""
    try:
        await _send(producer, cluster, letters)
    except KafkaError as error:
        log.error("a dead letter was not published", extra=fields(error=repr(error)))


class DeadLetterPublisher:
    """Writes letters that the database has too, so it never waits long. An async context manager."""

    def __init__(self, cluster: Cluster, *, patience: float = PATIENCE) -> None:
        self._cluster = cluster
        self._client = OnDemandProducer(cluster, patience=patience)
        self._again = 0.0

    async def publish(self, letters: Collection[DeadLetter]) -> None:
        """Send letters and wait for Kafka's acknowledgement, for a while. Those that it does not take are logged."""
        if time.monotonic() < self._again:
            log.warning("dead letters are in the database alone", extra=fields(letters=len(letters)))
            return
        try:
            await self._client.send(lambda producer: _send(producer, self._cluster, letters))
        except NotPublished as error:
            self._again = time.monotonic() + RETRY
            log.error("dead letters are in the database alone", extra=fields(letters=len(letters), error=str(error)))

    async def __aenter__(self) -> DeadLetterPublisher:
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        await self._client.__aexit__(kind, error, at)


async def _send(producer: AIOKafkaProducer, cluster: Cluster, letters: Collection[DeadLetter]) -> None:
    """Raises the first `KafkaError`, after all letters have been tried."""
    deliveries = []
    for letter in map(_fitting, letters):
        key = f"{letter.exchange}:{letter.symbol}".encode() if letter.symbol else None
        try:
            deliveries.append(await producer.send(cluster.name(DEAD_LETTERS), encode(letter), key=key))
        except MessageSizeTooLargeError as error:
            log.error("a dead letter is too large for its topic", extra=fields(offset=letter.offset, error=str(error)))
    for outcome in await asyncio.gather(*deliveries, return_exceptions=True):
        if isinstance(outcome, BaseException):
            raise outcome


def _fitting(letter: DeadLetter) -> DeadLetter:
    """The letter with its long texts cut: one record of a megabyte would keep all others from the topic."""
    cut = {
        name: f"{text[:longest]}… (of {len(text)} characters)"
        for name, longest in LONGEST.items()
        if (text := getattr(letter, name)) is not None and len(text) > longest
    }
    return msgspec.structs.replace(letter, **cut) if cut else letter


def is_cut(letter: DeadLetter) -> bool:
    """Whether only the beginning of the payload travelled."""
    end = _CUT.search(letter.payload)
    return end is not None and end.start() == LONGEST["payload"]


# ── For people ──────────────────────────────────────────────────────────────────────────────────────────────────────────


class Span(NamedTuple):
    """The offsets ``[start, end)`` that the topic has."""

    start: int
    end: int

    def __contains__(self, offset: object) -> bool:
        return isinstance(offset, int) and self.start <= offset < self.end


async def require(cluster: Cluster, *topics: Topic) -> None:
    """Raises `Unavailable` when a topic is missing. Made by asking for it, it might have other settings than ours."""
    if missing := await missing_topics(cluster, topics):
        raise Unavailable(
            f"Kafka at {cluster.bootstrap} has no topic {', '.join(missing)}, or does not show it to this user; start the "
            "services, which make their topics, or correct --kafka or --topic-prefix"
        )


async def span(cluster: Cluster) -> Span:
    """What the topic has now. Raises `UserError`."""
    await require(cluster, DEAD_LETTERS)
    (partition,) = cluster.topic_partitions(DEAD_LETTERS, 1)
    with _permitted(cluster, "read"):
        async with cluster.consumer() as consumer:
            begin, end = await consumer.beginning_offsets([partition]), await consumer.end_offsets([partition])
            return Span(begin[partition], end[partition])


async def read(cluster: Cluster, part: Span, *, since: int = 0) -> AsyncGenerator[tuple[int, DeadLetter]]:
    """The letters of a part of the topic, each with its offset, oldest first; what is no letter is logged and skipped.

    ``since`` (ms) leaves out the oldest, as far as that spares reading: some that are older may come. Raises `UserError`.
    """
    (partition,) = cluster.topic_partitions(DEAD_LETTERS, 1)
    with _permitted(cluster, "read"):
        async with cluster.consumer() as consumer:
            consumer.assign([partition])
            # A letter is written after the time that it tells, so none from then on is before this offset.
            found = (await consumer.offsets_for_times({partition: since}))[partition]
            start, end = part.end if found is None else max(part.start, found.offset), part.end
            consumer.seek(partition, start)
            while await consumer.position(partition) < end:
                for record in (await consumer.getmany(partition, timeout_ms=200)).get(partition, ()):
                    if record.offset >= end:
                        return
                    try:
                        yield record.offset, decode(record.value or b"", DeadLetter)
                    except UnreadableRecord as error:
                        log.error("skipped what is no dead letter", extra=fields(offset=record.offset, error=str(error)))


async def remove_through(cluster: Cluster, offset: int) -> None:
    """Remove the letters up to this offset, itself included. Raises `UserError`: not permitted."""
    (partition,) = cluster.topic_partitions(DEAD_LETTERS, 1)
    with _permitted(cluster, "delete records of"):
        async with cluster.admin() as admin:
            await admin.delete_records({partition: RecordsToDelete(offset + 1)})


async def hand_on(client: OnDemandProducer, cluster: Cluster, records: Sequence[tuple[bytes, bytes]]) -> list[str]:
    """Put records, each a key and a value, on ``rtchart.klines``, and wait until Kafka acknowledged them.

    Of each why it is not there, "" if it is. Raises `NotPublished` when Kafka does not answer for all of them.
    """
    refused = [""] * len(records)

    async def send(producer: AIOKafkaProducer) -> None:
        deliveries = []
        for number, (key, value) in enumerate(records):
            try:
                deliveries.append(await producer.send(cluster.name(KLINES), value, key=key))
            except MessageSizeTooLargeError as error:
                refused[number] = str(error)
        await asyncio.gather(*deliveries)

    await client.send(send)
    return refused


@contextmanager
def _permitted(cluster: Cluster, act: str) -> Iterator[None]:
    try:
        yield
    except TopicAuthorizationFailedError:
        raise UserError(
            f"Kafka at {cluster.bootstrap} does not let this user {act} the topic {cluster.name(DEAD_LETTERS)}; give it the "
            "right, or name another one with --kafka-user"
        ) from None
