"""The bare way producer → Kafka: frames from the exchange's socket to a topic as they are, with nothing kept whole.

Run by `bench.latency` as a process of its own, to have the same shape as what it is compared with.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time

import uvloop
from aiokafka import AIOKafkaProducer
from websockets.asyncio.client import connect

STREAMS_PER_CONNECTION = 1_000
STREAMS_PER_SUBSCRIBE = 150  # under 4,088 bytes


async def relay(ws: str, bootstrap: str, topic: str, symbols: list[str]) -> None:
    producer = AIOKafkaProducer(bootstrap_servers=bootstrap, compression_type="zstd")
    await producer.start()

    async def one_connection(share: list[str]) -> None:
        async with connect(f"{ws}/stream", compression=None) as socket:
            for at in range(0, len(share), STREAMS_PER_SUBSCRIBE):
                params = [f"{symbol.lower()}@kline_1s" for symbol in share[at : at + STREAMS_PER_SUBSCRIBE]]
                await socket.send(json.dumps({"method": "SUBSCRIBE", "params": params, "id": at}))
                await asyncio.sleep(0.3)  # the venue allows five messages a second
            async for frame in socket:
                if isinstance(frame, str) and '"e":"kline"' in frame:
                    symbol = frame[11 : frame.index("@")]
                    stamp = time.time_ns() // 1_000
                    await producer.send(topic, f"{stamp} {frame}".encode(), key=symbol.encode())

    await asyncio.gather(
        *(one_connection(symbols[at : at + STREAMS_PER_CONNECTION]) for at in range(0, len(symbols), STREAMS_PER_CONNECTION))
    )


if __name__ == "__main__":
    uvloop.run(relay(sys.argv[1], sys.argv[2], sys.argv[3], json.load(sys.stdin)))
