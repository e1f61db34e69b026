"""One second for tests: right in every field, so that a test names only those that it is about."""

from __future__ import annotations

from typing import Any

from rtchart.core.kline import Kline


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
