"""What the exchange allows: request weight a minute, messages and connection attempts in a rolling window.

These count the machine's time (ms, handed in), not the market's: they bound clients.
"""

from __future__ import annotations

from collections import deque
from typing import NamedTuple

from rtchart.core.interval import MINUTE


class Rolling:
    """At most ``limit`` events in any ``window`` ms."""

    def __init__(self, limit: int, window: int) -> None:
        self._limit = limit
        self._window = window
        self._times: deque[int] = deque()

    def allow(self, now: int) -> bool:
        """Count an event, and tell whether it is within the limit."""
        while self._times and self._times[0] <= now - self._window:
            self._times.popleft()
        self._times.append(now)
        if len(self._times) <= self._limit:
            return True
        self._times.popleft()  # bounded, and a flood stays over the limit
        return False


class Refusal(NamedTuple):
    """Why a request is not answered: 429, or 418 when it went on. ``until`` is ms, ``retry_after`` seconds."""

    status: int
    retry_after: int
    until: int


class Weights:
    """The weight that one address used in this minute, and what it has earned by using too much.

    Binance, REST API, LIMITS: counters of calendar minutes; 429 over the limit; 418, a ban that grows from 2 minutes to 3
    days, for who goes on. How often one may go on is not documented: ``patience`` requests here.
    """

    _SHORTEST_BAN = 2 * MINUTE
    _LONGEST_BAN = 3 * 24 * 60 * MINUTE

    def __init__(self, limit: int = 6_000, patience: int = 10) -> None:
        self._limit = limit
        self._patience = patience
        self._minute = -1
        self.used = 0
        self._ignored = 0
        self._ban = self._SHORTEST_BAN
        self._banned_until = 0

    def take(self, weight: int, now: int) -> Refusal | None:
        """Count a request at the time ``now`` (ms); a refusal when it is one too many."""
        if now < self._banned_until:
            return self._refusal(418, self._banned_until, now)
        if now // MINUTE != self._minute:
            self._minute, self.used, self._ignored = now // MINUTE, 0, 0
        self.used += weight
        if self.used <= self._limit:
            return None
        self._ignored += 1
        if self._ignored <= self._patience:
            return self._refusal(429, (self._minute + 1) * MINUTE, now)
        self._banned_until = now + self._ban
        self._ban = min(self._ban * 2, self._LONGEST_BAN)
        return self._refusal(418, self._banned_until, now)

    @staticmethod
    def _refusal(status: int, until: int, now: int) -> Refusal:
        return Refusal(status, -(-(until - now) // 1_000), until)
