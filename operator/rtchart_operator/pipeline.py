"""The pipeline as Kafka tells of it: what it is asked for (``rtchart.symbols``), what producers see (``rtchart.streams``)."""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Awaitable, Callable, Iterator

from rtchart.broker.admin import ensure_topics
from rtchart.broker.cluster import Cluster
from rtchart.broker.on_demand import NotPublished, OnDemandProducer
from rtchart.broker.table import Changes, Table, TableWriter
from rtchart.broker.tail import BrokerError
from rtchart.broker.topics import STREAMS, SYMBOLS
from rtchart.core.errors import UserError
from rtchart.core.kline import Identity
from rtchart.core.messages import StreamState
from rtchart.core.symbol import DesiredSymbol
from rtchart.process.logs import fields
from rtchart_operator.verdicts import best

log = logging.getLogger(__name__)

PATIENCE = 5.0
"""Seconds that Kafka has for taking records, or for answering at all."""
PROBE = 5.0
"""Seconds between two questions whether Kafka is there: its client does not tell that by itself."""
SET_AGAIN = 600.0
"""Seconds between two looks whether the topics and their settings are as they should be."""
RETRY = (0.5, 3.0)


class Pipeline:
    """What the two topics say, kept up to date by the coroutines ``follow_…``, ``keep_…``; ``changed`` is called after news."""

    def __init__(self, cluster: Cluster, clock: Callable[[], int], changed: Callable[[], None]) -> None:
        self._cluster = cluster
        self._clock = clock
        self._changed = changed
        self._client = OnDemandProducer(cluster, patience=PATIENCE)
        self._states: dict[str, dict[str, StreamState]] = {}
        self.wanted: dict[str, DesiredSymbol] = {}
        """The records of ``rtchart.symbols`` by key."""
        self.since: dict[str, int] = {}
        """Since when (ms) this process knows each record."""
        self.known = False
        """Whether the whole of ``rtchart.symbols`` was read: before that nothing can be said to be missing or too much."""
        self.away: str | None = None
        """Why Kafka cannot be asked: empty if it can, None before it was."""

    def stream(self, key: str, epoch: int) -> StreamState | None:
        """The best of what producers say of a symbol in this life of it."""
        return best(list(self._states.get(key, {}).values()), epoch=epoch, now=self._clock())

    def reaches(self) -> Iterator[tuple[Identity, int]]:
        """From when on (ms) the history is fetched of each symbol that is to have some."""
        for key, desired in list(self.wanted.items()):
            state = self.stream(key, desired.epoch)
            if desired.history_days and state is not None and state.minutes_reach is not None:
                yield desired.identity, state.minutes_reach

    async def publish(self, changes: Changes[DesiredSymbol]) -> bool:
        """Write records and tombstones; whether Kafka took them. To write them again does no harm."""
        try:
            await self._client.send(lambda producer: TableWriter[DesiredSymbol](producer, self._cluster, SYMBOLS).put(changes))
        except NotPublished as error:
            log.warning("Kafka did not take what is wanted of symbols", extra=fields(error=str(error), symbols=len(changes)))
            self._is_away(str(error))
            return False
        self._take_wanted(changes)
        return True

    async def follow_symbols(self) -> None:
        """Follow ``rtchart.symbols``, for ever: other operators may write there too."""
        table = Table(self._cluster, SYMBOLS, DesiredSymbol)

        async def follow() -> None:
            async for changes in table.follow():
                self._take_wanted(changes)
                self.known = True
                self._changed()

        await self._patiently(follow)

    async def follow_streams(self) -> None:
        """Follow ``rtchart.streams``, for ever."""
        table = Table(self._cluster, STREAMS, StreamState)

        async def follow() -> None:
            async for changes in table.follow():
                if self._take_states(changes):
                    self._changed()

        await self._patiently(follow)

    async def keep_topics(self) -> None:
        """Make the topics, and keep their settings, for ever."""

        async def ensure() -> None:
            while True:
                await ensure_topics(self._cluster)
                await asyncio.sleep(SET_AGAIN)

        await self._patiently(ensure)

    async def keep_probing(self) -> None:
        """Find out whether Kafka answers, for ever."""
        while True:
            try:
                async with asyncio.timeout(PATIENCE):
                    await self._cluster.cluster_id()
                self._is_away("")
            except (UserError, BrokerError, OSError, TimeoutError) as error:
                self._is_away(str(error) or f"Kafka at {self._cluster.bootstrap} did not answer in {PATIENCE:g} s")
            await asyncio.sleep(PROBE)

    async def aclose(self) -> None:
        await self._client.__aexit__(None, None, None)

    async def _patiently(self, work: Callable[[], Awaitable[None]]) -> None:
        while True:
            try:
                await work()
            except (UserError, BrokerError, OSError) as error:
                why = str(error) or repr(error)
                if why != self.away:
                    log.warning("asking Kafka again", extra=fields(error=why))
                self._is_away(why)
            await asyncio.sleep(random.uniform(*RETRY))

    def _is_away(self, why: str) -> None:
        before, self.away = self.away, why
        if before is None or bool(why) != bool(before):
            self._changed()

    def _take_wanted(self, changes: Changes[DesiredSymbol]) -> None:
        for key, record in changes.items():
            if record is None:
                self.wanted.pop(key, None)
                self.since.pop(key, None)
                continue
            before = self.wanted.get(key)
            # Begun anew, so that what takes a while is not said to be missing: a new life, or one that goes on.
            if before is None or before.epoch != record.epoch or before.suspend != record.suspend:
                self.since[key] = self._clock()
            self.wanted[key] = record

    def _take_states(self, changes: Changes[StreamState]) -> bool:
        """Take states by ``EXCHANGE:SYMBOL/INSTANCE``; whether one of them says something else than before."""
        news = False
        for name, state in changes.items():
            key, _, instance = name.rpartition("/")
            states = self._states.setdefault(key, {})
            before = states.pop(instance, None)
            if state is not None:
                states[instance] = state
            told = (before and (before.status, before.epoch), state and (state.status, state.epoch))
            news = news or told[0] != told[1]
        return news
