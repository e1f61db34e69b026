"""The producer's klines/s, from the bytes of the socket to Kafka's acknowledgement, against decoding and checking alone.

One process on one core does both in turns, on the same frames (1,500 symbols, a second each). Kafka runs beside it.
"""

from __future__ import annotations

import argparse
import asyncio
import statistics
import tempfile
import time
from pathlib import Path

import uvloop

from bench.processes import cpu_seconds
from rtchart.broker.admin import ensure_topics
from rtchart.broker.cluster import Cluster
from rtchart.broker.publisher import Publisher
from rtchart.broker.topics import KLINES
from rtchart.core.kline import Kline
from rtchart.exchange.binance.frames import FrameReader
from rtchart.local.kafka import Kafka
from rtchart.process.clock import now_us

GOAL = 150_000
PER_READ = 500
"""Frames that one read of the socket brings at such rates."""

FRAME = (
    '{{"stream":"{lower}@kline_1s","data":{{"e":"kline","E":{event},"s":"{symbol}","k":{{"t":{open_time},"T":{close},'
    '"s":"{symbol}","i":"1s","f":4222889129,"L":4222889132,"o":"99512.02000000","c":"99512.02000000",'
    '"h":"99512.0{digit}000000","l":"99512.01000000","v":"0.0070{digit}000","n":4,"x":true,"q":"697.57",'
    '"V":"0.00100000","Q":"99.51","B":"0"}}}}}}'
)


def frames(symbols: int, seconds: int) -> list[bytes]:
    """Frames as the exchange sends them, second by second."""
    out = []
    for second in range(seconds):
        open_time = 1_733_561_823_000 + second * 1000
        for number in range(symbols):
            symbol = f"COIN{number}USDT"
            text = FRAME.format(
                lower=symbol.lower(),
                symbol=symbol,
                open_time=open_time,
                close=open_time + 999,
                event=open_time + 1006,
                digit=2 + number % 7,
            )
            out.append(text.encode())
    return out


def decode(reader: FrameReader, batch: list[bytes]) -> list[Kline]:
    """One read's frames as klines."""
    received_us = now_us()
    return [message for frame in batch if isinstance(message := reader.read(frame, received_us), Kline)]


async def main(symbols: int, seconds: int, rounds: int) -> None:
    material = frames(symbols, seconds)
    reads = [material[at : at + PER_READ] for at in range(0, len(material), PER_READ)]
    reader = FrameReader("binance", {})
    alone: list[float] = []
    whole: list[float] = []
    cpu: list[float] = []
    with tempfile.TemporaryDirectory(prefix="rtchart-bench-", ignore_cleanup_errors=True) as folder:
        async with Kafka(Path(folder) / "kafka", brief=True) as kafka:
            cluster = Cluster(kafka.bootstrap)
            await ensure_topics(cluster, (KLINES,))
            async with cluster.producer() as producer, Publisher(producer, cluster, KLINES) as publisher:
                for turn in range(rounds + 1):
                    began = time.perf_counter()
                    for batch in reads:
                        decode(reader, batch)
                    decoded = time.perf_counter() - began

                    own = cpu_seconds("self")
                    began = time.perf_counter()
                    acks: set[asyncio.Future[int]] = set()
                    for batch in reads:
                        acks.add(publisher.publish(decode(reader, batch)))
                        if len(acks) > 20:  # as the service does: what is not acknowledged is bounded
                            done, acks = await asyncio.wait(acks, return_when=asyncio.FIRST_COMPLETED)
                            await asyncio.gather(*done)  # what failed is no figure
                        await asyncio.sleep(0)
                    await publisher.flush()
                    await asyncio.gather(*acks)
                    published = time.perf_counter() - began
                    own = cpu_seconds("self") - own
                    if turn:  # the first one warms up
                        alone.append(len(material) / decoded)
                        whole.append(len(material) / published)
                        cpu.append(len(material) / own)
    print(f"producer, {len(material)} frames of {symbols} symbols, median of {rounds} rounds")
    print(f"  decode and check alone      {statistics.median(alone):9,.0f} klines/s")
    print(f"  … encode, publish and ack   {statistics.median(whole):9,.0f} klines/s (goal {GOAL:,} on a core of its own)")
    print(f"  … per second of its own CPU {statistics.median(cpu):9,.0f} klines")
    print(f"  ratio to decoding alone: {statistics.median(w / a for w, a in zip(whole, alone, strict=True)):.2f}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--symbols", type=int, default=1500)
    parser.add_argument("--seconds", type=int, default=100)
    parser.add_argument("--rounds", type=int, default=5)
    arguments = parser.parse_args()
    uvloop.run(main(arguments.symbols, arguments.seconds, arguments.rounds))
