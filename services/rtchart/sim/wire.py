"""How the exchange writes klines: stream frames and REST rows.

Binance, Web Socket Streams, Kline/Candlestick Streams for UTC; REST API, Kline/Candlestick data.
"""

from __future__ import annotations

from typing import Any, Literal

import msgspec

from rtchart.core.interval import Interval
from rtchart.sim.figures import Figures, text

TimeUnit = Literal["MILLISECOND", "MICROSECOND"]

_PER_MS: dict[TimeUnit, int] = {"MILLISECOND": 1, "MICROSECOND": 1_000}


def in_unit(time: int, unit: TimeUnit) -> int:
    """A time in ms as the client asked to read it."""
    return time * _PER_MS[unit]


def close_time(interval: Interval, open_time: int, unit: TimeUnit) -> int:
    """The last millisecond, or microsecond, of the period."""
    return in_unit(interval.next_open(open_time), unit) - 1


class KlineEvents:
    """Writes the events of one stream: one symbol and interval."""

    def __init__(self, symbol: str, interval: Interval) -> None:
        name = msgspec.json.encode(symbol).decode()
        self.stream = stream_name(symbol, interval)
        self._interval = interval
        self._head = f',"s":{name},"k":{{"t":'
        self._middle = f',"s":{name},"i":"{interval}","f":'
        self._combined = f'{{"stream":{msgspec.json.encode(self.stream).decode()},"data":'.encode()

    def event(self, figures: Figures, open_time: int, event_time: int, *, closed: bool, unit: TimeUnit) -> bytes:
        """The event as a raw stream sends it. Times are ms."""
        k = figures
        low = opening = close = text(k.close)  # in a calm second all four prices are one
        if k.open != k.close:
            opening = text(k.open)
        if k.low != k.close:
            low = text(k.low)
        high = close if k.high == k.close else text(k.high)
        return (
            f'{{"e":"kline","E":{in_unit(event_time, unit)}{self._head}{in_unit(open_time, unit)}'
            f',"T":{close_time(self._interval, open_time, unit)}{self._middle}{k.first_trade},"L":{k.last_trade}'
            f',"o":"{opening}","c":"{close}","h":"{high}","l":"{low}","v":"{text(k.volume)}","n":{k.trades}'
            f',"x":{"true" if closed else "false"},"q":"{text(k.quote_volume)}","V":"{text(k.taker_buy_volume)}"'
            f',"Q":"{text(k.taker_buy_quote_volume)}","B":"0"}}}}'
        ).encode()

    def combined(self, event: bytes) -> bytes:
        """The same event as a combined stream sends it."""
        return b"%b%b}" % (self._combined, event)


def stream_name(symbol: str, interval: Interval) -> str:
    """``btcusdt@kline_1s``."""
    return f"{symbol.lower()}@kline_{interval}"


def row(open_time: int, interval: Interval, k: Figures, unit: TimeUnit) -> list[Any]:
    """A kline as REST sends it."""
    return [
        in_unit(open_time, unit),
        text(k.open),
        text(k.high),
        text(k.low),
        text(k.close),
        text(k.volume),
        close_time(interval, open_time, unit),
        text(k.quote_volume),
        k.trades,
        text(k.taker_buy_volume),
        text(k.taker_buy_quote_volume),
        "0",
    ]
