"""The operator's work: what the resources say is asked of the pipeline, and what is seen of it is told on the resources.

Two passes over all Symbols, each of which may be repeated at any time: `publish` and `tell`. Whatever changes anywhere only
rings for them, so that a thousand Symbols applied at once are a few passes. Neither waits for the other: no outage of the API
server holds up a stream, and none of Kafka's a status.
"""

from __future__ import annotations

import asyncio
import logging
from collections import Counter, deque
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress

from rtchart.core.kline import Identity
from rtchart.exchange.directory import Directory
from rtchart.process.logs import fields
from rtchart_operator import metrics
from rtchart_operator.api import Api, ApiError
from rtchart_operator.claims import Claims, changes, claims
from rtchart_operator.conditions import Condition, Verdicts, merge, news, worth_writing
from rtchart_operator.pipeline import Pipeline
from rtchart_operator.registry import Registry
from rtchart_operator.resource import Resource, resource
from rtchart_operator.storage import Storage
from rtchart_operator.verdicts import Facts, Stored, deleting, judge

log = logging.getLogger(__name__)

SETTLE = 0.05
"""Seconds that more changes are waited for: a folder of Symbols comes as many."""
LOOK_AGAIN = 5.0
"""Seconds between two passes when nothing changes: that a stream fell silent is seen by looking."""
SWEEP_EVERY = 60.0
SWEEP_RETRY = 5.0
WRITERS = 8
"""Statuses and Events that are written at once."""
FLAPS, FLAPS_WITHIN = 3, 60_000
"""A watch that ended so often within so long (ms) does not last."""
EVENTS_KEPT = 10_000
"""Events that wait to be written; of more, the oldest are never told."""


