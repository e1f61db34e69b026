"""Candles: what they are folded from, and writing them so that only a change is a revision."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import repeat
from operator import attrgetter
from typing import NamedTuple

from rtchart.core.candle import Candle, standing
from rtchart.core.interval import HOUR, MINUTE, Interval
from rtchart.core.kline import FIGURES, Identity
from rtchart.core.symbol import candle_floor, raw_floor
from rtchart.store.database import Connection
from rtchart.store.sources import LETTER_OF, SOURCE_OF

CONTENT = (
    "open_time, open::text, high::text, low::text, close::text, volume::text, quote_volume::text, trades, "
    "taker_buy_volume::text, taker_buy_quote_volume::text"
)
"""The first fields of a `Candle`, in their order; as text, which asyncpg decodes in C: a codec calls Python for each value."""

_SECONDS = ", ".join(
    [
        "array_agg(open_time) AS open_times",
        *(f"string_agg({name}::text, ' ')" for name in ("open", "high", "low", "close", "volume", "quote_volume")),
        "array_agg(trades)",
        *(f"string_agg({name}::text, ' ')" for name in ("taker_buy_volume", "taker_buy_quote_volume")),
        "string_agg(source::text, ' ')::bytea",
    ]
)
"""The same of a minute's seconds, a column as one value each and the sources last: as rows they take twice the time here."""

_candle: Callable[..., Candle] = Candle  # by position, from a row
_CONTENT_OF = attrgetter("open_time", *FIGURES, "received")


class Period(NamedTuple):
    """A period of one symbol; of which interval is said by where it stands."""

    symbol_id: int
    open_time: int


class Span(NamedTuple):
    """The stored candles of one symbol and interval that open in ``[start, end)``."""

    symbol_id: int
    interval: str
    start: int
    end: int


class Written(NamedTuple):
    """A candle that is new (revision 1) or has changed."""

    symbol_id: int
    open_time: int
    revision: int


@dataclass(frozen=True)
class Series:
    """What candles a symbol shall have, and how long its parts are kept."""

    symbol_id: int
    identity: Identity
    intervals: tuple[str, ...]
    listed_day: int | None
    kline_hours: int
    candle_days: int

    def raw_floor(self, now: int) -> int:
        """Seconds that open before this time may be gone."""
        return raw_floor(self.kline_hours, now)

    def floor(self, interval: Interval, now: int) -> int:
        """Candles of the interval that open before this time may be gone; 0 where all are kept."""
        return candle_floor(self.candle_days, now) if 0 < interval.length < HOUR else 0


async def read_series(connection: Connection, symbol_ids: Iterable[int] | None = None) -> dict[int, Series]:
    """The series of these symbols, or of all, by symbol_id."""
    rows = await connection.fetch(
        """SELECT symbol_id, exchange, symbol, intervals, kline_hours, candle_days, listed_day FROM symbol
           WHERE $1::integer[] IS NULL OR symbol_id = ANY($1)""",
        None if symbol_ids is None else list(symbol_ids),
    )
    return {
        row["symbol_id"]: Series(
            row["symbol_id"],
            Identity(row["exchange"], row["symbol"]),
            tuple(row["intervals"]),
            row["listed_day"],
            row["kline_hours"],
            row["candle_days"],
        )
        for row in rows
    }


async def plan_lookups(connection: Connection) -> None:
    """Have the reads of this transaction planned as what they are: a few neighbouring rows of many symbols, by the key.

    The planner takes each lookup for several page reads from a disk, and would rather scan a table of millions and hash it:
    with 500,000 candles 0.3 s instead of 0.04 s for each level.
    """
    await connection.execute("SET LOCAL enable_hashjoin = off; SET LOCAL enable_mergejoin = off")


async def read_seconds(connection: Connection, minutes: Sequence[Period]) -> dict[Period, list[Candle]]:
    """The stored seconds of each minute, as candles of ``1s``; a minute without any is missing."""
    if not minutes:
        return {}
    rows = await connection.fetch(
        # The outer bounds let the planner leave out partitions before it looks at a single minute.
        f"""SELECT n, k.* FROM unnest($1::integer[], $2::bigint[]) WITH ORDINALITY AS period (symbol_id, minute, n)
            CROSS JOIN LATERAL (
                SELECT {_SECONDS} FROM kline_1s
                WHERE symbol_id = period.symbol_id AND open_time >= period.minute AND open_time < period.minute + {MINUTE}
                  AND open_time >= $3 AND open_time < $4
            ) k WHERE open_times IS NOT NULL""",
        [minute.symbol_id for minute in minutes],
        [minute.open_time for minute in minutes],
        min(minute.open_time for minute in minutes),
        max(minute.open_time for minute in minutes) + MINUTE,
    )
    return {
        minutes[n - 1]: list(
            map(
                _candle,
                open_times,
                *(column.split() for column in prices_and_volumes),
                trades,
                taker_buy_volumes.split(),
                taker_buy_quote_volumes.split(),
                repeat(1),
                repeat(1),
                map(SOURCE_OF.__getitem__, sources.split()),
            )
        )
        for n, open_times, *prices_and_volumes, trades, taker_buy_volumes, taker_buy_quote_volumes, sources in rows
    }


