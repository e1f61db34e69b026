"""The last closes of many symbols in one answer: how they are asked for."""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import Meta

from rtchart.core.interval import INTERVALS
from rtchart.web.catalog import Catalog, Known, Refused
from rtchart.web.protocol import MAX_NAME, ExchangeName, IntervalName
from rtchart.web.views import Views

PATH = "/api/v1/closes"
MAX_SYMBOLS = 100
MAX_PERIODS = 240
DEFAULT_PERIODS = 60
_WITHOUT = ("1s", "3d")
"""Intervals that have no closes here: seconds are not stored as candles, and 3d has other periods for each symbol."""

Symbols = Annotated[
    str,
    Meta(
        min_length=1,
        max_length=MAX_SYMBOLS * (MAX_NAME + 1) - 1,
        description=f"Names with commas between, at most {MAX_SYMBOLS}: BTCUSDT,ETHUSDT",
        extra_json_schema={"pattern": f"^[^,]{{1,{MAX_NAME}}}(,[^,]{{1,{MAX_NAME}}}){{0,{MAX_SYMBOLS - 1}}}$"},
    ),
]
Interval = Annotated[IntervalName, Meta(extra_json_schema={"enum": [name for name in INTERVALS if name not in _WITHOUT]})]
Periods = Annotated[int, Meta(ge=1, le=MAX_PERIODS, description="How many, the one that is forming now included")]
Exchange = Annotated[ExchangeName, Meta(description="Of all; needed where several exchanges have one of the symbols")]


class ClosesQuery(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    symbols: Symbols
    interval: Interval = "1m"
    limit: Periods = DEFAULT_PERIODS
    exchange: Exchange | None = None


class SymbolCloses(msgspec.Struct, frozen=True):
    """The closes of a symbol, a decimal string for each period; null where there is no candle."""

    exchange: str
    symbol: str
    closes: list[str | None]


class ClosesTable(msgspec.Struct, frozen=True):
    """Closes of several symbols in the same periods, in the order of their names; the last period is the one forming now."""

    interval: str
    start: int
    """Open time of the first period."""
    closes: list[SymbolCloses]
    partial: bool = False
    """The database did not answer: this is what the server itself saw."""


async def closes_table(query: ClosesQuery, catalog: Catalog, views: Views) -> ClosesTable:
    """The answer. Raises `Refused`."""
    if query.interval in _WITHOUT:
        raise Refused("unknown_interval", "interval", f"there are no closes of {query.interval}, but of every other interval")
    asked = [_find(catalog, name, query.exchange) for name in _names(query.symbols)]
    interval, *_ = [catalog.interval(known, query.interval) for known in asked]
    grid = await views.closes(asked, interval, query.limit)
    rows = [
        SymbolCloses(known.identity.exchange, known.identity.symbol, row) for known, row in zip(asked, grid.closes, strict=True)
    ]
    return ClosesTable(interval.name, grid.start, rows, grid.partial)


def _names(symbols: str) -> list[str]:
    names = symbols.split(",")
    if len(names) > MAX_SYMBOLS or not all(0 < len(name) <= MAX_NAME for name in names):
        raise Refused("bad_message", "symbols", f"symbols: expected 1 to {MAX_SYMBOLS} names with commas between")
    return names


def _find(catalog: Catalog, name: str, exchange: str | None) -> Known:
    try:
        return catalog.find(name, exchange)
    except Refused as error:
        parameter = "symbols" if error.parameter == "symbol" else error.parameter
        raise Refused(error.code, parameter, str(error)) from None
