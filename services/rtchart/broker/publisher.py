"""Publishing klines in batches that are built by hand, one a partition.

aiokafka's ``send`` costs a future and several calls a record: 40,000 klines/s on one core. Batches made here and handed to
``send_batch`` carry five times as many (``make bench``).
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from types import TracebackType
from typing import Protocol

import msgspec
from aiokafka import AIOKafkaProducer
from aiokafka.partitioner import murmur2

from rtchart.broker.cluster import Cluster
from rtchart.broker.topics import Topic
from rtchart.core.kline import Kline
from rtchart.core.messages import BackfillMessage, KlineMessage, encode
from rtchart.process.clock import now_ms, now_us
from rtchart.process.tracing import Headers

LINGER = 0.002
"""Seconds that records wait for more, while nothing is on its way to Kafka."""

MAX_RECORDS = 5_000
"""Records that close a batch at once; about 400 kB compressed at worst, under the broker's limit for a batch."""


Message = KlineMessage | BackfillMessage


_NONE: list[tuple[str, bytes]] = []
"""Headers: aiokafka takes them as a list alone."""


class Trace(Protocol):
    """Of a kline that is on its way: what its record carries, and its end when Kafka has it, or with why it has not."""

    headers: Headers

    def end(self, at_us: int, error: str = "") -> None: ...


BeginTrace = Callable[[Kline, int, int], Trace | None]
"""Begins the trace of a kline (with its ``published_us`` and partition) if it is to have one."""


def partition_of(key: bytes, partitions: int) -> int:
    """The partition of a key as Kafka's Java client and aiokafka choose it, so that every writer agrees."""
    return int(murmur2(key) & 0x7FFFFFFF) % partitions


class Publisher:
    """Writes the records of one topic that is about symbols, in order per symbol.

    Records handed over within `LINGER` travel together, and so do all those that come while others are on their way: the busier
    the machine and the broker, the fewer and larger the requests. aiokafka has one request under way to a broker in any case;
    what is batched by hand before its turn cannot be joined any more.

    Use it as an async context manager: leaving it flushes.
    """

    def __init__(
        self,
        producer: AIOKafkaProducer,
        cluster: Cluster,
        topic: Topic,
        *,
        linger: float = LINGER,
        begin_trace: BeginTrace | None = None,
    ) -> None:
        self._producer = producer
        self._begin_trace = begin_trace
        self._topic = cluster.name(topic)
        self._partitions = topic.partitions
        self._linger = linger
        self._keys: dict[tuple[str, str], tuple[bytes, int]] = {}
        self._window: list[Message] = []
        self._acked: asyncio.Future[int] | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._sending: set[asyncio.Task[None]] = set()
        # One window at a time leaves, so that a symbol's records keep their order.
        self._turn = asyncio.Lock()

    def publish(self, messages: Iterable[Message]) -> asyncio.Future[int]:
        """Hand records over. The future ends when Kafka acknowledged them all, or with the error if it did not.

        Its result is their ``published_us``.

        Several calls may share a future. An error says nothing about which of them arrived: the caller counts none.
        """
        self._window.extend(messages)
        if self._acked is None:
            loop = asyncio.get_running_loop()
            self._acked = loop.create_future()
            if not self._sending:
                self._timer = loop.call_later(self._linger, self._close_window)
        acked = self._acked
        if len(self._window) >= MAX_RECORDS:
            self._close_window()
        return acked

    async def flush(self) -> None:
        """Wait until all that was handed over is acknowledged, or has failed."""
        if self._acked is not None:
            self._close_window()
        while self._sending:
            await asyncio.wait(set(self._sending))

    async def __aenter__(self) -> Publisher:
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        await self.flush()

    def _close_window(self) -> None:
        assert self._acked is not None
        if self._timer is not None:
            self._timer.cancel()
        window, acked = self._window, self._acked
        self._window, self._acked, self._timer = [], None, None
        task = asyncio.get_running_loop().create_task(self._send(window, acked))
        self._sending.add(task)
        task.add_done_callback(self._sent)

    def _sent(self, task: asyncio.Task[None]) -> None:
        self._sending.discard(task)
        if self._acked is not None and not self._sending and not task.cancelled():
            self._close_window()

    async def _send(self, window: list[Message], acked: asyncio.Future[int]) -> None:
        traces: list[Trace] = []
        try:
            async with self._turn:
                published_us = now_us()
                deliveries = [
                    await self._producer.send_batch(batch, self._topic, partition=partition)
                    for partition, batch in self._batches(window, published_us, traces)
                ]
            await asyncio.gather(*deliveries)
        except Exception as error:
            for trace in traces:
                trace.end(now_us(), repr(error))
            if not acked.done():
                acked.set_exception(error)
                acked.exception()  # a caller that looks at its records in another way shall not be warned
        else:
            for trace in traces:
                trace.end(now_us())
            if not acked.done():
                acked.set_result(published_us)

    def _batches(self, window: list[Message], published_us: int, traces: list[Trace]) -> list[tuple[int, object]]:
        timestamp = now_ms()
        open_batches: dict[int, object] = {}
        out: list[tuple[int, object]] = []
        for message in window:
            key, partition = self._place(message)
            headers = _NONE
            if isinstance(message, Kline):
                if self._begin_trace is not None and (trace := self._begin_trace(message, published_us, partition)) is not None:
                    traces.append(trace)
                    headers = list(trace.headers)
                message = msgspec.structs.replace(message, published_us=published_us)
            value = encode(message)
            batch = open_batches.get(partition)
            if batch is None:
                batch = open_batches[partition] = self._producer.create_batch()
                out.append((partition, batch))
            if batch.append(key=key, value=value, timestamp=timestamp, headers=headers) is None:  # type: ignore[attr-defined]
                batch = open_batches[partition] = self._producer.create_batch()
                out.append((partition, batch))
                batch.append(key=key, value=value, timestamp=timestamp, headers=headers)
        return out

    def _place(self, message: Message) -> tuple[bytes, int]:
        identity = (message.exchange, message.symbol)
        place = self._keys.get(identity)
        if place is None:
            key = f"{message.exchange}:{message.symbol}".encode()
            place = self._keys[identity] = (key, partition_of(key, self._partitions))
        return place
