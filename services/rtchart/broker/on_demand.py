"""A producer that is connected when it is first needed, and anew after it failed.

aiokafka's idempotent client does not get over a long outage: once a batch that had been tried has expired, Kafka refuses all
later ones as out of order (aio-libs/aiokafka#1017). So the first failure ends a client. For who has what he sends in a
database too, and sends it again from there.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from types import TracebackType

from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError

from rtchart.broker.cluster import Cluster
from rtchart.core.errors import UserError
from rtchart.process.logs import fields

log = logging.getLogger(__name__)

_FLUSH = 1.0
"""Seconds that a client has for what it holds when it is let go."""


class NotPublished(Exception):
    """Kafka did not acknowledge what was sent. Some of it may be in the topic: sending it again must do no harm."""


class OnDemandProducer:
    """Sends over one client at a time. An async context manager, for one task."""

    def __init__(self, cluster: Cluster, *, patience: float) -> None:
        """``patience`` is how many seconds Kafka has for a `send`, connecting included."""
        self._cluster = cluster
        self._patience = patience
        self._open = AsyncExitStack()
        self._producer: AIOKafkaProducer | None = None

    async def send(self, work: Callable[[AIOKafkaProducer], Awaitable[None]]) -> None:
        """Do the work with a client. Raises `NotPublished` when it raised a `KafkaError` or took too long."""
        try:
            async with asyncio.timeout(self._patience):
                if self._producer is None:
                    self._producer = await self._open.enter_async_context(self._cluster.producer(patience=_FLUSH))
                await work(self._producer)
        except TimeoutError:
            await self._drop()
            raise NotPublished(
                f"Kafka at {self._cluster.bootstrap} did not take what was sent in {self._patience:g} s"
            ) from None
        except (UserError, KafkaError) as error:
            await self._drop()
            raise NotPublished(str(error) or repr(error)) from error

    async def _drop(self) -> None:
        self._producer = None
        try:
            await self._open.aclose()
        except Exception as error:  # whatever the client raises on its way out: it is given up
            log.debug("a client of Kafka did not end well", extra=fields(error=repr(error)))

    async def __aenter__(self) -> OnDemandProducer:
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        await self._drop()
