"""What older history costs those who are live: the same pipeline with a backfill under way and without one, in turns.

The real services, a simulated exchange with a year of market, and sockets that subscribe every symbol. In each second turn some
symbols get ``spec.historyDays``: the producer fetches the exchange's own minutes for its share of the rate limit, the inserter
stores them for its share of the time, the aggregator folds them, the web tells of each. Between the turns what is left of it is
let run dry. Live latencies are compared: from a frame's bytes to a client's socket, from the exchange's event to the committed
row, from a minute's end to its stored candle. How much history was stored meanwhile is printed too.
"""

from __future__ import annotations

import argparse
import asyncio
import statistics
from collections import defaultdict
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import uvloop
from prometheus_client.parser import text_string_to_metric_families

from bench.latency_ours import ours
from bench.processes import running
from bench.surroundings import introduced, surroundings
from rtchart.broker.admin import ensure_topics
from rtchart.broker.cluster import Cluster
from rtchart.broker.table import Changes, TableWriter
from rtchart.broker.topics import BACKFILL, SYMBOLS
from rtchart.core.symbol import DesiredSymbol
from rtchart.local.ports import free_ports
from rtchart.store.database import Connection, connect

WARM_UP = 5.0
"""Seconds of each turn that are not counted."""
STAGES = {"exchange_to_inserted": "inserter", "minute_close_to_candle": "aggregator"}
"""Of these services the mean of this stage's latencies."""
TITLES = {
    "p50": "frame received → socket, p50",
    "p99": "frame received → socket, p99",
    "exchange_to_inserted": "exchange → row committed, mean",
    "minute_close_to_candle": "minute's end → candle stored, mean",
}


@dataclass
class Found:
    """Of one kind of turn: latencies in ms by what they are of, one a turn; and how many minutes were stored a second."""

    latencies: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    minutes: list[float] = field(default_factory=list)
    cpu: list[dict[str, float]] = field(default_factory=list)
    """Share of a core that each process used."""


