"""The bare way of `bench.latency`: the exchange's frames → Kafka → one consumer, the least that anyone could do.

The same streams of the same simulated exchange over as many connections as our producer opens; each frame goes to Kafka as it
is when it is read, with a stamp before it; one consumer looks at nothing but the stamp. Nothing is checked, folded, kept whole
or sent on, a record is acknowledged by one broker without idempotence, and aiokafka's settings are its own, but for zstd, which
ours has too. Relay and consumer are two processes, as our producer and web are (the consumer is the benchmark's own, as our
sockets' clients are).
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from dataclasses import dataclass

import uvloop
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer

from bench.latency_sockets import StampedConnection, open_socket
from bench.processes import cpu_seconds
from rtchart.process.clock import now_us

STREAMS_PER_CONNECTION = 1_000
STREAMS_PER_SUBSCRIBE = 150  # under 4,088 bytes
SUBSCRIBE_EVERY = 0.3
"""Seconds: the venue allows five messages in one."""


@dataclass
class Bare:
    """What was found."""

    latencies: list[float]
    """Milliseconds."""
    cpu_us: dict[str, float]
    """What each process used per kline."""


async def bare(
    ws: str, bootstrap: str, topic: str, symbols: list[str], warm_up: float, seconds: float, *, others: dict[str, int]
) -> Bare:
    """Measure for so many seconds. ``symbols``: as the exchange lists them; ``others``: processes whose CPU time counts too."""
    relay = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "bench.latency_bare", ws, bootstrap, topic), stdin=asyncio.subprocess.PIPE
    )
    assert relay.stdin is not None
    relay.stdin.write(json.dumps(symbols).encode())
    relay.stdin.close()
    consumer = AIOKafkaConsumer(topic, bootstrap_servers=bootstrap, group_id=None, auto_offset_reset="latest")
    await consumer.start()
    latencies: list[float] = []
    try:
        begin = time.monotonic() + warm_up + SUBSCRIBE_EVERY * len(symbols) / STREAMS_PER_SUBSCRIBE
        pids: dict[str, int | str] = {**others, "relay": relay.pid, "consumer": "self"}
        before: dict[str, float] = {}
        async with asyncio.timeout(seconds + warm_up + 60):
            async for record in consumer:
                moment = time.monotonic()
                if moment > begin + seconds:
                    break
                if moment > begin:
                    before = before or {name: cpu_seconds(pid) for name, pid in pids.items()}
                    latencies.append((now_us() - int(record.value[:16])) / 1000)
        used = {name: (cpu_seconds(pid) - before[name]) * 1e6 / len(latencies) for name, pid in pids.items()}
    finally:
        await consumer.stop()
        relay.terminate()
        await relay.wait()
    return Bare(latencies, used)


async def relay(ws: str, bootstrap: str, topic: str, symbols: list[str]) -> None:
    """The process between exchange and Kafka."""
    producer = AIOKafkaProducer(bootstrap_servers=bootstrap, compression_type="zstd")
    await producer.start()

    async def one_connection(share: list[str]) -> None:
        async with open_socket(f"{ws}/stream", StampedConnection) as socket:
            assert isinstance(socket, StampedConnection)
            for at in range(0, len(share), STREAMS_PER_SUBSCRIBE):
                params = [f"{symbol.lower()}@kline_1s" for symbol in share[at : at + STREAMS_PER_SUBSCRIBE]]
                await socket.send(json.dumps({"method": "SUBSCRIBE", "params": params, "id": at}))
                await asyncio.sleep(SUBSCRIBE_EVERY)
            async for frame in socket:
                received_us = socket.read_us.popleft()
                if isinstance(frame, str) and '"e":"kline"' in frame:
                    symbol = frame[11 : frame.index("@")]
                    await producer.send(topic, f"{received_us} {frame}".encode(), key=symbol.encode())

    await asyncio.gather(
        *(one_connection(symbols[at : at + STREAMS_PER_CONNECTION]) for at in range(0, len(symbols), STREAMS_PER_CONNECTION))
    )


if __name__ == "__main__":
    uvloop.run(relay(sys.argv[1], sys.argv[2], sys.argv[3], json.load(sys.stdin)))
