"""The numbers of a kline of any interval, as integers, and their exact sum.

Prices and volumes are counted in units of 10⁻⁸, which is what the exchange writes, so sums are exact and quick.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

DECIMALS = 8
ONE = 10**DECIMALS
"""A price or volume of 1."""


class Figures(NamedTuple):
    """What a kline says apart from its time. Prices and volumes in units of 10⁻⁸; trade ids are -1 without a trade."""

    open: int
    high: int
    low: int
    close: int
    volume: int
    quote_volume: int
    trades: int
    taker_buy_volume: int
    taker_buy_quote_volume: int
    first_trade: int
    last_trade: int


def flat(price: int) -> Figures:
    """A time without a trade, at the price of the last one."""
    return Figures(price, price, price, price, 0, 0, 0, 0, 0, -1, -1)


def total(parts: Iterable[Figures]) -> Figures | None:
    """What neighbouring parts, in the order of their times, add up to; `None` of nothing.

    Its prices are those of trades: parts without one, which stand at an older price, count where there is no other.
    """
    listed = list(parts)
    listed = [part for part in listed if part.trades] or listed
    if len(listed) < 2:
        return listed[0] if listed else None
    opens, highs, lows, closes, volumes, quotes, trades, buys, buy_quotes, firsts, lasts = zip(*listed, strict=True)
    return Figures(
        opens[0],
        max(highs),
        min(lows),
        closes[-1],
        sum(volumes),
        sum(quotes),
        sum(trades),
        sum(buys),
        sum(buy_quotes),
        next((trade for trade in firsts if trade >= 0), -1),
        next((trade for trade in reversed(lasts) if trade >= 0), -1),
    )


def text(number: int) -> str:
    """A price or volume as the exchange writes it: plain, with eight decimals."""
    return f"{number // ONE}.{number % ONE:08d}"
