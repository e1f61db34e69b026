"""The real services as processes, against a simulated exchange in this one, on the shared broker and a database of its own."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from asyncio.subprocess import Process
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import asyncpg
import httpx

from rtchart.broker.admin import ensure_topics
from rtchart.broker.cluster import Cluster
from rtchart.broker.table import TableWriter
from rtchart.broker.topics import SYMBOLS
from rtchart.core.kline import Kline
from rtchart.core.symbol import DesiredSymbol
from rtchart.local.ports import free_ports
from rtchart.sim.exchange import Address
from tests.waiting import wait_until

EPOCH = 1


class Pipeline:
    """Producer, inserter, aggregator and web as processes. Each can be killed and started again.

    More of a kind have a name with a number: ``inserter#2``.
    """

    def __init__(
        self,
        folder: Path,
        *,
        kafka: str,
        prefix: str,
        database: str,
        exchange: Address,
        history_hours: float = 0,
        more: Mapping[str, str] | None = None,
    ) -> None:
        """``more`` are options of every service, ``RTCHART_…`` without that prefix."""
        self.cluster = Cluster(kafka, prefix)
        self.database = database
        self.port, *admin_ports = free_ports(5)
        self.folder = folder
        self._folder = folder
        self._processes: dict[str, Process] = {}
        everyone = {"KAFKA": kafka, "TOPIC_PREFIX": prefix, "LOG_LEVEL": "info", **(more or {})}
        venue = {"EXCHANGE": "sim", "EXCHANGE_WS": exchange.ws, "EXCHANGE_REST": exchange.rest}
        self._options = {
            "producer": {**everyone, **venue, "INSTANCE": "test", "HISTORY_HOURS": str(history_hours)},
            "inserter": {**everyone, "DATABASE": self._url("rtchart_inserter")},
            "aggregator": {**everyone, "DATABASE": self._url("rtchart_aggregator")},
            "web": {**everyone, "DATABASE": self._url("rtchart_web"), "PORT": str(self.port)},
        }
        self.admin_ports = dict(zip(self._options, admin_ports, strict=True))
        for name, port in self.admin_ports.items():
            self._options[name]["ADMIN_PORT"] = str(port)

    async def start(self, *names: str) -> None:
        """Start these services, or all."""
        for name in names or self._options:
            with (self._folder / f"{name}.log").open("ab") as log:
                self._processes[name] = await asyncio.create_subprocess_exec(
                    *self.command(name.partition("#")[0]), env=self.environment(name), stdout=log, stderr=log
                )

    @staticmethod
    def command(*arguments: str) -> tuple[str, ...]:
        """What runs `rtchart` with these arguments."""
        return (sys.executable, "-m", "rtchart", *arguments)

    def environment(self, name: str, **others: str) -> dict[str, str]:
        """What a service runs in, or another command with its options, some of them other ones."""
        return {**os.environ, **{f"RTCHART_{key}": value for key, value in {**self._of(name), **others}.items()}}

    def _of(self, name: str) -> dict[str, str]:
        kind, number, _ = name.partition("#")
        if not number:
            return self._options[kind]
        port, admin_port = free_ports(2)
        own = {"INSTANCE": name, "PORT": str(port), "ADMIN_PORT": str(admin_port)}
        return {
            **self._options[kind],
            **{key: value for key, value in own.items() if key in (*self._options[kind], "INSTANCE")},
        }

    def pid(self, name: str) -> int:
        """Of a service that runs."""
        return self._processes[name].pid

    async def kill(self, name: str) -> None:
        """``kill -9``, and wait until it is gone."""
        process = self._processes.pop(name)
        process.kill()
        await process.wait()

    async def restart(self, name: str) -> None:
        """Kill it in the middle of its work and start it again."""
        await self.kill(name)
        await self.start(name)

    async def stop(self) -> dict[str, int | None]:
        """SIGTERM to all that run; the exit codes of all that were started."""
        for process in self._processes.values():
            if process.returncode is None:
                process.send_signal(signal.SIGTERM)
        async with asyncio.timeout(20):
            await asyncio.gather(*(process.wait() for process in self._processes.values()))
        codes = {name: process.returncode for name, process in self._processes.items()}
        self._processes.clear()
        return codes

    async def want(self, *symbols: str, intervals: tuple[str, ...] = ("1m", "5m", "1h", "1d"), **settings: Any) -> None:
        """Ask for symbols, as `rtchart up` and the operator do. ``settings`` are more of `DesiredSymbol`."""
        await ensure_topics(self.cluster)
        async with self.cluster.producer() as producer:
            await TableWriter[DesiredSymbol](producer, self.cluster, SYMBOLS).put(
                {
                    f"sim:{symbol}": DesiredSymbol("sim", symbol, epoch=EPOCH, intervals=intervals, **settings)  # type: ignore[arg-type]
                    for symbol in symbols
                }
            )

    async def get(self, path: str, **parameters: Any) -> Any:
        """The web server's JSON answer to ``/api/v1/PATH``."""
        async with httpx.AsyncClient(timeout=10) as client:
            answer = await client.get(f"http://127.0.0.1:{self.port}/api/v1/{path}", params=parameters)
            assert answer.status_code == 200, answer.text
            return answer.json()

    async def probe(self, name: str, path: str) -> tuple[int, str]:
        """Status and text of a path on the service's admin port; (0, "") while it does not answer."""
        async with httpx.AsyncClient(timeout=5) as client:
            try:
                answer = await client.get(f"http://127.0.0.1:{self.admin_ports[name]}{path}")
            except httpx.HTTPError:
                return 0, ""
            return answer.status_code, answer.text

    def ended(self) -> dict[str, int]:
        """Exit codes of services that ended by themselves."""
        return {name: process.returncode for name, process in self._processes.items() if process.returncode is not None}

    async def web_is_ready(self) -> None:
        """Wait until ``/readyz`` answers 200."""

        async def ready() -> bool:
            async with httpx.AsyncClient(timeout=5) as client:
                try:
                    return (await client.get(f"http://127.0.0.1:{self.port}/readyz")).status_code == 200
                except httpx.HTTPError:
                    return False

        await wait_until(ready, 30)

    async def fetch(self, sql: str, *arguments: object) -> list[asyncpg.Record]:
        """Rows of the database, as its owner."""
        connection = await asyncpg.connect(self.database)
        try:
            return list(await connection.fetch(sql, *arguments))
        finally:
            await connection.close()

    def logs(self) -> str:
        """What the services said, for a failing test."""
        return "\n".join(f"== {path.name}\n{path.read_text()[-4000:]}" for path in sorted(self._folder.glob("*.log")))

    def lines(self) -> list[str]:
        """All that the services said."""
        return [line for path in self._folder.glob("*.log") for line in path.read_text().splitlines()]

    def _url(self, user: str) -> str:
        scheme, _, rest = self.database.partition("://")
        return f"{scheme}://{user}@{rest.rpartition('@')[2]}"


