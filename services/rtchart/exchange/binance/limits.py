"""Binance's limits, and the accounts that keep us inside them. Time comes in as an argument, in seconds of any steady clock.

Facts from Binance spot's documents: Web Socket Streams, General Information; REST API, Limits. What is marked (observed) is
not in them.
"""

from __future__ import annotations

from collections import deque
from typing import Protocol

STREAMS_PER_CONNECTION = 1_024
MESSAGES_PER_SECOND = 5
"""That a connection may receive from us: PING, PONG and JSON together. Over it, it is closed with 1008 (observed)."""
SUBSCRIBE_BYTES = 4_088
"""A SUBSCRIBE of more bytes is never answered (observed)."""
CONNECTION_ATTEMPTS = 300
"""Per `ATTEMPTS_WINDOW` and address."""
ATTEMPTS_WINDOW = 300.0
LIFETIME = 24 * 3600.0
"""Seconds after which the server closes every connection."""
WEIGHT_PER_MINUTE = 6_000
"""Of REST requests, per address."""
KLINES_PER_REQUEST = 1_000

WEIGHT_KLINES = 2
WEIGHT_EXCHANGE_INFO = 20
WEIGHT_TIME = 1

_TICK = 0.001
"""The shortest wait: sums of floats may put the end of one a hair before its time, and 0.0 means go."""


class RollingWindow:
    """At most ``limit`` in any ``seconds``."""

    def __init__(self, limit: int, seconds: float) -> None:
        self._limit = limit
        self._seconds = seconds
        self._times: deque[float] = deque()

    def add(self, now: float) -> None:
        """One happened. What cannot be helped (a pong) is added over the limit too."""
        self._times.append(now)

    def delay(self, now: float) -> float:
        """Seconds until the next one is allowed; 0.0 if it is now."""
        while self._times and self._times[0] <= now - self._seconds:
            self._times.popleft()
        excess = len(self._times) - self._limit
        return 0.0 if excess < 0 else max(self._times[excess] + self._seconds - now, _TICK)


class Budget(Protocol):
    """Of whoever asks: what he may spend, and what he learns of it."""

    limit: int
    """The weight that the venue allows everyone at this address in a minute."""

    def used(self, now: float) -> int:
        """Weight of the last minute."""

    def delay(self, weight: int, now: float) -> float:
        """Seconds to wait before a request of this weight; 0.0 means go, and it is then counted as spent."""

    def told(self, used: int, now: float) -> None:
        """The venue says that this much is used."""

    def block(self, seconds: float, now: float) -> None:
        """The venue says that nobody may ask for this long."""


class WeightBudget:
    """The REST weight spent in the last minute by everyone at this address, as far as the venue told, and bans.

    It rolls where Binance counts whole minutes, so a share of the limit can at worst meet twice within one of Binance's.
    """

    def __init__(self, limit: int = WEIGHT_PER_MINUTE, *, share: float = 0.5) -> None:
        self.limit = limit
        self.allowed = int(limit * share)
        """What we spend at most; the rest is for others at this address."""
        self._spent: deque[tuple[float, int]] = deque()
        self._total = 0
        self._blocked_until = 0.0

    def used(self, now: float) -> int:
        """Weight of the last minute."""
        while self._spent and self._spent[0][0] <= now - 60.0:
            self._total -= self._spent.popleft()[1]
        return self._total

    def delay(self, weight: int, now: float) -> float:
        """Seconds to wait before a request of this weight; 0.0 means go, and it is then counted as spent."""
        if now < self._blocked_until:
            return self._blocked_until - now
        excess = self.used(now) + weight - self.allowed
        if excess <= 0 or not self._spent:
            self._spend(weight, now)
            return 0.0
        leaves = iter(self._spent)
        at = now
        while excess > 0 and (oldest := next(leaves, None)):
            at = oldest[0]
            excess -= oldest[1]
        return max(at + 60.0 - now, _TICK)

    def told(self, used: int, now: float) -> None:
        """The venue says (``X-MBX-USED-WEIGHT-1M``) that this much is used. What we did not know of, others spent."""
        unknown = used - self.used(now)
        if unknown > 0:
            self._spend(unknown, now)

    def block(self, seconds: float, now: float) -> None:
        """The venue says (429, 418) that nobody may ask for this long."""
        self._blocked_until = max(self._blocked_until, now + seconds)

    def _spend(self, weight: int, now: float) -> None:
        self._spent.append((now, weight))
        self._total += weight


class Share:
    """A part of a budget for what may wait: spent evenly, and only when the whole has room for it."""

    def __init__(self, whole: Budget, share: float) -> None:
        self.limit = whole.limit
        self._whole = whole
        self._per_second = whole.limit * share / 60.0
        self._next = 0.0
        self._spent: deque[tuple[float, int]] = deque()

    def used(self, now: float) -> int:
        """Weight of the last minute that was spent of this part."""
        while self._spent and self._spent[0][0] <= now - 60.0:
            self._spent.popleft()
        return sum(weight for _, weight in self._spent)

    def delay(self, weight: int, now: float) -> float:
        """As of the whole, and besides until what was spent last is paid off."""
        if now < self._next:
            return max(self._next - now, _TICK)
        wait = self._whole.delay(weight, now)
        if not wait:
            self._next = now + weight / self._per_second
            self._spent.append((now, weight))
        return wait

    def told(self, used: int, now: float) -> None:
        """As of the whole."""
        self._whole.told(used, now)

    def block(self, seconds: float, now: float) -> None:
        """As of the whole."""
        self._whole.block(seconds, now)
