"""Minutes that the exchange itself has, as candles: written by the inserter, and taken by the aggregator for larger ones.

Which of two candles of a minute counts is decided where all candles are written (`rtchart.store.candles.write`).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from rtchart.core.candle import Candle
from rtchart.core.gap import Range, normal
from rtchart.core.interval import MINUTE, SECOND
from rtchart.store import candles
from rtchart.store.database import Connection

_READ_AHEAD = 1_000
"""Stretches that `take` looks at, at most."""


class Stretch(NamedTuple):
    """Neighbouring minutes ``[start, end)`` (ms) of a symbol."""

    symbol_id: int
    start: int
    end: int


async def write_minutes(connection: Connection, minutes: Sequence[tuple[int, Candle]]) -> int:
    """Store 1m candles of source ``venue``, each with its symbol_id, in the caller's transaction; how many count.

    What became of them is noted for the aggregator, which folds larger candles and publishes both. So nothing of it is in the
    outbox before the aggregator has time for it, and what is live never waits behind a year of the past.
    """
    written = await candles.write(connection, "1m", minutes, publish=False)
    times: dict[int, list[Range]] = {}
    for symbol_id, open_time, _ in written:
        times.setdefault(symbol_id, []).append((open_time, open_time + MINUTE))
    await connection.executemany(
        "INSERT INTO venue_checkpoint (symbol_id, start_time, end_time) VALUES ($1, $2, $3)",
        [(symbol_id, *stretch) for symbol_id, ranges in sorted(times.items()) for stretch in normal(ranges)],
    )
    return len(written)


async def waits(connection: Connection) -> bool:
    """Whether there is anything to `take`."""
    return bool(await connection.fetchval("SELECT EXISTS (SELECT FROM venue_checkpoint)"))


async def waiting(connection: Connection) -> set[int]:
    """The symbols of which there is something to `take`."""
    return {row["symbol_id"] for row in await connection.fetch("SELECT DISTINCT symbol_id FROM venue_checkpoint")}


async def take(connection: Connection, *, minutes: int) -> list[Stretch]:
    """Take the stretches that wait longest, of about so many minutes together, one at least.

    The larger candles made of them are to be written in the same transaction.
    """
    rows = await connection.fetch(
        """WITH first AS (
               SELECT venue_checkpoint_id,
                      sum(end_time - start_time) OVER (ORDER BY venue_checkpoint_id) - end_time + start_time AS before
               FROM (SELECT * FROM venue_checkpoint ORDER BY venue_checkpoint_id LIMIT $2) v
           )
           DELETE FROM venue_checkpoint v USING first
           WHERE v.venue_checkpoint_id = first.venue_checkpoint_id AND before < $1
           RETURNING symbol_id, start_time, end_time""",
        minutes * MINUTE,
        _READ_AHEAD,
    )
    return [Stretch(*row) for row in rows]


async def publish(connection: Connection, stretches: Sequence[Stretch]) -> int:
    """Put the 1m candles of these stretches into the outbox; how many."""
    status = await connection.execute(
        """INSERT INTO candle_outbox (symbol_id, interval, open_time, revision)
           SELECT c.symbol_id, '1m', c.open_time, c.revision
           FROM unnest($1::integer[], $2::bigint[], $3::bigint[]) AS s (symbol_id, start_time, end_time)
           JOIN candle c ON c.symbol_id = s.symbol_id AND c.interval = '1m'
               AND c.open_time >= s.start_time AND c.open_time < s.end_time AND c.source = 'v'""",
        *(list(column) for column in zip(*stretches, strict=True)),
    )
    return int(status.rpartition(" ")[2])  # "INSERT 0 42"


async def minutes_there(
    connection: Connection, wanted: Iterable[tuple[int, int, int]], *, whole: bool
) -> dict[int, list[Range]]:
    """The minutes of each (symbol_id, start, end) that have a candle, a whole one if ``whole``: as ranges by symbol."""
    asked = list(wanted)
    rows = await connection.fetch(
        f"""SELECT w.symbol_id, island.start_time, island.end_time
            FROM unnest($1::integer[], $2::bigint[], $3::bigint[]) AS w (symbol_id, start_time, end_time), LATERAL (
                SELECT min(open_time) AS start_time, max(open_time) + {MINUTE} AS end_time FROM (
                    SELECT open_time, open_time - {MINUTE} * row_number() OVER (ORDER BY open_time) AS run FROM candle c
                    WHERE c.symbol_id = w.symbol_id AND c.interval = '1m' AND c.received >= $4
                        AND c.open_time > w.start_time - {MINUTE} AND c.open_time < w.end_time
                ) AS minute GROUP BY run
            ) AS island""",
        [symbol_id for symbol_id, _, _ in asked],
        [start for _, start, _ in asked],
        [end for _, _, end in asked],
        MINUTE // SECOND if whole else 1,
    )
    found: dict[int, list[Range]] = {}
    for symbol_id, start, end in rows:
        found.setdefault(symbol_id, []).append((start, end))
    return {symbol_id: normal(ranges) for symbol_id, ranges in found.items()}


_SETTLED: Mapping[str, int] = {"1m": 60, "1h": 3_600, "1d": 86_400}


async def settled(connection: Connection, symbol_id: int, start: int, end: int, *, lacking: bool) -> list[Range]:
    """What need not be asked for of ``[start, end)``: whole candles, and, if ``lacking``, what the exchange is known to lack.

    Candles of hours and days count too, because the minutes that they were made of may be past their retention.
    """
    found: list[Range] = []
    for interval, seconds in _SETTLED.items():
        rows = await connection.fetch(
            """SELECT min(open_time), max(open_time) + $5::bigint FROM (
                   SELECT open_time, open_time - $5::bigint * row_number() OVER (ORDER BY open_time) AS run FROM candle
                   WHERE symbol_id = $1 AND interval = $2 AND open_time > $3::bigint - $5::bigint AND open_time < $4
                       AND received = $5::bigint / 1000
               ) AS whole GROUP BY run""",
            symbol_id,
            interval,
            start,
            end,
            seconds * SECOND,
        )
        found += [(row[0], row[1]) for row in rows]
    if lacking:
        rows = await connection.fetch(
            """SELECT start_time, end_time FROM gap
               WHERE symbol_id = $1 AND state = 'absent' AND end_time > $2 AND start_time < $3""",
            symbol_id,
            start,
            end,
        )
        found += [(-(-row[0] // MINUTE) * MINUTE, row[1] // MINUTE * MINUTE) for row in rows]
    return normal(found)