async def stored_seconds(pipeline: Pipeline, symbol: str, start: int, end: int) -> dict[int, tuple[str, ...]]:
    """What ``kline_1s`` holds of the symbol, by open time: the figures as text."""
    rows = await pipeline.fetch(
        """SELECT open_time, open, high, low, close, volume, quote_volume, trades, taker_buy_volume, taker_buy_quote_volume
           FROM kline_1s JOIN symbol USING (symbol_id)
           WHERE symbol = $1 AND open_time >= $2 AND open_time < $3 ORDER BY open_time""",
        symbol,
        start,
        end,
    )
    return {
        row[0]: tuple(format(value, "f") if not isinstance(value, int) else str(value) for value in row[1:]) for row in rows
    }


async def exchange_seconds(exchange: Address, symbol: str, start: int, end: int) -> dict[int, tuple[str, ...]]:
    """The exchange's own record of the symbol, by REST."""
    seconds: dict[int, tuple[str, ...]] = {}
    async with httpx.AsyncClient(timeout=10) as client:
        while start < end:
            answer = await client.get(
                f"{exchange.rest}/api/v3/klines",
                params={"symbol": symbol, "interval": "1s", "startTime": start, "endTime": end - 1, "limit": 1000},
            )
            rows = answer.json()
            if not rows:
                break
            for t, o, h, l, c, v, _close, q, n, bv, bq, _ in rows:  # noqa: E741 - the venue's order
                seconds[t] = (o, h, l, c, v, q, str(n), bv, bq)
            start = rows[-1][0] + 1000
    return seconds


def content(kline: Kline) -> tuple[str, ...]:
    """A kline's figures, in the order of `stored_seconds`."""
    return tuple(map(str, kline.content))
