"""What is stored of every symbol at once, for who watches over all of them. Times are milliseconds."""

from __future__ import annotations

from collections import Counter
from typing import NamedTuple

import asyncpg

from rtchart.core.gap import GapState
from rtchart.core.interval import HOUR, MINUTE
from rtchart.core.kline import Identity
from rtchart.store.database import Connection

Counts = dict[Identity, Counter[GapState]]


class Ends(NamedTuple):
    """The newest second and the newest 1m candle of a symbol, by open time; None where there is none."""

    last_second: int | None
    last_minute: int | None


async def ends(connection: Connection) -> dict[Identity, Ends]:
    """How far each symbol is stored."""
    rows = await connection.fetch(
        """SELECT exchange, symbol,
                  (SELECT max(open_time) FROM kline_1s k WHERE k.symbol_id = s.symbol_id) AS last_second,
                  (SELECT max(open_time) FROM candle c WHERE c.symbol_id = s.symbol_id AND interval = '1m') AS last_minute
           FROM symbol s WHERE deleted_at IS NULL"""
    )
    return {Identity(row[0], row[1]): Ends(row[2], row[3]) for row in rows}


async def unaggregated(connection: Connection, now: int) -> dict[Identity, int]:
    """How many minutes of a symbol are past its retention and kept, because they are not folded yet."""
    rows = await connection.fetch(
        f"""SELECT exchange, symbol, count(DISTINCT minute) FROM symbol s
            JOIN (SELECT minute, unnest(symbol_ids) AS symbol_id FROM checkpoint) c USING (symbol_id)
            WHERE minute < ($1::bigint / {HOUR} - s.kline_hours) * {HOUR} GROUP BY exchange, symbol""",
        now,
    )
    return {Identity(row[0], row[1]): row[2] for row in rows}


async def gaps(connection: Connection) -> Counts:
    """How many gaps of a symbol the ledger holds, by state."""
    return _counts(
        await connection.fetch(
            """SELECT exchange, symbol, state, count(*) FROM gap JOIN symbol USING (symbol_id)
               WHERE deleted_at IS NULL GROUP BY exchange, symbol, state"""
        )
    )


async def gaps_closed(connection: Connection, since: int, until: int) -> Counts:
    """How many gaps of a symbol were closed in ``[since, until)``, by what became of them."""
    return _counts(
        await connection.fetch(
            """SELECT exchange, symbol, state, count(*) FROM gap JOIN symbol USING (symbol_id)
               WHERE closed_at >= $1 AND closed_at < $2 AND deleted_at IS NULL GROUP BY exchange, symbol, state""",
            since,
            until,
        )
    )


async def open_since(connection: Connection, now: int) -> dict[Identity, int]:
    """When the oldest gap of each symbol that has open ones was found.

    Not of gaps whose seconds are past their retention: nobody asks for these any more.
    """
    rows = await connection.fetch(
        f"""SELECT exchange, symbol, min(opened_at) FROM gap JOIN symbol USING (symbol_id)
            WHERE state = 'open' AND deleted_at IS NULL AND end_time > ($1::bigint / {HOUR} - kline_hours) * {HOUR}
            GROUP BY exchange, symbol""",
        now,
    )
    return {Identity(row[0], row[1]): row[2] for row in rows}


async def completeness(connection: Connection, now: int, *, hours: int = 24) -> dict[Identity, float]:
    """Which share of the seconds (0 to 1) each symbol's minutes have of this hour and those before it, ``hours`` in all.

    From its first minute in them to its newest.
    """
    # The hours' candles are sixty times fewer; an interval that a symbol got or lost in between is not in all hours.
    rows = await connection.fetch(
        f"""SELECT exchange, symbol, received, (last - first) / {MINUTE} + 1 FROM symbol s CROSS JOIN LATERAL (
                SELECT min(open_time) AS first, max(open_time) AS last FROM candle c
                WHERE c.symbol_id = s.symbol_id AND interval = '1m' AND open_time >= $1
            ) span CROSS JOIN LATERAL (
                SELECT CASE count(*) WHEN 2 - (first / {HOUR} = last / {HOUR})::int THEN '1h' ELSE '1m' END AS level
                FROM candle c WHERE c.symbol_id = s.symbol_id AND interval = '1h'
                  AND open_time IN (first / {HOUR} * {HOUR}, last / {HOUR} * {HOUR})
            ) taken CROSS JOIN LATERAL (
                SELECT sum(received) AS received FROM candle c
                WHERE c.symbol_id = s.symbol_id AND interval = level AND open_time >= $1
            ) held WHERE last IS NOT NULL AND deleted_at IS NULL""",
        now // HOUR * HOUR - (hours - 1) * HOUR,
    )
    return {Identity(row[0], row[1]): row[2] / (row[3] * 60) for row in rows}


async def size(connection: Connection) -> int:
    """Bytes that the database has on its disk."""
    return int(await connection.fetchval("SELECT pg_database_size(current_database())"))


async def is_gone(connection: Connection, identity: Identity) -> bool:
    """Whether nothing is stored of a symbol, or somebody wants it again: then its data stays."""
    return bool(
        await connection.fetchval(
            """SELECT NOT EXISTS (
                   SELECT FROM symbol s WHERE exchange = $1 AND symbol = $2 AND deleted_at IS NOT NULL AND (
                       EXISTS (SELECT FROM kline_1s k WHERE k.symbol_id = s.symbol_id)
                       OR EXISTS (SELECT FROM candle c WHERE c.symbol_id = s.symbol_id)
                       OR EXISTS (SELECT FROM gap g WHERE g.symbol_id = s.symbol_id)))""",
            identity.exchange,
            identity.symbol,
        )
    )


def _counts(rows: list[asyncpg.Record]) -> Counts:
    counts: Counts = {}
    for exchange, symbol, state, count in rows:
        counts.setdefault(Identity(exchange, symbol), Counter())[state] = count
    return counts
