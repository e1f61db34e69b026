"""``rtchart aggregator``."""

from __future__ import annotations

import asyncio

import click

from rtchart.aggregator.service import follow
from rtchart.aggregator.service import once as run_once
from rtchart.broker import options as kafka_options
from rtchart.broker.candles import RevisionPublisher
from rtchart.broker.cluster import Cluster
from rtchart.process import options
from rtchart.process.clock import now_ms
from rtchart.process.health import Health
from rtchart.process.run import Process, run, until_stopped
from rtchart.store import options as database_options


@click.command("aggregator")
@options.option("--once", False, is_flag=True, help="Fold what is due and end, as a CronJob does.")
@database_options.database
@kafka_options.client("rtchart-aggregator")
@options.service
def command(once: bool, database: str, cluster: Cluster, process: Process) -> None:
    """Fold stored seconds into 1m and larger candles, and publish what changed.

    Without --once it stays, and folds each minute as soon as its last second is stored. One runs at a time: a second one
    leaves the work to the first.

    With --once the exit code is 0 when all that was due is folded and published, or another run is doing so; 1 when the
    database could not be reached, or Kafka could not (the candles are stored then, and the next run publishes).
    """

    async def service(health: Health, stopping: asyncio.Event) -> None:
        async with RevisionPublisher(cluster) as publisher:
            work = run_once(database, publisher, now_ms) if once else follow(database, publisher, now_ms, health)
            await until_stopped(stopping, work)

    run("aggregator", service, process)
