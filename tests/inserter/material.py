"""Klines, records and what is in the database, for the tests of the inserter."""

from __future__ import annotations

import itertools
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import asyncpg

from rtchart.core.interval import HOUR, SECOND
from rtchart.core.kline import Kline
from rtchart.core.messages import KlineMessage, encode
from rtchart.core.symbol import DesiredSymbol
from rtchart.process.tracing import Headers

NOW = 1_763_800_000_000 // HOUR * HOUR + HOUR // 2
"""The clock of these tests: half past an hour."""
T0 = NOW - 600 * SECOND


def kline(second: int, *, symbol: str = "BTCUSDT", version: int = 0, price: str | None = None, **fields: Any) -> Kline:
    """The second ``second`` after `T0`; its content follows from it, or from ``price``. Versions count from 0."""
    open_time = fields.pop("open_time", T0 + second * SECOND)
    text = price or f"{100 + second % 7}.25"
    return Kline(
        exchange="sim",
        symbol=symbol,
        open_time=open_time,
        open=text,
        high=text,
        low=text,
        close=text,
        quote_volume="150.375",
        taker_buy_volume="0.5",
        taker_buy_quote_volume="50.125",
        version=open_time + SECOND + version,
        **{"volume": "1.500", "trades": 3, **fields},
    )


def desired(**fields: Any) -> DesiredSymbol:
    """What is wanted of BTCUSDT."""
    return DesiredSymbol(**{"exchange": "sim", "symbol": "BTCUSDT", "epoch": 1, **fields})


@dataclass(frozen=True)
class FakeRecord:
    """A record without a broker."""

    partition: int
    offset: int
    timestamp: int
    value: bytes | None
    headers: Headers = ()


def records(messages: Iterable[KlineMessage | bytes], *, partition: int = 0, offset: int = 0) -> list[FakeRecord]:
    """Messages (or bytes that are none) as records, from ``offset`` on."""
    return [
        FakeRecord(partition, number, NOW, message if isinstance(message, bytes) else encode(message))
        for number, message in zip(itertools.count(offset), messages)
    ]


async def stored(connection: asyncpg.Connection, symbol: str = "BTCUSDT") -> dict[int, asyncpg.Record]:
    """The rows of a symbol by their second, counted from `T0`."""
    rows = await connection.fetch(
        """SELECT k.open_time, k.version, k.close::text, k.trades, convert_from(k.source::text::bytea, 'UTF8') AS source
           FROM kline_1s k JOIN symbol USING (symbol_id) WHERE symbol = $1 ORDER BY open_time""",
        symbol,
    )
    return {(row["open_time"] - T0) // SECOND: row for row in rows}


async def ledger(connection: asyncpg.Connection, symbol: str = "BTCUSDT") -> list[tuple[int, int, str]]:
    """The gaps of a symbol as (first second, end, state), counted from `T0`."""
    rows = await connection.fetch(
        "SELECT start_time, end_time, state FROM gap JOIN symbol USING (symbol_id) WHERE symbol = $1 ORDER BY 1", symbol
    )
    return [((row[0] - T0) // SECOND, (row[1] - T0) // SECOND, row[2]) for row in rows]
