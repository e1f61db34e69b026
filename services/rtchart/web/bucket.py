"""A token bucket: so much a second, and a burst that has been saved up."""

from __future__ import annotations

import time
from collections.abc import Callable


class Bucket:
    """It is full at first. ``rate`` comes back each second, up to ``burst``; ``clock`` gives seconds that never go back."""

    __slots__ = ("_burst", "_clock", "_filled_at", "_left", "_rate")

    def __init__(self, rate: float, burst: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._rate = rate
        self._burst = burst
        self._clock = clock
        self._left = burst
        self._filled_at = clock()

    def take(self, cost: float = 1.0) -> float:
        """Take so much and give 0; or take nothing, and give the seconds after which there will be enough.

        What costs more than the burst is had for a full bucket.
        """
        self._fill()
        cost = min(cost, self._burst)
        if cost > self._left:
            return (cost - self._left) / self._rate
        self._left -= cost
        return 0.0

    def owe(self, cost: float) -> float:
        """Take so much in any case; the seconds after which it is paid for. Who waits so long has a place in the queue."""
        self._fill()
        self._left -= min(cost, self._burst)
        return max(0.0, -self._left / self._rate)

    def _fill(self) -> None:
        now = self._clock()
        self._left = min(self._burst, self._left + (now - self._filled_at) * self._rate)
        self._filled_at = now
