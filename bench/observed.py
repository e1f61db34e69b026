"""Latencies as Prometheus tells them, beside the same ones as a client of the socket measures them: are they the same?

    python -m bench.observed [--symbols 2 1500] [--seconds 60]

For each number of symbols, the services run on a simulated exchange, and a real Prometheus scrapes them each second. Sockets
subscribe every symbol's forming minute as a browser does, and report what it took a frame to be read, as a browser reports its
paint. Each message carries the stamps of the second that made it, so the client has each stage of each kline; Prometheus has
what the services chose to observe, in buckets. p50 and p99 of both are compared: they agree if they are in the same bucket or
in two that are next to each other.
"""

from __future__ import annotations

import argparse
import asyncio
import bisect
import json
import random
from collections import defaultdict
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import httpx
import msgspec
import uvloop
import yaml

from bench.latency_ours import PER_SOCKET
from bench.latency_sockets import KeepingConnection, open_socket
from bench.processes import running, started
from bench.surroundings import Surroundings, introduced, surroundings, want
from rtchart.broker.cluster import Cluster
from rtchart.local.ports import free_ports
from rtchart.process.clock import now_us
from rtchart.process.metrics import BUCKETS

WARM_UP = 10.0
"""Seconds before what is compared."""
SETTLED = 3.0
"""Seconds after it, for the scrape that has its end; both sides leave them out."""
QUANTILES = (0.5, 0.99)
SEEN = ("exchange_to_received", "received_to_published", "published_to_consumed", "consumed_to_sent", "sent_to_painted")

WHOLE = "exchange to client"


class _Stamps(msgspec.Struct):
    event_ms: int
    received_us: int
    published_us: int
    consumed_us: int


class _Message(msgspec.Struct):
    op: str
    stamps: _Stamps | None = None


class _Frame(msgspec.Struct):
    at_us: int
    messages: list[_Message] = []


_frames = msgspec.json.Decoder(_Frame)


async def observe(there: Surroundings, seconds: float) -> None:
    """Run the services, and print what both say."""
    web, *admin = free_ports(4)
    cluster = Cluster(there.kafka.bootstrap)
    await want(cluster, there.symbols)
    kafka = ("--kafka", there.kafka.bootstrap)
    own = {
        "producer": (*there.venue, "--instance", "bench"),
        "inserter": ("--database", there.postgres.url(user="rtchart_inserter")),
        "web": ("--database", there.postgres.url(user="rtchart_web"), "--port", str(web)),
    }
    async with AsyncExitStack() as stack:
        for (name, options), port in zip(own.items(), admin, strict=True):
            arguments = ("-m", "rtchart", name, *kafka, *options, "--admin-port", str(port))
            ready = f"http://127.0.0.1:{port}/readyz"
            await stack.enter_async_context(running(there.folder / f"{name}.log", *arguments, ready=ready))
        await introduced(f"http://127.0.0.1:{web}", len(there.symbols))
        prometheus = await stack.enter_async_context(scraping(there.folder, admin))
        over = asyncio.Event()
        async with asyncio.TaskGroup() as group:
            shares = [there.symbols[at : at + PER_SOCKET] for at in range(0, len(there.symbols), PER_SOCKET)]
            sockets = [group.create_task(watch(f"ws://127.0.0.1:{web}", share, over)) for share in shares]
            await asyncio.sleep(WARM_UP)
            begin = now_us()
            await asyncio.sleep(seconds)
            end = now_us()
            await asyncio.sleep(SETTLED)
            told = await asked(prometheus, end / 1e6, seconds)
            over.set()
    seen = measured([frame for socket in sockets for frame in socket.result()], begin, end)
    print(f"{len(there.symbols)} symbols, {len(shares)} sockets, {seconds:g} s; Prometheus beside a client of the socket")
    report(told, seen)


@asynccontextmanager
async def scraping(folder: Path, ports: Sequence[int]) -> AsyncIterator[str]:
    """The address of a Prometheus that scrapes these ports each second."""
    (port,) = free_ports(1)
    file = folder / "prometheus.yaml"
    targets = [f"127.0.0.1:{each}" for each in ports]
    scrapes = [{"job_name": "rtchart", "static_configs": [{"targets": targets}]}]
    file.write_text(yaml.safe_dump({"global": {"scrape_interval": "1s"}, "scrape_configs": scrapes}), encoding="utf-8")
    address = f"http://127.0.0.1:{port}"
    options = (f"--config.file={file}", f"--storage.tsdb.path={folder / 'tsdb'}", f"--web.listen-address=127.0.0.1:{port}")
    async with started(folder / "prometheus.log", "prometheus", *options, ready=f"{address}/-/ready"):
        yield address


