"""Writing seconds: COPY as text, the newest version of each, and a checkpoint of every minute that changed.

They are written symbol by symbol: each page of the key's index is then visited once a batch, not once a second.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Collection, Iterable, Iterator, Mapping
from itertools import chain, islice, repeat
from operator import attrgetter
from typing import NamedTuple

import asyncpg
import msgspec

from rtchart.core.gap import Range, normal
from rtchart.core.interval import HOUR, MINUTE, SECOND
from rtchart.core.kline import Kline
from rtchart.store.database import Connection

_COLUMNS = (
    "symbol_id",
    "open_time",
    "version",
    "open",
    "high",
    "low",
    "close",
    "volume",
    "quote_volume",
    "taker_buy_volume",
    "taker_buy_quote_volume",
    "trades",
    "source",
)
_CONTENT = _COLUMNS[3:-1]
_FIELDS: attrgetter[tuple[int | str, ...]] = attrgetter(*_COLUMNS[1:])
_JSON = msgspec.json.Encoder()
DELIMITER = ","
"""What stands between the columns in `copy_text`."""

_CHUNK = 1_000
"""Rows that are sent to the server at once."""

Seconds = Mapping[int, Mapping[int, Kline]]
"""What is to be stored, by symbol_id and open_time. Klines are checked (`rtchart.core.kline.check`): they are copied as they
are."""


class Stored(NamedTuple):
    """What became of seconds: how many are new (``inserted``), have another content (``changed``), or are as they were."""

    inserted: int
    changed: int
    unchanged: int
    touched: Mapping[int, Collection[int]]
    """The seconds whose candles have to be folded again: open times by symbol_id."""


def _prefixed(prefix: str, columns: Iterable[str]) -> str:
    return ", ".join(f"{prefix}.{column}" for column in columns)


# Of a second that is there, the higher version counts; equal content is no change, and keeps the source it came by. All
# parts of the statement see the table as it was before it, so `known` holds what the upsert replaces.
_UPSERT = f"""
WITH known AS (
    SELECT k.symbol_id, k.open_time, ({_prefixed("k", _CONTENT)}) = ({_prefixed("s", _CONTENT)}) AS same
    FROM kline_staging s JOIN kline_1s k USING (symbol_id, open_time)
), written AS (
    INSERT INTO kline_1s ({", ".join(_COLUMNS)})
    SELECT {", ".join(_COLUMNS)} FROM kline_staging
    ON CONFLICT (symbol_id, open_time) DO UPDATE SET
        version = excluded.version,
        source = CASE WHEN ({_prefixed("kline_1s", _CONTENT)}) = ({_prefixed("excluded", _CONTENT)})
                      THEN kline_1s.source ELSE excluded.source END,
        {", ".join(f"{column} = excluded.{column}" for column in _CONTENT)}
    WHERE excluded.version > kline_1s.version
    RETURNING symbol_id, open_time
)
SELECT symbol_id, open_time, known.same FROM written LEFT JOIN known USING (symbol_id, open_time)
"""


async def prepare(connection: Connection) -> None:
    """Make a new connection ready for `insert`: its staging table, which is emptied at each transaction's end."""
    await connection.execute("CREATE TEMP TABLE kline_staging (LIKE kline_1s) ON COMMIT DELETE ROWS")


async def insert(connection: Connection, seconds: Seconds, *, all_new: bool = True) -> Stored:
    """Store seconds, in the caller's transaction, on a connection that `prepare` has seen.

    ``all_new``: whether to try the short way first, which fails as a whole when a second is there already. Their partitions
    must exist (`ensure_partitions`).
    """
    count = sum(map(len, seconds.values()))
    if all_new:
        try:
            async with connection.transaction():  # a savepoint
                await _copy(connection, "kline_1s", seconds)
            return Stored(count, 0, 0, seconds)
        except asyncpg.UniqueViolationError:
            pass
    await _copy(connection, "kline_staging", seconds)
    inserted = changed = 0
    touched: dict[int, list[int]] = {}
    for symbol_id, open_time, same in await connection.fetch(_UPSERT):
        if same:
            continue
        touched.setdefault(symbol_id, []).append(open_time)
        if same is None:
            inserted += 1
        else:
            changed += 1
    return Stored(inserted, changed, count - inserted - changed, touched)


Row = tuple[int, tuple[int | str, ...]]
"""symbol_id, and the rest of a row of ``kline_1s``."""