class Controller:
    """What `rtchart_operator.watch` tells, and the passes that follow from it."""

    def __init__(
        self,
        namespace: str,
        *,
        api: Api,
        pipeline: Pipeline,
        storage: Storage,
        directories: Mapping[str, Directory],
        clock: Callable[[], int],
    ) -> None:
        self._namespace = namespace
        self._api = api
        self._pipeline = pipeline
        self._storage = storage
        self._directories = directories
        self._clock = clock
        self._written_at: dict[str, int] = {}
        self._events: deque[tuple[Resource, Condition]] = deque(maxlen=EVENTS_KEPT)
        self._watch_ends: deque[tuple[int, str]] = deque(maxlen=FLAPS)
        self._rings = {name: asyncio.Event() for name in ("list", "publish", "tell", "events")}
        self.registry = Registry()
        self.listed = asyncio.Event()
        """Set when all Symbols were listed for the first time."""
        self.away: str | None = None
        """Why the API server could not be asked for all Symbols the last time: empty if it could, None before it was."""

    # ── What the watch tells ────────────────────────────────────────────────────────────────────────────────────────────

    def see(self, seen: Resource) -> None:
        """There is such a Symbol."""
        if self.registry.see(seen):
            self.changed()

    def remove(self, uid: str, version: int) -> None:
        """A Symbol was deleted."""
        self._written_at.pop(uid, None)
        if self.registry.remove(uid, version):
            self.changed()

    def ended(self, why: str) -> None:
        """The watch ended; it is begun again."""
        metrics.WATCH_ENDS.inc()
        self._watch_ends.append((self._clock(), why))

    @property
    def unwatched(self) -> str:
        """Why the watch does not last; empty while it does."""
        ends = self._watch_ends
        if len(ends) < FLAPS or ends[0][0] <= self._clock() - FLAPS_WITHIN:
            return ""
        return f"the watch over Symbols keeps ending ({ends[-1][1]}); what changes is seen by listing them each minute"

    async def release(self, deleted: Resource) -> str:
        """Have the data of a Symbol deleted that is to go with it; why it is not gone yet, empty when it is."""
        self.see(deleted)
        identity = deleted.identity
        if identity is None or any(
            other.identity == identity and not other.deleting for other in self.registry.resources.values()
        ):
            return ""  # there was never any data, or another Symbol has it now
        if not self._pipeline.known:
            return "Kafka was not asked yet what the pipeline is asked for"
        record = self._pipeline.wanted.get(str(identity))
        if record is not None and record.name == deleted.title:
            self.changed()
            return f"the pipeline is still asked for {identity}"
        return await self._storage.erase(identity, deleted.created)

    def changed(self) -> None:
        """Something is new of the resources, or of Kafka: look at everything."""
        for name in ("list", "publish", "tell"):
            self._rings[name].set()

    def looked(self) -> None:
        """The database was looked at."""
        self._rings["tell"].set()

    # ── The passes ──────────────────────────────────────────────────────────────────────────────────────────────────────

    async def keep_sweeping(self) -> None:
        """List all Symbols now and each minute, for ever: what a broken watch did not tell is found here."""
        while True:
            wait = SWEEP_EVERY
            try:
                with metrics.RECONCILE.labels("sweep").time():
                    items, version = await self._api.list()
                    if self.registry.replace(map(resource, items), version):
                        self.changed()
                self.away = ""
                self.listed.set()
            except ApiError as error:
                self._failed(error)
                self.away = str(error)
                wait = SWEEP_RETRY
            await asyncio.sleep(wait)

    async def keep_listing(self, exchange: str) -> None:
        """Ask the exchange what it lists, for ever."""
        directory = self._directories[exchange]
        while True:
            self._rings["list"].clear()
            wanted = {one.spec.symbol for one in self.registry.resources.values() if one.spec and one.spec.exchange == exchange}
            if await directory.refresh(wanted):
                self._rings["publish"].set()
                self._rings["tell"].set()
            await self._rung("list")

    async def keep_publishing(self) -> None:
        """Ask the pipeline for what the resources say, for ever."""
        while True:
            self._rings["publish"].clear()
            await self.publish()
            await self._rung("publish")

    async def keep_telling(self) -> None:
        """Write conditions, for ever."""
        while True:
            self._rings["tell"].clear()
            await self.tell()
            await self._rung("tell")

    async def keep_announcing(self) -> None:
        """Make Events of what flipped, for ever; behind the statuses, which matter more."""
        while True:
            self._rings["events"].clear()
            while self._events:
                about, condition = self._events.popleft()
                try:
                    await self._api.tell(about, condition, now=self._clock())
                    metrics.EVENTS.inc()
                except ApiError as error:
                    self._failed(error)
                    self._events.appendleft((about, condition))
                    await asyncio.sleep(SWEEP_RETRY)
            await self._rung("events")

    async def publish(self) -> None:
        """One pass: write to ``rtchart.symbols`` what differs there."""
        if not self._pipeline.known:
            return
        with metrics.RECONCILE.labels("publish").time():
            claimed = self._claims()
            wanted = self._pipeline.wanted
            found = changes(
                claimed,
                wanted,
                namespace=self._namespace,
                unlisted={key for key, one in claimed.owners.items() if self._held_back(one, key in wanted)},
                complete=self.registry.complete,
            )
            if found and await self._pipeline.publish(found):
                ended = sum(record is None for record in found.values())
                log.info("asked the pipeline", extra=fields(for_symbols=len(found) - ended, no_longer_for=ended))
                self._rings["tell"].set()

    async def tell(self) -> None:
        """One pass: write the conditions that are due."""
        with metrics.RECONCILE.labels("tell").time():
            now, claimed = self._clock(), self._claims()
            due: list[tuple[Resource, tuple[Condition, ...]]] = []
            for one in self.registry.resources.values():
                verdicts = deleting(one.identity) if one.deleting else self._judge(one, claimed, now)
                after = merge(one.conditions, verdicts, generation=one.generation, now=now)
                if worth_writing(one.conditions, after, written_at=self._written_at.get(one.uid), now=now):
                    due.append((one, after))
            due.reverse()
            await asyncio.gather(*(self._write(due) for _ in range(min(WRITERS, len(due)))))
            self._count()

    def _count(self) -> None:
        conditions = (condition for one in self.registry.resources.values() for condition in one.conditions)
        counts = Counter((condition.type, condition.status) for condition in conditions)
        metrics.SYMBOLS.clear()
        for labels, count in counts.items():
            metrics.SYMBOLS.labels(*labels).set(count)

    async def _write(self, due: list[tuple[Resource, tuple[Condition, ...]]]) -> None:
        while due:
            one, conditions = due.pop()
            try:
                written = await self._api.write_status(one, conditions)
            except ApiError as error:
                self._failed(error)
                due.clear()  # the others would fail too; the next pass has them all
                return
            if written is not None:
                metrics.STATUS_WRITES.inc()
                self._written_at[one.uid] = self._clock()
                self.registry.see(resource(written))
                self._events.extend((one, condition) for condition in news(one.conditions, conditions))
                self._rings["events"].set()

    # ── What is known ───────────────────────────────────────────────────────────────────────────────────────────────────

    def _claims(self) -> Claims:
        return claims(self.registry.resources.values(), self._pipeline.wanted, namespace=self._namespace)

    def _held_back(self, one: Resource, is_wanted: bool) -> bool:
        """Whether nothing is asked for it: the exchange lacks it, or has not said yet and it is new."""
        assert one.spec
        directory = self._directories[one.spec.exchange]
        said = directory.said.get(one.spec.symbol)
        return said == "unknown" or (said is None and not directory.silent and not is_wanted)

    def _judge(self, one: Resource, claimed: Claims, now: int) -> Verdicts:
        before = [condition for condition in one.conditions if condition.observed_generation == one.generation]
        return judge(one.spec, one.problem, self._facts(one, claimed, now), before)

    def _facts(self, one: Resource, claimed: Claims, now: int) -> Facts:
        duplicate = claimed.duplicates.get(one.uid, "")
        if one.spec is None:
            return Facts(now=now, since=now)
        identity, storage = one.spec.identity, self._storage
        key, directory = str(identity), self._directories[one.spec.exchange]
        ends = storage.ends.get(identity)
        return Facts(
            now=now,
            since=self._pipeline.since.get(key, now),
            duplicate=duplicate,
            trading=directory.said.get(one.spec.symbol),
            exchange_away=directory.silent,
            kafka_away=self._pipeline.away,
            stream=None if duplicate else self._pipeline.stream(key, one.created),
            database_away=storage.away,
            stored=Stored(
                last_second=ends.last_second if ends else None,
                last_minute=ends.last_minute if ends else None,
                unaggregated=storage.books.unaggregated.get(identity, 0),
            ),
            swept=storage.swept and storage.books.at > 0,
            sweep_away=storage.sweep_away or storage.count_away,
            run_error=(storage.run.error if storage.run else None) or "",
        )

    def identities(self) -> set[Identity]:
        """What the resources are about."""
        return {one.spec.identity for one in self.registry.resources.values() if one.spec}

    def told(self) -> Iterator[tuple[Identity, tuple[Condition, ...]]]:
        """What the resources say of each symbol, once. Called from the thread that answers /metrics."""
        for one in list(self.registry.resources.values()):
            if one.spec and not any(condition.reason == "DuplicateSymbol" for condition in one.conditions):
                yield one.spec.identity, one.conditions

    def _failed(self, error: ApiError) -> None:
        metrics.FAILURES.inc()
        log.warning("the Kubernetes API did not do what it was asked; it is tried again", extra=fields(error=str(error)))

    async def _rung(self, name: str) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(LOOK_AGAIN):
                await self._rings[name].wait()
        await asyncio.sleep(SETTLE)