async def watch(web: str, share: Sequence[str], over: asyncio.Event) -> list[tuple[int, bytes]]:
    """Subscribe, report each second as a browser does, and keep the frames with the time (µs) at which each was read."""
    async with open_socket(f"{web}/ws", KeepingConnection) as socket:
        assert isinstance(socket, KeepingConnection)
        for number, symbol in enumerate(share):
            await socket.send(json.dumps({"op": "subscribe", "id": number, "symbol": symbol, "interval": "1m", "limit": 1}))
        reported = 0
        while not over.is_set():
            try:
                async with asyncio.timeout(1.1):
                    await over.wait()
            except TimeoutError:
                if new := socket.kept[reported:]:
                    reported += len(new)
                    # Any of them: the last of a burst has waited least.
                    read_us, text = random.choice(new)
                    took = (read_us - _frames.decode(text).at_us) / 1000
                    await socket.send(json.dumps({"op": "report", "latency": [{"stage": "sent_to_painted", "ms": took}]}))
        return socket.kept


def measured(frames: Sequence[tuple[int, bytes]], begin: int, end: int) -> Mapping[str, list[float]]:
    """Seconds of each stage, of each second that a frame told between the two times (µs)."""
    found: defaultdict[str, list[float]] = defaultdict(list)
    for read_us, text in frames:
        if not begin <= read_us < end:
            continue
        frame = _frames.decode(text)
        for message in frame.messages:
            if message.op == "candle" and message.stamps is not None and message.stamps.consumed_us:
                stamps = message.stamps
                way = (
                    *(stamps.event_ms * 1000, stamps.received_us, stamps.published_us, stamps.consumed_us),
                    *(frame.at_us, read_us),
                )
                for stage, left, right in zip(SEEN, way, way[1:], strict=False):
                    found[stage].append((right - left) / 1e6)
                found[WHOLE].append((read_us - stamps.event_ms * 1000) / 1e6)
    return found


async def asked(prometheus: str, at: float, seconds: float) -> dict[str, dict[float, float]]:
    """Quantiles of each stage over the seconds before ``at``, by what share of the observations they hold, and their mean."""
    found: dict[str, dict[float, float]] = defaultdict(dict)
    window, name = f"[{seconds:.0f}s]", "rtchart_stage_latency_seconds"
    async with httpx.AsyncClient(base_url=prometheus, timeout=30) as client:
        for share in QUANTILES:
            query = f"histogram_quantile({share}, sum by (stage, le) (increase({name}_bucket{window})))"
            answer = await client.get("/api/v1/query", params={"query": query, "time": f"{at:.3f}"})
            answer.raise_for_status()
            for series in answer.json()["data"]["result"]:
                found[series["metric"]["stage"]][share] = float(series["value"][1])
    return found


def report(told: Mapping[str, Mapping[float, float]], seen: Mapping[str, list[float]]) -> None:
    """Print both, and how many buckets they are apart."""
    worst = 0
    for stage in SEEN:
        for share in QUANTILES:
            here, there = told[stage][share], _quantile(seen[stage], share)
            apart = abs(_bucket(here) - _bucket(there))
            worst = max(worst, apart)
            figures = f"{here * 1000:8.2f} ms   client {there * 1000:8.2f} ms"
            print(f"  {stage:22} p{share * 100:<3g} Prometheus {figures}   {_words(apart)}")
    whole, added = seen[WHOLE], sum(told[stage][0.5] for stage in SEEN)
    median, late = (_quantile(whole, share) * 1000 for share in QUANTILES)
    print(f"  {WHOLE:22} p50  Prometheus {added * 1000:8.2f} ms   client {median:8.2f} ms   (its medians, added)")
    print(f"  {WHOLE:22} p99  client {late:.2f} ms, of {len(whole)} klines")
    print(f"  furthest apart: {_words(worst)}")


def _quantile(values: list[float], share: float) -> float:
    return sorted(values)[min(len(values) - 1, int(len(values) * share))]


def _bucket(seconds: float) -> int:
    return bisect.bisect_left(BUCKETS, seconds)


def _words(apart: int) -> str:
    return "the same bucket" if apart == 0 else f"{apart} bucket{'s' if apart > 1 else ''}"


async def main(counts: Sequence[int], seconds: float) -> None:
    for count in counts:
        async with surroundings(count) as there:
            await observe(there, seconds)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--symbols", type=int, nargs="+", default=[2, 1500])
    parser.add_argument("--seconds", type=float, default=60)
    arguments = parser.parse_args()
    uvloop.run(main(arguments.symbols, arguments.seconds))
