"""What is on its way to Kafka: bounded, and accounted for until it is acknowledged or lost."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterable
from typing import Protocol

from rtchart.core.kline import Kline
from rtchart.core.messages import KlineMessage
from rtchart.process.logs import fields
from rtchart.process.metrics import observe
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

    def __init__(self, publisher: Publishes, on_lost: Callable[[list[KlineMessage]], None], *, limit: int = LIMIT) -> None:
        self._publisher = publisher
        self._on_lost = on_lost
        self._limit = limit
        self._windows: dict[asyncio.Future[int], list[KlineMessage]] = {}
        self._room = asyncio.Event()
        self._room.set()
        self.in_flight = 0
        """Records on their way."""
        self.failing = False
        """Whether the last that was heard of Kafka is that it took something not."""

    @property
    def full(self) -> bool:
        """Whether nothing should be added now."""
        return self.in_flight >= self._limit

    def put(self, messages: list[KlineMessage]) -> None:
        """Hand records over, in this order per symbol. Whether there is room is the caller's to ask, beforehand."""
        if not messages:
            return
        window = self._publisher.publish(messages)
        held = self._windows.get(window)
        if held is None:
            self._windows[window] = list(messages)
            window.add_done_callback(self._settled)
        else:
            held.extend(messages)
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
        messages = self._windows.pop(window)
        self.in_flight -= len(messages)
        if not self.full:
            self._room.set()
        error = None if window.cancelled() else window.exception()
        if window.cancelled() or error is not None:
            if not self.failing:
                log.error("Kafka does not take what is published", extra=fields(error=repr(error), records=len(messages)))
            self.failing = True
            metrics.LOST.inc(len(messages))
            self._on_lost(messages)
            return
        if self.failing:
            log.info("Kafka takes what is published again")
        self.failing = False
        _count(messages, window.result())


def _count(messages: list[KlineMessage], published_us: int) -> None:
    first: Kline | None = None
    streamed = repaired = 0
    for message in messages:
        if type(message) is Kline:
            if message.source == "stream":
                streamed += 1
                first = first or message
            else:
                repaired += 1
    if streamed:
        metrics.KLINES.labels("stream").inc(streamed)
    if repaired:
        metrics.KLINES.labels("repair").inc(repaired)
    if first is not None:  # one of a window: its oldest
        observe("received_to_published", (published_us - first.received_us) / 1e6)
