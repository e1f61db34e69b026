"""The market's time, which may run faster than the machine's, or stand still until a test moves it."""

from __future__ import annotations

import asyncio
import heapq
from itertools import count
from typing import Protocol

from rtchart.process.clock import now_ms, now_us


class Clock(Protocol):
    """Milliseconds since the epoch, and a way to wait for them."""

    def now(self) -> int:
        """The time (ms)."""

    async def sleep_until(self, time: int) -> None:
        """Return at ``time`` (ms); at once when it is past."""


class MarketClock:
    """Starts at ``start`` (ms; default: the time of the machine) and runs ``rate`` times as fast as the machine's clock."""

    def __init__(self, rate: float = 1, start: int | None = None) -> None:
        self._rate = rate
        self._from = now_us()
        self._start = now_ms() if start is None else start

    def now(self) -> int:
        return self._start + int((now_us() - self._from) * self._rate) // 1_000

    async def sleep_until(self, time: int) -> None:
        while (left := time - self.now()) > 0:  # noqa: ASYNC110 - again, when it woke a moment early
            await asyncio.sleep(left / 1_000 / self._rate)


class ManualClock:
    """Stands still until it is moved."""

    def __init__(self, start: int) -> None:
        self._now = start
        self._order = count()
        self._sleepers: list[tuple[int, int, asyncio.Future[None]]] = []

    def now(self) -> int:
        return self._now

    async def sleep_until(self, time: int) -> None:
        if time > self._now:
            awake = asyncio.get_running_loop().create_future()
            heapq.heappush(self._sleepers, (time, next(self._order), awake))
            await awake

    def advance(self, by: int) -> None:
        """Move on by so many ms, and wake who slept until then."""
        self._now += by
        while self._sleepers and self._sleepers[0][0] <= self._now:
            _, _, awake = heapq.heappop(self._sleepers)
            if not awake.done():
                awake.set_result(None)
