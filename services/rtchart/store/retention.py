"""Retention: what is older than its symbol keeps it goes, in bounded pieces, and never before it is aggregated.

Runs with the rights of the database's owner, once a minute: in the cluster the operator does it, on one machine
``rtchart up``. Everything here may be repeated, and may be stopped anywhere.
"""

from __future__ import annotations

import logging
import re
from dataclasses import dataclass, field

import asyncpg

from rtchart.core.interval import DAY, MINUTE
from rtchart.core.kline import Identity
from rtchart.core.symbol import candle_floor, raw_floor
from rtchart.process.logs import fields
from rtchart.store import expired
from rtchart.store.database import Connection
from rtchart.store.runs import alone

log = logging.getLogger(__name__)

AHEAD = DAY
"""Partitions of ``kline_1s`` are there for so long from now (ms)."""

KEEP_RECORDS = 7 * DAY
"""Dead letters (as long as their topic keeps them) and rows of ``aggregation_run``."""

BATCH = 10_000
"""Rows that one statement deletes."""

BATCHES = 50
"""Statements that one sweep gives to one table. The rest waits for the next sweep, a minute later."""

_ALL = 2**62
_BOUND = re.compile(r"FROM \('(\d+)'\) TO \('(\d+)'\)")


@dataclass
class Swept:
    """What a sweep did. Counts are rows, unless said otherwise."""

    partitions_made: int = 0
    partitions_dropped: list[str] = field(default_factory=list)
    partitions_busy: list[str] = field(default_factory=list)
    """Could be dropped, but somebody read them for longer than the sweep would wait."""
    klines: int = 0
    candles: int = 0
    gaps: int = 0
    dead_letters: int = 0
    runs: int = 0
    deleted: dict[Identity, int] = field(default_factory=dict)
    """Rows of symbols that were deleted, and were to take their data with them."""
    deletions_wait: bool = False
    """There is more of such data: the aggregator was at work, or the sweep had done enough. Sweep again in seconds."""
    unaggregated: int = 0
    """Minutes (of a symbol each) past their retention that are kept, because the aggregator has not folded them yet."""


@dataclass(frozen=True)
class _Keeping:
    symbol_id: int
    raw_floor: int
    candle_floor: int


async def sweep(connection: Connection, now: int) -> Swept:
    """Delete what is past its retention at ``now`` (ms), and make the partitions that are about to be needed."""
    swept = Swept(partitions_made=await connection.fetchval("SELECT ensure_kline_partitions($1, $2)", now, now + AHEAD))
    await _delete_ended(connection, swept)
    keeping = [
        _Keeping(row["symbol_id"], raw_floor(row["kline_hours"], now), candle_floor(row["candle_days"], now))
        for row in await connection.fetch("SELECT symbol_id, kline_hours, candle_days FROM symbol")
    ]
    if keeping:
        empty = await _empty(connection)
        longest = min(one.raw_floor for one in [k for k in keeping if k.symbol_id not in empty] or keeping)
        await _drop_partitions(connection, longest, swept)
        # Those who keep their seconds longest lose them with the partition, which costs nothing: up to six hours later.
        swept.klines = await _delete_klines(connection, [one for one in keeping if one.raw_floor > longest])
        swept.candles = await _delete_candles(connection, keeping)
        swept.gaps = await _delete_gaps(connection, keeping)
        swept.unaggregated = await _unaggregated(connection, keeping)
    swept.dead_letters = await _delete(connection, "dead_letter", "dead_letter_id", "at < $1", now - KEEP_RECORDS)
    swept.runs = await _delete(connection, "aggregation_run", "run_id", "finished_at < $1", now - KEEP_RECORDS)
    if swept.unaggregated:
        log.warning("kept seconds past their retention: not aggregated yet", extra=fields(minutes=swept.unaggregated))
    return swept


async def delete_symbol_data(connection: Connection, identity: Identity) -> int | None:
    """Delete seconds, candles, gaps and what waits of a symbol that was deleted; how many rows.

    Its row of ``symbol`` stays: it holds the epoch, by which what is still under way is known to be dead. A symbol that
    was not deleted, or was wanted again since, is left alone; so is everything while the aggregator works, which would
    write candles of seconds that go: None then, and it is to be tried again soon.
    """
    async with alone(connection) as is_alone:
        return await _delete_symbol_data(connection, identity) if is_alone else None


