"""The known venues. `sim` is the Binance protocol at another address, and a venue of its own in every key."""

from __future__ import annotations

from collections.abc import Callable
from urllib.parse import urlsplit

import msgspec

from rtchart.core.errors import UserError
from rtchart.core.kline import Kline
from rtchart.exchange.base import BadFrame, Rest, Stream, Venue
from rtchart.exchange.clock import VenueClock

VENUES: dict[str, Venue] = {
    venue.name: venue
    for venue in (
        Venue("binance", ws="wss://stream.binance.com:9443", rest="https://api.binance.com"),
        Venue("sim", ws="ws://127.0.0.1:9010", rest="http://127.0.0.1:9010"),
    )
}


def venue(name: str, *, ws: str | None = None, rest: str | None = None) -> Venue:
    """The venue of this name, at other addresses if some are given. Raises `UserError` for what cannot be one."""
    if name not in VENUES:
        raise UserError(f"unknown exchange {name!r}; known are {', '.join(VENUES)}")
    known = VENUES[name]
    for option, url, schemes in (
        ("--exchange-ws", ws, ("ws://", "wss://")),
        ("--exchange-rest", rest, ("http://", "https://")),
    ):
        if url and not _usable(url, schemes):
            raise UserError(f"{option} is {url!r}, which is no address; give one such as {schemes[0]}127.0.0.1:9010")
    return msgspec.structs.replace(known, ws=(ws or known.ws).rstrip("/"), rest=(rest or known.rest).rstrip("/"))


def _usable(url: str, schemes: tuple[str, ...]) -> bool:
    try:
        parts = urlsplit(url)
        return url.startswith(schemes) and bool(parts.hostname) and parts.port != 0
    except ValueError:  # a port that is no number, a host that is no IPv6 address
        return False


class NoStream(Exception):
    """A connection for a stream was not made; the text says why."""


def connect(venue: Venue, clock: VenueClock) -> tuple[Stream, Rest]:
    """The venue's stream and REST client; both feed the clock. Every known venue speaks Binance's protocol so far."""
    from rtchart.exchange.binance.stream import BinanceStream

    return BinanceStream(venue, clock), connect_rest(venue, clock)


def connect_rest(
    venue: Venue,
    clock: VenueClock,
    *,
    first_backoff: float | None = None,
    share: float | None = None,
    blocked: Callable[[float], None] | None = None,
) -> Rest:
    """The venue's REST client alone, for who streams nothing and has no packages for it.

    ``first_backoff`` (s) is for who is told soon what is wrong rather than late that nothing is. ``share`` is how much of the
    venue's rate limit it may use, others at this address included; None: as the producer. ``blocked`` is told of each time that
    the venue says to wait, and for how many seconds.
    """
    from rtchart.exchange.binance.limits import WeightBudget
    from rtchart.exchange.binance.rest import FIRST_BACKOFF, BinanceRest

    return BinanceRest(
        venue,
        clock,
        budget=WeightBudget() if share is None else WeightBudget(share=share),
        first_backoff=FIRST_BACKOFF if first_backoff is None else first_backoff,
        blocked=blocked,
    )


async def try_stream(venue: Venue) -> None:
    """Open the venue's stream and close it, without asking for anything. Raises `NoStream`."""
    from websockets.exceptions import WebSocketException

    from rtchart.exchange.binance.protocol import PATH
    from rtchart.exchange.binance.socket import open_socket

    try:
        async with open_socket(venue.ws + PATH):
            pass
    except (WebSocketException, OSError, TimeoutError) as error:
        raise NoStream(str(error) or type(error).__name__) from None


def read_again(exchange: str, payload: str, symbol: str | None, received_us: int) -> Kline | BadFrame:
    """The closed second of a frame or row that could not be used when it came, as this version reads it; of no epoch.

    ``payload`` is that of the `BadFrame`, ``symbol`` whose it is, where that was known. The kline's source is ``repair``:
    of the stream is what comes live, whose latency is measured, and which comes in the order of time. Raises `UserError` for an
    exchange that is none of ours.
    """
    from rtchart.exchange.binance.again import read_again

    return read_again(venue(exchange).name, payload, symbol, received_us)
