"""What the instrumentation costs the producer and the web server, and how many series an operator of 1,500 symbols has.

    python -m bench.metrics [--symbols 1500] [--rounds 7]

The share of the CPU time that calls of metrics have (`bench.instrumentation`): in the producer from the bytes of a frame to
what is handed to Kafka's client, in reads of one frame and of five hundred; in the web server as in `bench.fanout`. Then one
scrape of the operator.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import json
import statistics
import time
from collections import Counter
from collections.abc import Iterable, Mapping

import uvloop
from prometheus_client import CollectorRegistry, generate_latest

from bench import instrumentation
from bench.fanout import TICKS_A_SECOND, Child
from bench.producer import decode, frames
from rtchart.core.gap import GapState
from rtchart.core.interval import SECOND
from rtchart.core.kline import Identity
from rtchart.core.messages import KlineMessage
from rtchart.core.symbol import DesiredSymbol
from rtchart.exchange.base import Batch, Listed, Sink
from rtchart.exchange.binance.frames import FrameReader
from rtchart.exchange.clock import VenueClock
from rtchart.process.clock import now_us
from rtchart.process.health import Health
from rtchart.producer.service import Producer
from rtchart.store.history import Run
from rtchart.store.overview import Ends
from rtchart_operator.conditions import Condition
from rtchart_operator.latency import Speed
from rtchart_operator.metrics import Known, SymbolMetrics
from rtchart_operator.storage import Books

CONDITIONS = {
    "Validated": "Listed",
    "Streaming": "Streaming",
    "Persisting": "Stored",
    "Aggregating": "Aggregated",
    "RetentionEnforced": "Enforced",
    "Ready": "Ready",
}


class Kafka:
    """Takes everything at once."""

    def publish(self, messages: Iterable[KlineMessage]) -> asyncio.Future[int]:
        taken: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        taken.set_result(now_us())
        return taken


class Stream:
    """Is read by hand."""

    def want(self, symbols: Mapping[str, int]) -> None:
        pass

    def missed(self, symbol: str, open_time: int) -> None:
        pass

    async def run(self, sink: Sink) -> None:
        raise NotImplementedError


async def produce(material: list[bytes], symbols: int, read: int) -> float:
    """Seconds of CPU that a new producer takes for these frames, so many in each read."""
    clock = VenueClock(local=lambda: 0.0)
    clock.set(1_733_561_823_000)
    producer = Producer("binance", Stream(), clock, Health(), in_flight=10**9)
    producer.outbox.open(Kafka())
    names = [f"COIN{number}USDT" for number in range(symbols)]
    producer.desire({f"binance:{name}": DesiredSymbol("binance", name, 1) for name in names})
    for track in producer.tracks.values():
        track.recorded = True
        track.listed = Listed("trading")
    reader = FrameReader("binance", dict.fromkeys(names, 1))
    gc.collect()
    began = time.process_time()
    for at in range(0, len(material), read):
        klines = decode(reader, material[at : at + read])
        await producer.sink(Batch(now_us(), klines))
        if at // read % 50 == 0:
            await asyncio.sleep(0)
    await asyncio.sleep(0)
    return time.process_time() - began


async def cost_of_producer(symbols: int, rounds: int) -> None:
    material = frames(symbols, 20)
    for read in (1, 500):
        with instrumentation.counted() as calls:
            await produce(material, symbols, read)
        whole = [await produce(material, symbols, read) for _ in range(rounds)]
        share = instrumentation.seconds(calls) / statistics.median(whole)
        print(f"producer, reads of {read:3} frames: {100 * share:5.1f} % of its CPU time are for metrics")


async def cost_of_web(rounds: int, clients: int = 200, seconds: float = 2.0) -> None:
    children: list[Child] = []
    try:
        children.append(server := await Child.start("--contend", "ours"))
        children.append(reader := await Child.start("--read", await server.line(), "--clients", clients, "--subscriptions", 1))
        assert await reader.line() == "connected"
        whole = [float(await server.ask(json.dumps([1, seconds]))) for _ in range(rounds)]
        of_metrics = float(await server.ask(json.dumps([1, seconds, "counted"])))
    finally:
        for child in children:
            await child.end()
    what = f"{clients} sockets, {TICKS_A_SECOND} ticks/s"
    print(f"web server, {what}: {100 * of_metrics / statistics.median(whole):5.1f} % of its CPU time are for metrics")


def scrape_of_operator(symbols: int) -> None:
    identities = [Identity("binance", f"COIN{number}USDT") for number in range(symbols)]
    told = [Condition(kind, "True", "", reason, "") for kind, reason in CONDITIONS.items()]
    every: Counter[GapState] = Counter({"open": 1, "repaired": 2, "absent": 3})
    gone: Counter[GapState] = Counter({"repaired": 1, "absent": 1})
    books = Books(
        gaps=dict.fromkeys(identities, every),
        open_since=dict.fromkeys(identities, 1),
        completeness=dict.fromkeys(identities, 1.0),
        bytes=10**9,
    )
    metrics = SymbolMetrics(
        Known(
            speeds=lambda: [(one, Speed(10.0, 0.01, 0.02)) for one in identities],
            conditions=lambda: [(one, told) for one in identities],
            ends=lambda: dict.fromkeys(identities, Ends(9 * SECOND, 0)),
            books=lambda: books,
            run=lambda: Run(0, 1, 0, 0, None),
            is_current=lambda: True,
            books_are_current=lambda: True,
            reaches=lambda: [(one, 0) for one in identities],
            capacity=10**10,
        )
    )
    metrics.closed(dict.fromkeys(identities, gone))
    metrics.close()
    registry = CollectorRegistry()
    registry.register(metrics)
    began = time.perf_counter()
    text = generate_latest(registry).decode()
    took = time.perf_counter() - began
    series = [line for line in text.splitlines() if not line.startswith("#")]
    single = sum('symbol="' in line for line in series)
    print(f"operator, {symbols} symbols: {len(series)} series, {single / symbols:.0f} of each symbol at most")
    print(f"  a scrape: {took * 1000:.0f} ms, {len(text) / 1e6:.1f} MB before it is compressed")


async def main(symbols: int, rounds: int) -> None:
    await cost_of_producer(symbols, rounds)
    await cost_of_web(rounds)
    scrape_of_operator(symbols)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--symbols", type=int, default=1500)
    parser.add_argument("--rounds", type=int, default=7)
    arguments = parser.parse_args()
    uvloop.run(main(arguments.symbols, arguments.rounds))