async def read_candles(connection: Connection, spans: Sequence[Span]) -> list[list[Candle]]:
    """The stored candles of each span, in the spans' order; ``expected`` and ``closed`` are left to who folds them."""
    if not spans:
        return []
    rows = await connection.fetch(
        f"""SELECT n, c.* FROM unnest(string_to_array($1, ' ')::integer[], string_to_array($2, ' '),
                                      string_to_array($3, ' ')::bigint[], string_to_array($4, ' ')::bigint[])
                WITH ORDINALITY AS span (symbol_id, interval, start, stop, n)
            CROSS JOIN LATERAL (
                SELECT {CONTENT}, received, source FROM candle
                WHERE symbol_id = span.symbol_id AND interval = span.interval
                  AND open_time >= span.start AND open_time < span.stop
            ) c""",
        *(_column(span[field] for span in spans) for field in range(4)),
    )
    found: list[list[Candle]] = [[] for _ in spans]
    for n, *content, received, source in rows:
        found[n - 1].append(_candle(*content, received, 0, SOURCE_OF[source]))
    return found


async def read_standing(connection: Connection, minutes: Sequence[Period]) -> dict[Period, tuple[int, bool]]:
    """By what the stored candle of each minute stands (`rtchart.core.candle.standing`); a minute without one is missing."""
    spans = [Span(minute.symbol_id, "1m", minute.open_time, minute.open_time + 1) for minute in minutes]
    found = await read_candles(connection, spans)
    return {minute: standing(candle) for minute, stored in zip(minutes, found, strict=True) for candle in stored}


async def write(
    connection: Connection, interval: str, candles: Sequence[tuple[int, Candle]], *, publish: bool = True
) -> list[Written]:
    """Store candles of one interval, each with its symbol_id; those that are new or changed, which are in the outbox too.

    A candle of equal content is left alone, and so is one that has more seconds than the fold: what was received once is
    not forgotten because its parts are gone. Between as many seconds, what was seen here is not replaced by the exchange's
    word (source ``venue``). The revision rises under the row's lock. Without ``publish`` the outbox is left to the caller.
    """
    if not candles:
        return []
    ordered = sorted(candles, key=lambda item: (item[0], item[1].open_time))
    rows = await connection.fetch(
        _WRITE_AND_PUBLISH if publish else _WRITE,
        interval,
        _column(symbol_id for symbol_id, _ in ordered),
        *map(_column, zip(*(_CONTENT_OF(candle) for _, candle in ordered), strict=True)),
        _column(LETTER_OF[candle.source] for _, candle in ordered),
    )
    return [Written(*row) for row in rows]


_WRITE = """
    INSERT INTO candle AS c (interval, symbol_id, open_time, open, high, low, close, volume, quote_volume, trades,
                             taker_buy_volume, taker_buy_quote_volume, received, source, revision)
    SELECT $1, symbol_id, open_time, open, high, low, close, volume, quote_volume, trades, taker_buy_volume,
           taker_buy_quote_volume, received, source, 1
    FROM unnest(string_to_array($2, ' ')::integer[], string_to_array($3, ' ')::bigint[], string_to_array($4, ' ')::numeric[],
                string_to_array($5, ' ')::numeric[], string_to_array($6, ' ')::numeric[], string_to_array($7, ' ')::numeric[],
                string_to_array($8, ' ')::numeric[], string_to_array($9, ' ')::numeric[], string_to_array($10, ' ')::bigint[],
                string_to_array($11, ' ')::numeric[], string_to_array($12, ' ')::numeric[],
                string_to_array($13, ' ')::integer[], string_to_array($14, ' ')::"char"[])
         AS f (symbol_id, open_time, open, high, low, close, volume, quote_volume, trades, taker_buy_volume,
               taker_buy_quote_volume, received, source)
    ON CONFLICT (symbol_id, interval, open_time) DO UPDATE SET
        open = excluded.open, high = excluded.high, low = excluded.low, close = excluded.close, volume = excluded.volume,
        quote_volume = excluded.quote_volume, trades = excluded.trades, taker_buy_volume = excluded.taker_buy_volume,
        taker_buy_quote_volume = excluded.taker_buy_quote_volume, received = excluded.received, source = excluded.source,
        revision = c.revision + 1
    WHERE (excluded.received > c.received
           OR (excluded.received = c.received AND (excluded.source <> 'v' OR c.source = 'v')))
      AND (excluded.open, excluded.high, excluded.low, excluded.close, excluded.volume, excluded.quote_volume,
           excluded.trades, excluded.taker_buy_volume, excluded.taker_buy_quote_volume, excluded.received, excluded.source)
          IS DISTINCT FROM
          (c.open, c.high, c.low, c.close, c.volume, c.quote_volume,
           c.trades, c.taker_buy_volume, c.taker_buy_quote_volume, c.received, c.source)
    RETURNING c.symbol_id, c.open_time, c.revision
"""

_WRITE_AND_PUBLISH = f"""
WITH written AS ({_WRITE}), noted AS (
    INSERT INTO candle_outbox (symbol_id, interval, open_time, revision)
    SELECT symbol_id, $1, open_time, revision FROM written
)
SELECT symbol_id, open_time, revision FROM written
"""


def _column(values: Iterable[object]) -> str:
    """Values as one parameter, for ``string_to_array``: of an array's elements asyncpg asks each what it is, in Python."""
    return " ".join(map(str, values))
