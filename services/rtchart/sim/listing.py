"""What the simulated exchange trades: well-known pairs with plausible prices, and as many invented ones as are wanted."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Literal

from rtchart.core.errors import UserError
from rtchart.sim.figures import DECIMALS

Status = Literal["TRADING", "END_OF_DAY", "HALT", "BREAK", "CANCEL_ONLY"]
"""Of a symbol (Binance, REST API, ENUM definitions)."""

MOST = 2_000
"""Symbols that can be listed at once."""


@dataclass(frozen=True, slots=True)
class Listing:
    """A symbol and the numbers its market is made from."""

    symbol: str
    base_asset: str
    quote_asset: str
    price: int
    """What the price wanders around, in ticks."""
    price_decimals: int
    """A tick is 10 to the minus this."""
    lot_decimals: int
    """A lot is 10 to the minus this; with the price's decimals not over 8, so that quote volumes are exact too."""
    turnover: int
    """Rough quote volume of a second that has trades."""
    calm: int
    """How much of a minute passes without a trade, per cent."""

    def __post_init__(self) -> None:
        assert self.price_decimals + self.lot_decimals <= DECIMALS, self.symbol


_KNOWN = """\
BTCUSDT 109000.00 5 40000 12
ETHUSDT 3900.00 4 25000 20
BNBUSDT 1080.00 3 8000 35
SOLUSDT 186.00 3 12000 30
XRPUSDT 2.5000 1 8000 35
DOGEUSDT 0.18600 0 4000 45
ADAUSDT 0.6100 1 2000 60
TRXUSDT 0.2960 1 1500 60
AVAXUSDT 18.40 2 1500 65
LINKUSDT 17.20 2 2000 60
DOTUSDT 2.880 2 800 70
LTCUSDT 98.50 3 1200 70
BCHUSDT 545.00 3 900 75
SHIBUSDT 0.00001010 0 700 75
PEPEUSDT 0.00000690 0 2500 55
TONUSDT 2.220 2 500 80
NEARUSDT 2.150 1 700 75
SUIUSDT 2.4100 1 3000 55
UNIUSDT 6.200 2 600 80
APTUSDT 3.240 2 500 80
ATOMUSDT 3.010 2 400 85
币安人生USDT 0.1700 1 900 70
"""

_QUOTES = ("FDUSD", "USDT", "USDC", "BTC", "ETH", "BNB", "EUR", "TRY")
_SYMBOL = re.compile(r"[^\s/@a-z]{2,32}")


def _known() -> dict[str, Listing]:
    table = {}
    for line in _KNOWN.splitlines():
        symbol, price, lot_decimals, turnover, calm = line.split()
        whole, _, decimals = price.partition(".")
        table[symbol] = Listing(
            symbol,
            *_assets(symbol),
            price=int(whole + decimals),
            price_decimals=len(decimals),
            lot_decimals=int(lot_decimals),
            turnover=int(turnover),
            calm=int(calm),
        )
    return table


def _assets(symbol: str) -> tuple[str, str]:
    quote = next((quote for quote in _QUOTES if symbol.endswith(quote) and symbol != quote), "USDT")
    return symbol.removesuffix(quote), quote


KNOWN: dict[str, Listing] = _known()
"""The well-known pairs, one of them not in ASCII, as Binance has too."""


def listing(symbol: str) -> Listing:
    """The listing of any symbol: a well-known one, or one whose numbers follow from its name. Raises `UserError`."""
    if symbol in KNOWN:
        return KNOWN[symbol]
    if _SYMBOL.fullmatch(symbol) is None:
        raise UserError(f"{symbol!r} cannot be a symbol; write one like BTCUSDT, in capitals, with --symbol")
    chance = hashlib.blake2b(symbol.encode(), digest_size=4).digest()
    # Four digits or five, before the point or behind it: 12.345 as well as 0.01234.
    price_decimals = 2 + chance[0] % 5
    return Listing(
        symbol,
        *_assets(symbol),
        price=2_000 + int.from_bytes(chance[1:3], "big"),
        price_decimals=price_decimals,
        lot_decimals=max(0, 4 - price_decimals),
        turnover=100 + 10 * chance[3],
        calm=60 + chance[0] % 32,
    )


def is_pair(symbol: str) -> bool:
    """Whether it is named like a pair that could be listed: capitals, and an asset that others are quoted in at its end."""
    return _SYMBOL.fullmatch(symbol) is not None and symbol.endswith(_QUOTES) and symbol not in _QUOTES


def listings(count: int) -> list[Listing]:
    """The first ``count`` of all symbols there are: the well-known ones, then invented ones."""
    return [listing(symbol) for symbol in islice(_symbols(), count)]


def named(symbols: Iterable[str]) -> list[Listing]:
    """The listings of these symbols, each once. Raises `UserError`."""
    return [listing(symbol) for symbol in dict.fromkeys(symbols)]


def _symbols() -> Iterator[str]:
    yield from KNOWN
    consonants, vowels = "BCDFGHJKLMNPQRSTVWXZ", "AEIOU"
    names = len(consonants) ** 2 * len(vowels) ** 2
    for index in range(names):
        at = index * 7919 % names  # a step without a common divisor: each once, in no visible order
        at, first = divmod(at, len(consonants))
        at, second = divmod(at, len(vowels))
        fourth, third = divmod(at, len(consonants))
        symbol = f"{consonants[first]}{vowels[second]}{consonants[third]}{vowels[fourth]}USDT"
        if symbol not in KNOWN:
            yield symbol
