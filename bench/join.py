"""How long a person waits under ``rtchart up --exchange sim``.

In each round it is started on the same data folder, until it tells the page's address; a manifest is added, until the new
symbol's forming candle is on a socket that did what the page does; each service is killed with SIGKILL, until it is ready
again; SIGTERM is sent, until not one of its processes is left.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import signal
import statistics
import sys
import tempfile
import time
from asyncio.subprocess import PIPE, STDOUT, Process
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import httpx
import psutil
import uvloop
from websockets.asyncio.client import ClientConnection, connect

from rtchart.local.ports import free_ports

GOALS = {"manifest → its candle on a socket": 3.0, "SIGTERM → nothing left": 5.0}
SERVICES = ("exchange", "producer", "inserter", "aggregator", "web")
PATIENCE = 90.0
"""Seconds after which a wait is given up."""

Took = dict[str, list[float]]
"""Seconds, one a round, by what they were waited for."""

_MANIFEST = """\
apiVersion: rtchart.dev/v1alpha1
kind: Symbol
metadata: {{name: {name}}}
spec: {{symbol: {symbol}}}
"""


@contextlib.asynccontextmanager
async def started(folder: Path, port: int) -> AsyncIterator[Process]:
    """``rtchart up`` that has told the page's address; killed if it was not stopped."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "rtchart", "up", "--exchange", "sim", "--data-dir", str(folder), "--port", str(port)),
        stdout=PIPE,
        stderr=STDOUT,
    )
    assert process.stdout
    said = b""
    try:
        async with asyncio.timeout(PATIENCE):
            while b"rtchart is at" not in said:
                if not (line := await process.stdout.readline()):
                    raise RuntimeError(f"rtchart up ended: {said.decode()}")
                said += line
        reading = asyncio.create_task(process.stdout.read())  # or the pipe fills
        yield process
        await reading
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


async def until(condition: Callable[[], Awaitable[bool]]) -> None:
    """Look every 10 ms."""
    async with asyncio.timeout(PATIENCE):
        while not await condition():  # noqa: ASYNC110 - another process is waited for
            await asyncio.sleep(0.01)


# ── A manifest ──────────────────────────────────────────────────────────────────────────────────────────────────────────


async def join(folder: Path, port: int, symbol: str, took: Took) -> None:
    """Add the symbol's manifest, and look as the page does: it opens a chart when it is told of the symbol."""
    async with connect(f"ws://127.0.0.1:{port}/ws", max_size=None) as socket, asyncio.timeout(PATIENCE):
        await socket.send(json.dumps({"op": "subscribe", "channel": "tickers"}))
        await anext(_messages(socket))
        manifest = folder / "symbols" / f"{symbol.lower()}.yaml"
        began = time.monotonic()
        manifest.write_text(_MANIFEST.format(name=symbol.lower(), symbol=symbol))
        async for message in _messages(socket):
            if message["op"] == "symbols" and any(each["symbol"] == symbol for each in message["symbols"]):
                break
        _note(took, "  … of it, until the symbol is listed", began)
        await socket.send(json.dumps({"op": "subscribe", "symbol": symbol, "interval": "1m"}))
        async for message in _messages(socket):
            if message.get("symbol") == symbol and _forming(message):
                break
        _note(took, "manifest → its candle on a socket", began)


async def _messages(socket: ClientConnection) -> AsyncIterator[dict[str, Any]]:
    async for frame in socket:
        for message in json.loads(frame)["messages"]:
            yield message


def _forming(message: dict[str, Any]) -> bool:
    """Whether it brings a candle that a second of the stream is in, and not only the past."""
    candles = message["candles"][-1:] if message["op"] == "snapshot" else [message.get("candle")]
    return any(candle and not candle["closed"] and candle["received"] for candle in candles)


# ── A kill, and the end ─────────────────────────────────────────────────────────────────────────────────────────────────


def service(up: Process, name: str) -> psutil.Process | None:
    """The process of the service that runs now."""
    for child in psutil.Process(up.pid).children():
        with contextlib.suppress(psutil.Error):
            if child.cmdline()[-2:] == ["rtchart", name]:
                return child
    return None


def probe(process: psutil.Process, name: str) -> str:
    """The URL that answers 200 when it is ready."""
    options = process.environ()
    if name == "exchange":  # without an admin port
        return f"http://127.0.0.1:{options['RTCHART_PORT']}/api/v3/ping"
    return f"http://127.0.0.1:{options['RTCHART_ADMIN_PORT']}/readyz"


async def killed(up: Process, name: str, took: Took) -> None:
    """Kill the service, and wait until the one started in its place is ready."""
    process = service(up, name)
    assert process, f"{name} does not run"
    began = time.monotonic()
    process.kill()
    async with httpx.AsyncClient() as http:

        async def ready() -> bool:
            again = service(up, name)
            if again is None or again.pid == process.pid:
                return False
            with contextlib.suppress(httpx.HTTPError, psutil.Error):
                return (await http.get(probe(again, name))).is_success
            return False

        await until(ready)
    _note(took, f"kill -9 of {name} → ready again", began)


async def ended(up: Process, took: Took) -> None:
    """Ask it to stop, and wait until all that it started is gone."""
    everyone = psutil.Process(up.pid).children(recursive=True)
    began = time.monotonic()
    up.send_signal(signal.SIGTERM)
    await up.wait()

    async def gone() -> bool:
        return not any(process.is_running() for process in everyone)

    await until(gone)
    _note(took, "SIGTERM → nothing left", began)


def _note(took: Took, what: str, began: float) -> None:
    took.setdefault(what, []).append(time.monotonic() - began)


async def main(rounds: int) -> None:
    took: Took = {}
    with tempfile.TemporaryDirectory(prefix="rtchart-bench-", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        for number in range(rounds):
            (port,) = free_ports(1)
            began = time.monotonic()
            async with started(folder, port) as up:
                _note(took, "start → the page's address is told" if number else "the first start", began)
                await join(folder, port, f"NEW{number}USDT", took)
                for each in SERVICES:
                    await killed(up, each, took)
                await ended(up, took)
    print(f"join, {rounds} rounds of rtchart up --exchange sim with 2 symbols and one more each round")
    for what, seconds in took.items():
        goal = f"   (goal {GOALS[what]:g} s)" if what in GOALS else ""
        print(f"  {what:38} median {statistics.median(seconds):5.2f} s   worst {max(seconds):5.2f} s{goal}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    uvloop.run(main(parser.parse_args().rounds))
