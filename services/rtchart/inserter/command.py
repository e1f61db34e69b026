"""``rtchart inserter``."""

from __future__ import annotations

import asyncio
from functools import partial

import click

from rtchart.broker import options as kafka_options
from rtchart.broker.admin import ensure_topics
from rtchart.broker.cluster import Cluster
from rtchart.broker.dead_letters import DeadLetterPublisher
from rtchart.broker.group import INSERTERS, join
from rtchart.broker.table import Table
from rtchart.broker.topics import DEAD_LETTERS, KLINES, REPAIRS, SYMBOLS
from rtchart.core.symbol import DesiredSymbol
from rtchart.inserter import repairs
from rtchart.inserter.service import Inserter, Limits
from rtchart.inserter.session import Session
from rtchart.inserter.symbols import Symbols
from rtchart.inserter.writer import Feed, Writer
from rtchart.process import options
from rtchart.process.health import Health
from rtchart.process.run import Process, run, until_stopped
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
@options.service
def command(cluster: Cluster, database: str, batch_rows: int, batch_ms: int, instance: str | None, process: Process) -> None:
    """Batch klines from Kafka into PostgreSQL, each exactly once.

    Run as many as you like, up to the topic's partitions: they share them out. What cannot be stored goes to the table
    dead_letter and the topic rtchart.dead-letters, with the reason.
    """
    limits = Limits(records=batch_rows, seconds=batch_ms / 1000)
    run("inserter", partial(serve, cluster, database, limits, instance), process)


async def serve(
    cluster: Cluster, database: str, limits: Limits, instance: str | None, health: Health, stopping: asyncio.Event
) -> None:
    """Run the service until ``stopping`` is set. Raises `UserError` when Kafka or the database is not there at the start."""
    session, follower = Session(database, health), Session(database, health, part="symbols")
    asker = Session(database, health, part="repairs")
    await session.check()
    await ensure_topics(cluster, (KLINES, SYMBOLS, REPAIRS, DEAD_LETTERS))
    feed = Feed(await cluster.cluster_id(), cluster.name(KLINES), KLINES.partitions)
    book = Symbols()
    followed, never = asyncio.Event(), asyncio.Event()

    async def insert() -> None:
        await followed.wait()
        async with DeadLetterPublisher(cluster) as dead_letters:
            writer = Writer(session, book, feed, dead_letters.publish)
            inserter = Inserter(writer, session, feed, health, limits)
            async with join(cluster, KLINES, INSERTERS, on_revoked=inserter.revoked, instance=instance) as group:
                health.ready()
                await until_stopped(never, inserter.run(group), inserter.watch(group))  # until this is cancelled

    table = Table(cluster, SYMBOLS, DesiredSymbol)
    try:
        await until_stopped(stopping, insert(), book.follow(table, follower, followed.set), repairs.ask(asker, cluster))
    finally:
        await session.close()
        await follower.close()
        await asker.close()
