"""Reading what is stored: symbols, candles, seconds, gaps and runs, for those who show them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import asyncpg
import msgspec

from rtchart.core.candle import Candle
from rtchart.core.gap import Gap
from rtchart.core.interval import MINUTE, Interval
from rtchart.core.kline import Identity, Kline
from rtchart.store.database import MAX_PARAMETER, Connection
from rtchart.store.sources import KLINE_SOURCE_OF, SOURCE_OF

_MEASURES = "open, high, low, close, volume, quote_volume, trades, taker_buy_volume, taker_buy_quote_volume"


class StoredSymbol(msgspec.Struct, frozen=True):
    """A row of ``symbol``."""

    symbol_id: int
    exchange: str
    symbol: str
    intervals: tuple[str, ...]
    listed_day: int | None
    tick_size: str | None

    @property
    def identity(self) -> Identity:
        return Identity(self.exchange, self.symbol)


@dataclass(frozen=True)
class Page:
    """Which candles, seconds or gaps of a symbol: those that open in ``[start, end)``, at most ``limit`` of them.

    ``newest``: the last of them, otherwise the first. They come oldest first in both cases.
    """

    start: int = 0
    end: int = MAX_PARAMETER
    limit: int = 500
    newest: bool = True

    @property
    def order(self) -> str:
        return "DESC" if self.newest else "ASC"


async def symbols(connection: Connection) -> list[StoredSymbol]:
    """Every symbol that was ever stored."""
    rows = await connection.fetch("SELECT symbol_id, exchange, symbol, intervals, listed_day, tick_size FROM symbol")
    return [StoredSymbol(r[0], r[1], r[2], tuple(r[3]), r[4], r[5]) for r in rows]


async def holds(connection: Connection, exchange: str) -> bool:
    """Whether a second or a candle of the exchange is stored. Candles outlive their seconds."""
    return bool(
        await connection.fetchval(
            """SELECT EXISTS (SELECT FROM symbol s WHERE s.exchange = $1 AND (
                   EXISTS (SELECT FROM candle c WHERE c.symbol_id = s.symbol_id)
                   OR EXISTS (SELECT FROM kline_1s k WHERE k.symbol_id = s.symbol_id)))""",
            exchange,
        )
    )


async def candles(connection: Connection, symbol_id: int, interval: Interval, page: Page, *, now: int) -> list[Candle]:
    """Stored candles of 1m and more; ``closed`` is whether their period is over at ``now``."""
    rows = await connection.fetch(
        f"""SELECT open_time, {_MEASURES}, received, source, revision FROM candle
            WHERE symbol_id = $1 AND interval = $2 AND open_time >= $3 AND open_time < $4
            ORDER BY open_time {page.order} LIMIT $5""",
        symbol_id,
        interval.name,
        page.start,
        page.end,
        page.limit,
    )
    out = [_candle(interval, row, now) for row in rows]
    if page.newest:
        out.reverse()
    return out


class Close(NamedTuple):
    """How a stored candle closed, a decimal string, and how many seconds it is made of."""

    close: str
    received: int


async def closes(
    connection: Connection, symbol_ids: Sequence[int], interval: Interval, start: int, end: int
) -> dict[int, dict[int, Close]]:
    """By symbol_id and open time, of the stored candles of 1m and more that open in ``[start, end)``."""
    # Symbol by symbol, each a range of the index; OFFSET 0 keeps PostgreSQL from making one join of all.
    rows = await connection.fetch(
        """SELECT s.symbol_id, c.* FROM unnest($1::integer[]) AS s (symbol_id) CROSS JOIN LATERAL (
               SELECT open_time, close, received FROM candle
               WHERE symbol_id = s.symbol_id AND interval = $2 AND open_time >= $3 AND open_time < $4 OFFSET 0) c""",
        list(symbol_ids),
        interval.name,
        start,
        end,
    )
    out: dict[int, dict[int, Close]] = {}
    for symbol_id, open_time, close, received in rows:
        out.setdefault(symbol_id, {})[open_time] = Close(close, received)
    return out


async def klines(connection: Connection, symbol: StoredSymbol, page: Page) -> list[Kline]:
    """Stored seconds."""
    rows = await connection.fetch(
        f"""SELECT open_time, {_MEASURES}, version, source FROM kline_1s
            WHERE symbol_id = $1 AND open_time >= $2 AND open_time < $3
            ORDER BY open_time {page.order} LIMIT $4""",
        symbol.symbol_id,
        page.start,
        page.end,
        page.limit,
    )
    out = [_kline(symbol, row) for row in rows]
    if page.newest:
        out.reverse()
    return out


async def pending_klines(connection: Connection, symbol: StoredSymbol, since: int) -> list[Kline]:
    """The seconds of minutes that open at ``since`` or later and wait to be folded (their checkpoints are pending)."""
    rows = await connection.fetch(
        f"""SELECT open_time, {_MEASURES}, version, source FROM kline_1s k
            WHERE symbol_id = $1 AND open_time >= $2 AND EXISTS (
                SELECT FROM checkpoint c
                WHERE c.minute = k.open_time - k.open_time % {MINUTE} AND c.symbol_ids @> ARRAY[$1::integer])
            ORDER BY open_time""",
        symbol.symbol_id,
        since,
    )
    return [_kline(symbol, row) for row in rows]


async def gaps(connection: Connection, symbol_id: int, page: Page) -> list[Gap]:
    """Rows of the gap ledger that overlap ``[start, end)``."""
    rows = await connection.fetch(
        f"""SELECT start_time, end_time, state, reason, opened_at, closed_at FROM gap
            WHERE symbol_id = $1 AND end_time > $2 AND start_time < $3
            ORDER BY start_time {page.order} LIMIT $4""",
        symbol_id,
        page.start,
        page.end,
        page.limit,
    )
    out = [Gap(start=r[0], end=r[1], state=r[2], reason=r[3], opened_at=r[4], closed_at=r[5]) for r in rows]
    if page.newest:
        out.reverse()
    return out


class Bucket(msgspec.Struct, frozen=True):
    """What a symbol did in one stretch of time that opens at ``open_time``: prices and base volume as decimal strings."""

    open_time: int
    open: str
    high: str
    low: str
    volume: str


async def buckets(connection: Connection, length: int, start: int, end: int) -> dict[Identity, list[Bucket]]:
    """Stretches of ``length`` ms in ``[start, end)`` of all symbols, from stored minutes; oldest first."""
    # Symbol by symbol, so that each is a range of the index; over all at once PostgreSQL reads the whole table.
    rows: Sequence[asyncpg.Record] = await connection.fetch(
        """SELECT s.exchange, s.symbol, b.* FROM symbol s CROSS JOIN LATERAL (
               SELECT c.open_time / $1 * $1 AS bucket, (array_agg(c.open ORDER BY c.trades = 0, c.open_time))[1],
                      coalesce(max(c.high) FILTER (WHERE c.trades > 0), max(c.high)),
                      coalesce(min(c.low) FILTER (WHERE c.trades > 0), min(c.low)), sum(c.volume)
               FROM candle c
               WHERE c.symbol_id = s.symbol_id AND c.interval = '1m' AND c.open_time >= $2 AND c.open_time < $3
               GROUP BY bucket) b
           ORDER BY b.bucket""",
        length,
        start,
        end,
    )
    out: dict[Identity, list[Bucket]] = {}
    for row in rows:
        out.setdefault(Identity(row[0], row[1]), []).append(Bucket(*tuple(row)[2:]))
    return out


class Run(msgspec.Struct, frozen=True):
    """The aggregator's newest run. Times are milliseconds."""

    started_at: int
    finished_at: int | None
    candles: int
    revisions: int
    error: str | None


async def newest_run(connection: Connection) -> Run | None:
    """None before the first."""
    row = await connection.fetchrow(
        "SELECT started_at, finished_at, candles, revisions, error FROM aggregation_run ORDER BY run_id DESC LIMIT 1"
    )
    return None if row is None else Run(*row)


def _candle(interval: Interval, row: asyncpg.Record, now: int) -> Candle:
    *measures, source, revision = row
    open_time: int = measures[0]
    return Candle(  # type: ignore[misc]  # the columns are the struct's first fields, in order
        *measures,
        expected=interval.expected(open_time),
        source=SOURCE_OF[source],
        revision=revision,
        closed=interval.next_open(open_time) <= now,
    )


def _kline(symbol: StoredSymbol, row: asyncpg.Record) -> Kline:
    *measures, source = row
    return Kline(symbol.exchange, symbol.symbol, *measures, source=KLINE_SOURCE_OF[source])  # type: ignore[misc]
