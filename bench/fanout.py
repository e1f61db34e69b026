"""Socket fan-out: deliveries per CPU second of the server, against a bare Quart loop and a bare `websockets` broadcast.

    python -m bench.fanout [--clients 200] [--seconds 2.5] [--rounds 2]

A delivery is one message at one client. Each contender is a process of its own; 60 times a second it sends what changed to
every client, in turns with the others. Ours is given klines and does all that the service does with them (maps, folds, encodes,
one frame a tick); the bare ones send a text of the same size that is encoded already. Clients read in a further process and
count what comes. Twice: one candle changes in a tick, and ten do (ten subscriptions a client).
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import statistics
import sys
import time
from collections.abc import Callable
from typing import cast

import uvloop
from quart import Quart, websocket
from websockets.asyncio.server import ServerConnection, broadcast, serve

from bench import instrumentation
from rtchart.core.kline import Kline
from rtchart.core.symbol import DesiredSymbol
from rtchart.process.clock import now_ms, now_us
from rtchart.process.health import Health
from rtchart.store.reader import Reader
from rtchart.web import server
from rtchart.web.addresses import NO_LIMITS
from rtchart.web.admission import Rules
from rtchart.web.api import Sources
from rtchart.web.app import create_app
from rtchart.web.catalog import Catalog
from rtchart.web.hub import Hub
from rtchart.web.listening import listen
from rtchart.web.market import Market
from rtchart.web.page import Site
from rtchart.web.views import Views

CONTENDERS = ("ours", "quart", "websockets")
TICKS_A_SECOND = 60
TEXT = json.dumps({"op": "candle", "padding": "x" * 520})  # as long as one of ours

Tick = Callable[[int], None]


def symbol(number: int) -> str:
    return f"COIN{number}"


# ── contenders ───────────────────────────────────────────────────────────────────────────────────────────────────────


async def ours(port: asyncio.Future[int]) -> Tick:
    catalog = Catalog()
    market = Market(catalog)
    hub, history = Hub(market, now_ms), Reader("postgresql://127.0.0.1:1/none", service="web")
    catalog.wish({f"sim:{symbol(n)}": DesiredSymbol("sim", symbol(n), epoch=0) for n in range(10)})
    sources = Sources(catalog, market, hub, Views(market, catalog, history, now_ms), history, now_ms, lambda: 0, lambda: {})
    app = create_app(sources, Health(), Site("", {}, {}, ""), Rules(limits=NO_LIMITS, max_connections=10_000))
    await _quart(app, port)
    second = now_ms() // 1000 * 1000

    def tick(changes: int) -> None:
        nonlocal second
        second += 1000
        now = now_us()
        for number in range(changes):
            price = f"{second % 100_000 / 1000:.8f}"
            kline = Kline(
                "sim", symbol(number), second, price, price, price, price, "0.00701000", "697.57000000", 4, "0.00100000",
                "99.51000000", second + 1005, "stream", 0, now, now,
            )  # fmt: skip
            market.take(f"sim:{symbol(number)}".encode(), kline)
        hub.tick(now)
        if second % 60_000 == 0:
            for entry in market:
                entry.live.seal(second)

    return tick


async def quart(port: asyncio.Future[int]) -> Tick:
    app = Quart("bare", static_folder=None)
    ticked, sends = asyncio.Event(), 0

    @app.websocket("/ws")
    async def socket() -> None:
        await websocket.accept()
        while True:
            await ticked.wait()
            for _ in range(sends):
                await websocket.send(TEXT)

    await _quart(app, port)

    def tick(changes: int) -> None:
        nonlocal ticked, sends
        done, ticked, sends = ticked, asyncio.Event(), changes
        done.set()

    return tick


async def websockets(port: asyncio.Future[int]) -> Tick:
    clients: set[ServerConnection] = set()

    async def handler(connection: ServerConnection) -> None:
        clients.add(connection)
        with contextlib.suppress(Exception):
            await connection.wait_closed()
        clients.discard(connection)

    running = await serve(handler, "127.0.0.1", 0, compression=None)
    port.set_result(running.sockets[0].getsockname()[1])

    def tick(changes: int) -> None:
        for _ in range(changes):
            broadcast(clients, TEXT)

    return tick


async def _quart(app: Quart, port: asyncio.Future[int]) -> None:
    listener = listen("127.0.0.1", 0)
    port.set_result(listener.getsockname()[1])
    task = asyncio.create_task(server.run(app, listener, asyncio.Event()))
    app.extensions["serving"] = task


async def contend(name: str) -> None:
    """Serve on a free port (first line of output). Each line of input drives a round, and its CPU seconds are printed, or with
    ``counted`` those of them that metrics have."""
    port: asyncio.Future[int] = asyncio.get_running_loop().create_future()
    tick = await {"ours": ours, "quart": quart, "websockets": websockets}[name](port)
    print(await port, flush=True)
    loop = asyncio.get_running_loop()
    while line := await loop.run_in_executor(None, sys.stdin.readline):
        changes, seconds, *counted = json.loads(line)
        began, cpu = time.monotonic(), time.process_time()
        none: instrumentation.Calls = {}
        with instrumentation.counted() if counted else contextlib.nullcontext(none) as calls:
            for number in range(round(seconds * TICKS_A_SECOND)):
                tick(changes)
                await asyncio.sleep(max(0.0, began + (number + 1) / TICKS_A_SECOND - time.monotonic()))
        print(instrumentation.seconds(calls) if counted else time.process_time() - cpu, flush=True)


# ── clients ──────────────────────────────────────────────────────────────────────────────────────────────────────────


class Counter(asyncio.Protocol):
    """A client that counts the messages in the frames it gets, and parses no more than it must."""

    def __init__(self, subscriptions: int) -> None:
        self.subscriptions = subscriptions
        self.opened: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.messages = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)  # uvloop's has the methods, not the base
        self.transport.write(
            b"GET /ws HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            b"Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nSec-WebSocket-Version: 13\r\n\r\n"
        )

    def data_received(self, data: bytes) -> None:
        if not self.opened.done():
            self.opened.set_result(None)
            for number in range(self.subscriptions):
                self.transport.write(_masked(json.dumps({"op": "subscribe", "symbol": symbol(number)}).encode()))
        self.messages += data.count(b'"op":"candle"') + data.count(b'"op": "candle"')


def _masked(text: bytes) -> bytes:
    return bytes((0x81, 0x80 | len(text))) + bytes(4) + text  # with a mask of zeros; shorter than 126 bytes


async def read(port: int, clients: int, subscriptions: int) -> None:
    """Connect, say so, and at a line of input print how many messages came since the line before."""
    loop = asyncio.get_running_loop()
    readers = []
    for _ in range(clients):
        _, reader = await loop.create_connection(lambda: Counter(subscriptions), "127.0.0.1", port)
        await reader.opened
        readers.append(reader)
    await asyncio.sleep(0.5)
    print("connected", flush=True)
    while await loop.run_in_executor(None, sys.stdin.readline):
        print(sum(reader.messages for reader in readers), flush=True)


# ── rounds ───────────────────────────────────────────────────────────────────────────────────────────────────────────


class Child:
    """A process of this module."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process

    @classmethod
    async def start(cls, *arguments: object) -> Child:
        pipe = asyncio.subprocess.PIPE
        return cls(
            await asyncio.create_subprocess_exec(
                sys.executable, "-m", "bench.fanout", *map(str, arguments), stdin=pipe, stdout=pipe
            )
        )

    async def line(self) -> str:
        assert self._process.stdout is not None
        async with asyncio.timeout(60):
            return (await self._process.stdout.readline()).decode().strip()

    async def ask(self, question: str = "") -> str:
        assert self._process.stdin is not None
        self._process.stdin.write(question.encode() + b"\n")
        return await self.line()

    async def end(self) -> None:
        with contextlib.suppress(ProcessLookupError):  # it ended by itself, and has said why
            self._process.kill()
        await self._process.wait()


