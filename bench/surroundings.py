"""What the services of a benchmark stand on: a broker, a database with its schema, and a simulated exchange."""

from __future__ import annotations

import asyncio
import tempfile
from asyncio.subprocess import Process
from collections.abc import AsyncIterator, Iterable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx

from bench.processes import running
from rtchart.broker.admin import ensure_topics
from rtchart.broker.cluster import Cluster
from rtchart.broker.table import Changes, TableWriter
from rtchart.broker.topics import SYMBOLS
from rtchart.core.symbol import DesiredSymbol
from rtchart.local.kafka import Kafka
from rtchart.local.ports import free_ports
from rtchart.local.postgres import Postgres
from rtchart.store.database import connect
from rtchart.store.migrate import migrate


@dataclass(frozen=True)
class Surroundings:
    """What runs. ``folder`` is gone afterwards; ``ws`` and ``rest`` are the exchange's addresses, ``symbols`` what it lists."""

    folder: Path
    kafka: Kafka
    postgres: Postgres
    exchange: Process
    ws: str
    rest: str
    symbols: list[str]

    @property
    def venue(self) -> tuple[str, ...]:
        """Options of a producer."""
        return ("--exchange", "sim", "--exchange-ws", self.ws, "--exchange-rest", self.rest)


@asynccontextmanager
async def surroundings(symbols_count: int, *exchange_options: str, unsafe: bool = True) -> AsyncIterator[Surroundings]:
    """Start all of it, with an exchange that lists so many symbols; ended with the block.

    ``unsafe``: PostgreSQL does not wait for the disk.
    """
    async with AsyncExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="rtchart-bench-", ignore_cleanup_errors=True)))
        kafka = await stack.enter_async_context(Kafka(folder / "kafka", brief=True))
        postgres = await stack.enter_async_context(Postgres(folder / "postgres", unsafe=unsafe))
        database = await connect(postgres.url(), service="bench")
        await migrate(database)
        await database.close()
        (port,) = free_ports(1)
        address = f"127.0.0.1:{port}"
        exchange = await stack.enter_async_context(
            running(
                folder / "exchange.log",
                *("-m", "rtchart", "exchange", "--port", str(port), "--symbols-count", str(symbols_count), *exchange_options),
                ready=f"http://{address}/api/v3/ping",
            )
        )
        async with httpx.AsyncClient(timeout=30) as client:
            listed = (await client.get(f"http://{address}/api/v3/exchangeInfo")).json()
        symbols = [entry["symbol"] for entry in listed["symbols"]]
        yield Surroundings(folder, kafka, postgres, exchange, f"ws://{address}", f"http://{address}", symbols)


async def want(cluster: Cluster, symbols: Iterable[str]) -> None:
    """Make the topics, and ask for these symbols of the simulated exchange."""
    await ensure_topics(cluster)
    wanted: Changes[DesiredSymbol] = {f"sim:{symbol}": DesiredSymbol("sim", symbol, epoch=1) for symbol in symbols}
    async with cluster.producer() as producer:
        await TableWriter[DesiredSymbol](producer, cluster, SYMBOLS).put(wanted)


async def introduced(web: str, symbols: int) -> None:
    """Wait until the producer has asked the exchange about every symbol, which it does once, when it starts."""
    async with httpx.AsyncClient(timeout=30) as client, asyncio.timeout(900):
        while True:
            found = (await client.get(f"{web}/api/v1/symbols")).json()["symbols"]
            if len([symbol for symbol in found if symbol["tick_size"]]) >= symbols:
                return
            await asyncio.sleep(1)
