"""The table ``symbol``: every (exchange, symbol) that was ever stored, and what is wanted of it now.

Rows are made and changed here and never deleted: other tables hold their ids.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import NamedTuple

import asyncpg

from rtchart.core.kline import Identity
from rtchart.core.messages import Listing
from rtchart.core.symbol import DesiredSymbol
from rtchart.store.database import Connection


class SymbolRow(NamedTuple):
    """What a writer of seconds must know of a symbol."""

    symbol_id: int
    identity: Identity
    epoch: int
    kline_hours: int
    suspended: bool
    deleted: bool


_COLUMNS = "symbol_id, exchange, symbol, epoch, kline_hours, suspended, deleted_at"


def _row(record: asyncpg.Record) -> SymbolRow:
    return SymbolRow(
        symbol_id=record["symbol_id"],
        identity=Identity(record["exchange"], record["symbol"]),
        epoch=record["epoch"],
        kline_hours=record["kline_hours"],
        suspended=record["suspended"],
        deleted=record["deleted_at"] is not None,
    )


async def load(connection: Connection) -> list[SymbolRow]:
    """Every symbol."""
    return [_row(record) for record in await connection.fetch(f"SELECT {_COLUMNS} FROM symbol")]


async def ensure(connection: Connection, epochs: Mapping[Identity, int]) -> list[SymbolRow]:
    """The rows of these symbols, made where they are missing.

    The epoch is that of a record which came for the symbol: a newer one than the row's begins a new life of the symbol, so
    that klines which overtake their Symbol on another topic find a row.
    """
    wanted = sorted(epochs)
    exchanges, names = [i.exchange for i in wanted], [i.symbol for i in wanted]
    await connection.execute(
        """INSERT INTO symbol (exchange, symbol, epoch)
           SELECT * FROM unnest($1::text[], $2::text[], $3::bigint[])
           ON CONFLICT (exchange, symbol) DO UPDATE SET epoch = excluded.epoch, deleted_at = NULL
           WHERE symbol.epoch < excluded.epoch""",
        exchanges,
        names,
        [epochs[identity] for identity in wanted],
    )
    return await _of(connection, exchanges, names)


async def want(connection: Connection, desired: Iterable[DesiredSymbol]) -> list[SymbolRow]:
    """Write what is wanted of symbols now, and that they are not deleted; their rows.

    Intervals that a known symbol did not have are to be filled from what is stored (``candle_fill``): also one that it had
    before, because its candles of the time between are missing.
    """
    wanted = sorted(desired, key=lambda symbol: symbol.identity)
    await connection.executemany(
        """WITH added AS (
               INSERT INTO candle_fill AS f (symbol_id, interval)
               SELECT symbol_id, interval FROM symbol CROSS JOIN unnest($5::text[]) AS interval
               WHERE exchange = $1 AND symbol = $2 AND interval <> ALL (intervals)
               ON CONFLICT (symbol_id, interval) DO UPDATE SET below = excluded.below
           )
           INSERT INTO symbol (exchange, symbol, epoch, name, intervals, kline_hours, candle_days, suspended, deletion_policy)
           VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)
           ON CONFLICT (exchange, symbol) DO UPDATE SET
               epoch = excluded.epoch, name = excluded.name, intervals = excluded.intervals,
               kline_hours = excluded.kline_hours, candle_days = excluded.candle_days, suspended = excluded.suspended,
               deletion_policy = excluded.deletion_policy, deleted_at = NULL
           WHERE (symbol.epoch, symbol.name, symbol.intervals, symbol.kline_hours, symbol.candle_days, symbol.suspended,
                  symbol.deletion_policy)
                 IS DISTINCT FROM (excluded.epoch, excluded.name, excluded.intervals, excluded.kline_hours,
                                   excluded.candle_days, excluded.suspended, excluded.deletion_policy)
              OR symbol.deleted_at IS NOT NULL""",
        [
            (
                s.exchange,
                s.symbol,
                s.epoch,
                s.name,
                list(s.intervals),
                s.kline_hours,
                s.candle_days,
                s.suspend,
                s.deletion_policy,
            )
            for s in wanted
        ],
    )
    return await _of(connection, [s.exchange for s in wanted], [s.symbol for s in wanted])


async def unwant(connection: Connection, epochs: Mapping[Identity, int], *, at: int) -> list[SymbolRow]:
    """Write that the Symbols of these were deleted; the rows of those that are known. Their data is the sweep's matter.

    The epoch is that of the life that ended. A row of a newer one is left alone: klines of the next life may overtake the
    tombstone of the last.
    """
    gone = sorted(epochs)
    exchanges, names = [i.exchange for i in gone], [i.symbol for i in gone]
    await connection.execute(
        """UPDATE symbol SET deleted_at = $4
           FROM unnest($1::text[], $2::text[], $3::bigint[]) AS gone (exchange, symbol, epoch)
           WHERE symbol.exchange = gone.exchange AND symbol.symbol = gone.symbol AND symbol.epoch <= gone.epoch
               AND deleted_at IS NULL""",
        exchanges,
        names,
        [epochs[identity] for identity in gone],
        at,
    )
    return await _of(connection, exchanges, names)


async def list_at(connection: Connection, listings: Iterable[tuple[int, Listing]]) -> None:
    """Write what the exchange says of symbols (by id). The first listed day stays: it is what 3d candles count from."""
    await connection.executemany(
        """UPDATE symbol SET listed_day = coalesce(listed_day, $2), tick_size = $3
           WHERE symbol_id = $1 AND (listed_day IS NULL OR tick_size IS DISTINCT FROM $3)""",
        [(symbol_id, listing.listed_day, listing.tick_size) for symbol_id, listing in listings],
    )


async def _of(connection: Connection, exchanges: list[str], names: list[str]) -> list[SymbolRow]:
    records = await connection.fetch(
        f"""SELECT {_COLUMNS} FROM symbol JOIN unnest($1::text[], $2::text[]) AS wanted (exchange, symbol)
            USING (exchange, symbol)""",
        exchanges,
        names,
    )
    return [_row(record) for record in records]
