"""Storing a batch: all of it and its offsets in one transaction, or none of it."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Sequence
from weakref import WeakKeyDictionary

from rtchart.core.gap import Range
from rtchart.core.interval import DAY, HOUR, MINUTE
from rtchart.core.messages import DeadLetter, KlineMessage
from rtchart.core.symbol import raw_floor
from rtchart.inserter import metrics, refused, tracing
from rtchart.inserter.batch import Batch, Feed
from rtchart.inserter.ledger import concern, settle
from rtchart.inserter.loss import lose_gaps, lost_gaps
from rtchart.inserter.plan import Plan, extend
from rtchart.inserter.session import Session
from rtchart.inserter.symbols import Symbols
from rtchart.process.clock import now_ms
from rtchart.process.metrics import Sample, observe
from rtchart.process.tracing import Traces
from rtchart.store import dead_letters, gaps, klines, offsets, symbols
from rtchart.store.database import Connection
from rtchart.store.klines import Stored

CAREFUL_BATCHES = 20
"""After a second came again, so many batches are not tried the short way, which would be done for nothing."""

PLAN_AGE = MINUTE
"""Milliseconds for which a plan made ahead is good: after an outage the raw floor is another."""


Publish = Callable[[Sequence[DeadLetter]], Awaitable[None]]


class Writer:
    """Stores the batches of one topic, one after the other."""

    def __init__(
        self,
        session: Session,
        book: Symbols,
        feed: Feed,
        publish: Publish,
        *,
        clock: Callable[[], int] = now_ms,
        traces: Traces | None = None,
    ) -> None:
        """``publish`` is awaited with dead letters after they are stored."""
        self._traces = traces
        self._sample = Sample()
        self._session = session
        self._publish = publish
        self._book = book
        self._feed = feed
        self._clock = clock
        self._ahead: WeakKeyDictionary[Batch[KlineMessage], Plan] = WeakKeyDictionary()
        """Of batches that grow, what their first records ask for."""
        self._careful = 0
        self._hours: set[int] = set()
        """Hours whose partitions are there, as far as is known."""

    async def write(self, batch: Batch[KlineMessage]) -> None:
        """Store the batch, for as long as it takes.

        A record that the database refuses is kept as a dead letter. Raises `NotOwner` when another inserter moved its offsets
        on: what was not stored of the batch by then is that one's.
        """
        await refused.store(batch, self._write, self._session, self._feed)

    async def _write(self, batch: Batch[KlineMessage]) -> None:
        began = time.monotonic()
        work, stored = await self._session.patiently(lambda connection: self._commit(connection, batch))
        self._measure(batch, work, stored, time.monotonic() - began)
        if work.letters:
            await self._publish(work.letters)

    def prepare(self, batch: Batch[KlineMessage]) -> Plan:
        """Do ahead what needs no database, for what the batch got since: while the one before it is being stored, say.

        A symbol that was deleted or changed since undoes what was done: its klines are dead, or below another floor.
        """
        plan = self._ahead.get(batch)
        if plan is None or plan.edition != self._book.edition:
            plan = self._ahead[batch] = Plan(self._clock(), self._book.edition)
        extend(plan, batch, self._book.rows, self._feed.topic)
        return plan

    async def _commit(self, connection: Connection, batch: Batch[KlineMessage]) -> tuple[Plan, Stored]:
        now = self._clock()
        if (ahead := self._ahead.get(batch)) is not None and ahead.at < now - PLAN_AGE:
            del self._ahead[batch]
        work = self.prepare(batch)
        del self._ahead[batch]  # what is tried again is planned again
        if work.unknown:
            await self._book.ensure(connection, work.unknown)
            work = Plan(now, self._book.edition)
            extend(work, batch, self._book.rows, self._feed.topic)
        await self._ensure_partitions(connection, work)
        try:
            async with connection.transaction():
                await offsets.advance(connection, self._feed.cluster, self._feed.topic, batch.moves)
                if batch.lost:
                    rows = list(self._book.rows.values())
                    await lose_gaps(connection, batch, rows, self._feed.partitions)
                    for symbol_id, gap in await lost_gaps(connection, batch, rows, self._feed.partitions, now):
                        work.opened.setdefault(symbol_id, []).append(gap)
                if work.letters:
                    await dead_letters.keep(connection, work.letters)
                stored = Stored(0, 0, 0, {})
                if work.seconds:
                    stored = await klines.insert(connection, work.seconds, all_new=not self._careful)
                    await klines.append_checkpoints(connection, stored.touched, at=now)
                if work.listings:
                    await symbols.list_at(connection, work.listings.items())
                await self._settle(connection, work, now)
        except Exception:
            self._hours.clear()  # perhaps a partition was dropped
            raise
        came_again = bool(stored.changed or stored.unchanged)
        self._careful = CAREFUL_BATCHES if came_again else max(0, self._careful - 1)
        return work, stored

    async def _ensure_partitions(self, connection: Connection, work: Plan) -> None:
        # In a transaction of its own: making one waits for others, and should hold nothing then.
        hours = {time - time % HOUR for time in work.times()} - self._hours
        if hours:
            await klines.ensure_partitions(connection, hours, ahead=DAY)
            self._hours |= hours

    async def _settle(self, connection: Connection, work: Plan, now: int) -> None:
        """Bring the gap ledger to what is stored now."""
        windows = _windows(work)
        if not windows:
            return
        known: dict[int, list[gaps.GapRow]] = {}
        for row in await gaps.unsettled(connection, windows):
            known.setdefault(row.symbol_id, []).append(row)
        concerned = sorted({*known, *work.opened, *work.absent})
        if not concerned:
            return
        of = {i: (known.get(i, []), work.opened.get(i, []), work.absent.get(i, [])) for i in concerned}
        ranges = [(i, start, end) for i in concerned for start, end in concern(*of[i])]
        stored = await klines.stored_ranges(connection, ranges)
        hours = {row.symbol_id: row.kline_hours for row in self._book.rows.values()}
        changes = [
            change
            for i in concerned
            for change in settle(i, *of[i], stored.get(i, []), floor=raw_floor(hours[i], now), now=now)
        ]
        await gaps.save(connection, changes)

    def _measure(self, batch: Batch[KlineMessage], work: Plan, stored: Stored, seconds: float) -> None:
        metrics.BATCH_ROWS.observe(len(batch))
        metrics.BATCH_SECONDS.observe(seconds)
        for result, count in (
            ("inserted", stored.inserted),
            ("changed", stored.changed),
            ("unchanged", stored.unchanged),
            ("dropped_old", work.dropped_old),
            ("dropped_epoch", work.dropped_epoch),
        ):
            metrics.ROWS.labels(result).inc(count)
        for letter in work.letters:
            metrics.DEAD_LETTERS.labels(letter.reason).inc()
        now = self._clock()
        if self._traces is not None:
            tracing.stored(self._traces, batch, work, self._feed.topic, now * 1000)
        self._sample.over(len(work.seconds))
        klines = [kline for of in work.seconds.values() for kline in of.values()]
        for index in self._sample.of(len(klines)):
            if klines[index].source == "stream":  # the version of a REST row is not when it happened
                observe("exchange_to_inserted", (now - klines[index].version) / 1000)


def _windows(work: Plan) -> dict[int, Range]:
    """The time from the first to the last that the batch says of each symbol, by its id."""
    windows: dict[int, Range] = {symbol_id: (min(of), max(of) + 1) for symbol_id, of in work.seconds.items()}
    for told in (work.opened, work.absent):
        for symbol_id, messages in told.items():
            for message in messages:
                _widen(windows, symbol_id, message.start, message.end)
    return windows


def _widen(windows: dict[int, Range], symbol_id: int, start: int, end: int) -> None:
    first, last = windows.get(symbol_id, (start, end))
    windows[symbol_id] = min(first, start), max(last, end)
