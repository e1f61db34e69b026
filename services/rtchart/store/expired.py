"""Which candles are past their retention.

Those below 1h that open before their symbol's floor. But not the exchange's own minutes, and what is folded of them, while a
candle that is kept for ever and is made of them is not whole: they came later than their retention, the rest of them may still
be on their way, and the larger candle is folded of all of them.
"""

from __future__ import annotations

from collections.abc import Mapping

from rtchart.core.interval import CANDLE_INTERVALS, HOUR, INTERVALS, Interval, parents
from rtchart.store.database import Connection

_EXPIRING = tuple(name for name in CANDLE_INTERVALS if 0 < INTERVALS[name].length < HOUR)

_MONTH = "date_trunc('month', to_timestamp(m.open_time / 1000) AT TIME ZONE 'UTC')"

_PART_OF_WHAT_IS_NOT_WHOLE = f"""
    SELECT FROM unnest($4::integer[], $5::text[], $6::bigint[], $7::bigint[]) AS k (symbol_id, interval, length, anchor)
    CROSS JOIN LATERAL (
        SELECT CASE k.length WHEN 0 THEN (extract(epoch FROM {_MONTH}) * 1000)::bigint
                             ELSE m.open_time - (m.open_time - k.anchor) % k.length END AS opened,
               CASE k.length WHEN 0 THEN extract(epoch FROM {_MONTH} + interval '1 month' - {_MONTH})::bigint
                             ELSE k.length / 1000 END AS seconds
    ) period
    WHERE k.symbol_id = m.symbol_id AND NOT EXISTS (
        SELECT FROM candle w WHERE w.symbol_id = m.symbol_id AND w.interval = k.interval AND w.open_time = period.opened
            AND w.received = period.seconds
    )"""


def delete(rows: int) -> str:
    """A statement that deletes so many of them at most; it takes `arguments`."""
    return f"""
        WITH old AS (
            SELECT c.* FROM unnest($1::integer[], $2::bigint[]) AS f (symbol_id, time)
            CROSS JOIN unnest($3::text[]) AS interval
            CROSS JOIN LATERAL (
                SELECT symbol_id, interval, open_time FROM candle m
                WHERE m.symbol_id = f.symbol_id AND m.interval = interval.interval AND open_time < f.time
                    AND (m.source <> 'v' OR NOT EXISTS ({_PART_OF_WHAT_IS_NOT_WHOLE}))
                LIMIT {rows}
            ) c LIMIT {rows}
        )
        DELETE FROM candle c USING old
        WHERE c.symbol_id = old.symbol_id AND c.interval = old.interval AND c.open_time = old.open_time"""


async def arguments(connection: Connection, floors: Mapping[int, int]) -> tuple[object, ...]:
    """What `delete` needs to know. ``floors`` (ms) are by symbol_id, of those that do not keep all."""
    kept = await _kept_for_ever(connection, floors)
    return (
        list(floors),
        list(floors.values()),
        list(_EXPIRING),
        [symbol_id for symbol_id, _ in kept],
        [interval.name for _, interval in kept],
        [interval.length for _, interval in kept],
        [interval.anchor for _, interval in kept],
    )


async def _kept_for_ever(connection: Connection, floors: Mapping[int, int]) -> list[tuple[int, Interval]]:
    """By symbol_id, the intervals whose candles are kept for ever and are folded from such as are not."""
    rows = await connection.fetch(
        "SELECT symbol_id, intervals, listed_day FROM symbol WHERE symbol_id = ANY($1::integer[])", list(floors)
    )
    return [
        (symbol_id, interval if listed_day is None else interval.of(listed_day))
        for symbol_id, intervals, listed_day in rows
        for interval, child in parents(intervals).items()
        if child.name in _EXPIRING and interval.name not in _EXPIRING and (interval.name != "3d" or listed_day is not None)
    ]
