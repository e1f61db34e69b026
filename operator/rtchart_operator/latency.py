"""How long klines take from the exchange to Kafka, per symbol: numbers too fast for a status, for /metrics."""

from __future__ import annotations

import asyncio
import logging
import random
from collections import deque
from collections.abc import Callable, Iterator
from typing import NamedTuple

from rtchart.broker.cluster import Cluster
from rtchart.broker.tail import BrokerError, Record, tail
from rtchart.broker.topics import KLINES
from rtchart.core.errors import UserError
from rtchart.core.kline import Identity, Kline
from rtchart.core.messages import UnreadableRecord, decode_kline_message
from rtchart.process.logs import fields

log = logging.getLogger(__name__)

KEPT = 60
"""Klines of a symbol that its percentiles are made of: a minute of seconds."""
WAIT_MS = 500
"""A fetch waits so long for records: nobody waits for these numbers, and each fetch costs."""
RETRY = (1.0, 5.0)


class Speed(NamedTuple):
    """Of one symbol. Latencies are seconds from the exchange's event time to the hand-over to Kafka."""

    last_kline: float
    """Unix time (s) of the newest second's opening."""
    p50: float
    p99: float


class Speeds:
    """The newest klines of each symbol that streams."""

    def __init__(self, cluster: Cluster, clock: Callable[[], int]) -> None:
        self._cluster = cluster
        self._clock = clock
        self._last: dict[Identity, int] = {}
        self._latencies: dict[Identity, deque[float]] = {}

    async def follow(self) -> None:
        """Read the topic from now on, for ever."""
        while True:
            try:
                async with tail(self._cluster, KLINES, since_ms=self._clock(), wait_ms=WAIT_MS) as reader:
                    while True:
                        for record in await reader.poll(1_000):
                            self.take(record)
            except (UserError, BrokerError, OSError) as error:
                log.warning("reading klines anew", extra=fields(error=str(error) or repr(error)))
            await asyncio.sleep(random.uniform(*RETRY))

    def take(self, record: Record) -> None:
        """Take a record; only klines of the stream count, because repaired ones are late by nature."""
        try:
            message = decode_kline_message(record.value or b"")
        except UnreadableRecord:
            return  # the inserter tells of it
        if isinstance(message, Kline) and message.source == "stream":
            identity = Identity(message.exchange, message.symbol)
            self._last[identity] = max(message.open_time, self._last.get(identity, 0))
            kept = self._latencies.setdefault(identity, deque(maxlen=KEPT))
            kept.append(max(message.published_us / 1e6 - message.version / 1e3, 0.0))

    def speeds(self) -> Iterator[tuple[Identity, Speed]]:
        """Of every symbol that a kline came of. Called from the thread that answers /metrics."""
        for identity, kept in list(self._latencies.items()):
            ordered = sorted(kept)
            yield identity, Speed(self._last[identity] / 1e3, _at(ordered, 0.5), _at(ordered, 0.99))

    def keep(self, identities: set[Identity]) -> None:
        """Forget all others: their Symbols are gone."""
        for identity in self._latencies.keys() - identities:
            del self._last[identity], self._latencies[identity]


def _at(ordered: list[float], share: float) -> float:
    return ordered[min(int(len(ordered) * share), len(ordered) - 1)]
