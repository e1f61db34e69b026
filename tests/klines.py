"""One second for tests, right in every field, so that a test names only those that it is about; and which of several counts."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from rtchart.core.kline import Kline, VenueKline


def kline(open_time: int, **changes: Any) -> Kline:
    """The second of ``sim:BTCUSDT`` that opened at ``open_time`` (ms) and came by the stream, but for the changes."""
    values: dict[str, Any] = {
        "exchange": "sim",
        "symbol": "BTCUSDT",
        "open_time": open_time,
        "open": "2",
        "high": "3",
        "low": "1",
        "close": "2.5",
        "volume": "4",
        "quote_volume": "8",
        "trades": 5,
        "taker_buy_volume": "1",
        "taker_buy_quote_volume": "2",
        "version": open_time + 1020,
    }
    return Kline(**{**values, **changes})


def venue(open_time: int, **changes: Any) -> VenueKline:
    """The exchange's own minute of ``sim:BTCUSDT`` that opened at ``open_time`` (ms), but for the changes."""
    values: dict[str, Any] = {
        "exchange": "sim",
        "symbol": "BTCUSDT",
        "open_time": open_time,
        "open": "2",
        "high": "3",
        "low": "1",
        "close": "2.5",
        "volume": "240",
        "quote_volume": "480",
        "trades": 300,
        "taker_buy_volume": "60",
        "taker_buy_quote_volume": "120",
    }
    return VenueKline(**{**values, **changes})


def newest(klines: Iterable[Kline]) -> dict[int, Kline]:
    """The kline that counts for each second of one symbol, by open time: the one with the highest version.

    Between equal versions the first stays, so that a redelivery changes nothing.
    """
    seconds: dict[int, Kline] = {}
    for kline in klines:
        held = seconds.get(kline.open_time)
        if held is None or kline.version > held.version:
            seconds[kline.open_time] = kline
    return seconds
