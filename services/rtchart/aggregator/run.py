"""One run: everything that is due is folded, written and published, a bounded transaction at a time."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import partial

from prometheus_client import Counter, Gauge, Histogram

from rtchart.aggregator.fill import Fill
from rtchart.aggregator.levels import Folded, Levels
from rtchart.aggregator.venue import step as fold_venue_minutes
from rtchart.broker.candles import RevisionPublisher
from rtchart.broker.on_demand import NotPublished
from rtchart.core.interval import MINUTE, SECOND
from rtchart.core.quiet import until_quiet
from rtchart.process.clock import now_ms
from rtchart.process.logs import fields
from rtchart.process.metrics import BUCKETS, observe, stages
from rtchart.store import candles, checkpoints, outbox, runs, venue
from rtchart.store.database import Connection, within

log = logging.getLogger(__name__)

PAIRS = 2_000
"""How many (symbol, minute) a transaction folds, about: a second of work."""

FILLS = 20
"""How many transactions a run gives to the exchange's own minutes, and as many to intervals that a symbol got later."""

SHARE = 0.25
"""Of the time that the exchange's own minutes get: they are many, and nobody waits for them."""

LOOK = 0.25
"""Seconds between looks at what is due, while it rests."""

SEND_AT_ONCE = 5_000

LIVE = 2 * MINUTE
"""A minute that closed so long (ms) before the aggregator began waited for it to begin: that is no latency."""

STEP = 60.0
"""Seconds that the database has for a transaction, which is a second of work. One that vanished never answers."""

_minutes = Counter("rtchart_aggregator_minute_folds_total", "Minutes of a symbol that were folded from their seconds")
_candles = Counter("rtchart_aggregator_candles_total", "Candles that were folded, of all intervals")
_revisions = Counter("rtchart_aggregator_revisions_total", "Candles that were new or had changed")
_seconds = Histogram("rtchart_aggregator_run_seconds", "Time that a run took", buckets=BUCKETS)
_outbox = Gauge("rtchart_aggregator_outbox_pending", "Revisions that Kafka has not acknowledged yet")
_checkpoints = Gauge("rtchart_aggregator_checkpoints_pending", "Checkpoints that wait, also of minutes that are not over")
stages("minute_close_to_candle")


@dataclass
class Outcome:
    """What a run did: minutes (of a symbol each), candles looked at, revisions written, and why not all were published."""

    minutes: int = 0
    candles: int = 0
    revisions: int = 0
    not_published: str | None = None

    def add(self, folded: Folded) -> None:
        self.minutes += folded.minutes
        self.candles += folded.candles
        self.revisions += folded.revisions
        _minutes.inc(folded.minutes)
        _candles.inc(folded.candles)
        _revisions.inc(folded.revisions)


async def run(
    connection: Connection, publisher: RevisionPublisher, now: Callable[[], int], *, began: int | None = None
) -> Outcome | None:
    """Fold and publish until nothing is due. None: another run is under way, and this one did nothing.

    ``now`` is the clock (ms). Kafka may be away: the candles are stored all the same, and the outbox keeps what it has not
    taken (`Outcome.not_published` says why). ``began`` is when the aggregator began to look for work (ms); without it, now.
    """
    began = now() if began is None else began
    async with runs.alone(connection) as alone:
        if not alone:
            return None
        started = time.perf_counter()
        with within(connection, STEP):
            run_id = await runs.start(connection, now())
        outcome = Outcome()
        error: str | None = "stopped"
        try:
            await _aggregate(connection, publisher, now, outcome, live_from=began - LIVE)
            error = outcome.not_published
        except Exception as failure:
            error = f"{type(failure).__name__}: {failure}"
            raise
        finally:
            if not connection.is_closed():
                with within(connection, STEP):
                    await runs.finish(
                        connection,
                        run_id,
                        now(),
                        minutes=outcome.minutes,
                        candles=outcome.candles,
                        revisions=outcome.revisions,
                        error=error,
                    )
        _seconds.observe(time.perf_counter() - started)
        with within(connection, STEP):
            await _gauges(connection)
        return outcome


