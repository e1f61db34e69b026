"""What is stored of every symbol at once, for who watches over all of them. Times are milliseconds."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

import asyncpg

from rtchart.core.gap import GapState
from rtchart.core.interval import HOUR, MINUTE, SECOND
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


async def newest_seconds(connection: Connection, symbol_ids: Sequence[int]) -> dict[int, int]:
    """By symbol_id, the open time of the newest second of those that have one."""
    if not symbol_ids:
        return {}
    rows = await connection.fetch(
        """SELECT * FROM (SELECT s.symbol_id, (SELECT max(open_time) FROM kline_1s k WHERE k.symbol_id = s.symbol_id) AS newest
                          FROM unnest($1::integer[]) AS s (symbol_id)) n WHERE newest IS NOT NULL""",
        list(symbol_ids),
    )
    return {row[0]: row[1] for row in rows}


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


class Lately(NamedTuple):
    """Of a symbol: its gaps of the last time by state, and how many seconds of it are in open and absent ones."""

    open: int
    repaired: int
    absent: int
    missing: int


async def lately(connection: Connection, symbol_ids: Sequence[int], since: int, until: int) -> dict[int, Lately]:
    """By symbol_id, of the gaps that overlap ``[since, until)``. Symbols without such gaps are left out.

    However many rows the ledger holds, about those are read that count: open and absent ones are a range of the index
    ``gap_unsettled``, repaired ones a range of the symbol's. The latter begins with the last gap that opened before ``since``,
    and so relies on none before that one reaching further: gaps overlap only where the same seconds were missed twice.
    """
    rows = await connection.fetch(
        """SELECT symbol_id, count(*) FILTER (WHERE state = 'open'), count(*) FILTER (WHERE state = 'repaired'),
                  count(*) FILTER (WHERE state = 'absent'),
                  coalesce(sum(least(end_time, $3) - greatest(start_time, $2)) FILTER (WHERE state <> 'repaired'), 0)::bigint
           FROM (
               SELECT symbol_id, state, start_time, end_time FROM gap
               WHERE state <> 'repaired' AND end_time > $2 AND start_time < $3 AND symbol_id = ANY($1::integer[])
               UNION ALL
               SELECT g.* FROM unnest($1::integer[]) AS s (symbol_id) CROSS JOIN LATERAL (
                   SELECT symbol_id, state, start_time, end_time FROM gap
                   WHERE symbol_id = s.symbol_id AND state = 'repaired' AND end_time > $2 AND start_time < $3
                       AND start_time >= coalesce(
                           (SELECT max(start_time) FROM gap b WHERE b.symbol_id = s.symbol_id AND b.start_time < $2), $2)
                   OFFSET 0) g
           ) overlapping GROUP BY symbol_id""",
        list(symbol_ids),
        since,
        until,
    )
    return {row[0]: Lately(row[1], row[2], row[3], row[4] // SECOND) for row in rows}


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
