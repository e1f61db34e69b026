"""``rtchart backfill`` on real servers: from files and from an exchange, to the candles of a day."""

from __future__ import annotations

import asyncio
import shutil
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import asyncpg
import pytest

from rtchart.aggregator.run import run as aggregate
from rtchart.broker.admin import ensure_topics
from rtchart.broker.candles import RevisionPublisher
from rtchart.broker.cluster import Cluster
from rtchart.broker.table import TableWriter
from rtchart.broker.topics import BACKFILL, SYMBOLS
from rtchart.core.interval import DAY, HOUR, MINUTE
from rtchart.core.symbol import DesiredSymbol
from rtchart.process.clock import now_ms
from rtchart.sim.exchange import Config, Exchange
from rtchart.store.database import connect
from tests.inserter.running import inserter
from tests.tools.running import environment
from tests.waiting import wait_until

DATA = Path(__file__).parent.parent / "data"
OUTAGE = 1_529_971_200_000
"""2018-06-26T00:00Z."""
WHOLE = 1_761_955_200_000
"""2025-11-01T00:00Z."""


class Ground:
    """A pipeline's store, and the command beside it."""

    def __init__(self, cluster: Cluster, database: str, connection: asyncpg.Connection, log: Path) -> None:
        self.cluster = cluster
        self.database = database
        self.connection = connection
        self._log = log

    async def want(self, exchange: str = "binance", **settings: object) -> None:
        await ensure_topics(self.cluster)
        desired = DesiredSymbol(exchange, "BTCUSDT", 5, **settings)  # type: ignore[arg-type]
        async with self.cluster.producer() as producer:
            await TableWriter[DesiredSymbol](producer, self.cluster, SYMBOLS).put({str(desired.identity): desired})

    async def start(self, *arguments: str) -> asyncio.subprocess.Process:
        options = {
            "kafka": self.cluster.bootstrap,
            "topic_prefix": self.cluster.prefix,
            # No more rights than those of who only reads.
            "database": f"postgresql://rtchart_web@{self.database.rpartition('@')[2]}",
        }
        with self._log.open("wb") as log:
            return await asyncio.create_subprocess_exec(
                *(sys.executable, "-m", "rtchart", "backfill", "--symbol", "BTCUSDT", *arguments),
                env=environment(options),
                stdout=log,
                stderr=log,
            )

    async def run(self, *arguments: str) -> tuple[int, str]:
        """Exit code and output."""
        process = await self.start(*arguments)
        async with asyncio.timeout(60):
            code = await process.wait()
        return code, self.said()

    def said(self) -> str:
        return self._log.read_text()

    @asynccontextmanager
    async def storing(self) -> AsyncIterator[None]:
        """An inserter at work."""
        async with inserter(self.cluster, self.database):
            yield

    async def folded(self) -> None:
        """Have the aggregator fold what waits."""
        connection = await connect(self.database, service="test")
        try:
            async with RevisionPublisher(self.cluster) as publisher:
                while await connection.fetchval("SELECT EXISTS (SELECT FROM venue_checkpoint)"):
                    assert await aggregate(connection, publisher, now_ms)
        finally:
            await connection.close()

    async def minutes(self) -> int:
        return await self.connection.fetchval("SELECT count(*) FROM candle WHERE interval = '1m'")

    async def stored(self, minutes: int) -> bool:
        assert await self.minutes() == minutes
        return True

    async def published(self) -> int:
        """Records on the topic."""
        async with self.cluster.consumer() as consumer:
            ends = await consumer.end_offsets(self.cluster.topic_partitions(BACKFILL, BACKFILL.partitions))
        return sum(ends.values())


@pytest.fixture
async def ground(kafka: str, topic_prefix: str, database: str, tmp_path: Path) -> AsyncIterator[Ground]:
    connection = await asyncpg.connect(database)
    yield Ground(Cluster(kafka, topic_prefix), database, connection, tmp_path / "said")
    await connection.close()


def archive(folder: Path, *days: str) -> Path:
    folder.mkdir()
    for day in days:
        shutil.copy(DATA / f"BTCUSDT-1m-{day}.csv", folder)
    return folder


async def test_days_of_the_archive_become_their_days_and_an_outage_is_absent(ground: Ground, tmp_path: Path) -> None:
    folder = archive(tmp_path / "archive", "2018-06-26", "2025-11-01")
    await ground.want(candle_days=0)
    async with ground.storing():
        code, said = await ground.run("--archive", str(folder))
        assert (code, "published 2,280 minutes" in said) == (0, True), said
        await wait_until(lambda: ground.stored(2_280), 30)
    await ground.folded()
    days = await ground.connection.fetch("SELECT * FROM candle WHERE interval = '1d' ORDER BY open_time")
    assert [(day["open_time"], day["received"], day["source"]) for day in days] == [
        (OUTAGE, 840 * 60, b"v"),
        (WHOLE, 86_400, b"v"),
    ]
    for day, name in zip(days, ("2018-06-26", "2025-11-01"), strict=True):  # nothing of rtchart computes here
        lines = [line.split(",") for line in (DATA / f"BTCUSDT-1m-{name}.csv").read_text().splitlines()]
        assert (day["open"], day["close"]) == (Decimal(lines[0][1]), Decimal(lines[-1][4]))
        assert (day["high"], day["low"]) == (max(Decimal(line[2]) for line in lines), min(Decimal(line[3]) for line in lines))
        for column, at in (("volume", 5), ("quote_volume", 7), ("taker_buy_volume", 9), ("taker_buy_quote_volume", 10)):
            assert day[column] == sum(Decimal(line[at]) for line in lines)
        assert day["trades"] == sum(int(line[8]) for line in lines)
    gaps = await ground.connection.fetch("SELECT end_time - start_time AS length, state FROM gap")
    assert [tuple(gap) for gap in gaps] == [(600 * MINUTE, "absent")]

    before = await ground.published()
    code, said = await ground.run("--archive", str(folder))  # again: there is nothing to do but what the file lacks
    assert (code, "published nothing" in said) == (0, True), said
    assert await ground.published() - before <= 1