def rows(symbol_id: int, klines: Iterable[Kline]) -> Iterator[Row]:
    """A symbol's klines as rows."""
    return zip(repeat(symbol_id), map(_FIELDS, klines))


def copy_text(rows: Iterable[Row]) -> bytes:
    """Rows for COPY as text with `DELIMITER`.

    They are JSON lists without brackets and quotes: nothing in a checked kline needs escaping, and msgspec is faster than
    formatting in Python. Of the source, the column takes the first letter (`rtchart.store.sources`).
    """
    return _JSON.encode_lines(rows).translate(None, b'[]"')


async def _copy(connection: Connection, table: str, seconds: Seconds) -> None:
    await connection.copy_to_table(table, source=_chunks(seconds), columns=_COLUMNS, format="text", delimiter=DELIMITER)


async def _chunks(seconds: Seconds) -> AsyncIterator[bytes]:
    """The text piece by piece: the server stores one while the next is made."""
    every = chain.from_iterable(rows(symbol_id, of.values()) for symbol_id, of in seconds.items())
    while chunk := copy_text(islice(every, _CHUNK)):
        yield chunk
        await asyncio.sleep(0)  # lets the loop send it


async def ensure_partitions(connection: Connection, hours: Collection[int], *, ahead: int = 0) -> None:
    """Make the partitions that hold these hours (their open times in ms), and ``ahead`` ms more after the last, if missing."""
    for hour in sorted(hours):
        await connection.execute("SELECT ensure_kline_partitions($1, $2)", hour, hour + HOUR)
    await connection.execute("SELECT ensure_kline_partitions($1, $2)", max(hours), max(hours) + ahead)


async def append_checkpoints(connection: Connection, touched: Mapping[int, Collection[int]], *, at: int) -> None:
    """Tell the aggregator which minutes got seconds: a row a minute. ``touched`` are open times by symbol_id."""
    symbols: dict[int, list[int]] = {}
    seconds: dict[int, set[int]] = {}
    for symbol_id, times in sorted(touched.items()):
        for minute in {time // MINUTE * MINUTE for time in times}:
            symbols.setdefault(minute, []).append(symbol_id)
    for time in set().union(*touched.values()):
        seconds.setdefault(time // MINUTE * MINUTE, set()).add(time)
    await connection.executemany(
        "INSERT INTO checkpoint (minute, symbol_ids, first_second, last_second, inserted_at) VALUES ($1, $2, $3, $4, $5)",
        [(minute, symbols[minute], min(times), max(times), at) for minute, times in sorted(seconds.items())],
    )


async def last_seconds(connection: Connection, symbol_ids: Iterable[int]) -> dict[int, int]:
    """The newest stored second of each symbol that has one."""
    rows = await connection.fetch(
        """SELECT symbol_id, (SELECT max(open_time) FROM kline_1s k WHERE k.symbol_id = s.symbol_id) AS last
           FROM unnest($1::integer[]) AS s (symbol_id)""",
        list(symbol_ids),
    )
    return {row["symbol_id"]: row["last"] for row in rows if row["last"] is not None}


async def stored_ranges(connection: Connection, wanted: Iterable[tuple[int, int, int]]) -> dict[int, list[Range]]:
    """Which seconds of each (symbol_id, start, end) are stored, as ranges by symbol."""
    asked = list(wanted)
    rows = await connection.fetch(
        f"""SELECT w.symbol_id, island.start_time, island.end_time
            FROM unnest($1::integer[], $2::bigint[], $3::bigint[]) AS w (symbol_id, start_time, end_time), LATERAL (
                SELECT min(open_time) AS start_time, max(open_time) + {SECOND} AS end_time FROM (
                    SELECT open_time, open_time - {SECOND} * row_number() OVER (ORDER BY open_time) AS run FROM kline_1s k
                    WHERE k.symbol_id = w.symbol_id AND k.open_time >= w.start_time AND k.open_time < w.end_time
                ) AS second GROUP BY run
            ) AS island""",
        [symbol_id for symbol_id, _, _ in asked],
        [start for _, start, _ in asked],
        [end for _, _, end in asked],
    )
    found: dict[int, list[Range]] = {}
    for symbol_id, start, end in rows:
        found.setdefault(symbol_id, []).append((start, end))
    return {symbol_id: normal(ranges) for symbol_id, ranges in found.items()}
