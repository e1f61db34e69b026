"""What is missing when Kafka's log was cut off before it was read."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from rtchart.broker.publisher import partition_of
from rtchart.core.interval import SECOND
from rtchart.core.kline import Kline
from rtchart.core.messages import GapOpened
from rtchart.core.symbol import raw_floor
from rtchart.inserter.batch import Batch
from rtchart.store import klines
from rtchart.store.database import Connection
from rtchart.store.symbols import SymbolRow


async def lost_gaps(
    connection: Connection, batch: Batch, rows: Iterable[SymbolRow], partitions: int, now: int
) -> list[tuple[int, GapOpened]]:
    """Gaps, each with its symbol's id, for the partitions of which the batch holds the first records after the cut.

    Of each symbol that was stored before, from its last stored second to its first live one that is left. One that has none
    in this batch continues after the newest second of the batch, because live records come in the order of time.
    """
    live = [row for row in rows if not (row.deleted or row.suspended)]
    found: list[tuple[int, GapOpened]] = []
    for partition in batch.lost:
        first, horizon = _begins(batch, partition)
        here = [row for row in live if partition_of(str(row.identity).encode(), partitions) == partition]
        last = await klines.last_seconds(connection, [row.symbol_id for row in here])
        for row in here:
            if row.symbol_id in last:
                exchange, symbol = row.identity.exchange, row.identity.symbol
                start = max(last[row.symbol_id] + SECOND, raw_floor(row.kline_hours, now))
                end = first.get((exchange, symbol), horizon)
                if start < end:
                    found.append((row.symbol_id, GapOpened(exchange, symbol, start, end, "offset_lost", now, row.epoch)))
    return found


def _begins(batch: Batch, partition: int) -> tuple[dict[tuple[str, str], int], int]:
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


def _live(batch: Batch, partition: int) -> Iterator[tuple[int, tuple[str, str]]]:
    for record, message in zip(batch.records, batch.messages, strict=True):
        if record.partition == partition and isinstance(message, Kline) and message.source == "stream":
            yield message.open_time, (message.exchange, message.symbol)
