"""The gap ledger's rows. What becomes of them is decided elsewhere (`rtchart.inserter.ledger`)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from rtchart.core.gap import GapReason, GapState, Range
from rtchart.core.messages import GapOpened
from rtchart.core.symbol import raw_floor
from rtchart.store.database import Connection


class GapRow(NamedTuple):
    """A row of ``gap``; times are milliseconds. ``gap_id`` is None while it is not stored."""

    gap_id: int | None
    symbol_id: int
    start: int
    end: int
    state: GapState
    reason: GapReason
    opened_at: int
    closed_at: int | None = None
    asked_at: int | None = None

    @property
    def range(self) -> Range:
        return self.start, self.end


async def unsettled(connection: Connection, windows: Mapping[int, Range]) -> list[GapRow]:
    """The rows, open or absent, that overlap the window of their symbol (by id); held until the transaction ends."""
    starts, ends = [start for start, _ in windows.values()], [end for _, end in windows.values()]
    rows = await connection.fetch(
        # The bounds of all windows together are for the index.
        """SELECT gap_id, gap.symbol_id, gap.start_time, gap.end_time, state, reason, opened_at, closed_at, asked_at FROM gap
           JOIN unnest($1::integer[], $2::bigint[], $3::bigint[]) AS w (symbol_id, start_time, end_time)
               ON gap.symbol_id = w.symbol_id AND gap.end_time > w.start_time AND gap.start_time < w.end_time
           WHERE state <> 'repaired' AND gap.end_time > $4 AND gap.start_time < $5
           ORDER BY gap_id FOR UPDATE OF gap""",
        list(windows),
        starts,
        ends,
        min(starts, default=0),
        max(ends, default=0),
    )
    return [GapRow(*row) for row in rows]


async def lost(connection: Connection, now: int) -> list[GapOpened]:
    """The open gaps of what Kafka had lost before it was read, as far as their seconds are still kept at ``now`` (ms)."""
    rows = await connection.fetch(
        """SELECT exchange, symbol.symbol, start_time, end_time, reason, opened_at, epoch, kline_hours
           FROM gap JOIN symbol USING (symbol_id) WHERE state = 'open' AND reason = 'offset_lost' AND deleted_at IS NULL"""
    )
    return [GapOpened(*gap) for *gap, kline_hours in rows if gap[3] > raw_floor(kline_hours, now)]


async def lose(connection: Connection, symbol_ids: Iterable[int]) -> None:
    """Have the open gaps of these symbols be of what Kafka had lost, whatever opened them: so they are asked for again."""
    await connection.execute(
        """UPDATE gap SET reason = 'offset_lost'
           WHERE state = 'open' AND symbol_id = ANY($1::integer[]) AND reason <> 'offset_lost'""",
        list(symbol_ids),
    )


async def save(connection: Connection, rows: Iterable[GapRow]) -> None:
    """Write rows as they are now: over the stored one, or as new ones."""
    new: list[tuple[object, ...]] = []
    changed: list[tuple[object, ...]] = []
    for row in rows:
        (new if row.gap_id is None else changed).append(tuple(row))
    if changed:
        await connection.executemany(
            """UPDATE gap SET start_time = $3, end_time = $4, state = $5, reason = $6, opened_at = $7, closed_at = $8,
                   asked_at = $9 WHERE gap_id = $1 AND symbol_id = $2""",
            changed,
        )
    if new:
        await connection.executemany(
            """INSERT INTO gap (symbol_id, start_time, end_time, state, reason, opened_at, closed_at, asked_at)
               VALUES ($1, $2, $3, $4, $5, $6, $7, $8)""",
            [row[1:] for row in new],
        )
