"""A made-up market whose every candle follows from its time: what a page is shown when a test wants to know it beforehand."""

from __future__ import annotations

import functools
import math
import random
from typing import Any

from rtchart.core.interval import DAY, HOUR, interval

Json = dict[str, Any]

SYMBOLS = {
    "BTCUSDT": 97_412.36, "ETHUSDT": 3_184.52, "SOLUSDT": 141.27, "BNBUSDT": 912.4, "XRPUSDT": 2.2471, "DOGEUSDT": 0.16158,
    "ADAUSDT": 0.5127, "TRXUSDT": 0.2933, "AVAXUSDT": 15.61, "LINKUSDT": 14.09, "LTCUSDT": 98.54, "DOTUSDT": 2.838,
    "BCHUSDT": 506.2, "UNIUSDT": 7.431, "NEARUSDT": 2.509, "PEPEUSDT": 0.00000512, "SHIBUSDT": 0.00000917, "ETHBTC": 0.03269,
}  # fmt: skip
INTERVALS = ["1s", "1m", "5m", "15m", "1h", "4h", "1d"]
BEGINNING = 1_760_000_000_000
"""Nothing is older than this (ms)."""


def base(symbol: str) -> float:
    """Around what its price is; of one that is none of these too, so that a test can have as many as it wants."""
    return SYMBOLS.get(symbol) or 1 + sum(symbol.encode()) % 997 / 7


@functools.cache
def price(symbol: str, time: int) -> float:
    """The price at a time (ms): some waves of different lengths, and a little noise that belongs to the second."""
    around, seed = base(symbol), sum(symbol.encode())
    at = time / 60_000
    waves = sum(math.sin(at / length + seed * length) * height for length, height in WAVES)
    noise = random.Random(time // 1000 * 1009 + seed).gauss(0, 0.00012)
    return around * (1 + waves + noise)


WAVES = ((2.3, 0.0004), (7.1, 0.0009), (23, 0.0021), (131, 0.006), (977, 0.014), (7_211, 0.03))


def text(value: float, symbol: str) -> str:
    """As the exchange writes decimals: eight places, of which the symbol uses a few."""
    places = 2 if base(symbol) > 1_000 else 8 if base(symbol) < 0.001 else 4
    return f"{round(value, places):.8f}"


def candle(symbol: str, interval_name: str, open_time: int, now: int) -> Json:
    """The candle that opens then, as it is at ``now``: forming, or closed and whole."""
    length = interval(interval_name)
    end = length.next_open(open_time)
    until = min(end, now)
    step = max(1_000, (until - open_time) // 8)
    prices = [price(symbol, at) for at in range(open_time, max(until, open_time + 1), step)]
    chance = random.Random(open_time + sum(symbol.encode()))
    received = max(1, (until - open_time) // 1000)
    volume = received * (0.2 + chance.random()) * 5_000 / base(symbol) * (1 + 40 * abs(prices[-1] / prices[0] - 1))
    return {
        "open_time": open_time,
        "open": text(prices[0], symbol),
        "high": text(max(prices) * (1 + chance.random() * 0.0003), symbol),
        "low": text(min(prices) * (1 - chance.random() * 0.0003), symbol),
        "close": text(prices[-1], symbol),
        "volume": f"{volume:.5f}",
        "quote_volume": f"{volume * prices[-1]:.8f}",
        "trades": int(received * (3 + chance.random() * 9)),
        "taker_buy_volume": f"{volume / 2:.5f}",
        "taker_buy_quote_volume": f"{volume * prices[-1] / 2:.8f}",
        "received": received,
        "expected": length.expected(open_time),
        "source": "stream",
        "revision": 1 if end <= now else 0,
        "closed": end <= now,
    }


def ticker(exchange: str, symbol: str, now: int) -> Json:
    """The last price and the day before it."""
    hour = now // HOUR * HOUR
    day = [price(symbol, at) for at in range(hour - DAY, hour, 2 * HOUR)]
    return {
        "exchange": exchange,
        "symbol": symbol,
        "price": text(price(symbol, now), symbol),
        "open": text(day[0], symbol),
        "high": text(max(day), symbol),
        "low": text(min(day), symbol),
        "volume": f"{sum(symbol.encode()) * 7e5 / day[-1]:.2f}",
        "time": now,
    }
