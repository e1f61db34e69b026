"""What a symbol costs: bytes a day in PostgreSQL and Kafka, and the CPU and memory of each process, with and without viewers.

Two parts. Storage: seconds of many symbols, stored as they come (second by second, all symbols of each) and folded by the real
aggregator, and then the sizes that PostgreSQL tells, indexes and all. Processes: ``rtchart up`` with a folder of manifests and
the simulated exchange; CPU time and memory of each process over a while and the growth of Kafka's log, and then the same with
sockets, each of which looks at one symbol's chart. docs/sizing.md tells what follows.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import tempfile
import time
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import psutil
import uvloop
from websockets.asyncio.client import connect as connect_socket

from bench.aggregate import START, fold_minute, store_minute
from bench.join import started
from rtchart.broker.topics import KLINES
from rtchart.core.interval import DAY, HOUR, INTERVALS, MINUTE, SECOND
from rtchart.core.symbol import DEFAULT_INTERVALS
from rtchart.local.ports import free_ports
from rtchart.local.postgres import Postgres
from rtchart.store.database import Connection, connect
from rtchart.store.migrate import migrate

MB = 1e6
PATIENCE = 900.0
"""Seconds until every symbol streams, or every socket has its snapshot."""
SETTLE = 30.0
"""Seconds that pass before a measurement, for what the start brings."""


# ── Storage ─────────────────────────────────────────────────────────────────────────────────────────────────────────────


async def storage(symbols: int, minutes: int) -> None:
    """Print the bytes a row of seconds and of candles has, and a symbol a day."""
    with tempfile.TemporaryDirectory(prefix="rtchart-bench-", ignore_cleanup_errors=True) as folder:
        async with Postgres(Path(folder) / "postgres") as postgres:
            connection = await connect(postgres.url(), service="bench")
            await migrate(connection)
            await connection.execute("SELECT ensure_kline_partitions($1, $2)", START, START + minutes * MINUTE + HOUR)
            found = await connection.fetch(
                """INSERT INTO symbol (exchange, symbol) SELECT 'sim', 'BENCH' || n FROM generate_series(1, $1::integer) n
                   RETURNING symbol_id""",
                symbols,
            )
            symbol_ids = [row["symbol_id"] for row in found]
            for number in range(minutes):
                await store_minute(connection, symbol_ids, START + number * MINUTE)
                await fold_minute(connection, START + (number + 2) * MINUTE)
                await connection.execute("VACUUM candle, checkpoint, candle_outbox")  # as it is in real time, by itself
            second = await _row(connection, "kline_1s")
            candle = await _row(connection, "candle")
            await connection.close()
    seconds_a_day = DAY // SECOND
    candles_a_day = sum(DAY / INTERVALS[name].length for name in DEFAULT_INTERVALS)
    print(f"PostgreSQL, {symbols} symbols for {minutes} minutes, indexes included")
    print(f"  a second {second:4.0f} bytes   a symbol and day of seconds      {second * seconds_a_day / MB:6.1f} MB")
    print(
        f"  a candle {candle:4.0f} bytes   a symbol and day of candles      {candle * candles_a_day / MB:6.2f} MB "
        f"({', '.join(DEFAULT_INTERVALS)})"
    )


async def _row(connection: Connection, table: str) -> float:
    """Bytes on disk per row."""
    size = await connection.fetchval(
        """SELECT sum(pg_total_relation_size(relation)) FROM (
               SELECT $1::text::regclass UNION ALL SELECT inhrelid FROM pg_inherits WHERE inhparent = $1::text::regclass
           ) AS every (relation)""",
        table,
    )
    return float(size) / int(await connection.fetchval(f"SELECT count(*) FROM {table}"))


# ── Processes ───────────────────────────────────────────────────────────────────────────────────────────────────────────


class Parts:
    """The processes under ``rtchart up``, by what they are."""

    def __init__(self, up: int) -> None:
        self._up = psutil.Process(up)

    def cpu(self) -> dict[str, float]:
        """CPU seconds used so far, by children that ended too."""
        return self._sum(lambda process: sum(process.cpu_times()[:4]))

    def memory(self) -> dict[str, float]:
        """Bytes of memory, of what is shared a part."""
        return self._sum(lambda process: float(process.memory_full_info().pss))

    def _sum(self, of) -> dict[str, float]:  # type: ignore[no-untyped-def]
        found: dict[str, float] = {}
        for name, process in self._each():
            try:
                found[name] = found.get(name, 0.0) + of(process)
            except psutil.Error:
                continue  # it ended meanwhile
        return found

    def _each(self) -> Iterator[tuple[str, psutil.Process]]:
        for child in self._up.children():
            try:
                line, below = child.cmdline(), child.children(recursive=True)
            except psutil.Error:
                continue
            name = line[-1] if "rtchart" in line[-2:-1] else "kafka" if "java" in line[0] else "postgresql"
            yield from ((name, each) for each in (child, *below))


async def processes(symbols: int, sockets: int, seconds: float) -> None:
    """Print what each process uses: thousandths of a core, and memory."""
    with tempfile.TemporaryDirectory(prefix="rtchart-bench-", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        listed = [f"COIN{number}USDT" for number in range(symbols)]
        (folder / "symbols").mkdir()
        (folder / "symbols" / "all.yaml").write_text("---\n".join(map(_manifest, listed)))
        (port,) = free_ports(1)
        async with started(folder, port) as up:
            await _streaming(port, symbols)
            await asyncio.sleep(SETTLE)
            parts = Parts(up.pid)
            log_before, begun = _log_bytes(folder), time.time()
            alone = await _used(parts, seconds)
            log_bytes = (_log_bytes(folder) - log_before) / (time.time() - begun) / symbols
            memory = parts.memory()
            async with _viewers(port, listed, sockets):
                await asyncio.sleep(SETTLE)
                watched = await _used(parts, seconds)
                memory_watched = parts.memory()
            up.terminate()
            await up.wait()
    print(f"rtchart up, {symbols} symbols, {sockets} sockets, over {seconds:g} s each")
    print(f"  Kafka's log {log_bytes:.0f} bytes a second of a symbol   a symbol and day {log_bytes * DAY / SECOND / MB:.1f} MB")
    print(f"  {'':12}{'with no sockets':>24}{'with sockets':>24}")
    for part in sorted(alone, key=alone.__getitem__, reverse=True):
        print(
            f"  {part:12}{alone[part] * 1000:8.0f} m CPU{memory[part] / MB:7.0f} MB"
            f"{watched[part] * 1000:10.0f} m CPU{memory_watched[part] / MB:7.0f} MB"
        )


def _manifest(symbol: str) -> str:
    return (
        json.dumps(
            {
                "apiVersion": "rtchart.dev/v1alpha1",
                "kind": "Symbol",
                "metadata": {"name": symbol.lower()},
                "spec": {"exchange": "sim", "symbol": symbol},
            }
        )
        + "\n"
    )


async def _streaming(port: int, symbols: int) -> None:
    async with httpx.AsyncClient(timeout=30) as client, asyncio.timeout(PATIENCE):
        while True:
            answer = await client.get(f"http://127.0.0.1:{port}/api/v1/symbols")
            found = answer.json()["symbols"] if answer.is_success else []
            # The exchange was asked about each, which it is once.
            if sum(one["status"] == "streaming" and bool(one["tick_size"]) for one in found) >= symbols:
                return
            await asyncio.sleep(1)


async def _used(parts: Parts, seconds: float) -> dict[str, float]:
    """CPU cores that each part is busy with."""
    before, begun = parts.cpu(), time.monotonic()
    await asyncio.sleep(seconds)
    after, took = parts.cpu(), time.monotonic() - begun
    return {name: (after[name] - before.get(name, 0.0)) / took for name in after}


def _log_bytes(folder: Path) -> int:
    return sum(file.stat().st_size for file in (folder / "kafka").rglob(f"{KLINES.name}-*/*.log"))


@asynccontextmanager
async def _viewers(port: int, symbols: Sequence[str], count: int) -> AsyncIterator[None]:
    """Sockets that look at a chart of 1m each, and read all that comes."""
    there = asyncio.Semaphore(0)

    async def look(symbol: str) -> None:
        async with connect_socket(f"ws://127.0.0.1:{port}/ws", max_size=None, compression=None, open_timeout=60) as socket:
            await socket.send(json.dumps({"op": "subscribe", "symbol": symbol, "interval": "1m"}))
            while not any(message["op"] == "snapshot" for message in json.loads(await socket.recv())["messages"]):
                pass
            there.release()
            async for _ in socket:
                pass

    async with asyncio.TaskGroup() as group:
        tasks = []
        for number in range(count):
            tasks.append(group.create_task(look(symbols[number % len(symbols)])))
            if number % 50 == 49:
                await asyncio.sleep(0.2)  # people do not come all at once
        async with asyncio.timeout(PATIENCE):
            for _ in tasks:
                await there.acquire()
        yield
        for task in tasks:
            task.cancel()


async def main(arguments: argparse.Namespace) -> None:
    await storage(arguments.stored, arguments.minutes)
    await processes(arguments.symbols, arguments.sockets, arguments.seconds)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--stored", type=int, default=200, help="symbols of the storage part")
    parser.add_argument("--minutes", type=int, default=60, help="… and its minutes")
    parser.add_argument("--symbols", type=int, default=1000)
    parser.add_argument("--sockets", type=int, default=1000)
    parser.add_argument("--seconds", type=float, default=60)
    uvloop.run(main(parser.parse_args()))
