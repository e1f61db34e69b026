"""What a comparison of the stored with the exchange's has to know besides, and what it may ask of the aggregator."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from contextlib import AbstractAsyncContextManager

from rtchart.core.gap import Range, normal
from rtchart.core.interval import MINUTE, SECOND
from rtchart.store.database import Connection
from rtchart.store.klines import append_checkpoints


def snapshot(connection: Connection) -> AbstractAsyncContextManager[object]:
    """A transaction that reads, and sees the database as it is at its first statement."""
    transaction: AbstractAsyncContextManager[object] = connection.transaction(isolation="repeatable_read", readonly=True)
    return transaction


async def began(connection: Connection, symbol_id: int) -> int | None:
    """The first second that the database knows of a symbol (ms): stored, told of as a gap, or part of a whole minute.

    The exchange's own minutes (source ``venue``) are no seconds that were known, and neither are gaps of what it lacks of them.

    None of a symbol of which nothing was stored. The seconds of the first minute, when it is not whole, are not known any more
    once they are gone: they count as from before.
    """
    first: int | None = await connection.fetchval(
        f"""SELECT least(
                (SELECT min(open_time) FROM kline_1s WHERE symbol_id = $1),
                (SELECT min(start_time) FROM gap WHERE symbol_id = $1 AND reason <> 'history'),
                (SELECT CASE WHEN received = {MINUTE // SECOND} THEN open_time ELSE open_time + {MINUTE} END FROM candle
                 WHERE symbol_id = $1 AND interval = '1m' AND source <> 'v' ORDER BY open_time LIMIT 1))""",
        symbol_id,
    )
    return first


async def waiting(connection: Connection, symbol_id: int, *, since: int | None = None) -> list[Range]:
    """The minutes of which seconds wait to be folded: of their checkpoints, all or those from before ``since`` (ms)."""
    rows = await connection.fetch(
        """SELECT DISTINCT minute FROM checkpoint
           WHERE symbol_ids @> ARRAY[$1::integer] AND ($2::bigint IS NULL OR inserted_at < $2)""",
        symbol_id,
        since,
    )
    return normal((row["minute"], row["minute"] + MINUTE) for row in rows)


async def fold_again(
    connection: Connection, minutes: Mapping[int, Collection[int]], larger: Iterable[tuple[int, str, int]], *, at: int
) -> None:
    """Have minutes folded from their seconds, and larger candles from the stored smaller ones.

    ``minutes`` are open times by symbol_id; of each ``larger`` (symbol_id, interval, below) all candles that open before are
    folded.
    """
    async with connection.transaction():
        if minutes:
            await append_checkpoints(connection, minutes, at=at)
        await connection.executemany(
            """INSERT INTO candle_fill AS f (symbol_id, interval, below) VALUES ($1, $2, $3)
               ON CONFLICT (symbol_id, interval) DO UPDATE SET below = greatest(f.below, excluded.below)""",
            list(larger),
        )
