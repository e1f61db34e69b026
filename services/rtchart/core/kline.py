"""A kline: one second of one symbol, as the exchange published it; and a minute, as it published that."""

from __future__ import annotations

import re
from typing import Literal

import msgspec

from rtchart.core.interval import MINUTE, SECOND

Source = Literal["stream", "repair", "backfill"]
"""How a second came to us: live on the socket, by REST after a gap, or as history."""

SOURCES: tuple[Source, ...] = ("stream", "repair", "backfill")
"""From the best to the weakest; a candle's source is the weakest of its parts' (`rtchart.core.candle.CANDLE_SOURCES`)."""

FIGURES = ("open", "high", "low", "close", "volume", "quote_volume", "trades", "taker_buy_volume", "taker_buy_quote_volume")
"""What a kline or candle says of its time, by name: decimal strings, and of trades a count."""

DECIMAL = r"\d{1,20}(?:\.\d{1,18})?"
LATEST = 253_402_300_799_999
"""The last millisecond of the year 9999: no time is later."""

_DECIMALS = re.compile(rf"{DECIMAL}(?: {DECIMAL}){{7}}", re.ASCII)

MAX_TRADES = 2**53
"""Of a minute; what is larger is a mistake, and fits into no number of JavaScript's."""


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


class VenueKline(msgspec.Struct, frozen=True, gc=False, tag_field="type", tag="venue"):
    """On ``rtchart.backfill``: a minute of one symbol as the exchange itself has it, for times whose seconds are not to be had.

    ``open_time`` is milliseconds; prices and volumes are the exchange's decimal strings, unchanged.
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
    interval: Literal["1m"] = "1m"
    """Larger candles are folded from these."""
    epoch: int = 0
    """As in `Kline`."""

    @property
    def identity(self) -> Identity:
        return Identity(self.exchange, self.symbol)


def venue_kline(row: Kline, *, epoch: int) -> VenueKline:
    """A minute that the exchange gave in the form of a kline."""
    return VenueKline(
        exchange=row.exchange,
        symbol=row.symbol,
        open_time=row.open_time,
        open=row.open,
        high=row.high,
        low=row.low,
        close=row.close,
        volume=row.volume,
        quote_volume=row.quote_volume,
        trades=row.trades,
        taker_buy_volume=row.taker_buy_volume,
        taker_buy_quote_volume=row.taker_buy_quote_volume,
        epoch=epoch,
    )


class InvalidKline(ValueError):
    """A kline that cannot be one of an exchange; the message names the field and the value."""


def check(kline: Kline) -> Kline:
    """The kline itself, if it can be one. Raises `InvalidKline`.

    Holds what every later stage relies on: decimals in plain notation that PostgreSQL and `decimal.Decimal` read alike, a
    whole second, and counts and times that are not negative, no time after the year 9999.
    """
    decimals = (  # here and not in a function: this runs for each second of each symbol
        f"{kline.open} {kline.high} {kline.low} {kline.close} {kline.volume} {kline.quote_volume} "
        f"{kline.taker_buy_volume} {kline.taker_buy_quote_volume}"
    )
    if (
        _DECIMALS.fullmatch(decimals) is None
        or kline.open_time % SECOND
        or kline.open_time < 0
        or kline.trades < 0
        or not kline.open_time < kline.version <= LATEST
    ):
        raise InvalidKline(_complaint(kline))
    return kline


def check_venue(kline: VenueKline) -> VenueKline:
    """The exchange's minute itself, if it can be one. Raises `InvalidKline`."""
    if complaint := _figures_complaint(kline):
        raise InvalidKline(complaint)
    if kline.open_time % MINUTE or kline.open_time < 0:
        raise InvalidKline(f"open_time {kline.open_time} is no whole minute in milliseconds since 1970")
    if kline.trades > MAX_TRADES:
        raise InvalidKline(f"trades is {kline.trades}, which is more than a minute can have")
    return kline


def _complaint(kline: Kline) -> str:
    if complaint := _figures_complaint(kline):
        return complaint
    if kline.open_time % SECOND or kline.open_time < 0:
        return f"open_time {kline.open_time} is no whole second in milliseconds since 1970"
    return f"version {kline.version} is not after the second's open_time {kline.open_time}, or after the year 9999"


def _figures_complaint(kline: Kline | VenueKline) -> str:
    """What is wrong with its prices, volumes and trades; empty when nothing is."""
    for name in _DECIMAL_FIELDS:
        value = getattr(kline, name)
        if re.fullmatch(DECIMAL, value, re.ASCII) is None:
            return f"{name} is {value!r}, which is no decimal number"
    return f"trades is {kline.trades}, which is negative" if kline.trades < 0 else ""


_DECIMAL_FIELDS = tuple(name for name in FIGURES if name != "trades")
