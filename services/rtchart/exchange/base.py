"""What a venue is, and what the producer needs of one: a live stream of seconds and a REST client.

A venue is a protocol spoken at an address. `rtchart.exchange.venues` holds the known ones; docs/adding-an-exchange.md says
how to add one.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Callable, Iterable, Mapping
from typing import Literal, Protocol

import msgspec

from rtchart.core.kline import Kline, Source
from rtchart.core.messages import DeadLetterReason


class Venue(msgspec.Struct, frozen=True):
    """An exchange by name, and where it is reached. Addresses are URLs without a path and without a slash at the end."""

    name: str
    """The ``exchange`` of everything that comes from it: keys, messages, tables."""
    ws: str
    rest: str


# ── What a stream tells ─────────────────────────────────────────────────────────────────────────────────────────────────


class Connected(msgspec.Struct, frozen=True):
    """A new connection brought its first kline. ``symbols`` is what it was asked for."""

    symbols: frozenset[str]


class Lost(msgspec.Struct, frozen=True):
    """A connection ended, or could not be made, and ``symbols`` have none until the next `Connected`."""

    symbols: frozenset[str]
    why: str


class SubscriptionRefused(msgspec.Struct, frozen=True):
    """The venue answered a subscription with an error; it is asked again, after a while."""

    symbol: str
    detail: str


class BadFrame(msgspec.Struct, frozen=True):
    """A frame that could not be used, whole, and why."""

    reason: DeadLetterReason
    detail: str
    payload: str
    """The frame as text; bytes that are no UTF-8 appear as ``\\xNN``."""


Event = Connected | Lost | SubscriptionRefused | BadFrame


class Batch(msgspec.Struct):
    """What one read of a connection brought."""

    received_us: int
    """When the bytes came from the socket (µs)."""
    klines: list[Kline] = []
    """Closed, checked seconds, in the order they came."""
    events: list[Event] = []
    """Everything else worth knowing, in the order it came."""
    ignored: int = 0
    """Klines that are no closed seconds."""


Sink = Callable[[Batch], Awaitable[None]]
"""Takes each batch. While it waits, the connection is not read, so that a slow sink slows the venue, not our memory."""


class Stream(Protocol):
    """A venue's live seconds. It reconnects for ever by itself."""

    def want(self, symbols: Mapping[str, int]) -> None:
        """From now on stream exactly these symbols, each with the epoch that its klines carry."""

    def missed(self, symbol: str, open_time: int) -> None:
        """The venue has this second of the symbol, which should have come by now: not it is quiet, the stream is."""

    async def run(self, sink: Sink) -> None:
        """Stream until cancelled."""


# ── What a REST client tells ────────────────────────────────────────────────────────────────────────────────────────────

ASK_BY_NAME = 100
"""Symbols that a venue is asked about by name in one question, at most. Of more it may tell all that it lists: with so many
names, the address of the request would grow too long."""

Trading = Literal["trading", "halted", "unknown"]
"""Whether a venue trades a symbol now, lists it without trading it, or does not know it."""


class Listed(msgspec.Struct, frozen=True):
    """What a venue says of a symbol."""

    trading: Trading
    tick_size: str = ""
    """Smallest step of its price, a decimal string; empty where the venue does not say."""


class Page(msgspec.Struct, frozen=True):
    """One answer about the seconds (or longer periods) ``[start, end)``: what is neither in ``klines`` nor ``bad`` it lacks."""

    start: int
    end: int
    asked_at: int
    """The venue's time (ms) for which the answer holds; also the version of its klines."""
    klines: list[Kline]
    bad: dict[int, BadFrame] = {}
    """Rows that are no klines, by open time: the venue has something there, and nothing that can be used."""


class Rest(Protocol):
    """A venue's REST interface. Every method waits for the venue's rate limits, and may raise `RestError`."""

    def klines(
        self, symbol: str, start: int, end: int, *, interval: str = "1s", source: Source = "repair"
    ) -> AsyncGenerator[Page, None]:
        """The klines that open in ``[start, end)`` and are closed, page by page, oldest first.

        Together the pages speak for all of the range that is past at the venue.
        """

    async def listed(self, symbols: Iterable[str]) -> dict[str, Listed]:
        """What is said of each of the symbols."""

    async def listed_day(self, symbol: str) -> int | None:
        """The UTC day (ms) of its first trade, None before that."""

    async def time(self) -> int:
        """The venue's time (ms)."""

    @property
    def used(self) -> float:
        """The share of the venue's rate limit that the last minute used."""

    def sharing(self, share: float) -> Rest:
        """The same interface for what may wait: asked evenly, for at most this share of the venue's rate limit.

        Its `used` is what it has used itself, and it has connections of its own, to be closed by who asked for it.
        """

    async def aclose(self) -> None:
        """Close its connections."""


class RestError(Exception):
    """The venue gave no usable answer, after the retries that make sense; the text says what it said instead."""


class UnknownSymbol(RestError):
    """The venue does not know the symbol."""
