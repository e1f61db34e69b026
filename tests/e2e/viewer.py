"""A client that looks at a symbol's seconds, and comes back to where it was whenever its socket ends."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Any

from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake

from rtchart.core.interval import SECOND
from rtchart.process.clock import now_ms
from tests.e2e.release import Release

PAUSE = 0.3
"""Seconds between two tries to connect."""
AGAIN = 1.0
"""Seconds between two questions for what was repaired: it is told when Kafka has it, and stored a little later."""


class Viewer:
    """Holds the candles as the page does: a snapshot, what changed since, and after a break what came meanwhile."""

    def __init__(self, release: Release, symbol: str) -> None:
        self.symbol = symbol
        self.candles: dict[int, dict[str, Any]] = {}
        self.codes: list[int] = []
        """With which each socket was closed; 1006: it broke."""
        self.story: list[str] = []
        """What happened to it besides candles, for who has to find out why it lacks some."""
        self._repaired: set[int] = set()
        """Seconds of gaps that were told as repaired."""
        self._url = f"{release.web.ws}/ws"

    async def watch(self) -> None:
        """For ever."""
        while True:
            with suppress(OSError, InvalidHandshake, TimeoutError):
                async with connect(self._url, max_size=None, open_timeout=5, ping_interval=5, ping_timeout=10) as socket:
                    asking = asyncio.create_task(self._ask(socket))
                    try:
                        await self._subscribe(socket)
                        async for text in socket:
                            await self._take(socket, json.loads(text)["messages"])
                    except ConnectionClosed:
                        pass
                    finally:
                        asking.cancel()
                    self.codes.append(socket.close_code or 1006)
                    self.story.append(f"{now_ms()} closed with {self.codes[-1]}")
            await asyncio.sleep(PAUSE)

    async def _subscribe(self, socket: Any) -> None:
        request = {"op": "subscribe", "exchange": "sim", "symbol": self.symbol, "interval": "1s", "limit": 1000}
        await socket.send(json.dumps(request | ({"since": self._whole_until()} if self.candles else {})))

    async def _ask(self, socket: Any) -> None:
        """As long as it lacks something that was repaired, as the page does."""
        with suppress(ConnectionClosed):
            while True:
                await asyncio.sleep(AGAIN)
                if self.candles and any(time not in self.candles for time in self._repaired if time > min(self.candles)):
                    await self._subscribe(socket)

    def _whole_until(self) -> int:
        """The last second before the first that it lacks."""
        time = min(self.candles)
        while time + SECOND in self.candles:
            time += SECOND
        return time

    async def _take(self, socket: Any, messages: list[dict[str, Any]]) -> None:
        for message in messages:
            if message["op"] != "candle":
                told = {key: value for key, value in message.items() if key != "candles"}
                self.story.append(f"{now_ms()} {told} {[each['open_time'] for each in message.get('candles', ())][:1]}")
            match message["op"]:
                case "snapshot":
                    self.candles |= {each["open_time"]: each for each in message["candles"]}
                case "candle" | "revision":
                    self.candles[message["candle"]["open_time"]] = message["candle"]
                case "gap" if message["gap"]["state"] == "repaired":
                    # Later than 45 s after its minute, a second is not pushed by itself.
                    self._repaired |= set(range(message["gap"]["start"], message["gap"]["end"], SECOND))
                    await self._subscribe(socket)
                case "resync" | "error":
                    # A web that has just started does not know the symbols yet.
                    await asyncio.sleep(PAUSE)
                    await self._subscribe(socket)

    def seconds(self, start: int, end: int) -> dict[int, tuple[str, ...]]:
        """What it holds, as `tests.pipeline.running.exchange_seconds` gives it."""
        names = (
            "open",
            "high",
            "low",
            "close",
            "volume",
            "quote_volume",
            "trades",
            "taker_buy_volume",
            "taker_buy_quote_volume",
        )
        return {
            time: tuple(str(candle[name]) for name in names) for time, candle in self.candles.items() if start <= time < end
        }


@asynccontextmanager
async def viewing(release: Release, symbol: str) -> AsyncIterator[Viewer]:
    """A viewer that watches meanwhile."""
    viewer = Viewer(release, symbol)
    task = asyncio.create_task(viewer.watch())
    try:
        yield viewer
        if task.done():
            await task  # raises why it ended
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
