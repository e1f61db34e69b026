"""Which Kafka, and under which names: the one thing every client here is made from."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaConnectionError, KafkaError, KafkaTimeoutError

from rtchart.broker.security import Security
from rtchart.broker.topics import Making, Topic
from rtchart.core.errors import Unavailable, UserError

LET_START = 2.0
"""Seconds that a client has to finish its start when nobody waits for it any more: while it waits for the first metadata, it
holds a connection that nothing but its own start can close."""


@dataclass(frozen=True)
class Cluster:
    """A Kafka cluster: bootstrap servers (``host:port``, comma separated) and what is put before every topic's name.

    ``making`` is for who makes topics (`rtchart.broker.admin`).
    """

    bootstrap: str
    prefix: str = ""
    client_id: str = "rtchart"
    security: Security = field(default_factory=Security)
    making: Making = field(default_factory=Making)

    def name(self, topic: Topic) -> str:
        """The topic's name on this cluster."""
        return self.prefix + topic.name

    def topic_partitions(self, topic: Topic, count: int) -> list[TopicPartition]:
        """Partitions 0 … count-1 of the topic, as aiokafka wants them."""
        return [TopicPartition(self.name(topic), partition) for partition in range(count)]

    def settings(self) -> dict[str, Any]:
        """What each of aiokafka's clients is given.

        Raises `UserError` for bootstrap servers that can be none, and for what `Security` refuses.
        """
        for server in self.bootstrap.split(","):
            if not _names_a_server(server.strip()):
                raise UserError(f"--kafka holds {server!r}, which is no HOST:PORT; it has the form HOST:PORT[,HOST:PORT…]")
        return {"bootstrap_servers": self.bootstrap, "client_id": self.client_id, **self.security.settings()}

    @asynccontextmanager
    async def producer(self, *, patience: float | None = None, **settings: Any) -> AsyncIterator[AIOKafkaProducer]:
        """An idempotent producer, zstd, acks from all replicas; flushed when left. Raises `Unavailable` (no broker).

        The flush takes as long as Kafka is away, or ``patience`` seconds: what is not acknowledged then has failed.
        """
        producer = AIOKafkaProducer(
            **self.settings(),
            enable_idempotence=True,
            acks="all",
            compression_type="zstd",
            max_batch_size=512 * 1024,
            **settings,
        )
        await self._start(producer)
        try:
            yield producer
        finally:
            await _stop(producer, patience)

    @asynccontextmanager
    async def consumer(self, *topics: Topic, **settings: Any) -> AsyncIterator[AIOKafkaConsumer]:
        """A consumer that commits nothing by itself. Raises `Unavailable` (no broker, or none that answers any more)."""
        consumer = AIOKafkaConsumer(
            *(self.name(topic) for topic in topics),
            **self.settings(),
            enable_auto_commit=False,
            **settings,
        )
        await self._start(consumer)
        try:
            with self._outages():
                yield consumer
        finally:
            await consumer.stop()

    @asynccontextmanager
    async def admin(self) -> AsyncIterator[AIOKafkaAdminClient]:
        """An admin client. Raises `Unavailable` (no broker, or none that answers any more)."""
        admin = AIOKafkaAdminClient(**self.settings())
        await self._start(admin)
        try:
            with self._outages():
                yield admin
        finally:
            await admin.close()

    async def cluster_id(self) -> str:
        """Kafka's own id of itself, by which stored offsets are told from those of another cluster. Raises `Unavailable`."""
        async with self.admin() as admin:
            return str((await admin.describe_cluster())["cluster_id"])

    async def _start(self, client: AIOKafkaProducer | AIOKafkaConsumer | AIOKafkaAdminClient) -> None:
        starting = asyncio.create_task(client.start())
        try:
            await asyncio.shield(starting)
        except KafkaConnectionError:
            await _close(client)
            if (protocol := self.security.protocol) != "plaintext":
                # Why is in aiokafka's own line alone.
                raise Unavailable(
                    f"no Kafka broker answers at {self.bootstrap}, or none lets us in as {protocol} (the line before says "
                    "why); start it, or correct --kafka, the user and password, or the certificates"
                ) from None
            raise Unavailable(
                f"no Kafka broker answers at {self.bootstrap}; start it, or name another one with --kafka HOST:PORT"
            ) from None
        except BaseException:  # cancelled, too: who wants it within a time
            try:
                await asyncio.wait([starting], timeout=LET_START)
            finally:
                starting.cancel()
                await asyncio.wait([starting])
                await _close(client)
            raise

    @contextmanager
    def _outages(self) -> Iterator[None]:
        """What may be better in a moment is `Unavailable`; other errors of Kafka's stay what they are."""
        try:
            yield
        except KafkaError as error:
            if not error.retriable:
                raise
            raise Unavailable(f"Kafka at {self.bootstrap} does not answer ({error!r}); see the broker's log") from error


def _names_a_server(text: str) -> bool:
    try:
        parts = urlsplit(f"//{text}")
        return bool(parts.hostname) and parts.netloc == text and parts.port != 0  # raises for what is no number of a port
    except ValueError:
        return False


async def _stop(producer: AIOKafkaProducer, patience: float | None) -> None:
    stopping = asyncio.create_task(producer.stop())
    done, _ = await asyncio.wait([stopping], timeout=patience)
    if not done:
        # Nothing public ends the flush of an idempotent producer, which retries for ever: first who sends, so that nobody
        # touches the batches any more, then the batches.
        sender = producer._sender.sender_task
        sender.cancel()
        await asyncio.wait([sender], timeout=patience)
        producer._message_accumulator.fail_all(KafkaTimeoutError())
        await asyncio.wait([stopping], timeout=patience)
    if stopping.cancelled():
        # A request was under way when its sender was cancelled, and its end came no further: no cancellation of ours.
        await producer.client.close()
    elif stopping.done():
        stopping.result()


async def _close(client: AIOKafkaProducer | AIOKafkaConsumer | AIOKafkaAdminClient) -> None:
    # A client that did not start still holds sockets.
    await (client.close() if isinstance(client, AIOKafkaAdminClient) else client.stop())
