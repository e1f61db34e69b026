"""A kline: one second of one symbol, as the exchange published it."""

from __future__ import annotations

import re
from typing import Literal

import msgspec

from rtchart.core.interval import SECOND

Source = Literal["stream", "repair", "backfill"]
"""How a second came to us: live on the socket, by REST after a gap, or as history."""

SOURCES: tuple[Source, ...] = ("stream", "repair", "backfill")
"""From the best to the weakest; a candle's source is the weakest of its parts'."""

DECIMAL = r"\d{1,20}(?:\.\d{1,18})?"
_DECIMALS = re.compile(rf"{DECIMAL}(?: {DECIMAL}){{7}}", re.ASCII)


class Identity(msgspec.Struct, frozen=True, order=True):
    """What a kline, a candle or a gap is about. ``str()`` gives the Kafka key, ``binance:BTCUSDT``."""

    exchange: str
    symbol: str

    def __str__(self) -> str:
        return f"{self.exchange}:{self.symbol}"

    @classmethod
    def parse(cls, key: str) -> Identity:
        """The identity of a key. Raises `ValueError` for what is no key."""
        exchange, colon, symbol = key.partition(":")
        if not (exchange and colon and symbol):
            raise ValueError(f"{key!r} is no identity; it has the form exchange:SYMBOL")
        return cls(exchange, symbol)


class Kline(msgspec.Struct, frozen=True, gc=False, tag_field="type", tag="kline"):
    """One second of one symbol. Prices and volumes are the exchange's decimal strings, unchanged.

    ``open_time`` and ``version`` are milliseconds; stamps (``…_us``) are microseconds, 0 where there is none.
    """

    exchange: str
    symbol: str
    open_time: int
    open: str
    high: str
    low: str
    close: str
    volume: str
    quote_volume: str
    trades: int
    taker_buy_volume: str
    taker_buy_quote_volume: str
    version: int
    """The exchange's event time (of a REST row: the server time of the answer). The higher version of a second wins."""
    source: Source = "stream"
    epoch: int = 0
    """The life of the Symbol resource that asked for it; what still comes of a deleted Symbol's epoch is dropped."""
    received_us: int = 0
    published_us: int = 0

    @property
    def identity(self) -> Identity:
        return Identity(self.exchange, self.symbol)

    @property
    def content(self) -> tuple[str | int, ...]:
        """All that makes it the same second: two klines of equal content are no change, whatever their version."""
        return (
            self.open,
            self.high,
            self.low,
            self.close,
            self.volume,
            self.quote_volume,
            self.trades,
            self.taker_buy_volume,
            self.taker_buy_quote_volume,
        )


class InvalidKline(ValueError):
    """A kline that cannot be a second of an exchange; the message names the field and the value."""


def check(kline: Kline) -> Kline:
    """The kline itself, if it can be one. Raises `InvalidKline`.

    Holds what every later stage relies on: decimals in plain notation that PostgreSQL and `decimal.Decimal` read alike, a
    whole second, and counts and times that are not negative.
    """
    decimals = (
        f"{kline.open} {kline.high} {kline.low} {kline.close} {kline.volume} {kline.quote_volume} "
        f"{kline.taker_buy_volume} {kline.taker_buy_quote_volume}"
    )
    if (
        _DECIMALS.fullmatch(decimals) is None
        or kline.open_time % SECOND
        or kline.open_time < 0
        or kline.trades < 0
        or kline.version <= kline.open_time
    ):
        raise InvalidKline(_complaint(kline))
    return kline


def _complaint(kline: Kline) -> str:
    for name in msgspec.structs.asdict(kline):
        value = getattr(kline, name)
        if name in _DECIMAL_FIELDS and re.fullmatch(DECIMAL, value, re.ASCII) is None:
            return f"{name} is {value!r}, which is no decimal number"
    if kline.open_time % SECOND or kline.open_time < 0:
        return f"open_time {kline.open_time} is no whole second in milliseconds since 1970"
    if kline.trades < 0:
        return f"trades is {kline.trades}, which is negative"
    return f"version {kline.version} is not after the second's open_time {kline.open_time}"


_DECIMAL_FIELDS = frozenset(
    ("open", "high", "low", "close", "volume", "quote_volume", "taker_buy_volume", "taker_buy_quote_volume")
)
