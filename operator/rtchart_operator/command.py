"""``rtchart-operator``."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from pathlib import Path

import click

from rtchart import __version__
from rtchart.broker import options as kafka_options
from rtchart.broker.cluster import Cluster
from rtchart.exchange.base import Rest, Venue
from rtchart.exchange.clock import VenueClock
from rtchart.exchange.directory import Directory
from rtchart.exchange.venues import VENUES, connect_rest, venue
from rtchart.process import options
from rtchart.process.clock import now_ms
from rtchart.process.health import Health
from rtchart.process.run import Process, run, until_stopped
from rtchart.store import options as database_options
from rtchart.store.roles import read_passwords
from rtchart_operator.api import Api
from rtchart_operator.controller import Controller
from rtchart_operator.latency import Speeds
from rtchart_operator.metrics import Known, SymbolMetrics
from rtchart_operator.pipeline import Pipeline
from rtchart_operator.quantity import Bytes
from rtchart_operator.storage import Storage
from rtchart_operator.watch import watch


@click.command("rtchart-operator", context_settings={"show_default": True, "max_content_width": 100})
@options.option("--namespace", required=True, metavar="NAME", help="Whose Symbols it follows; no others.")
@options.option("--exchange-rest-binance", metavar="URL", help="Binance's REST address, if not its usual one.")
@options.option("--exchange-rest-sim", metavar="URL", help="The simulated exchange's REST address.")
@database_options.database
@database_options.role_passwords
@options.option(
    "--database-capacity",
    type=Bytes(),
    metavar="SIZE",
    help="Size of the database's disk (8Gi), for an alert before it is full.",
)
@kafka_options.cluster("rtchart-operator")
@options.service
@click.version_option(__version__, prog_name="rtchart-operator")
def main(
    namespace: str,
    exchange_rest_binance: str | None,
    exchange_rest_sim: str | None,
    database: str,
    role_passwords: Path | None,
    database_capacity: int | None,
    cluster: Cluster,
    process: Process,
) -> None:
    """Turn the Symbol resources of a namespace into what the pipeline is asked for, and tell on them what became of it.

    It brings the database's schema to this version, keeps the topics and their settings, and removes what is past its
    retention; the database is to be given as its owner's. What streams goes on while it is away. It needs a service account or
    a kubeconfig (KUBECONFIG) that may read Symbols, write their status, and make Events.
    """
    rests = {"binance": exchange_rest_binance, "sim": exchange_rest_sim}

    async def service(health: Health, stopping: asyncio.Event) -> None:
        venues = [venue(name, rest=rests.get(name)) for name in VENUES]
        passwords = read_passwords(role_passwords) if role_passwords else {}
        await serve(namespace, cluster, database, venues, health, stopping, passwords=passwords, capacity=database_capacity)

    run("operator", service, process)


async def serve(
    namespace: str,
    cluster: Cluster,
    database: str,
    venues: list[Venue],
    health: Health,
    stopping: asyncio.Event,
    *,
    passwords: Mapping[str, str] | None = None,
    capacity: int | None = None,
) -> None:
    """Run the service until ``stopping`` is set. Kafka, the database, the exchange and the API server may be away."""
    cluster.settings()  # which says what is wrong with them
    rests: dict[str, Rest] = {one.name: connect_rest(one, VenueClock()) for one in venues}
    speeds = Speeds(cluster, now_ms)
    symbol_metrics = SymbolMetrics(
        Known(
            speeds=speeds.speeds,
            conditions=lambda: controller.told(),
            ends=lambda: storage.ends,
            books=lambda: storage.books,
            run=lambda: storage.run,
            is_current=lambda: storage.is_current,
            books_are_current=lambda: storage.books_are_current,
            reaches=lambda: pipeline.reaches(),
            capacity=capacity,
        )
    )
    storage = Storage(database, now_ms, lambda: controller.looked(), passwords=passwords, closed=symbol_metrics.closed)
    pipeline = Pipeline(cluster, now_ms, lambda: controller.changed())
    api = Api(namespace)
    directories = {name: Directory(rest, now_ms) for name, rest in rests.items()}
    controller = Controller(namespace, api=api, pipeline=pipeline, storage=storage, directories=directories, clock=now_ms)

    async def keep_watching() -> None:
        # kopf looks once, when it begins, whether Symbols are defined.
        await controller.listed.wait()
        await watch(namespace, controller)

    async def keep_reporting() -> None:
        while True:
            parts = {
                "kafka": pipeline.away,
                "database": storage.away,
                "kubernetes": controller.away,
                "watch": controller.unwatched,
            }
            for part, why in parts.items():
                if why == "":
                    health.ready(part)
                else:
                    health.unready(part, why or "not asked yet")
            health.ready()
            identities = controller.identities()
            speeds.keep(identities)
            symbol_metrics.keep(identities)
            await asyncio.sleep(1)

    try:
        await until_stopped(
            stopping,
            keep_watching(),
            controller.keep_sweeping(),
            controller.keep_publishing(),
            controller.keep_telling(),
            controller.keep_announcing(),
            *(controller.keep_listing(name) for name in directories),
            pipeline.keep_topics(),
            pipeline.keep_probing(),
            pipeline.follow_symbols(),
            pipeline.follow_streams(),
            storage.keep_looking(),
            storage.keep_sweeping(),
            storage.keep_counting(),
            speeds.follow(),
            keep_reporting(),
        )
    finally:
        symbol_metrics.close()
        await pipeline.aclose()
        await api.aclose()
        for rest in rests.values():
            await rest.aclose()