async def _aggregate(
    connection: Connection, publisher: RevisionPublisher, now: Callable[[], int], outcome: Outcome, *, live_from: int
) -> None:
    minutes = 1
    while (folded := await fold_due(connection, now(), minutes=minutes)) is not None:
        outcome.add(folded)
        _observe_closes(folded.streamed_minutes, now(), live_from)
        await _publish(connection, publisher, now(), outcome)
        # As many minutes as make a transaction of `PAIRS`: one of a thousand symbols, hundreds of one symbol's backlog.
        minutes = max(1, min(2 * minutes, PAIRS * minutes // folded.minutes))
    await _publish(connection, publisher, now(), outcome)  # also what earlier runs could not
    await _fold_aside(connection, publisher, now, outcome, partial(fold_venue_minutes, connection), unhurried=True)
    await _fold_aside(connection, publisher, now, outcome, Fill(connection).step)


async def _fold_aside(
    connection: Connection,
    publisher: RevisionPublisher,
    now: Callable[[], int],
    outcome: Outcome,
    step: Callable[[int], Awaitable[Folded | None]],
    *,
    unhurried: bool = False,
) -> None:
    """What is not due, a few transactions of it, and none once a minute is due.

    ``unhurried``: it takes `SHARE` of the time, and none while Kafka takes nothing, so that the outbox never holds years.
    """
    for _ in range(FILLS):
        if unhurried and outcome.not_published is not None:
            return
        began = time.perf_counter()
        with within(connection, STEP):
            if await checkpoints.due(connection, now()) or (filled := await step(now())) is None:
                return
        outcome.add(filled)
        await _publish(connection, publisher, now(), outcome)
        if not unhurried:
            continue
        with within(connection, STEP):
            if not await venue.waits(connection):
                return
        rested_at = began + (time.perf_counter() - began) / SHARE
        # Its revisions take the same way to the screens as what is live.
        rested_at += until_quiet(now_ms() + round((rested_at - time.perf_counter()) * SECOND))
        while (left := rested_at - time.perf_counter()) > 0:
            with within(connection, STEP):
                if await checkpoints.due(connection, now()):
                    break
            await asyncio.sleep(min(left, LOOK))


async def fold_due(connection: Connection, now: int, *, minutes: int) -> Folded | None:
    """One transaction: take the checkpoints of the oldest minutes due at ``now`` (ms), at most so many, and fold them through
    all levels. None when nothing is due."""
    with within(connection, STEP):
        async with connection.transaction(isolation="read_committed"):
            taken = await checkpoints.take(connection, now, minutes=minutes)
            if not taken:
                return None
            await candles.plan_lookups(connection)
            series = await candles.read_series(connection, {period.symbol_id for period in taken})
            levels = Levels(connection, series, now)
            await levels.minutes(taken)
    return levels.folded


async def _publish(connection: Connection, publisher: RevisionPublisher, now: int, outcome: Outcome) -> None:
    if outcome.not_published is None:
        try:
            await publish_outbox(connection, publisher, now)
        except NotPublished as error:
            outcome.not_published = str(error)
            log.warning("revisions stay in the outbox", extra=fields(why=str(error)))


async def publish_outbox(connection: Connection, publisher: RevisionPublisher, now: int) -> None:
    """Send what the outbox holds, and forget it after Kafka's ack. Raises `NotPublished`."""
    while True:
        with within(connection, STEP):
            waiting = await outbox.read(connection, now, limit=SEND_AT_ONCE)
        if not waiting.outbox_ids:
            return
        await publisher.publish(waiting.revisions)
        with within(connection, STEP):
            await outbox.delete(connection, waiting.outbox_ids)


async def _gauges(connection: Connection) -> None:
    _outbox.set(await outbox.size(connection))
    _checkpoints.set(await checkpoints.pending(connection))


def _observe_closes(minutes: frozenset[int], now: int, live_from: int) -> None:
    """Record how long after its close each minute was durable that closed at ``live_from`` or later."""
    for minute in minutes:
        if minute + MINUTE >= live_from:
            observe("minute_close_to_candle", (now - minute - MINUTE) / SECOND)
