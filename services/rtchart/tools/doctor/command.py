"""``rtchart doctor``."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator, Awaitable
from dataclasses import dataclass
from pathlib import Path

import click

from rtchart.broker import options as kafka_options
from rtchart.broker.cluster import Cluster
from rtchart.core.symbol import EXCHANGES
from rtchart.process import options
from rtchart.process.health import Health
from rtchart.process.run import Process, run
from rtchart.store import options as database_options
from rtchart.tools.doctor import kafka, machine, pipeline
from rtchart.tools.doctor.findings import Finding, left_out, skipped


@dataclass(frozen=True)
class Asked:
    """What is to be looked at; None: that is not."""

    cluster: Cluster
    database: str | None = None
    exchange: str | None = None
    exchange_ws: str | None = None
    exchange_rest: str | None = None
    data_dir: Path = Path("rtchart-data")
    patience: float = 5.0


@click.command("doctor")
@kafka_options.cluster("rtchart-doctor")
@database_options.if_given
@options.option("--exchange", type=click.Choice(EXCHANGES), help="The venue that is looked at; without one, none is.")
@options.exchange_ws
@options.exchange_rest
@options.option(
    "--data-dir",
    "rtchart-data",
    type=click.Path(path_type=Path),
    metavar="FOLDER",
    help="The folder whose disk is looked at, if it is there.",
)
@options.option(
    "--patience", 5.0, type=click.FloatRange(min=0, min_open=True), metavar="SECONDS", help="What each check has for an answer."
)
@options.option("--json", False, is_flag=True, help="Write one JSON object a check, not lines for people.")
def command(
    cluster: Cluster,
    database: str | None,
    exchange: str | None,
    exchange_ws: str | None,
    exchange_rest: str | None,
    data_dir: Path,
    patience: float,
    json: bool,
) -> None:
    """Check Kafka, PostgreSQL, the exchange, the pipeline and this machine, and say what to do about each.

    It changes nothing. Run it where a service runs, with the options or the environment that the service has. Ends with 1 if
    something failed; a warning is no failure.
    """
    asked = Asked(cluster, database, exchange, exchange_ws, exchange_rest, data_dir, patience)
    outcomes: list[str] = []

    async def service(health: Health, stopping: asyncio.Event) -> None:
        async for finding in examine(asked):
            click.echo(finding.json() if json else finding.text())
            outcomes.append(finding.outcome)
        outcomes.append("whole")

    # What the clients log while they try is in the findings.
    run("doctor", service, Process(log_level="critical"))
    sys.exit("failed" in outcomes or "whole" not in outcomes)


async def examine(asked: Asked) -> AsyncIterator[Finding]:
    """All findings, in the order of the report. What does not depend on each other is looked at at once."""
    patience = asked.patience
    broker = asyncio.create_task(kafka.examine(asked.cluster, patience=patience))
    tables = asyncio.create_task(_tables(asked, broker))
    parts: list[asyncio.Task[list[Finding]]] = [
        asyncio.create_task(part)
        for part in (
            machine.examine(asked.data_dir, patience=patience),
            _kafka(broker),
            _database(asked),
            _exchange(asked, tables),
            _pipeline(tables),
        )
    ]
    try:
        for part in parts:
            for finding in await part:
                yield finding
    finally:
        for task in (broker, tables, *parts):
            task.cancel()
        await asyncio.gather(broker, tables, *parts, return_exceptions=True)


async def _kafka(broker: Awaitable[kafka.Examined]) -> list[Finding]:
    return (await broker).findings


async def _tables(asked: Asked, broker: Awaitable[kafka.Examined]) -> pipeline.Tables:
    return await pipeline.read(asked.cluster, await broker, patience=asked.patience)


async def _pipeline(tables: Awaitable[pipeline.Tables]) -> list[Finding]:
    return await pipeline.examine(await tables)


async def _database(asked: Asked) -> list[Finding]:
    if asked.database is None:
        return [skipped("database", "not given: --database")]
    try:
        from rtchart.tools.doctor import database
    except ModuleNotFoundError as error:
        return [left_out("database", error)]
    return await database.examine(asked.database, patience=asked.patience)


async def _exchange(asked: Asked, tables: Awaitable[pipeline.Tables]) -> list[Finding]:
    if asked.exchange is None:
        return [skipped("exchange", "not given: --exchange")]
    from rtchart.tools.doctor import exchange

    async def wanted() -> set[str] | str:
        return (await asyncio.shield(tables)).of(asked.exchange or "")

    return await exchange.examine(asked.exchange, asked.exchange_ws, asked.exchange_rest, wanted, patience=asked.patience)
