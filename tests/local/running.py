"""`rtchart up` as a person starts it: a process, what it prints, and its API."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sys
from asyncio.subprocess import PIPE, STDOUT, Process
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Any

import httpx
import psutil

from rtchart.local.ports import free_ports
from tests.waiting import wait_until

STOPS_WITHIN = 30
"""Seconds. The five that are promised are measured by `bench.join`: a busy machine takes longer, and breaks nothing by it."""


def environment() -> dict[str, str]:
    """Without settings of whoever runs the tests."""
    return {name: value for name, value in os.environ.items() if not name.startswith("RTCHART_")}


def alive(process: psutil.Process) -> bool:
    """Whether it does anything yet: what has ended, and only waits for a slow init to be told so, does not."""
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


async def refusal(*arguments: object) -> tuple[int, str]:
    """Exit code and output of an `rtchart up` that ends by itself."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "rtchart", "up"), *map(str, arguments), stdout=PIPE, stderr=STDOUT, env=environment()
    )
    output, _ = await process.communicate()
    assert process.returncode is not None
    return process.returncode, output.decode()


class Running:
    """A run of `rtchart up`."""

    def __init__(self, process: Process, port: int) -> None:
        self.process = process
        self.port = port
        self.said: list[str] = []
        self._http = httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", timeout=5)
        self._reader = asyncio.create_task(self._read())

    @classmethod
    @contextlib.asynccontextmanager
    async def up(
        cls,
        data_dir: Path,
        *arguments: object,
        program: tuple[str | Path, ...] = (sys.executable, "-m", "rtchart"),
        env: Mapping[str, str] | None = None,
    ) -> AsyncIterator[Running]:
        """Start it, with more in its environment; it is killed, with all its processes, if the test did not stop it."""
        (port,) = free_ports(1)
        command = (*program, "up", "--data-dir", data_dir, "--port", port, *arguments)
        process = await asyncio.create_subprocess_exec(
            *map(str, command), stdout=PIPE, stderr=STDOUT, env={**environment(), **(env or {})}
        )
        running = cls(process, port)
        try:
            yield running
        finally:
            if process.returncode is None:
                await running.stop()
            await running._reader
            await running._http.aclose()

    async def ready(self) -> None:
        """Until the page's address is told."""
        await wait_until(lambda: self.process.returncode is not None or self.told("rtchart is at http"), 60)
        assert self.process.returncode is None, self.text

    def told(self, text: str) -> bool:
        return text in self.text

    @property
    def text(self) -> str:
        return "".join(self.said)

    async def get(self, path: str, **parameters: object) -> Any:
        """JSON of the API; None while it does not answer with success."""
        try:
            answer = await self._http.get(path, params={key: str(value) for key, value in parameters.items()})
        except httpx.HTTPError:
            return None
        return answer.json() if answer.is_success else None

    async def klines(self, symbol: str, *, exchange: str, **span: int) -> list[dict[str, Any]]:
        """The newest stored seconds, oldest first; those of a span (``start``, ``end`` in ms) if one is given."""
        answer = await self.get("/api/v1/klines", symbol=symbol, exchange=exchange, limit=1000, **span)
        return answer["klines"] if answer else []

    async def forming(self, symbol: str, *, exchange: str) -> dict[str, Any]:
        """The newest candle; empty before there is one."""
        answer = await self.get("/api/v1/candles", symbol=symbol, exchange=exchange, interval="1m", limit=1)
        return answer["candles"][-1] if answer and answer["candles"] else {}

    async def until_it_moves(self, symbol: str, *, exchange: str) -> None:
        """Until the candle of the symbol has changed in front of our eyes."""

        async def seen() -> tuple[int, int]:
            now = await self.forming(symbol, exchange=exchange)
            # A minute of which only the past was fetched was received at no time.
            return (now["open_time"], now["received"] or 0) if now else (0, 0)

        async def there() -> bool:
            return await seen() > (0, 0)

        await wait_until(there, 90)
        first = await seen()

        async def moved() -> bool:
            return await seen() > first

        await wait_until(moved, 30)

    def children(self) -> dict[str, psutil.Process]:
        """Its processes: services by their command, engines by their program."""
        found = {}
        for child in psutil.Process(self.process.pid).children():
            with contextlib.suppress(psutil.NoSuchProcess):
                command = child.cmdline()
                name = command[command.index("rtchart") + 1] if "rtchart" in command else Path((*command, "?")[0]).name
                found[name] = child
        return found

    async def stop(self, number: signal.Signals = signal.SIGTERM) -> list[psutil.Process]:
        """Ask it to end, wait for that, and return which of its processes are left."""
        left = [child for child in psutil.Process(self.process.pid).children(recursive=True)]
        self.process.send_signal(number)
        try:
            async with asyncio.timeout(STOPS_WITHIN):
                await self.process.wait()
        except TimeoutError:
            self.process.kill()
            await self.process.wait()
            raise AssertionError(f"still there {STOPS_WITHIN} s after {number.name}: {self.text}") from None
        return [child for child in left if alive(child)]

    async def _read(self) -> None:
        assert self.process.stdout
        async for line in self.process.stdout:
            self.said.append(line.decode())