async def compare(clients: int, seconds: float, rounds: int, changes: int) -> dict[str, float]:
    """Deliveries per CPU second of each contender: the median of its rounds."""
    children: list[Child] = []
    found: dict[str, list[float]] = {name: [] for name in CONTENDERS}
    try:
        servers, readers = {}, {}
        for name in CONTENDERS:
            servers[name] = await Child.start("--contend", name)
            children.append(servers[name])
            there = ("--clients", clients, "--subscriptions", changes if name == "ours" else 0)
            readers[name] = await Child.start("--read", await servers[name].line(), *there)
            children.append(readers[name])
            assert await readers[name].line() == "connected"
        for _ in range(rounds):
            for name in CONTENDERS:
                before = int(await readers[name].ask())
                cpu = float(await servers[name].ask(json.dumps([changes, seconds])))
                await asyncio.sleep(0.2)
                found[name].append((int(await readers[name].ask()) - before) / cpu)
    finally:
        for child in children:
            await child.end()
    return {name: statistics.median(figures) for name, figures in found.items()}


async def main(clients: int, seconds: float, rounds: int) -> None:
    for changes in (1, 10):
        found = await compare(clients, seconds, rounds, changes)
        what = f"{changes} candle{'s' * (changes > 1)} a tick, {TICKS_A_SECOND} ticks/s"
        print(f"{clients} clients, {what}; deliveries per CPU second:")
        print("  " + ", ".join(f"{name} {figure:,.0f}" for name, figure in found.items()))
        print(f"  ours / bare Quart      {found['ours'] / found['quart']:.2f}")
        print(f"  ours / bare websockets {found['ours'] / found['websockets']:.2f}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--clients", type=int, default=200)
    parser.add_argument("--seconds", type=float, default=2.5)
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--contend", choices=CONTENDERS, help=argparse.SUPPRESS)
    parser.add_argument("--read", type=int, help=argparse.SUPPRESS)
    parser.add_argument("--subscriptions", type=int, default=0, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.contend:
        uvloop.run(contend(given.contend))
    elif given.read:
        uvloop.run(read(given.read, given.clients, given.subscriptions))
    else:
        uvloop.run(main(given.clients, given.seconds, given.rounds))
