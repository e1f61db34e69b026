"""Seconds for the web's tests."""

from __future__ import annotations

from rtchart.core.interval import MINUTE, SECOND
from rtchart.core.kline import Identity, Kline
from rtchart.process.clock import now_ms

IDENTITY = Identity("sim", "BTCUSDT")


def kline(
    open_time: int, *, close: str = "5", volume: str = "0.10", version_after: int = 1010, identity: Identity = IDENTITY
) -> Kline:
    """A second at ``open_time`` that opened at 5."""
    high, low = max("5", close), min("5", close)
    return Kline(
        exchange=identity.exchange,
        symbol=identity.symbol,
        open_time=open_time,
        open="5",
        high=high,
        low=low,
        close=close,
        volume=volume,
        quote_volume="0.50",
        trades=1,
        taker_buy_volume="0.05",
        taker_buy_quote_volume="0.25",
        version=open_time + version_after,
    )


def this_minute() -> int:
    """The open time of the minute that is now."""
    return now_ms() // MINUTE * MINUTE


def seconds(minute: int, *numbers: int) -> list[Kline]:
    """These seconds of a minute, or all sixty."""
    return [kline(minute + number * SECOND, close=str(1 + number % 9)) for number in numbers or range(60)]