class Ground:
    """The services at work, and what is asked of them."""

    def __init__(
        self, cluster: Cluster, database: Connection, symbols: list[str], web: str, admin: dict[str, int], pids: dict[str, int]
    ) -> None:
        self._cluster = cluster
        self._database = database
        self._symbols = symbols
        self._web = web
        self._admin = admin
        self._pids = pids
        self._asked_for = 0

    async def want(self, days: int) -> None:
        """Ask for all symbols, each time others of them with so many days of history: what is stored already costs less."""
        self._asked_for += bool(days)
        wanted: Changes[DesiredSymbol] = {
            f"sim:{symbol}": DesiredSymbol(
                "sim", symbol, epoch=1, history_days=days if number % 10 == self._asked_for % 10 else 0
            )
            for number, symbol in enumerate(self._symbols)
        }
        async with self._cluster.producer() as producer:
            await TableWriter[DesiredSymbol](producer, self._cluster, SYMBOLS).put(wanted)

    async def turn(self, seconds: float, days: int, found: Found) -> None:
        """Measure for so many seconds, with so many days of history asked for."""
        await self.want(days)
        if days:
            await _until(self._waiting)
        before, minutes = await self._sums(), await self._minutes()
        measured = await ours(self._web.replace("http", "ws"), self._symbols, WARM_UP, seconds, others=self._pids)
        after = await self._sums()
        found.minutes.append((await self._minutes() - minutes) / (WARM_UP + seconds))
        found.cpu.append({name: us * len(measured.stamps) / 1e6 / seconds for name, us in measured.cpu_us.items()})
        took = sorted((stamp.read_us - stamp.received_us) / 1000 for stamp in measured.stamps)
        found.latencies["p50"].append(took[len(took) // 2])
        found.latencies["p99"].append(took[len(took) * 99 // 100])
        for stage in STAGES:
            total, count = (after[stage][at] - before[stage][at] for at in (0, 1))
            if count:
                found.latencies[stage].append(total / count * 1000)
        if days and not await self._waiting():
            print("  (the backfill was over before the turn was: raise --days)")

    async def run_dry(self) -> None:
        """Ask for no history, and wait until what was fetched of it is stored and folded."""
        await self.want(0)

        async def dry() -> bool:
            return not await self._waiting()

        await _until(dry)

    async def records(self) -> int:
        """How many are on the topic."""
        async with self._cluster.consumer() as consumer:
            ends = await consumer.end_offsets(self._cluster.topic_partitions(BACKFILL, BACKFILL.partitions))
        return sum(ends.values())

    async def _minutes(self) -> float:
        return (await self._samples("inserter"))["rtchart_inserter_venue_rows_total", "stored"]

    async def _waiting(self) -> bool:
        left = (await self._samples("producer"))["rtchart_producer_venue_klines_left", ""]
        lag = (await self._samples("inserter"))["rtchart_inserter_backfill_lag_records", ""]
        return bool(left or lag or await self._database.fetchval("SELECT EXISTS (SELECT FROM venue_checkpoint)"))

    async def _sums(self) -> dict[str, tuple[float, float]]:
        found = {}
        for stage, service in STAGES.items():
            samples = await self._samples(service)
            found[stage] = tuple(samples[f"rtchart_stage_latency_seconds_{what}", stage] for what in ("sum", "count"))
        return found  # type: ignore[return-value]

    async def _samples(self, service: str) -> dict[tuple[str, str], float]:
        """Values by metric and by its only label."""
        async with httpx.AsyncClient(timeout=30) as client:
            text = (await client.get(f"http://127.0.0.1:{self._admin[service]}/metrics")).text
        found: dict[tuple[str, str], float] = defaultdict(float)
        for family in text_string_to_metric_families(text):
            for sample in family.samples:
                if "le" not in sample.labels:
                    found[sample.name, next(iter(sample.labels.values()), "")] = sample.value
        return found


def log_bytes(data: Path) -> int:
    """What the topic takes on the broker's disk."""
    return sum(file.stat().st_size for file in data.glob(f"{BACKFILL.name}-*/*.log"))


async def _until(condition: Callable[[], Awaitable[bool]]) -> None:
    async with asyncio.timeout(1_800):
        while not await condition():  # noqa: ASYNC110 - it is asked of other processes
            await asyncio.sleep(0.2)


async def main(count: int, seconds: float, rounds: int, days: int) -> None:
    found = {"without": Found(), "with": Found()}
    async with AsyncExitStack() as stack:
        there = await stack.enter_async_context(surroundings(count, "--history-days", str(days + 10), unsafe=False))
        kafka, postgres, symbols = there.kafka, there.postgres, there.symbols
        database = await connect(postgres.url(), service="bench")
        stack.push_async_callback(database.close)
        cluster = Cluster(kafka.bootstrap)
        await ensure_topics(cluster)
        web, *ports = free_ports(4)
        admin = dict(zip(("producer", "inserter", "aggregator"), ports, strict=True))

        assert kafka.child is not None
        pids = {"broker": kafka.child.pid, "exchange": there.exchange.pid}

        async def start(name: str, *options: str, ready: str) -> None:
            arguments = ("-m", "rtchart", name, *options)
            process = await stack.enter_async_context(running(there.folder / f"{name}.log", *arguments, ready=ready))
            pids[name] = process.pid

        def of(service: str) -> tuple[str, ...]:
            return ("--kafka", kafka.bootstrap, "--admin-port", str(admin[service]))

        def is_ready(service: str) -> str:
            return f"http://127.0.0.1:{admin[service]}/readyz"

        ground = Ground(cluster, database, symbols, f"http://127.0.0.1:{web}", admin, pids)
        await ground.want(0)
        inserting, folding, reading = (postgres.url(user=f"rtchart_{role}") for role in ("inserter", "aggregator", "web"))
        await start(
            "producer", *there.venue, *of("producer"), "--instance", "bench", "--history-hours", "0", ready=is_ready("producer")
        )
        await start("inserter", *of("inserter"), "--database", inserting, ready=is_ready("inserter"))
        await start("aggregator", *of("aggregator"), "--database", folding, ready=is_ready("aggregator"))
        serving = ("--kafka", kafka.bootstrap, "--port", str(web), "--database", reading)
        await start("web", *serving, ready=f"http://127.0.0.1:{web}/readyz")
        await introduced(f"http://127.0.0.1:{web}", len(symbols))
        for _ in range(rounds):
            await ground.turn(seconds, 0, found["without"])
            await ground.turn(seconds, days, found["with"])
            await ground.run_dry()
        records = await ground.records()
        written = log_bytes(there.folder / "kafka" / "data")
    print(f"backfill beside {count} live symbols, {rounds} × {seconds:g} s each way, in turns; medians of the turns")
    for what, title in TITLES.items():
        alone, beside = (found[kind].latencies[what] for kind in ("without", "with"))
        if alone and beside:
            before, now = statistics.median(alone), statistics.median(beside)
            print(f"  {title:36} {before:8.1f} ms alone {now:8.1f} ms beside it   ratio {now / before:.2f}")
    for kind, turns in found.items():
        shares = ", ".join(f"{name} {statistics.median(turn[name] for turn in turns.cpu):.0%}" for name in turns.cpu[0])
        print(f"  of a core, {kind} it: {shares}")
    print(f"  minutes of history stored meanwhile  {statistics.median(found['with'].minutes):8,.0f} a second")
    each = written / records
    print(f"  on Kafka {each:.0f} bytes each, {each * 525_600 / 1e6:.0f} MB a symbol's year")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--symbols", type=int, default=300)
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--days", type=int, default=365)
    arguments = parser.parse_args()
    uvloop.run(main(arguments.symbols, arguments.seconds, arguments.rounds, arguments.days))
