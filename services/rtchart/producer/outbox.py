"""What is on its way to Kafka: bounded, and accounted for until it is acknowledged or lost."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Iterable
from typing import Protocol

from rtchart.core.kline import Kline
from rtchart.core.messages import KlineMessage
from rtchart.process.logs import fields
from rtchart.process.metrics import Sample, observe
from rtchart.producer import metrics

log = logging.getLogger(__name__)

LIMIT = 50_000
"""Records on their way, about 50 MB: half a minute of 1,500 symbols. What comes beyond is left to REST."""


class Publishes(Protocol):
    """The part of `rtchart.broker.publisher.Publisher` that is used here."""

    def publish(self, messages: Iterable[KlineMessage]) -> asyncio.Future[int]:
        """See there."""


class Outbox:
    """Hands records over, and says of those that did not get through which they were."""

    def __init__(self, on_lost: Callable[[list[KlineMessage]], None], *, limit: int = LIMIT) -> None:
        self._publisher: Publishes | None = None
        self._on_lost = on_lost
        self._limit = limit
        self._windows: dict[asyncio.Future[int], tuple[float, list[KlineMessage]]] = {}
        self._room = asyncio.Event()
        self.sample = Sample()
        """Of the stream's klines: whose latency is measured."""
        # Counted here, and told now and then: to count in the metric at each read costs more than the read of a single frame.
        self._acknowledged = {source: 0 for source in metrics.KLINES_OF}
        self.in_flight = 0
        """Records on their way."""
        self.failed = asyncio.Event()
        """Set when something was not acknowledged, until it is opened again."""

    def open(self, publisher: Publishes) -> None:
        """From now on hand over to this."""
        self._publisher = publisher
        self.failed.clear()
        self._room.set()

    def close(self) -> None:
        """Hand over no more, and count all that is on its way as lost."""
        self._publisher = None
        self._room.clear()
        for window in list(self._windows):
            window.remove_done_callback(self._settled)
            self._lose(self._remove(window))

    @property
    def full(self) -> bool:
        """Whether nothing should be added now."""
        return self._publisher is None or self.in_flight >= self._limit

    @property
    def waiting(self) -> float:
        """Seconds that the oldest of what is on its way has been."""
        return time.monotonic() - next(iter(self._windows.values()))[0] if self._windows else 0.0

    def put(self, messages: list[KlineMessage]) -> None:
        """Hand records over, in this order per symbol. Whether there is room is the caller's to ask, beforehand."""
        if not messages:
            return
        if self._publisher is None:
            self._lose(messages)
            return
        window = self._publisher.publish(messages)
        held = self._windows.get(window)
        if held is None:
            self._windows[window] = (time.monotonic(), list(messages))
            window.add_done_callback(self._settled)
        else:
            held[1].extend(messages)
        self.in_flight += len(messages)
        if self.full:
            self._room.clear()

    async def room(self) -> None:
        """Wait until it is not full."""
        await self._room.wait()

    async def settled(self) -> None:
        """Wait until all that has been handed over by now is acknowledged or lost."""
        if self._windows:
            await asyncio.wait(set(self._windows))

    def _settled(self, window: asyncio.Future[int]) -> None:
        if window not in self._windows:
            return  # it ended in the moment in which `close` gave it up
        messages = self._remove(window)
        if not self.full:
            self._room.set()
        error = asyncio.CancelledError() if window.cancelled() else window.exception()
        if error is None:
            self._count(messages, window.result())
            return
        if not self.failed.is_set():
            log.error("Kafka did not take what was published", extra=fields(error=repr(error), records=len(messages)))
        self.failed.set()
        self._lose(messages)

    def _remove(self, window: asyncio.Future[int]) -> list[KlineMessage]:
        _, messages = self._windows.pop(window)
        self.in_flight -= len(messages)
        return messages

    def _lose(self, messages: list[KlineMessage]) -> None:
        metrics.LOST.inc(len(messages))
        self._on_lost(messages)

    def export(self) -> None:
        """Bring the metrics up to date."""
        for source, count in self._acknowledged.items():
            metrics.KLINES_OF[source].inc(count)
            self._acknowledged[source] = 0
        metrics.IN_FLIGHT.set(self.in_flight)

    def _count(self, messages: list[KlineMessage], published_us: int) -> None:
        klines = [message for message in messages if type(message) is Kline]
        streamed = [kline for kline in klines if kline.source == "stream"]
        self._acknowledged["stream"] += len(streamed)
        self._acknowledged["repair"] += len(klines) - len(streamed)
        for index in self.sample.of(len(streamed)):
            observe("received_to_published", (published_us - streamed[index].received_us) / 1e6)
