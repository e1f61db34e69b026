"""``rtchart up``."""

from __future__ import annotations

import asyncio
import logging
from pathlib import Path

import click

from rtchart.broker import options as kafka_options
from rtchart.core.symbol import EXCHANGES
from rtchart.local.status import Screen
from rtchart.local.up import Options, Up
from rtchart.process import options
from rtchart.process.health import Health
from rtchart.process.run import Process, run


@click.command("up")
@options.option(
    "--symbols",
    type=click.Path(path_type=Path),
    metavar="FOLDER",
    help="Symbol manifests (YAML), followed while it runs.  [default: symbols in the data folder, at first with two]",
)
@options.option(
    "--exchange",
    type=click.Choice(EXCHANGES),
    help="The venue.  [default: binance; sim if that cannot be reached at a first start]",
)
@options.exchange_ws
@options.exchange_rest
@options.option("--kafka", metavar="HOST:PORT[,…]", help="A Kafka that runs.  [default: an embedded one]")
@kafka_options.topic_prefix
@options.option(
    "--database",
    metavar="URL",
    help="A PostgreSQL that runs: postgresql://USER@HOST:PORT/NAME, of the database's owner. Each service becomes the role "
    "that it needs, where the user may.  [default: an embedded one]",
)
@options.option("--host", "127.0.0.1", help="Address of the page, the API and the socket; 0.0.0.0: every one.")
@options.option("--port", 8000, type=click.IntRange(1, 65535), help="Port of the page, the API and the socket.")
@options.option(
    "--data-dir", "rtchart-data", type=click.Path(path_type=Path), metavar="FOLDER", help="What survives a restart."
)
@options.log_level
def command(
    symbols: Path | None,
    exchange: str | None,
    exchange_ws: str | None,
    exchange_rest: str | None,
    kafka: str | None,
    topic_prefix: str,
    database: str | None,
    host: str,
    port: int,
    data_dir: Path,
    log_level: str,
) -> None:
    """Run everything on this machine: broker, database, all services; the page's address is printed.

    Each service is a process of its own, and is started again when it ends. Logs are in the data folder, warnings of all
    services on the terminal. Ctrl-C or SIGTERM stops everything within 5 seconds; the next start resumes.
    """
    chosen = Options(
        data_dir=data_dir,
        symbols=symbols,
        exchange=exchange,
        exchange_ws=exchange_ws,
        exchange_rest=exchange_rest,
        kafka=kafka,
        topic_prefix=topic_prefix,
        database=database,
        host=host,
        port=port,
        log_level=log_level,
    )

    async def service(health: Health, stopping: asyncio.Event) -> None:
        health.ready()
        with Screen() as screen:
            logging.basicConfig(handlers=[_ToScreen(screen)], force=True)
            await Up(chosen, screen).run(stopping)

    run("up", service, Process(log_level=log_level))


class _ToScreen(logging.Handler):
    """The supervisor's own warnings, beside those of the services. aiokafka's are of what it mends itself."""

    def __init__(self, screen: Screen) -> None:
        super().__init__(logging.WARNING)
        self._screen = screen

    def emit(self, record: logging.LogRecord) -> None:
        if not record.name.startswith("aiokafka"):
            self._screen.warn(self.format(record))
