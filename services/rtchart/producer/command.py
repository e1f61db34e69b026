"""``rtchart producer``."""

from __future__ import annotations

import asyncio
import logging
import socket
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

import click

from rtchart.broker import dead_letters
from rtchart.broker.admin import ensure_topics
from rtchart.broker.cluster import Cluster
from rtchart.broker.publisher import Publisher
from rtchart.broker.table import Table, TableWriter
from rtchart.broker.topics import DEAD_LETTERS, KLINES, STREAMS, SYMBOLS
from rtchart.core.messages import StreamState
from rtchart.core.symbol import DesiredSymbol
from rtchart.exchange.base import Venue
from rtchart.exchange.clock import VenueClock
from rtchart.exchange.venues import connect, venue
from rtchart.process import options
from rtchart.process.health import Health
from rtchart.process.logs import fields
from rtchart.process.run import run, until_stopped
from rtchart.producer.ledger import Patience
from rtchart.producer.listing import keep_asking
from rtchart.producer.repair import keep_repairing
from rtchart.producer.service import Producer
from rtchart.producer.states import States, keep_exporting

log = logging.getLogger(__name__)

LEAVE_WITHIN = 2.0
"""Seconds that Kafka has at the end, twice: for what is under way, and for its client to close."""


@click.command("producer")
@options.exchange
@options.exchange_ws
@options.exchange_rest
@options.kafka
@options.topic_prefix
@click.option(
    "--instance",
    default=socket.gethostname,
    envvar="RTCHART_INSTANCE",
    show_envvar=True,
    show_default="the host's name",
    metavar="NAME",
    help="Under which name this producer writes what it sees; two at once need two.",
)
@options.admin_port
@options.log_level
def command(
    exchange: str,
    exchange_ws: str | None,
    exchange_rest: str | None,
    kafka: str,
    topic_prefix: str,
    instance: str,
    admin_port: int,
    log_level: str,
) -> None:
    """Read the exchange's 1-second klines and put them on Kafka, whole.

    Which symbols: those in the topic rtchart.symbols, as it changes. What does not come by the stream is fetched by REST;
    what the exchange lacks too is said to be absent.
    """
    where = Cluster(kafka, topic_prefix, client_id="rtchart-producer")

    async def service(health: Health, stopping: asyncio.Event) -> None:
        await serve(venue(exchange, ws=exchange_ws, rest=exchange_rest), where, instance, health, stopping)

    run("producer", service, admin_port=admin_port, log_level=log_level)


async def serve(
    venue: Venue,
    cluster: Cluster,
    instance: str,
    health: Health,
    stopping: asyncio.Event,
    *,
    patience: Patience | None = None,
) -> None:
    """Run the service until ``stopping`` is set. Raises `UserError` when Kafka is not there at the start."""
    await ensure_topics(cluster, (KLINES, SYMBOLS, STREAMS, DEAD_LETTERS))
    before = await Table(cluster, STREAMS, StreamState).snapshot()
    clock = VenueClock()
    stream, rest = connect(venue, clock)
    async with _bounded() as stack:
        stack.push_async_callback(rest.aclose)
        kafka = await stack.enter_async_context(cluster.producer())
        publisher = await stack.enter_async_context(Publisher(kafka, cluster, KLINES))
        producer = Producer(venue.name, stream, clock, publisher, health, states=before, patience=patience)
        writer: TableWriter[StreamState] = TableWriter(kafka, cluster, STREAMS)
        states = States(producer, instance, writer.put, before=before)

        async def follow() -> None:
            async for changes in Table(cluster, SYMBOLS, DesiredSymbol).follow():
                producer.desire(changes)
                health.ready()

        async def bury() -> None:
            letters = producer.letters
            while True:
                together = [await letters.get()]
                while not letters.empty():
                    together.append(letters.get_nowait())
                await dead_letters.publish(kafka, cluster, together)

        await until_stopped(
            stopping,
            follow(),
            stream.run(producer.sink),
            producer.keep_ticking(),
            keep_repairing(producer, rest),
            keep_asking(producer, rest),
            states.keep_writing(),
            keep_exporting(producer, rest),
            bury(),
        )
        try:
            async with asyncio.timeout(LEAVE_WITHIN):
                await states.acknowledge()
                await states.write(everything=True)
        except Exception as error:  # a Kafka that is away shall not turn the end into a failure
            log.warning("Kafka did not take the last of it; the next start refills", extra=fields(error=repr(error)))


@asynccontextmanager
async def _bounded() -> AsyncIterator[AsyncExitStack]:
    """A stack whose unwinding Kafka cannot hold up: its client would flush for as long as Kafka is away."""
    stack = AsyncExitStack()
    try:
        yield stack
    finally:
        try:
            async with asyncio.timeout(LEAVE_WITHIN):
                await stack.aclose()
        except TimeoutError:
            log.warning("Kafka's client did not end in time")
