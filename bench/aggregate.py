"""Aggregation of one minute of many symbols: seconds read, folded, written at every default level, marked for publishing.

    python bench/aggregate.py --database postgresql://… [--symbols 2000] [--rounds 5]

Each round stores a minute of seconds for every symbol and folds it as the aggregator does. The figure is set against reading
the same rows alone; its CPU time, without the database's, says what a busy machine hides. The database must be one that may be
filled: without ``--database`` an embedded one is made.
"""

from __future__ import annotations

import argparse
import asyncio
import io
import random
import statistics
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from rtchart.aggregator.levels import READ_AT_ONCE
from rtchart.aggregator.run import fold_due
from rtchart.core.interval import HOUR, INTERVALS, MINUTE, SECOND
from rtchart.local.postgres import Postgres
from rtchart.store import candles
from rtchart.store.candles import Period
from rtchart.store.database import Connection, connect
from rtchart.store.migrate import migrate

# 14:36: about half of the parts of each larger candle are there, as they are on average.
START = 1_795_305_600_000 + 14 * HOUR + 36 * MINUTE
COLUMNS = (
    "symbol_id open_time version open high low close volume quote_volume taker_buy_volume taker_buy_quote_volume trades source"
)


async def prepare(connection: Connection, symbols: int) -> list[int]:
    await connection.execute("SELECT ensure_kline_partitions($1, $2)", START, START + HOUR)
    rows = await connection.fetch(
        """INSERT INTO symbol (exchange, symbol) SELECT 'sim', 'BENCH' || n FROM generate_series(1, $1::integer) n
           RETURNING symbol_id""",
        symbols,
    )
    for name, parent in (("1m", "5m"), ("5m", "15m"), ("15m", "1h"), ("1h", "4h"), ("4h", "1d")):
        await connection.execute(
            """INSERT INTO candle SELECT symbol_id, $1, t, 1, 1, 1, 1, 1, 1, 1, 1, 1, 60, 's', 1
               FROM symbol CROSS JOIN generate_series($2::bigint, $3, $4) t""",
            name,
            INTERVALS[parent].open_time(START),
            INTERVALS[name].open_time(START) - 1,
            INTERVALS[name].length,
        )
    return [row["symbol_id"] for row in rows]


async def store_minute(connection: Connection, symbol_ids: list[int], minute: int) -> None:
    chance = random.Random(minute)
    lines = []
    for time_ in range(minute, minute + MINUTE, SECOND):
        for symbol_id in symbol_ids:
            price, volume = 100 + symbol_id + chance.random(), chance.random()
            lines.append(
                f"{symbol_id}\t{time_}\t{time_ + 1020}\t{price:.8f}\t{price + 1:.8f}\t{price - 1:.8f}\t{price + 0.5:.8f}\t"
                f"{volume:.8f}\t{volume * price:.8f}\t{volume / 2:.8f}\t{volume * price / 2:.8f}\t{symbol_id % 7}\ts\n"
            )
    text = io.BytesIO("".join(lines).encode())
    await connection.copy_to_table("kline_1s", source=text, columns=COLUMNS.split())
    await connection.execute(
        "INSERT INTO checkpoint (minute, symbol_ids, first_second, last_second, inserted_at) VALUES ($1, $2, $1, $3, $3)",
        minute,
        symbol_ids,
        minute + MINUTE - SECOND,
    )


async def read_alone(connection: Connection, periods: list[Period]) -> float:
    started = time.perf_counter()
    for at in range(0, len(periods), READ_AT_ONCE // 60):
        await candles.read_seconds(connection, periods[at : at + READ_AT_ONCE // 60])
    return time.perf_counter() - started


async def fold_minute(connection: Connection, now: int) -> tuple[float, float, int]:
    """Seconds that it took, seconds of this process's CPU among them, and revisions."""
    started, worked = time.perf_counter(), time.process_time()
    folded = await fold_due(connection, now, minutes=1)
    assert folded is not None
    return time.perf_counter() - started, time.process_time() - worked, folded.revisions


async def bench(url: str, symbols: int, rounds: int) -> None:
    connection = await connect(url, service="bench")
    await migrate(connection)
    symbol_ids = await prepare(connection, symbols)
    alone, whole, cpu = [], [], []
    for number in range(rounds):
        minute = START + number * MINUTE
        await store_minute(connection, symbol_ids, minute)
        if number == 0:
            await connection.execute("ANALYZE")
        alone.append(await read_alone(connection, [Period(symbol_id, minute) for symbol_id in symbol_ids]))
        seconds, worked, revisions = await fold_minute(connection, minute + 2 * MINUTE)
        whole.append(seconds)
        cpu.append(worked)
        assert revisions == 6 * symbols, revisions
    await connection.close()
    read, folded = statistics.median(alone), statistics.median(whole)
    print(
        f"aggregate one minute of {symbols} symbols, 6 levels: {folded:.2f} s median, {max(whole):.2f} s at worst; "
        f"{statistics.median(cpu):.2f} s of it CPU of its own; {folded / read:.1f} × reading its {60 * symbols} rows alone "
        f"({read:.2f} s)"
    )


@asynccontextmanager
async def database(url: str | None) -> AsyncIterator[str]:
    if url:
        yield url
        return
    with tempfile.TemporaryDirectory(prefix="rtchart-bench-") as folder:
        async with Postgres(Path(folder) / "postgres") as engine:
            yield engine.url()


async def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--database")
    parser.add_argument("--symbols", type=int, default=2000)
    parser.add_argument("--rounds", type=int, default=6)
    arguments = parser.parse_args()
    async with database(arguments.database) as url:
        await bench(url, arguments.symbols, arguments.rounds)


if __name__ == "__main__":
    asyncio.run(main())
