"""``rtchart inserter``."""

from __future__ import annotations

import asyncio

import click

from rtchart.broker import options as kafka_options
from rtchart.broker.admin import ensure_topics
from rtchart.broker.cluster import Cluster
from rtchart.broker.dead_letters import DeadLetterPublisher
from rtchart.broker.group import BACKFILLERS, INSERTERS, join
from rtchart.broker.table import Table
from rtchart.broker.topics import BACKFILL, DEAD_LETTERS, KLINES, REPAIRS, SYMBOLS
from rtchart.core.symbol import DesiredSymbol
from rtchart.inserter import repairs
from rtchart.inserter.backfill import Backfill
from rtchart.inserter.batch import Feed
from rtchart.inserter.service import Inserter, Limits
from rtchart.inserter.session import Session
from rtchart.inserter.symbols import Symbols
from rtchart.inserter.venue import MinuteWriter
from rtchart.inserter.writer import Writer
from rtchart.process import options
from rtchart.process.health import Health
from rtchart.process.run import Process, run, until_stopped
from rtchart.process.tracing import Traces, open_traces
from rtchart.store import options as database_options


@click.command("inserter")
@kafka_options.cluster("rtchart-inserter")
@database_options.database
@options.option(
    "--batch-rows",
    Limits().records,
    type=click.IntRange(1, 100_000),
    help="Records that close a batch at once.",
)
@options.option(
    "--batch-ms",
    round(Limits().seconds * 1000),
    type=click.IntRange(1, 10_000),
    help="Milliseconds after its first record that a batch is closed.",
)
@options.option(
    "--instance",
    metavar="NAME",
    help="A name of its own that it keeps over restarts: killed, it then goes on at once, not after 6 seconds.",
)
@options.otlp_endpoint
@options.service
def command(
    cluster: Cluster,
    database: str,
    batch_rows: int,
    batch_ms: int,
    instance: str | None,
    otlp_endpoint: str | None,
    process: Process,
) -> None:
    """Batch klines from Kafka into PostgreSQL, each exactly once; beside them, and slower, older history.

    Run as many as you like, up to the topic's partitions: they share them out. What cannot be stored goes to the table
    dead_letter and the topic rtchart.dead-letters, with the reason.
    """
    limits = Limits(records=batch_rows, seconds=batch_ms / 1000)

    async def service(health: Health, stopping: asyncio.Event) -> None:
        with open_traces("inserter", otlp_endpoint) as traces:
            await serve(cluster, database, limits, instance, health, stopping, traces=traces)

    run("inserter", service, process)


async def serve(
    cluster: Cluster,
    database: str,
    limits: Limits,
    instance: str | None,
    health: Health,
    stopping: asyncio.Event,
    *,
    traces: Traces | None = None,
) -> None:
    """Run the service until ``stopping`` is set. Raises `UserError` when Kafka or the database is not there at the start."""
    session, follower = Session(database, health), Session(database, health, part="symbols")
    asker, aside = Session(database, health, part="repairs"), Session(database, health, part="backfill")
    await session.check()
    await ensure_topics(cluster, (KLINES, BACKFILL, SYMBOLS, REPAIRS, DEAD_LETTERS))
    cluster_id = await cluster.cluster_id()
    feed = Feed(cluster_id, cluster.name(KLINES), KLINES.partitions)
    past = Feed(cluster_id, cluster.name(BACKFILL), BACKFILL.partitions)
    book = Symbols()
    followed, never = asyncio.Event(), asyncio.Event()
    live: list[Inserter] = []

    async def insert() -> None:
        await followed.wait()
        async with DeadLetterPublisher(cluster) as dead_letters:
            writer = Writer(session, book, feed, dead_letters.publish, traces=traces)
            inserter = Inserter(writer, session, feed, health, limits)
            live.append(inserter)
            async with join(cluster, KLINES, INSERTERS, on_revoked=inserter.revoked, instance=instance) as group:
                health.ready()
                await until_stopped(never, inserter.run(group), inserter.watch(group))  # until this is cancelled

    async def fill_back() -> None:
        await followed.wait()
        async with DeadLetterPublisher(cluster) as dead_letters:
            writer = MinuteWriter(aside, book, past, dead_letters.publish)
            backfill = Backfill(writer, aside, past, lambda: any(inserter.busy for inserter in live))
            async with join(cluster, BACKFILL, BACKFILLERS, on_revoked=backfill.revoked, instance=instance) as group:
                await until_stopped(never, backfill.run(group), backfill.watch(group))  # until this is cancelled

    table = Table(cluster, SYMBOLS, DesiredSymbol)
    followed_by = book.follow(table, follower, followed.set)
    try:
        await until_stopped(stopping, insert(), fill_back(), followed_by, repairs.ask(asker, cluster))
    finally:
        for each in (session, follower, asker, aside):
            await each.close()