async def _delete_ended(connection: Connection, swept: Swept) -> None:
    """Delete the data of symbols that were deleted with ``deletionPolicy: Delete``, one after the other.

    Which these are is stored, and that nothing of them is left is seen, so this goes on after a stop at any point. A few
    seconds' work at once, so that the aggregator, which waits meanwhile, gets its turn.
    """
    for row in await connection.fetch(
        """SELECT exchange, symbol FROM symbol s
           WHERE deletion_policy = 'Delete' AND deleted_at IS NOT NULL AND (
               EXISTS (SELECT FROM kline_1s k WHERE k.symbol_id = s.symbol_id)
               OR EXISTS (SELECT FROM candle c WHERE c.symbol_id = s.symbol_id)
               OR EXISTS (SELECT FROM gap g WHERE g.symbol_id = s.symbol_id))"""
    ):
        identity = Identity(row["exchange"], row["symbol"])
        rows = None if sum(swept.deleted.values()) >= BATCH * BATCHES else await delete_symbol_data(connection, identity)
        if rows is None:
            swept.deletions_wait = True
            return
        swept.deleted[identity] = rows


async def _delete_symbol_data(connection: Connection, identity: Identity) -> int:
    symbol_id = await connection.fetchval(
        "SELECT symbol_id FROM symbol WHERE exchange = $1 AND symbol = $2 AND deleted_at IS NOT NULL",
        identity.exchange,
        identity.symbol,
    )
    if symbol_id is None:
        return 0
    deleted = 0
    # First what would have candles folded anew of seconds that go.
    async with connection.transaction():
        await connection.execute(
            "UPDATE checkpoint SET symbol_ids = array_remove(symbol_ids, $1) WHERE $1 = ANY(symbol_ids)", symbol_id
        )
        await connection.execute("DELETE FROM checkpoint WHERE cardinality(symbol_ids) = 0")
    for table, key in (
        ("venue_checkpoint", "venue_checkpoint_id"),
        ("kline_1s", "symbol_id, open_time"),
        ("candle_outbox", "outbox_id"),
        ("candle", "symbol_id, interval, open_time"),
        ("candle_fill", "symbol_id, interval"),
        ("gap", "gap_id"),
    ):
        # It may be wanted again between two batches.
        condition = "symbol_id = $1 AND EXISTS (SELECT FROM symbol WHERE symbol_id = $1 AND deleted_at IS NOT NULL)"
        deleted += await _delete(connection, table, key, condition, symbol_id, batches=_ALL)
    return deleted


async def _empty(connection: Connection) -> set[int]:
    """Symbols that were deleted and have no seconds left: what they kept, nobody keeps any more."""
    rows = await connection.fetch(
        """SELECT symbol_id FROM symbol s
           WHERE deleted_at IS NOT NULL AND NOT EXISTS (SELECT FROM kline_1s k WHERE k.symbol_id = s.symbol_id)"""
    )
    return {row["symbol_id"] for row in rows}


async def _drop_partitions(connection: Connection, floor: int, swept: Swept) -> None:
    """Drop the partitions that end at ``floor`` or before, but those with minutes that are not aggregated."""
    for name, (start, end) in (await partition_bounds(connection)).items():
        if end > floor:
            continue
        try:
            async with connection.transaction():
                # Who inserts waits behind this lock, so it is asked for briefly and again a minute later.
                await connection.execute("SET LOCAL lock_timeout = '2s'")
                if await connection.fetchval(
                    "SELECT EXISTS (SELECT FROM checkpoint WHERE minute >= $1 AND minute < $2)", start, end
                ):
                    continue
                await connection.execute(f'DROP TABLE "{name}"')
        except asyncpg.LockNotAvailableError:
            swept.partitions_busy.append(name)
        else:
            swept.partitions_dropped.append(name)


