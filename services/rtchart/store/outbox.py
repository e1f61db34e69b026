"""The outbox: revisions that are stored and not yet acknowledged by Kafka."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from rtchart.core.candle import Candle
from rtchart.core.interval import interval
from rtchart.core.messages import Revision
from rtchart.store.candles import CONTENT
from rtchart.store.database import Connection
from rtchart.store.sources import SOURCE_OF

_candle: Callable[..., Candle] = Candle  # by position, from a row


class Waiting(NamedTuple):
    """A part of the outbox: its rows, and the revisions they stand for, each candle once."""

    outbox_ids: list[int]
    revisions: list[Revision]


async def read(connection: Connection, now: int, *, limit: int) -> Waiting:
    """The oldest rows.

    ``closed`` of a candle is whether its period is over at ``now`` (ms). One that changed twice is there once, as it is now;
    one that is gone is left out.
    """
    rows = await connection.fetch(
        f"""SELECT o.outbox_id, s.exchange, s.symbol, s.listed_day, o.interval, {CONTENT}, c.received, c.source, c.revision
            FROM (SELECT * FROM candle_outbox ORDER BY outbox_id LIMIT $1) o
            LEFT JOIN symbol s USING (symbol_id)
            LEFT JOIN candle c USING (symbol_id, interval, open_time)
            ORDER BY o.outbox_id""",
        limit,
    )
    revisions: dict[tuple[str, str, str, int], Revision] = {}
    for _, exchange, symbol, listed_day, name, *content, received, source, revision in rows:
        if revision is None:
            continue
        open_time = content[0]
        own = interval(name) if listed_day is None else interval(name).of(listed_day)
        closed = own.next_open(open_time) <= now
        candle = _candle(*content, received, own.expected(open_time), SOURCE_OF[source], revision, closed)
        key = (exchange, symbol, name, open_time)
        revisions.pop(key, None)
        revisions[key] = Revision(exchange, symbol, name, candle)
    return Waiting([row["outbox_id"] for row in rows], list(revisions.values()))


async def delete(connection: Connection, outbox_ids: list[int]) -> None:
    """Forget rows that Kafka acknowledged."""
    await connection.execute("DELETE FROM candle_outbox WHERE outbox_id = ANY($1::bigint[])", outbox_ids)


async def size(connection: Connection) -> int:
    """How many revisions wait."""
    return int(await connection.fetchval("SELECT count(*) FROM candle_outbox"))
