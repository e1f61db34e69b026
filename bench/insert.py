"""The inserter's rows/s, offsets, checkpoints and gap ledger included, against a bare COPY into an identical empty table.

Both take the same rows in the same batches into the same PostgreSQL, in turns; each begins with empty tables. The bare COPY
is handed its text, the inserter decoded klines, of which it makes the text first. On a machine with less than a core free for
each of the two processes, the CPU time that is printed says more than the ratio.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import statistics
import tempfile
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any, NamedTuple

import psutil
import uvloop

from rtchart.core.interval import DAY, HOUR, SECOND
from rtchart.core.kline import Kline
from rtchart.core.messages import DeadLetter, KlineMessage, encode
from rtchart.inserter.batch import Batch, Feed
from rtchart.inserter.plan import read
from rtchart.inserter.service import POLL_RECORDS, Limits
from rtchart.inserter.session import Session
from rtchart.inserter.symbols import Symbols
from rtchart.inserter.writer import Writer
from rtchart.local.postgres import Postgres
from rtchart.process.clock import now_ms
from rtchart.process.health import Health
from rtchart.process.tracing import Headers
from rtchart.store import klines, offsets
from rtchart.store.database import Connection, connect
from rtchart.store.migrate import migrate

GOAL = 0.8
FEED = Feed("bench", "rtchart.klines", 12)
TITLES = {
    "bare": "bare COPY",
    "whole": "insert",
    "again": "insert what is there already",
    "decode": "decode and check, before either",
}


class Cost(NamedTuple):
    """Seconds that a piece of work took, and the CPU seconds of this process and of PostgreSQL."""

    wall: float
    python: float
    postgres: float


@dataclass
class Record:
    """A record as Kafka would hand it over."""

    partition: int
    offset: int
    timestamp: int
    value: bytes | None
    headers: Headers = ()


def material(symbols: int, seconds: int) -> list[Record]:
    """Klines of all symbols, second by second, in the hour before this one (so all are in one partition of the table)."""
    start = now_ms() // HOUR * HOUR - HOUR
    out: list[Record] = []
    for second in range(seconds):
        open_time = start + second * SECOND
        for number in range(symbols):
            kline = Kline(
                exchange="binance",
                symbol=f"COIN{number}USDT",
                open_time=open_time,
                open="99512.02000000",
                high=f"99512.0{2 + number % 7}000000",
                low="99512.01000000",
                close="99512.02000000",
                volume=f"0.0070{number % 7}000",
                quote_volume="697.57000000",
                trades=4 + number % 50,
                taker_buy_volume="0.00100000",
                taker_buy_quote_volume="99.51000000",
                version=open_time + 1006,
                received_us=(open_time + 1010) * 1000,
                published_us=(open_time + 1012) * 1000,
            )
            out.append(Record(0, len(out), open_time + 1012, encode(kline)))
    return out


def decoded(records: Sequence[Record], size: int) -> list[Batch[KlineMessage]]:
    """The records in batches."""
    out = []
    for at in range(0, len(records), size):
        batch: Batch[KlineMessage] = Batch(read)
        batch.add(records[at : at + size], {0: at})
        out.append(batch)
    return out


async def main(symbols: int, seconds: int, size: int, rounds: int) -> None:
    records = material(symbols, seconds)
    costs: dict[str, list[Cost]] = {}
    with tempfile.TemporaryDirectory(prefix="rtchart-bench-", ignore_cleanup_errors=True) as folder:
        async with Postgres(Path(folder) / "postgres") as postgres:
            connection = await connect(postgres.url(), service="bench")
            await migrate(connection)
            await prepare(connection)
            session, book = Session(postgres.url(), Health()), Symbols()
            assert postgres.child is not None
            server = psutil.Process(postgres.child.pid)

            batches = decoded(records, size)
            await Writer(session, book, FEED, publish).write(batches[0])  # makes the symbols' rows
            texts = [text(batch, book) for batch in batches]

            async def copy() -> None:
                for part in texts:
                    view: Any = memoryview(part)  # handed over whole, which the type of `source` does not know
                    await connection.copy_to_table("bare_1s", source=view, format="text", delimiter=klines.DELIMITER)

            async def insert() -> None:
                writer = Writer(session, book, FEED, publish)  # a new one: a writer remembers what came again
                writing: asyncio.Task[None] | None = None
                for batch in batches:  # as the service does: it plans what comes while the batch before is being stored
                    growing: Batch[KlineMessage] = Batch(read)
                    for at in range(0, len(batch), POLL_RECORDS):
                        growing.messages += batch.messages[at : at + POLL_RECORDS]
                        growing.records += batch.records[at : at + POLL_RECORDS]
                        writer.prepare(growing)
                        await asyncio.sleep(0)
                    growing.moves = batch.moves
                    if writing is not None:
                        await writing
                    writing = asyncio.create_task(writer.write(growing))
                if writing is not None:
                    await writing

            for turn in range(rounds + 1):
                began, busy = time.perf_counter(), time.process_time()
                batches = decoded(records, size)
                turns = {"decode": Cost(time.perf_counter() - began, time.process_time() - busy, 0.0)}
                gc.collect()
                gc.freeze()  # the collector shall not walk the material again and again: a service never holds so much
                for name, work in (("bare", copy), ("whole", insert))[:: 1 if turn % 2 else -1]:
                    await empty(connection)
                    turns[name] = await timed(work, server)
                # What is there comes again, as after a rebalance or from a second producer.
                if turn % 2 == 0:
                    await timed(insert, server)
                await connection.execute("UPDATE kafka_offset SET next = 0")
                turns["again"] = await timed(insert, server)
                if turn:  # the first one warms up
                    for name, cost in turns.items():
                        costs.setdefault(name, []).append(cost)
            await session.close()
            await connection.close()
    ratio = statistics.median(b.wall / w.wall for b, w in zip(costs["bare"], costs["whole"], strict=True))
    print(f"insert, {len(records)} rows of {symbols} symbols in batches of {size}, median of {rounds} rounds")
    for name, title in TITLES.items():
        wall, python, server_time = (statistics.median(column) for column in zip(*costs[name], strict=True))
        spent = f"{python / len(records) * 1e6:.2f} + {server_time / len(records) * 1e6:.2f}"
        print(f"  {title:32} {len(records) / wall:9,.0f} rows/s   CPU a row, Python + PostgreSQL: {spent} µs")
    print(f"  ratio to the bare COPY: {ratio:.2f} (goal {GOAL})")


async def prepare(connection: Connection) -> None:
    """An identical empty table with its key, and the partitions of both."""
    start = now_ms() // HOUR * HOUR - HOUR
    await klines.ensure_partitions(connection, [start], ahead=DAY)
    await connection.execute("CREATE TABLE bare_1s (LIKE kline_1s INCLUDING ALL) PARTITION BY RANGE (open_time)")
    await connection.execute(
        f"CREATE TABLE bare_1s_all PARTITION OF bare_1s FOR VALUES FROM ({start - DAY}) TO ({start + DAY})"
    )
    await offsets.begin(connection, FEED.cluster, FEED.topic, {0: 0})


async def empty(connection: Connection) -> None:
    """As at the beginning."""
    await connection.execute("TRUNCATE kline_1s, bare_1s, checkpoint, gap")
    await connection.execute("UPDATE kafka_offset SET next = 0")
    await connection.execute("CHECKPOINT")


def text(batch: Batch[KlineMessage], book: Symbols) -> bytes:
    """A batch's rows in the text format of COPY."""
    found = ((book.rows[m.exchange, m.symbol].symbol_id, m) for m in batch.messages if isinstance(m, Kline))
    return klines.copy_text(chain.from_iterable(klines.rows(symbol_id, [kline]) for symbol_id, kline in found))


async def timed(work: Callable[[], Awaitable[None]], server: psutil.Process) -> Cost:
    """What the work takes. ``server`` is PostgreSQL's first process."""
    theirs, ours, began = cpu(server), time.process_time(), time.perf_counter()
    await work()
    return Cost(time.perf_counter() - began, time.process_time() - ours, cpu(server) - theirs)


def cpu(server: psutil.Process) -> float:
    """CPU seconds of its processes (none that did much ends while we look)."""
    spent = [process.cpu_times() for process in server.children()]
    return sum(one.user + one.system for one in spent)


async def publish(letters: Sequence[DeadLetter]) -> None:
    """There are none here."""
    raise AssertionError(letters)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--symbols", type=int, default=1500)
    parser.add_argument("--seconds", type=int, default=120)
    parser.add_argument("--batch", type=int, default=Limits().records)
    parser.add_argument("--rounds", type=int, default=5)
    arguments = parser.parse_args()
    uvloop.run(main(arguments.symbols, arguments.seconds, arguments.batch, arguments.rounds))
