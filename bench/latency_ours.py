"""Our way of `bench.latency`: the real producer and the real web server, and sockets that subscribe every symbol."""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass

import msgspec

from bench.latency_sockets import KeepingConnection, open_socket
from bench.processes import cpu_seconds
from rtchart.process.clock import now_us

PER_SOCKET = 50
"""Subscriptions a socket, which is as many as the web allows."""


class Stamps(msgspec.Struct):
    """When a kline was received by the producer, published, consumed by the web, and read from our socket (µs)."""

    received_us: int
    published_us: int
    consumed_us: int
    read_us: int = 0


class _Message(msgspec.Struct):
    op: str
    stamps: Stamps | None = None


class _Frame(msgspec.Struct):
    messages: list[_Message] = []


@dataclass
class Ours:
    """What was found."""

    stamps: list[Stamps]
    """Of every candle message."""
    frames: int
    """That they came in."""
    cpu_us: dict[str, float]
    """What each process used per kline."""


async def ours(web: str, symbols: list[str], warm_up: float, seconds: float, *, others: dict[str, int]) -> Ours:
    """Measure for so many seconds. ``web``: the server's address; ``others``: processes whose CPU time counts, by name."""
    pids: dict[str, int | str] = {**others, "clients": "self"}
    async with asyncio.timeout(seconds + warm_up + 60), asyncio.TaskGroup() as group:
        over = asyncio.Event()
        shares = [symbols[at : at + PER_SOCKET] for at in range(0, len(symbols), PER_SOCKET)]
        sockets = [group.create_task(_subscribe(web, share, over)) for share in shares]
        await asyncio.sleep(warm_up)
        begin, before = now_us(), {name: cpu_seconds(pid) for name, pid in pids.items()}
        await asyncio.sleep(seconds)
        end, used = now_us(), {name: cpu_seconds(pid) - before[name] for name, pid in pids.items()}
        over.set()
    decoder = msgspec.json.Decoder(_Frame)
    stamps: list[Stamps] = []
    frames = 0
    for socket in sockets:
        for read_us, text in socket.result():
            if not begin <= read_us < end:
                continue
            frames += 1
            for message in decoder.decode(text).messages:
                if message.op == "candle" and message.stamps is not None:
                    message.stamps.read_us = read_us
                    stamps.append(message.stamps)
    return Ours(stamps, frames, {name: cpu / len(stamps) * 1e6 for name, cpu in used.items()})


async def _subscribe(web: str, share: list[str], over: asyncio.Event) -> list[tuple[int, bytes]]:
    async with open_socket(f"{web}/ws", KeepingConnection) as socket:
        assert isinstance(socket, KeepingConnection)
        for number, symbol in enumerate(share):
            await socket.send(json.dumps({"op": "subscribe", "id": number, "symbol": symbol, "interval": "1m", "limit": 1}))
        await over.wait()
        return socket.kept
