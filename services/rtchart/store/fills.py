"""What is missing of intervals that a symbol got later: which of their candles are to be folded of what is stored."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from rtchart.store.candles import Span
from rtchart.store.database import MAX_PARAMETER, Connection


class Missing(NamedTuple):
    """Candles of a symbol and interval that open before ``below`` (ms) are to be folded; none if that is 0."""

    symbol_id: int
    interval: str
    below: int


async def read_added(connection: Connection) -> list[Missing]:
    """What is still to be folded of the intervals that were added to a symbol (`rtchart.store.symbols.want`)."""
    rows = await connection.fetch("SELECT symbol_id, interval, below FROM candle_fill ORDER BY symbol_id, interval")
    return [Missing(*row) for row in rows]


async def read_short(connection: Connection, wanted: Sequence[tuple[int, str, str]]) -> list[Missing]:
    """Which of these (symbol_id, interval, child interval) do not reach back as far as their child, and where they end."""
    rows = await connection.fetch(
        """SELECT id, name, coalesce(first, $4) FROM (
               SELECT id, name,
                      (SELECT min(open_time) FROM candle WHERE symbol_id = w.id AND interval = w.name) AS first,
                      (SELECT min(open_time) FROM candle WHERE symbol_id = w.id AND interval = w.child) AS child_first
               FROM unnest($1::integer[], $2::text[], $3::text[]) AS w (id, name, child)
           ) reach WHERE child_first IS NOT NULL AND (first IS NULL OR child_first < first)""",
        [symbol_id for symbol_id, _, _ in wanted],
        [name for _, name, _ in wanted],
        [child for _, _, child in wanted],
        MAX_PARAMETER,
    )
    return [Missing(*row) for row in rows]


async def read_times(connection: Connection, span: Span, *, limit: int) -> list[int]:
    """The open times of the newest candles in the span, newest first."""
    rows = await connection.fetch(
        """SELECT open_time FROM candle WHERE symbol_id = $1 AND interval = $2 AND open_time >= $3 AND open_time < $4
           ORDER BY open_time DESC LIMIT $5""",
        *span,
        limit,
    )
    return [row["open_time"] for row in rows]


async def advance(connection: Connection, missing: Iterable[Missing]) -> None:
    """Note how far added intervals are folded now."""
    await connection.executemany(
        "UPDATE candle_fill SET below = $3 WHERE symbol_id = $1 AND interval = $2 AND below > $3", list(missing)
    )
    await connection.execute("DELETE FROM candle_fill WHERE below = 0")
