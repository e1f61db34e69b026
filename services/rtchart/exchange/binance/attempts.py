"""When a connection is attempted: at once when that is good for the user, and never so often that it is bad for the venue.

A venue that is away is knocked at by one shard, each second or two, for as long as it takes, so that all are back seconds after
it is; the others follow when that one carries, spread over a moment. A shard that fails while others carry has a trouble of its
own, and waits longer each time. Under all of it is the venue's own bound of attempts per address.
"""

from __future__ import annotations

import asyncio
import logging
import random
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from rtchart.exchange.binance import limits
from rtchart.process.logs import fields

log = logging.getLogger(__name__)

KNOCK = (0.5, 2.5)
"""Seconds between two attempts at a venue that is away, drawn: 200 in the five minutes in which 300 are allowed."""

FIRST_WAIT = 0.5
"""Seconds within which a connection that was lost is attempted again, drawn; more for many shards."""

SPREAD = 0.03
"""Seconds per shard over which the attempts of many are spread."""

FIRST_BACKOFF = 1.0
MAX_BACKOFF = 30.0


def first_wait(shards: int) -> float:
    """The longest wait (s) before an attempt that follows a good connection, or a venue's return."""
    return max(FIRST_WAIT, SPREAD * shards)


def back_off(failures: int) -> float:
    """The longest wait (s) of a shard that failed so often in a row while others carried."""
    return min(FIRST_BACKOFF * 2.0 ** min(failures - 1, 16), MAX_BACKOFF)


class Attempts:
    """Of all shards of one stream. ``draw`` gives a number between two, for tests."""

    def __init__(self, draw: Callable[[float, float], float] = random.uniform) -> None:
        self._draw = draw
        # Attempts are counted per address, whoever makes them; a tenth is left to others here.
        self._window = limits.RollingWindow(limits.CONNECTION_ATTEMPTS * 9 // 10, limits.ATTEMPTS_WINDOW)
        self._blocked_until = 0.0
        self._knocking = False
        self._changed = asyncio.Condition()

    @asynccontextmanager
    async def turn(self, *, failed: bool, alone: int, shards: int, there: Callable[[], bool]) -> AsyncIterator[None]:
        """Wait for the time of a shard's attempt; stay in it until its outcome is known.

        Whether its last connection ``failed``, how often it failed in a row while others of the ``shards`` carried
        (``alone``), and whether any carries now (``there``).
        """
        knocks = False
        if failed:
            async with self._changed:
                await self._changed.wait_for(lambda: there() or not self._knocking)
                knocks = self._knocking = not there()
        try:
            if knocks:
                wait = self._draw(*KNOCK)
            elif alone:
                wait = self._draw(0.0, back_off(alone))
            else:
                wait = self._draw(0.0, first_wait(shards))
            await asyncio.sleep(wait)
            await self._allowed()
            yield
        finally:
            if knocks:
                self._knocking = False
                await self.tell()

    async def tell(self) -> None:
        """Whether any shard carries may have changed."""
        async with self._changed:
            self._changed.notify_all()

    def block(self, seconds: float) -> None:
        """The venue says that nobody may try for so long."""
        self._blocked_until = max(self._blocked_until, time.monotonic() + seconds)

    async def _allowed(self) -> None:
        """Wait until one more attempt is allowed, and count it."""
        while (wait := max(self._window.delay(now := time.monotonic()), self._blocked_until - now)) > 0:
            log.warning("the exchange allows no connection attempt yet", extra=fields(waiting_s=round(wait, 1)))
            await asyncio.sleep(wait)
        self._window.add(time.monotonic())
