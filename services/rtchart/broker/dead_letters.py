"""Writing the topic of what could not be used."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Collection
from types import TracebackType

import msgspec
from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError, MessageSizeTooLargeError

from rtchart.broker.cluster import Cluster
from rtchart.broker.on_demand import NotPublished, OnDemandProducer
from rtchart.broker.topics import DEAD_LETTERS
from rtchart.core.messages import DeadLetter, encode
from rtchart.process.logs import fields

log = logging.getLogger(__name__)

LONGEST = {"payload": 64 * 1024, "detail": 1024, "exchange": 256, "symbol": 256}
"""Characters of each text that travel: escaped as JSON, they stay under the client's limit for a record."""

PATIENCE = 2.0
"""Seconds that Kafka has for letters that the database has too."""

RETRY = 10.0
"""Seconds after a failure in which Kafka is not asked again."""


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
