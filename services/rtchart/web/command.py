"""``rtchart web``."""

from __future__ import annotations

import asyncio

import click

from rtchart.broker import options as kafka_options
from rtchart.broker.cluster import Cluster
from rtchart.process import options
from rtchart.process.health import Health
from rtchart.process.run import Process, run
from rtchart.store import options as database_options
from rtchart.store.migrate import schema_if_there
from rtchart.web.app import Origins
from rtchart.web.service import Settings, serve


@click.command("web")
@kafka_options.cluster("rtchart-web")
@database_options.database
@options.option("--host", "127.0.0.1", help="Address to serve on; 0.0.0.0: every one.")
@options.option("--port", 8000, type=click.IntRange(0, 65535), help="Port; 0: a free one.")
@options.option(
    "--allow-origin",
    multiple=True,
    metavar="ORIGIN",
    help="Pages of this origin (https://example.org) may use API and socket; repeatable; * for all.",
)
@options.option(
    "--max-connections",
    Settings("").max_connections,
    type=click.IntRange(1, 1_000_000),
    help="Sockets open at once, as far as the limit of open files goes; more are refused with 503.",
)
@options.service
def command(
    cluster: Cluster,
    database: str,
    host: str,
    port: int,
    allow_origin: tuple[str, ...],
    max_connections: int,
    process: Process,
) -> None:
    """Serve the page, the API (/api/v1) and the live socket (/ws).

    Every replica reads all of Kafka's partitions, so run as many as you like. It only reads the database, and serves what
    is live while that is away.
    """
    settings = Settings(database, host, port, Origins.of(allow_origin), max_connections)

    async def service(health: Health, stopping: asyncio.Event) -> None:
        if process.wait:
            # A new release takes over from the old one when it can show what is stored, not before.
            await schema_if_there(database, service="web")
        await serve(cluster, settings, health, stopping)

    run("web", service, process)
