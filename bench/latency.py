"""Frame received → socket at 1,500 symbols, against the bare way producer → Kafka → consumer.

Both see the same simulated exchange on the same broker, in turns within one run. Ours is the real producer and the real web
server, with sockets that together subscribe every symbol's forming 1m candle; the bare way is `bench.bare_relay` and a
consumer that looks at nothing but the stamp.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
import tempfile
import time
from pathlib import Path

import httpx
import msgspec
import uvloop
from aiokafka import AIOKafkaConsumer
from websockets.asyncio.client import connect

from bench.processes import cpu_seconds, free_port, running
from rtchart.broker.admin import ensure_topics
from rtchart.broker.cluster import Cluster
from rtchart.broker.table import TableWriter
from rtchart.broker.topics import SYMBOLS, Topic
from rtchart.core.symbol import DesiredSymbol
from rtchart.local.kafka import Kafka
from rtchart.local.postgres import Postgres
from rtchart.store.database import connect as connect_database
from rtchart.store.migrate import migrate

PER_SOCKET = 50
WARM_UP = 5.0
"""Seconds of each turn that are not counted."""


def now_us() -> int:
    return time.time_ns() // 1_000


async def bare(ws: str, bootstrap: str, symbols: list[str], seconds: float, topic: str) -> list[float]:
    """Latencies (ms) of the bare way."""
    relay = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "bench.bare_relay", ws, bootstrap, topic), stdin=asyncio.subprocess.PIPE
    )
    assert relay.stdin is not None
    relay.stdin.write(json.dumps(symbols).encode())
    relay.stdin.close()
    consumer = AIOKafkaConsumer(topic, bootstrap_servers=bootstrap, group_id=None, auto_offset_reset="latest")
    await consumer.start()
    latencies: list[float] = []
    try:
        begin = time.monotonic() + WARM_UP + 0.3 * len(symbols) / 150
        async with asyncio.timeout(seconds + WARM_UP + 60):
            async for record in consumer:
                if time.monotonic() > begin:
                    latencies.append((now_us() - int(record.value[:16])) / 1000)
                if time.monotonic() > begin + seconds:
                    break
    finally:
        await consumer.stop()
        relay.terminate()
        await relay.wait()
    return latencies


Stamps = tuple[int, int, int, int]


class _Stamps(msgspec.Struct):
    received_us: int
    published_us: int
    consumed_us: int


class _Message(msgspec.Struct):
    op: str
    stamps: _Stamps | None = None


class _Frame(msgspec.Struct):
    messages: list[_Message] = []


async def ours(web: str, symbols: list[str], seconds: float) -> list[Stamps]:
    """Of every candle message its stamps (µs): received by the producer, published, consumed by the web, come to our socket."""
    decoder = msgspec.json.Decoder(_Frame)
    stamps: list[Stamps] = []
    begin = time.monotonic() + WARM_UP + len(symbols) / 300

    async def one_socket(share: list[str]) -> None:
        async with connect(f"{web}/ws", compression=None, max_size=None) as socket:
            for number, symbol in enumerate(share):
                await socket.send(json.dumps({"op": "subscribe", "id": number, "symbol": symbol, "interval": "1m", "limit": 1}))
            async for frame in socket:
                at = now_us()
                moment = time.monotonic()
                if moment > begin + seconds:
                    return
                if moment > begin:
                    for message in decoder.decode(frame).messages:
                        if message.op == "candle" and message.stamps is not None:
                            found = message.stamps
                            stamps.append((found.received_us, found.published_us, found.consumed_us, at))

    async with asyncio.timeout(seconds + WARM_UP + 60):
        await asyncio.gather(*(one_socket(symbols[at : at + PER_SOCKET]) for at in range(0, len(symbols), PER_SOCKET)))
    return stamps


async def introduced(web: str, symbols: int) -> None:
    """Wait until the producer has asked the exchange about every symbol, which it does once, when it starts."""
    async with httpx.AsyncClient(timeout=30) as client, asyncio.timeout(300):
        while True:
            found = (await client.get(f"{web}/api/v1/symbols")).json()["symbols"]
            if len([symbol for symbol in found if symbol["tick_size"]]) >= symbols:
                return
            await asyncio.sleep(1)


def _percentile(latencies: list[float], share: float) -> float:
    return sorted(latencies)[min(len(latencies) - 1, int(len(latencies) * share))]


async def main(symbols_count: int, seconds: float) -> None:
    with tempfile.TemporaryDirectory(prefix="rtchart-bench-", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        async with (
            Kafka(folder / "kafka", brief=True) as kafka,
            Postgres(folder / "postgres", unsafe=True) as postgres,
        ):
            cluster = Cluster(kafka.bootstrap)
            await ensure_topics(cluster)
            await ensure_topics(cluster, (Topic("bare", 12),))
            database = await connect_database(postgres.url(), service="bench")
            await migrate(database)
            await database.close()
            venue, web, admin = free_port(), free_port(), free_port()
            ws, rest = f"ws://127.0.0.1:{venue}", f"http://127.0.0.1:{venue}"
            async with running(
                folder / "exchange.log",
                *("-m", "rtchart", "exchange", "--port", str(venue), "--symbols-count", str(symbols_count)),
                ready=f"{rest}/api/v3/ping",
            ):
                async with httpx.AsyncClient(timeout=30) as client:
                    listed = (await client.get(f"{rest}/api/v3/exchangeInfo")).json()
                symbols = [entry["symbol"] for entry in listed["symbols"]]
                async with cluster.producer() as producer:
                    await TableWriter[DesiredSymbol](producer, cluster, SYMBOLS).put(
                        {f"sim:{symbol}": DesiredSymbol("sim", symbol, epoch=1) for symbol in symbols}
                    )
                bare_latencies: list[float] = []
                bare_latencies += await bare(ws, kafka.bootstrap, symbols, seconds / 2, "bare")
                async with (
                    running(
                        folder / "producer.log",
                        *("-m", "rtchart", "producer", "--exchange", "sim", "--exchange-ws", ws, "--exchange-rest", rest),
                        *("--kafka", kafka.bootstrap, "--instance", "bench", "--admin-port", str(admin)),
                        ready=f"http://127.0.0.1:{admin}/readyz",
                    ) as producing,
                    running(
                        folder / "web.log",
                        *("-m", "rtchart", "web", "--port", str(web), "--kafka", kafka.bootstrap),
                        *("--database", postgres.url(user="rtchart_web")),
                        ready=f"http://127.0.0.1:{web}/readyz",
                    ) as serving,
                ):
                    await introduced(f"http://127.0.0.1:{web}", len(symbols))
                    began = [cpu_seconds(process.pid) for process in (producing, serving)]
                    since = time.monotonic()
                    our_stamps = await ours(f"ws://127.0.0.1:{web}", symbols, seconds)
                    elapsed = time.monotonic() - since
                    producer_cpu, web_cpu = (
                        (cpu_seconds(process.pid) - before) / elapsed
                        for process, before in zip((producing, serving), began, strict=True)
                    )
                bare_latencies += await bare(ws, kafka.bootstrap, symbols, seconds / 2, "bare")
    our_latencies = [(stamps[3] - stamps[0]) / 1000 for stamps in our_stamps]
    expected = len(symbols) * seconds
    print(f"latency, {len(symbols)} symbols, {seconds:g} s each way, the bare one half before ours and half after")
    for label, latencies in (("bare producer → Kafka → consumer", bare_latencies), ("frame received → socket", our_latencies)):
        print(
            f"  {label:34} p50 {_percentile(latencies, 0.5):7.2f} ms   p99 {_percentile(latencies, 0.99):7.2f} ms   "
            f"({len(latencies)} of about {expected:.0f} klines)"
        )
    for share in (0.5, 0.99):
        ratio = _percentile(our_latencies, share) / _percentile(bare_latencies, share)
        print(f"  ratio p{share * 100:g}: {ratio:.2f} (goal ≤ 1.5)")
    for at, stage in enumerate(("received → published", "published → consumed", "consumed → socket")):
        took = [(stamps[at + 1] - stamps[at]) / 1000 for stamps in our_stamps]
        print(f"    {stage:32} p50 {_percentile(took, 0.5):7.2f} ms   p99 {_percentile(took, 0.99):7.2f} ms")
    print(f"  CPU while measured: producer {producer_cpu:.0%}, web {web_cpu:.0%} of a core")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--symbols", type=int, default=1500)
    parser.add_argument("--seconds", type=float, default=30)
    arguments = parser.parse_args()
    uvloop.run(main(arguments.symbols, arguments.seconds))
