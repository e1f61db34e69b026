"""Checkpoints: which minutes got seconds and wait for the aggregator. The inserter writes them with the seconds."""

from __future__ import annotations

from rtchart.core.interval import MINUTE, SECOND
from rtchart.store.candles import Period
from rtchart.store.database import Connection

LAST_SECOND = MINUTE - SECOND

OVERDUE = 5 * SECOND
"""A minute that ended so long ago (ms) is folded with what there is."""

SETTLE = 300
"""How long (ms) after the first of a minute's last seconds those of the other symbols are given to come in.

They come in the same or in the next batch of the inserter; folding between the two would give most candles a second
revision at once."""

_DUE = f"""minute <= $1::bigint - {MINUTE + OVERDUE}
           OR (last_second >= minute + {LAST_SECOND} AND inserted_at <= $1::bigint - {SETTLE})"""


async def due(connection: Connection, now: int) -> bool:
    """Whether a minute is due: its second 59 is in, or it ended 5 s ago."""
    return bool(await connection.fetchval(f"SELECT EXISTS (SELECT FROM checkpoint WHERE {_DUE})", now))


async def take(connection: Connection, now: int, *, minutes: int) -> list[Period]:
    """Take all checkpoints of the oldest due minutes, at most so many of them: the minutes of each symbol that got seconds.

    What they stand for is committed, and visible to every later statement at READ COMMITTED.
    """
    rows = await connection.fetch(
        f"""WITH due AS (
                SELECT DISTINCT minute FROM checkpoint WHERE {_DUE} ORDER BY minute LIMIT $2
            ), taken AS (
                DELETE FROM checkpoint c USING due WHERE c.minute = due.minute RETURNING c.minute, c.symbol_ids
            )
            SELECT DISTINCT symbol_id, minute FROM taken CROSS JOIN LATERAL unnest(symbol_ids) AS symbol_id
            ORDER BY minute, symbol_id""",
        now,
        minutes,
    )
    return [Period(row["symbol_id"], row["minute"]) for row in rows]


async def pending(connection: Connection) -> int:
    """How many checkpoints wait."""
    return int(await connection.fetchval("SELECT count(*) FROM checkpoint"))
