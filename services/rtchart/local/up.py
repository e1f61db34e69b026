"""``rtchart up``: engines, schema, topics, symbols and services of one machine, from start to stop."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Awaitable
from dataclasses import dataclass
from pathlib import Path

import httpx

from rtchart.broker.admin import ensure_topics
from rtchart.broker.cluster import Cluster
from rtchart.broker.table import Changes, Table, TableWriter
from rtchart.broker.topics import SYMBOLS
from rtchart.core.errors import UserError
from rtchart.core.symbol import DesiredSymbol
from rtchart.exchange.base import Venue
from rtchart.exchange.clock import VenueClock
from rtchart.exchange.directory import Directory
from rtchart.exchange.venues import connect as connect_venue
from rtchart.exchange.venues import venue as known_venue
from rtchart.local import jars
from rtchart.local.backoff import Backoff
from rtchart.local.choice import LIVE, SIMULATED, choose, unreachable
from rtchart.local.engine import Engine
from rtchart.local.environment import told
from rtchart.local.folder import data_folder, instance_of, symbols_folder
from rtchart.local.kafka import Kafka
from rtchart.local.manifests import read_folder
from rtchart.local.ports import LOOPBACK, free_ports, in_url
from rtchart.local.postgres import SUPERUSER, Postgres
from rtchart.local.services import SCRAPED, STOP_ORDER, Setting, pipeline, simulated_exchange
from rtchart.local.status import Screen, follow_status
from rtchart.local.supervisor import Supervisor
from rtchart.local.sweep import Sweeper
from rtchart.local.symbols import SymbolFolder
from rtchart.process.clock import now_ms
from rtchart.process.http import Client
from rtchart.process.run import until_stopped
from rtchart.store.become import as_role
from rtchart.store.become import refused as roles_refused
from rtchart.store.database import connect as connect_database
from rtchart.store.history import holds
from rtchart.store.migrate import migrate
from rtchart.store.roles import ROLES
from rtchart.web.listening import listen

log = logging.getLogger(__name__)

DATABASE = "rtchart"
# Together below the 5 s that a person is promised.
_KAFKA_PATIENCE = 0.3
"""Of a put that is under way while Kafka is away: the next start reads the folder again."""
_SERVICE_STOPS_WITHIN = 1.4
_ENGINE_STOPS_WITHIN = 1.8


@dataclass(frozen=True)
class Options:
    """What ``rtchart up`` was told. None: choose."""

    data_dir: Path
    symbols: Path | None = None
    exchange: str | None = None
    exchange_ws: str | None = None
    exchange_rest: str | None = None
    kafka: str | None = None
    topic_prefix: str = ""
    database: str | None = None
    host: str = LOOPBACK
    port: int = 8000
    log_level: str = "info"


class Up:
    """One run. Call `run`, which returns when ``stopping`` is set and everything has ended."""

    def __init__(self, options: Options, screen: Screen) -> None:
        self._options = options
        self._screen = screen
        self._engines: list[Engine] = []

    async def run(self, stopping: asyncio.Event) -> None:
        """Start everything, keep it running, and stop it. Raises `UserError` for what a person can mend."""
        with data_folder(self._options.data_dir) as folder:
            await until_stopped(stopping, self._run(folder))

    async def _run(self, folder: Path) -> None:
        options, say = self._options, self._screen.say
        manifests = symbols_folder(folder, options.symbols)
        # Said at once, and not in a log: that the page's port is taken, or the address none of this machine's.
        listen(options.host, options.port).close()
        supervisor = Supervisor(folder, say)
        try:
            await supervisor.end_leftovers()
            kafka, databases = await self._engines_up(folder)
            cluster = Cluster(kafka, options.topic_prefix, client_id="rtchart-up")
            await ensure_topics(cluster)
            venue = await self._venue(databases[SUPERUSER], supervisor, manifests)
            current = await Table(cluster, SYMBOLS, DesiredSymbol).snapshot()
            admin_ports = dict(zip(SCRAPED, free_ports(len(SCRAPED)), strict=True))
            setting = Setting(
                venue,
                kafka,
                options.topic_prefix,
                databases,
                options.host,
                options.port,
                admin_ports,
                instance_of(folder),
                log_level=options.log_level,
            )
            for service in pipeline(setting):
                supervisor.start(service)
            addresses = {
                "EXCHANGE": venue.name,
                "EXCHANGE_WS": venue.ws,
                "EXCHANGE_REST": venue.rest,
                "KAFKA": kafka,
                "TOPIC_PREFIX": options.topic_prefix,
                "DATABASE": databases[SUPERUSER],
            }
            async with self._symbols(manifests, cluster, venue, current) as symbols:
                with told(folder, addresses):
                    await _all(
                        symbols.follow(),
                        self._announce(admin_ports["web"], venue),
                        follow_status(self._screen, admin_ports, venue.name),
                        Sweeper(databases[SUPERUSER], now_ms).run(),
                        *(engine.keep(self._screen.warn, supervisor.hurry, Backoff()) for engine in self._engines),
                    )
        finally:
            say("stopping")
            await supervisor.stop(STOP_ORDER, within=_SERVICE_STOPS_WITHIN)
            stops = (engine.stop(within=_ENGINE_STOPS_WITHIN) for engine in self._engines)
            for failure in await asyncio.gather(*stops, return_exceptions=True):
                if failure is not None:
                    log.error("an engine was not stopped in order", exc_info=failure)

    async def _engines_up(self, folder: Path) -> tuple[str, dict[str, str]]:
        """Kafka's address, and the database's URL by role, both ready for the services."""
        options, say = self._options, self._screen.say
        kafka = postgres = None
        if options.kafka is None:
            kafka = Kafka(folder / "kafka", log=folder / "logs" / "kafka.log")
            self._engines.append(kafka)
        if options.database is None:
            postgres = Postgres(folder / "postgres", log=folder / "logs" / "postgres.log", port=None)
            self._engines.append(postgres)
        if self._engines:
            say(f"starting {' and '.join(engine.title for engine in self._engines)} in {folder}")
        if kafka is not None and not jars.all_cached():
            say(f"fetching {kafka.title} first (45 MB, once)")
        await _all(*(_start(engine) for engine in self._engines))
        if postgres is not None:
            urls = {role: postgres.url(DATABASE, user=role) for role in (SUPERUSER, *ROLES)}
            await postgres.ensure_database(DATABASE)
        else:
            assert options.database is not None
            urls = dict.fromkeys((SUPERUSER, *ROLES), options.database)
        connection = await connect_database(urls[SUPERUSER], service="up")
        try:
            await migrate(connection)
            if options.database is not None:
                # The roles' passwords, if they have some, are not known here.
                refused = await roles_refused(connection, ROLES)
                urls |= {role: as_role(options.database, role) for role in ROLES if role not in refused}
                if refused:
                    self._screen.warn(
                        f"the database user may not become {', '.join(refused)}, so services run with all its rights; "
                        f"as an administrator, GRANT {', '.join(refused)} TO it"
                    )
        finally:
            await connection.close()
        return kafka.bootstrap if kafka is not None else options.kafka or "", urls

    async def _venue(self, database: str, supervisor: Supervisor, manifests: Path) -> Venue:
        """The exchange that runs; the simulated one is started here, and serves when this returns."""
        options = self._options
        live = known_venue(LIVE, ws=options.exchange_ws, rest=options.exchange_rest)
        choice = await choose(options.exchange, lambda: _live_stored(database), lambda: unreachable(live))
        if choice.because:
            self._screen.warn(choice.because)
        if choice.exchange != SIMULATED:
            return known_venue(choice.exchange, ws=options.exchange_ws, rest=options.exchange_rest)
        if options.exchange == SIMULATED and (options.exchange_ws or options.exchange_rest):
            return known_venue(SIMULATED, ws=options.exchange_ws, rest=options.exchange_rest)
        (port,) = free_ports(1)
        declared = sorted(read_folder(manifests, venue=SIMULATED).symbols)
        supervisor.start(simulated_exchange(port, declared, log_level=options.log_level))
        venue = known_venue(SIMULATED, ws=f"ws://{LOOPBACK}:{port}", rest=f"http://{LOOPBACK}:{port}")
        for _ in range(30):
            if not await unreachable(venue, patience=1.0):
                return venue
            await asyncio.sleep(0.2)
        raise UserError("the simulated exchange does not answer; its log is exchange.log in the data folder's logs")

    @contextlib.asynccontextmanager
    async def _symbols(
        self, manifests: Path, cluster: Cluster, venue: Venue, current: dict[str, DesiredSymbol]
    ) -> AsyncIterator[SymbolFolder]:
        _, rest = connect_venue(venue, VenueClock())
        async with cluster.producer(patience=_KAFKA_PATIENCE) as producer:
            try:
                yield SymbolFolder(
                    manifests,
                    TableWriter(producer, cluster, SYMBOLS),
                    Directory(rest, now_ms),
                    venue=venue.name,
                    current=current,
                    refused=lambda refusal: self._screen.warn(f"refused: {refusal}"),
                    applied=self._applied,
                    clock=now_ms,
                )
            finally:
                await rest.aclose()

    def _applied(self, changes: Changes[DesiredSymbol]) -> None:
        for verb, keys in (
            ("streaming", [key for key, record in changes.items() if record is not None]),
            ("no longer streaming", [key for key, record in changes.items() if record is None]),
        ):
            if keys:
                more = f" and {len(keys) - 5} more" if len(keys) > 5 else ""
                self._screen.say(f"{verb} {', '.join(sorted(keys)[:5])}{more}")

    async def _announce(self, admin_port: int, venue: Venue) -> None:
        """Say where the page is, as soon as it is there."""
        where = "the SIMULATED exchange" if venue.name == SIMULATED else "the live exchange"
        async with Client() as http:
            while True:
                with contextlib.suppress(httpx.HTTPError):
                    if (await http.get(f"http://{LOOPBACK}:{admin_port}/readyz")).is_success:
                        break
                await asyncio.sleep(0.1)
        address = f"http://{in_url(self._options.host)}:{self._options.port}"
        self._screen.say(f"rtchart is at {address} (venue {venue.name}, {where})")


async def _all(*work: Awaitable[None]) -> None:
    """Until all have ended, or one has failed: the rest is cancelled, and its exception raised as it is."""
    await until_stopped(asyncio.Event(), *work)


async def _start(engine: Engine) -> None:
    await engine.start()


async def _live_stored(database: str) -> bool:
    connection = await connect_database(database, service="up")
    try:
        return await holds(connection, LIVE)
    finally:
        await connection.close()
