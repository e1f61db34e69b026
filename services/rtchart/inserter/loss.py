"""What is missing when Kafka's log was cut off before it was read."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from rtchart.broker.publisher import partition_of
from rtchart.core.gap import subtract
from rtchart.core.interval import MINUTE, SECOND
from rtchart.core.kline import Kline
from rtchart.core.messages import GapOpened, KlineMessage
from rtchart.core.symbol import raw_floor
from rtchart.inserter.batch import Batch
from rtchart.store import gaps, klines
from rtchart.store.database import Connection
from rtchart.store.symbols import SymbolRow

UNTOLD = MINUTE
"""How long (ms) before a symbol's last stored second there may be holes that nobody told of yet: who misses a second tells so
within seconds of the next one, and that record may have been the first after the cut."""


async def lose_gaps(connection: Connection, batch: Batch[KlineMessage], rows: Iterable[SymbolRow], partitions: int) -> None:
    """Have the symbols of the lost partitions asked for what they lack already: what filled it may have been cut off too."""
    await gaps.lose(
        connection, [row.symbol_id for row in rows if not row.deleted and _partition(row, partitions) in batch.lost]
    )


async def lost_gaps(
    connection: Connection, batch: Batch[KlineMessage], rows: Iterable[SymbolRow], partitions: int, now: int
) -> list[tuple[int, GapOpened]]:
    """Gaps, each with its symbol's id, for the partitions of which the batch holds the first records after the cut.

    Of each symbol that was stored before, from its last stored second to its first live one that is left, and what it lacks
    of the minute before that. One that has none in this batch continues after the newest second of the batch, because live
    records come in the order of time.
    """
    live = [row for row in rows if not (row.deleted or row.suspended)]
    found: list[tuple[int, GapOpened]] = []
    for partition in batch.lost:
        first, horizon = _begins(batch, partition)
        here = [row for row in live if _partition(row, partitions) == partition]
        last = await klines.last_seconds(connection, [row.symbol_id for row in here])
        recent = [(symbol_id, newest - UNTOLD, newest + SECOND) for symbol_id, newest in last.items()]
        stored = await klines.stored_ranges(connection, recent)
        for row in here:
            if row.symbol_id in last:
                exchange, symbol = row.identity.exchange, row.identity.symbol
                newest = last[row.symbol_id]
                known = stored.get(row.symbol_id, [(newest, newest + SECOND)])  # the sweep may have taken it just now
                start = max(known[0][0], raw_floor(row.kline_hours, now))
                end = first.get((exchange, symbol), horizon)
                found += [
                    (row.symbol_id, GapOpened(exchange, symbol, *lacking, "offset_lost", now, row.epoch))
                    for lacking in subtract([(start, end)], known)
                ]
    return found


def _partition(row: SymbolRow, partitions: int) -> int:
    return partition_of(str(row.identity).encode(), partitions)


def _begins(batch: Batch[KlineMessage], partition: int) -> tuple[dict[tuple[str, str], int], int]:
    """The first live second of each (exchange, symbol) of the partition, and where those begin that have none in the batch."""
    first: dict[tuple[str, str], int] = {}
    newest = 0
    for open_time, key in _live(batch, partition):
        first[key] = min(first.get(key, open_time), open_time)
        newest = max(newest, open_time)
    if not first:
        # Only other records: a live second is published within the second after it.
        stamps = [record.timestamp for record in batch.records if record.partition == partition]
        newest = max(stamps) // SECOND * SECOND - SECOND
    return first, newest + SECOND


def _live(batch: Batch[KlineMessage], partition: int) -> Iterator[tuple[int, tuple[str, str]]]:
    for record, message in zip(batch.records, batch.messages, strict=True):
        if record.partition == partition and isinstance(message, Kline) and message.source == "stream":
            yield message.open_time, (message.exchange, message.symbol)
