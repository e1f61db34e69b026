"""Writing seconds: COPY as text, the newest version of each, and a checkpoint of every minute that changed."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Collection, Iterable, Mapping, Sequence
from itertools import islice
from typing import NamedTuple

import asyncpg

from rtchart.core.gap import Range, normal
from rtchart.core.interval import HOUR, MINUTE, SECOND
from rtchart.core.kline import Kline
from rtchart.store.database import Connection
from rtchart.store.sources import LETTER_OF

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

_CHUNK = 1_000
"""Rows that are sent to the server at once."""

Second = tuple[int, int]
"""(symbol_id, open_time): the key of a row."""

Seconds = Mapping[Second, Kline]
"""What is to be stored: one kline a second, checked (`rtchart.core.kline.check`): its fields are copied as they are."""


class Stored(NamedTuple):
    """What became of seconds. ``inserted`` are new, ``changed`` have another content; the rest is ``unchanged``."""

    inserted: list[Second]
    changed: list[Second]
    unchanged: int

    @property
    def touched(self) -> list[Second]:
        """The seconds whose candles have to be folded again."""
        return self.inserted + self.changed if self.changed else self.inserted


def _staging_list(prefix: str, columns: Iterable[str]) -> str:
    return ", ".join(f"{prefix}.{column}" for column in columns)


# Of a second that is there, the higher version counts; equal content is no change, and keeps the source it came by. All
# parts of the statement see the table as it was before it, so `known` holds what the upsert replaces.
_UPSERT = f"""
WITH known AS (
    SELECT k.symbol_id, k.open_time, ({_staging_list("k", _CONTENT)}) = ({_staging_list("s", _CONTENT)}) AS same
    FROM kline_staging s JOIN kline_1s k USING (symbol_id, open_time)
), written AS (
    INSERT INTO kline_1s ({", ".join(_COLUMNS)})
    SELECT {", ".join(_COLUMNS)} FROM kline_staging
    ON CONFLICT (symbol_id, open_time) DO UPDATE SET
        version = excluded.version,
        source = CASE WHEN ({_staging_list("kline_1s", _CONTENT)}) = ({_staging_list("excluded", _CONTENT)})
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
    if all_new:
        try:
            async with connection.transaction():  # a savepoint
                await _copy(connection, "kline_1s", seconds)
            return Stored(list(seconds), [], 0)
        except asyncpg.UniqueViolationError:
            pass
    await _copy(connection, "kline_staging", seconds)
    inserted: list[Second] = []
    changed: list[Second] = []
    for symbol_id, open_time, same in await connection.fetch(_UPSERT):
        if same is None:
            inserted.append((symbol_id, open_time))
        elif not same:
            changed.append((symbol_id, open_time))
    return Stored(inserted, changed, len(seconds) - len(inserted) - len(changed))


def copy_text(seconds: Iterable[tuple[Second, Kline]]) -> bytes:
    """Seconds in the text format of COPY. Nothing in a checked kline needs escaping."""
    return "".join(
        [
            f"{symbol_id}\t{k.open_time}\t{k.version}\t{k.open}\t{k.high}\t{k.low}\t{k.close}\t{k.volume}\t{k.quote_volume}\t"
            f"{k.taker_buy_volume}\t{k.taker_buy_quote_volume}\t{k.trades}\t{LETTER_OF[k.source]}\n"
            for (symbol_id, _), k in seconds
        ]
    ).encode()


async def _copy(connection: Connection, table: str, seconds: Seconds) -> None:
    await connection.copy_to_table(table, source=_chunks(seconds), columns=_COLUMNS, format="text")


async def _chunks(seconds: Seconds) -> AsyncIterator[bytes]:
    """The text piece by piece: the server stores one while the next is made."""
    items = iter(seconds.items())
    while chunk := copy_text(islice(items, _CHUNK)):
        yield chunk
        await asyncio.sleep(0)  # lets the loop send it


async def ensure_partitions(connection: Connection, hours: Collection[int], *, ahead: int = 0) -> None:
    """Make the partitions that hold these hours (their open times in ms), and ``ahead`` ms more after the last, if missing."""
    for hour in sorted(hours):
        await connection.execute("SELECT ensure_kline_partitions($1, $2)", hour, hour + HOUR)
    await connection.execute("SELECT ensure_kline_partitions($1, $2)", max(hours), max(hours) + ahead)


async def append_checkpoints(connection: Connection, touched: Sequence[Second], *, at: int) -> None:
    """Tell the aggregator which minutes got seconds: a row a minute."""
    minutes: dict[int, tuple[set[int], set[int]]] = {}
    current = -1
    for symbol_id, open_time in touched:
        if open_time // MINUTE != current:
            current = open_time // MINUTE
            ids, times = minutes.setdefault(current * MINUTE, (set(), set()))
        ids.add(symbol_id)
        times.add(open_time)
    await connection.executemany(
        "INSERT INTO checkpoint (minute, symbol_ids, first_second, last_second, inserted_at) VALUES ($1, $2, $3, $4, $5)",
        [(minute, sorted(ids), min(times), max(times), at) for minute, (ids, times) in sorted(minutes.items())],
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