async def test_a_file_that_is_not_what_its_checksum_says_is_refused_and_the_others_are_taken(
    ground: Ground, tmp_path: Path
) -> None:
    folder = archive(tmp_path / "archive", "2018-06-26", "2025-11-01")
    (folder / "BTCUSDT-1m-2025-11-01.csv.CHECKSUM").write_text(f"{'a' * 64}  BTCUSDT-1m-2025-11-01.csv\n")
    with (folder / "BTCUSDT-1m-2018-06-26.csv").open("a") as file:
        file.write("rubbish\n")
    await ground.want()
    code, said = await ground.run("--archive", str(folder))
    assert code == 1
    assert f"{folder}/BTCUSDT-1m-2025-11-01.csv is refused: its SHA-256 is " in said
    assert f"{folder}/BTCUSDT-1m-2018-06-26.csv:841: 1 columns, and a kline has 12" in said
    assert "published 840 minutes" in said and "2 files or lines were not taken" in said
    assert await ground.published() == 840  # and nothing is absent of a file with a line that nobody can read


async def test_an_exchange_is_asked_for_what_is_not_there(ground: Ground) -> None:
    exchange = Exchange(Config(symbols=("BTCUSDT",), history_days=4))
    today = exchange.clock.now() // DAY * DAY
    async with exchange.serve() as address, ground.storing():
        asking = ("--exchange", "sim", "--exchange-rest", address.rest)
        await ground.want("sim")
        code, said = await ground.run(*asking, "--from", "36h", "--to", utc(today - HOUR))
        assert code == 0, said
        first = await ground.published()
        await wait_until(lambda: ground.stored(first), 30)
        code, said = await ground.run(*asking, "--from", utc(today - 9 * DAY), "--to", utc(today), "--share", "0.5")
        assert code == 0, said
        await wait_until(lambda: ground.stored(4 * 1440), 30)  # from its first trade on
        assert f"published {4 * 1440 - first:,} minutes" in said
        assert f"back to {utc(today - 4 * DAY).replace('T', ' ')}" in said
        assert await ground.connection.fetchval("SELECT max(revision) FROM candle WHERE interval = '1m'") == 1
        code, said = await ground.run(*asking, "--from", utc(today - 9 * DAY), "--to", utc(today))
        assert (code, "all of it is stored" in said) == (0, True), said


async def test_stopped_and_killed_it_goes_on_where_it_was(ground: Ground) -> None:
    exchange = Exchange(Config(symbols=("BTCUSDT",), history_days=12))
    today = exchange.clock.now() // DAY * DAY
    async with exchange.serve() as address, ground.storing():
        await ground.want("sim")
        asking = ("--exchange", "sim", "--exchange-rest", address.rest, "--from", "2018-01-01", "--to", utc(today))
        for number in (signal.SIGINT, signal.SIGKILL):
            before = await ground.minutes()
            process = await ground.start(*asking, "--share", "0.02")

            async def more(before: int = before) -> bool:
                return await ground.minutes() > before

            await wait_until(more, 30)
            process.send_signal(number)
            async with asyncio.timeout(15):
                code = await process.wait()
            if number == signal.SIGINT:
                assert code == 130
                assert "stopped: run it again to go on" in ground.said()
        assert 0 < await ground.minutes() < 12 * 1440
        code, said = await ground.run(*asking, "--share", "0.5")
        assert code == 0, said
        await wait_until(lambda: ground.stored(12 * 1440), 30)
        assert await ground.connection.fetchval("SELECT max(revision) FROM candle WHERE interval = '1m'") == 1


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--from", "30d", "--interval", "5m"], "only 1m is taken: larger candles are folded from it"),
        ([], "--from is missing: how far back?"),
        (["--from", "yesterday"], "'yesterday' is no time; give ISO 8601 in UTC"),
        (["--from", "2025-11-02", "--to", "2025-11-01"], "is not before --to, 2025-11-01 00:00Z"),
        (["--from", "30d"], "BTCUSDT of binance is not asked for, so nobody would store its history; add a Symbol of it first"),
        (["--archive", "/nowhere"], "'/nowhere' does not exist"),
    ],
)
async def test_what_cannot_be_is_said_in_a_sentence(ground: Ground, arguments: list[str], says: str) -> None:
    code, said = await ground.run(*arguments)
    assert code in (1, 2)
    assert says in " ".join(said.split()) and "Traceback" not in said


async def test_an_archive_without_the_symbols_files_is_said(ground: Ground, tmp_path: Path) -> None:
    await ground.want()
    (tmp_path / "empty").mkdir()
    code, said = await ground.run("--archive", str(tmp_path / "empty"))
    assert (code, "holds no file of that time whose name begins with BTCUSDT-1m-" in said) == (1, True), said


async def test_an_exchange_that_does_not_answer_is_said(ground: Ground) -> None:
    exchange = Exchange(Config(symbols=("ETHUSDT",), history_days=2))
    async with exchange.serve() as address:
        await ground.want("sim")
        code, said = await ground.run("--exchange", "sim", "--exchange-rest", address.rest, "--from", "2d")
    assert code == 1
    assert "Invalid symbol" in said and "Traceback" not in said


def utc(time: int) -> str:
    return f"{datetime.fromtimestamp(time / 1000, UTC):%Y-%m-%dT%H:%MZ}"