async def partition_bounds(connection: Connection) -> dict[str, tuple[int, int]]:
    """The range of open times (ms) of each partition of ``kline_1s``, by its name."""
    rows = await connection.fetch(
        """SELECT child.relname AS name, pg_get_expr(child.relpartbound, child.oid) AS bound
           FROM pg_inherits JOIN pg_class child ON child.oid = inhrelid
           WHERE inhparent = 'kline_1s'::regclass ORDER BY child.relname"""
    )
    found = ((row["name"], _BOUND.search(row["bound"])) for row in rows)
    return {name: (int(bound[1]), int(bound[2])) for name, bound in found if bound is not None}


async def _delete_klines(connection: Connection, keeping: list[_Keeping]) -> int:
    """Delete the seconds below each symbol's floor whose minute waits for nothing."""
    return await _in_batches(
        connection,
        f"""WITH floor AS (SELECT * FROM unnest($1::integer[], $2::bigint[]) AS f (symbol_id, time)),
            pending AS MATERIALIZED (
                SELECT DISTINCT symbol_id, minute FROM checkpoint CROSS JOIN LATERAL unnest(symbol_ids) AS symbol_id
                WHERE minute < (SELECT max(time) FROM floor)
            ), old AS (
                SELECT k.symbol_id, k.open_time FROM floor CROSS JOIN LATERAL (
                    SELECT symbol_id, open_time FROM kline_1s s
                    WHERE s.symbol_id = floor.symbol_id AND s.open_time < floor.time AND NOT EXISTS (
                        SELECT FROM pending p
                        WHERE p.symbol_id = s.symbol_id AND p.minute = s.open_time - s.open_time % {MINUTE}
                    )
                    LIMIT {BATCH}
                ) k LIMIT {BATCH}
            )
            DELETE FROM kline_1s k USING old WHERE k.symbol_id = old.symbol_id AND k.open_time = old.open_time""",
        [one.symbol_id for one in keeping],
        [one.raw_floor for one in keeping],
    )


async def _delete_candles(connection: Connection, keeping: list[_Keeping]) -> int:
    floors = {one.symbol_id: one.candle_floor for one in keeping if one.candle_floor}
    return await _in_batches(connection, expired.delete(BATCH), *await expired.arguments(connection, floors))


async def _delete_gaps(connection: Connection, keeping: list[_Keeping]) -> int:
    """Delete the gaps of a time of which there are no minutes any more: they say why those lack seconds.

    Open ones too: their seconds lie below the raw floor, and nothing will close them.
    """
    bounded = [one for one in keeping if one.candle_floor]
    return await _in_batches(
        connection,
        f"""DELETE FROM gap WHERE gap_id IN (
                SELECT gap_id FROM unnest($1::integer[], $2::bigint[]) AS f (symbol_id, time)
                JOIN gap USING (symbol_id)
                WHERE end_time <= f.time LIMIT {BATCH}
            )""",
        [one.symbol_id for one in bounded],
        [one.candle_floor for one in bounded],
    )


async def _unaggregated(connection: Connection, keeping: list[_Keeping]) -> int:
    return int(
        await connection.fetchval(
            """SELECT count(DISTINCT (f.symbol_id, c.minute))
               FROM (SELECT minute, unnest(symbol_ids) AS symbol_id FROM checkpoint WHERE minute < $3) c
               JOIN unnest($1::integer[], $2::bigint[]) AS f (symbol_id, time) USING (symbol_id)
               WHERE c.minute < f.time""",
            [one.symbol_id for one in keeping],
            [one.raw_floor for one in keeping],
            max(one.raw_floor for one in keeping),
        )
    )


async def _delete(
    connection: Connection, table: str, key: str, condition: str, value: int, *, batches: int | None = None
) -> int:
    statement = f"DELETE FROM {table} WHERE ({key}) IN (SELECT {key} FROM {table} WHERE {condition} LIMIT {BATCH})"
    return await _in_batches(connection, statement, value, batches=batches)


async def _in_batches(connection: Connection, statement: str, *arguments: object, batches: int | None = None) -> int:
    """Repeat a statement that deletes up to `BATCH` rows, each time in a transaction of its own, until it has nothing to do."""
    deleted = 0
    for _ in range(BATCHES if batches is None else batches):
        rows = int((await connection.execute(statement, *arguments)).rpartition(" ")[2])  # "DELETE 42"
        deleted += rows
        if rows < BATCH:
            break
    return deleted
