"""Which exchange runs: live Binance, or the simulated one where Binance cannot be reached and nothing live is at stake."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Awaitable, Callable
from typing import NamedTuple
from urllib.parse import urlsplit

from rtchart.exchange.base import RestError, Venue
from rtchart.exchange.clock import VenueClock
from rtchart.exchange.venues import connect

LIVE, SIMULATED = "binance", "sim"
PATIENCE = 5.0
"""Seconds in which the live exchange must answer at a first start."""


class Choice(NamedTuple):
    """The exchange's name, and what the person should know about how it came to it; empty if nothing."""

    exchange: str
    because: str = ""


async def choose(
    asked: str | None,
    live_stored: Callable[[], Awaitable[bool]],
    reach: Callable[[], Awaitable[str]],
) -> Choice:
    """The exchange to run. ``asked`` is what --exchange says, ``live_stored`` whether some of the live one is stored.

    ``reach`` returns why the live exchange cannot be reached, or nothing. Who asked for it gets it, and so does who has
    stored some of it: there a simulated market in its place would be a lie.
    """
    if asked is not None:
        return Choice(asked)
    if await live_stored():
        return Choice(LIVE)
    why = await reach()
    if why:
        return Choice(
            SIMULATED,
            f"Binance cannot be reached ({why}), so this is the SIMULATED exchange: the same symbols, invented prices. "
            "`--exchange binance` waits for the live one",
        )
    return Choice(LIVE)


async def unreachable(venue: Venue, *, patience: float = PATIENCE) -> str:
    """Why the venue's REST or its WebSocket port cannot be reached in time; empty if both can."""
    stream, rest = connect(venue, VenueClock())
    del stream
    try:
        async with asyncio.timeout(patience):
            await asyncio.gather(rest.time(), _knock(venue.ws))
    except TimeoutError:
        return f"no answer within {patience:g} s"
    except (RestError, OSError) as error:
        return str(error) or type(error).__name__
    finally:
        await rest.aclose()
    return ""


async def _knock(url: str) -> None:
    parts = urlsplit(url)
    secure = parts.scheme == "wss"
    _, writer = await asyncio.open_connection(
        parts.hostname, parts.port or (443 if secure else 80), ssl=ssl.create_default_context() if secure else None
    )
    writer.close()
