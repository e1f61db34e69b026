"""Many sockets from one process, for `tests.chaos.test_sockets`: ``python -m tests.chaos.crowd URL COUNT SECONDS``.

Each looks at one symbol's seconds. A few are no good clients: the slow ones read a little at a time, the stalled ones nothing,
the flooding ones send without end. At the end it prints one JSON object.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from collections import Counter
from contextlib import suppress
from typing import Any

import uvloop
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

SUBSCRIBE = {"op": "subscribe", "symbol": "BTCUSDT", "interval": "1s", "limit": 60}
AT_ONCE = 200
BAD = 10
"""Of each bad kind."""


class Crowd:
    """The clients, and what came of them."""

    def __init__(self, url: str, count: int) -> None:
        self.url = url
        self.count = count
        self.opened = 0
        self.closed: Counter[str] = Counter()
        self.seconds: list[set[int]] = []
        """Open times of the seconds that each good client saw."""
        self.late: list[float] = []
        self._turn = asyncio.Semaphore(AT_ONCE)

    async def open(self, **options: Any) -> ClientConnection:
        async with self._turn:
            connection = await connect(
                self.url, compression=None, max_size=None, ping_interval=None, open_timeout=120, close_timeout=5, **options
            )
            await connection.send(json.dumps(SUBSCRIBE))
        self.opened += 1
        return connection

    async def good(self) -> None:
        connection, seen = await self.open(), set[int]()
        self.seconds.append(seen)
        with suppress(ConnectionClosed):
            while True:
                for message in json.loads(await connection.recv())["messages"]:
                    if message["op"] == "candle":
                        seen.add(message["candle"]["open_time"])
                        self.late.append(time.time() - message["candle"]["open_time"] / 1000 - 1)
        self.closed[f"good {connection.close_code}"] += 1

    async def slow(self) -> None:
        connection = await self.open(max_queue=1)
        with suppress(ConnectionClosed):
            while True:
                await connection.recv()
                await asyncio.sleep(3)
        self.closed[f"slow {connection.close_code}"] += 1

    async def stalled(self) -> None:
        connection = await self.open()
        connection.transport.pause_reading()
        for symbol in ("BTCUSDT", "ETHUSDT"):
            for interval in ("1s", "1m", "5m", "1h"):
                with suppress(ConnectionClosed):
                    await connection.send(
                        json.dumps({"op": "subscribe", "symbol": symbol, "interval": interval, "limit": 1000})
                    )
        await asyncio.Event().wait()

    async def flooding(self) -> None:
        connection = await self.open()

        async def flood() -> None:
            with suppress(ConnectionClosed):
                while True:
                    await connection.send(json.dumps({"op": "subscribe", "channel": "tickers"}))
                    await asyncio.sleep(0)  # the others are in this process too

        flooding = asyncio.create_task(flood())
        with suppress(ConnectionClosed):
            while True:
                await connection.recv()
        await flooding
        self.closed[f"flooding {connection.close_code}"] += 1


async def main(url: str, count: int, seconds: float) -> None:
    crowd, began = Crowd(url, count), time.monotonic()
    kinds = [crowd.slow] * BAD + [crowd.stalled] * BAD + [crowd.flooding] * BAD + [crowd.good] * (count - 3 * BAD)
    clients = [asyncio.create_task(kind()) for kind in kinds]
    while crowd.opened < count:
        await asyncio.sleep(0.1)
        for client in clients:
            if client.done() and not client.cancelled() and (error := client.exception()) is not None:
                raise error
    opening = time.monotonic() - began
    print(json.dumps({"opened": crowd.opened}), flush=True)
    since = int(time.time()) * 1000
    crowd.late.clear()
    await asyncio.sleep(seconds)
    until = int(time.time()) * 1000
    while any(max(seen, default=0) < until for seen in crowd.seconds):  # noqa: ASYNC110 - nobody is left behind
        await asyncio.sleep(0.1)
    closed = dict(crowd.closed)
    wanted = set(range(since + 2_000, until - 2_000, 1_000))
    late = sorted(crowd.late)
    print(
        json.dumps(
            {
                "opening_s": round(opening, 1),
                "good": len(crowd.seconds),
                "seconds": len(wanted),
                "missed": sum(len(wanted - seen) for seen in crowd.seconds),
                "late_ms": [round(late[int(len(late) * share)] * 1000) for share in (0.5, 0.99)],
                "closed": closed,
            }
        ),
        flush=True,
    )
    for client in clients:
        client.cancel()
    await asyncio.gather(*clients, return_exceptions=True)


if __name__ == "__main__":
    uvloop.run(main(sys.argv[1], int(sys.argv[2]), float(sys.argv[3])))
