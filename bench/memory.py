"""The memory that each service takes: at rest, with clients that do not read, and while a missed hour is made up for.

    python -m bench.memory [--symbols 1500] [--minutes 60] [--clients 200]

Three parts. ``rtchart up`` with so many symbols of the simulated exchange, and then with clients that subscribe to fifty
symbols each and read a frame every few seconds, or nothing. An inserter, an aggregator and a web server that start with an hour
of all symbols' seconds on Kafka, none of it stored. A producer that starts with a watermark of an hour ago, and fetches what is
missing by REST. Told are proportional set sizes: the highest of a look every half second, once a part has started.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from pathlib import Path

import psutil
import uvloop
from websockets.asyncio.client import connect as connect_socket
from websockets.exceptions import ConnectionClosed

from bench.join import started
from bench.processes import running
from bench.sizing import SETTLE, Parts, _manifest, _streaming
from rtchart.broker.admin import ensure_topics
from rtchart.broker.cluster import Cluster
from rtchart.broker.publisher import Publisher
from rtchart.broker.table import Table, TableWriter
from rtchart.broker.topics import KLINES, STREAMS, SYMBOLS
from rtchart.core.interval import SECOND
from rtchart.core.kline import Kline
from rtchart.core.messages import StreamState
from rtchart.core.symbol import DesiredSymbol
from rtchart.local.kafka import Kafka
from rtchart.local.ports import free_ports
from rtchart.local.postgres import Postgres
from rtchart.process.clock import now_ms
from rtchart.sim.listing import listings
from rtchart.store.database import connect
from rtchart.store.migrate import migrate

MB = 1e6
LOOK = 0.5
SUBSCRIPTIONS = 50
STALLED = 60.0
"""Seconds for which the clients are slow: longer than a stalled one lives."""


class Peak:
    """The highest memory of processes (bytes), by name."""

    def __init__(self, look: Callable[[], dict[str, float]]) -> None:
        self._look = look
        self.highest: dict[str, float] = {}

    async def watch(self) -> None:
        """Look until cancelled."""
        while True:
            for name, size in self._look().items():
                self.highest[name] = max(self.highest.get(name, 0.0), size)
            await asyncio.sleep(LOOK)


@asynccontextmanager
async def peak(look: Callable[[], dict[str, float]]) -> AsyncIterator[dict[str, float]]:
    """The highest memory that is seen while the block lasts."""
    watched = Peak(look)
    watching = asyncio.create_task(watched.watch())
    try:
        yield watched.highest
    finally:
        watching.cancel()
        with suppress(asyncio.CancelledError):
            await watching


def memory_of(pids: dict[str, int]) -> Callable[[], dict[str, float]]:
    """Of these processes."""

    def look() -> dict[str, float]:
        found = {}
        for name, pid in pids.items():
            with suppress(psutil.Error):
                found[name] = float(psutil.Process(pid).memory_full_info().pss)
        return found

    return look


# ── At rest, and with clients that do not read ──────────────────────────────────────────────────────────────────────────


async def at_rest(symbols: Sequence[str], clients: int) -> tuple[dict[str, float], dict[str, float]]:
    """With no clients, and with slow and stalled ones."""
    with tempfile.TemporaryDirectory(prefix="rtchart-bench-", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        (folder / "symbols").mkdir()
        (folder / "symbols" / "all.yaml").write_text("---\n".join(map(_manifest, symbols)))
        (port,) = free_ports(1)
        async with started(folder, port) as up:
            await _streaming(port, len(symbols))
            await asyncio.sleep(SETTLE)
            parts = Parts(up.pid)
            async with peak(parts.memory) as rest:
                await asyncio.sleep(STALLED)
            async with peak(parts.memory) as slow, asyncio.TaskGroup() as group:
                tasks = [group.create_task(_bad_client(port, symbols, number)) for number in range(clients)]
                await asyncio.sleep(STALLED)
                for task in tasks:
                    task.cancel()
            up.terminate()
            await up.wait()
    return rest, slow


async def _bad_client(port: int, symbols: Sequence[str], number: int) -> None:
    """Every other one reads nothing, the others a frame every three seconds."""
    with suppress(ConnectionClosed, OSError, TimeoutError):
        async with connect_socket(
            f"ws://127.0.0.1:{port}/ws", max_size=None, max_queue=1, compression=None, ping_interval=None, close_timeout=1
        ) as socket:
            for offset in range(SUBSCRIPTIONS):
                symbol = symbols[(number * SUBSCRIPTIONS + offset) % len(symbols)]
                await socket.send(json.dumps({"op": "subscribe", "symbol": symbol, "interval": "1s"}))
            while True:
                if number % 2:
                    await socket.recv()
                await asyncio.sleep(3)


# ── An hour that was missed ─────────────────────────────────────────────────────────────────────────────────────────────


class Missed:
    """Kafka, PostgreSQL and an exchange, and the services with their options."""

    def __init__(self, folder: Path, kafka: Kafka, postgres: Postgres, exchange: int) -> None:
        self.folder = folder
        self.cluster = Cluster(kafka.bootstrap)
        self.postgres = postgres
        self.exchange = exchange
        self.pids: dict[str, int] = {}

    async def run(self, stack: AsyncExitStack, service: str, *options: str) -> None:
        """Start a service; it ends with the stack."""
        arguments = ("-m", "rtchart", service, *options, "--log-format", "json")
        process = await stack.enter_async_context(running(self.folder / f"{service}.log", *arguments))
        self.pids[service] = process.pid


async def backlog(symbols: Sequence[str], minutes: int) -> tuple[dict[str, float], float, float]:
    """The highest memory of the services; how long (s) draining what is on Kafka took, and fetching what is not."""
    with tempfile.TemporaryDirectory(prefix="rtchart-bench-", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        async with Kafka(folder / "kafka") as kafka, Postgres(folder / "postgres") as postgres, AsyncExitStack() as stack:
            (exchange,) = free_ports(1)
            missed = Missed(folder, kafka, postgres, exchange)
            await ensure_topics(missed.cluster)
            owner = await connect(postgres.url(), service="bench")
            await migrate(owner)
            await missed.run(stack, "exchange", "--symbols-count", str(len(symbols) + 1), "--port", str(exchange))
            end = now_ms() // SECOND * SECOND
            await _want(missed.cluster, symbols)
            count = await _publish(missed.cluster, symbols, end - minutes * 60 * SECOND, end)

            began = time.monotonic()
            where = ("--kafka", kafka.bootstrap)
            (port,) = free_ports(1)
            for service, options in (("inserter", ()), ("aggregator", ()), ("web", ("--port", str(port)))):
                await missed.run(stack, service, *where, "--database", postgres.url(user=f"rtchart_{service}"), *options)
            async with peak(memory_of(missed.pids)) as highest:

                async def drained() -> bool:
                    return int(await owner.fetchval("SELECT sum(next) FROM kafka_offset") or 0) >= count

                await _until(drained)
                drain = time.monotonic() - began
                await _behind(missed.cluster, symbols, end - minutes * 60 * SECOND)
                began = time.monotonic()
                address = ("--exchange-ws", f"ws://127.0.0.1:{exchange}", "--exchange-rest", f"http://127.0.0.1:{exchange}")
                await missed.run(
                    stack, "producer", *where, "--exchange", "sim", *address, "--instance", "bench", "--history-hours", "0"
                )

                async def caught_up() -> bool:
                    states = await Table(missed.cluster, STREAMS, StreamState).snapshot()
                    since = now_ms() - 30 * SECOND
                    return len(states) >= len(symbols) and all((state.watermark or 0) > since for state in states.values())

                await _until(caught_up)
                fetch = time.monotonic() - began
            await owner.close()
    del highest["exchange"]
    return highest, drain, fetch


async def _want(cluster: Cluster, symbols: Sequence[str]) -> None:
    async with cluster.producer() as producer:
        await TableWriter[DesiredSymbol](producer, cluster, SYMBOLS).put(
            {f"sim:{symbol}": DesiredSymbol("sim", symbol, epoch=1) for symbol in symbols}
        )


async def _behind(cluster: Cluster, symbols: Sequence[str], watermark: int) -> None:
    """As a producer leaves it that is gone for so long."""
    async with cluster.producer() as producer:
        await TableWriter[StreamState](producer, cluster, STREAMS).put(
            {
                f"sim:{symbol}/bench": StreamState(
                    exchange="sim",
                    symbol=symbol,
                    instance="bench",
                    at=watermark,
                    status="streaming",
                    epoch=1,
                    watermark=watermark,
                )
                for symbol in symbols
            }
        )


async def _publish(cluster: Cluster, symbols: Sequence[str], start: int, end: int) -> int:
    """Put the seconds of all symbols on Kafka; how many."""
    async with cluster.producer() as producer, Publisher(producer, cluster, KLINES) as publisher:
        for time_ in range(start, end, SECOND):
            price = f"{time_ // SECOND % 100_000}.25000000"
            figures = (price, price, price, price, "0.00701000", "697.57000000", 4, "0.00100000", "99.51000000")
            acked = publisher.publish([Kline("sim", symbol, time_, *figures, time_ + 1_020, "stream", 1) for symbol in symbols])
            if time_ // SECOND % 10 == 0:
                await acked
    return len(symbols) * (end - start) // SECOND


async def _until(condition: Callable[[], Awaitable[bool]]) -> None:
    async with asyncio.timeout(1_800):
        while not await condition():  # noqa: ASYNC110 - other processes are waited for
            await asyncio.sleep(1)


async def main(arguments: argparse.Namespace) -> None:
    # Whose names can be names of manifests.
    symbols = [listing.symbol for listing in listings(arguments.symbols + 1) if listing.symbol.isascii()][: arguments.symbols]
    highest, drain, fetch = await backlog(symbols, arguments.minutes)
    count = len(symbols) * arguments.minutes * 60
    print(f"{len(symbols)} symbols, {arguments.minutes} minutes of which are missed")
    print(f"  drained {count:,} klines from Kafka in {drain:.0f} s ({count / drain:,.0f} a second)")
    print(f"  fetched as many by REST in {fetch:.0f} s, within half of the exchange's limit")
    for part, size in sorted(highest.items()):
        print(f"  {part:12}{size / MB:7.0f} MB at most", flush=True)
    rest, slow = await at_rest(symbols, arguments.clients)
    print(
        f"{len(symbols)} symbols; {arguments.clients} clients that read slowly or nothing, {SUBSCRIPTIONS} subscriptions each"
    )
    print(f"  {'':12}{'at rest':>10}{'slow clients':>16}{f'{arguments.minutes} min missed':>18}")
    for part in sorted({*rest, *highest}):
        sizes = zip((10, 16, 18), (rest.get(part), slow.get(part), highest.get(part)), strict=True)
        cells = (" " * width if size is None else f"{size / MB:{width - 3}.0f} MB" for width, size in sizes)
        print(f"  {part:12}{''.join(cells)}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--symbols", type=int, default=1500)
    parser.add_argument("--minutes", type=int, default=60)
    parser.add_argument("--clients", type=int, default=200)
    uvloop.run(main(parser.parse_args()))
