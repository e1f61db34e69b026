"""``rtchart web``."""

from __future__ import annotations

from functools import partial

import click

from rtchart.broker.cluster import Cluster
from rtchart.process import options
from rtchart.process.health import AdminAddress
from rtchart.process.run import run
from rtchart.web.app import Origins
from rtchart.web.service import Settings, serve


@click.command("web")
@options.kafka
@options.topic_prefix
@options.database
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
@options.admin_port
@options.log_level
def command(
    kafka: str,
    topic_prefix: str,
    database: str,
    host: str,
    port: int,
    allow_origin: tuple[str, ...],
    max_connections: int,
    admin_port: AdminAddress,
    log_level: str,
) -> None:
    """Serve the page, the API (/api/v1) and the live socket (/ws).

    Every replica reads all of Kafka's partitions, so run as many as you like. It only reads the database, and serves what
    is live while that is away.
    """
    cluster = Cluster(kafka, topic_prefix, client_id="rtchart-web")
    settings = Settings(database, host, port, Origins.of(allow_origin), max_connections)
    run("web", partial(serve, cluster, settings), admin_port=admin_port, log_level=log_level)
