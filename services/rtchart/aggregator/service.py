"""The loop form: a run as soon as a minute is due, and patience with a database or a Kafka that is away."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import NoReturn

from rtchart.aggregator.run import publish_outbox, run
from rtchart.broker.candles import RevisionPublisher
from rtchart.broker.on_demand import NotPublished
from rtchart.core.errors import UserError
from rtchart.process.health import Health
from rtchart.process.logs import fields
from rtchart.store import checkpoints, runs, venue
from rtchart.store.database import Connection, connect, place
from rtchart.store.failures import is_outage
from rtchart.store.migrate import require_schema

log = logging.getLogger(__name__)

POLL = 0.25
"""Seconds between two looks at the checkpoints: a scan, which ends at the first that is due. What is not due is a minute's
batches, read in 0.05 ms (with 20,000 of them, in 3 ms)."""

ANSWER = 10.0
"""Seconds that the database has for that query."""

RETRY = 5.0
"""Seconds between two tries of what failed: the database, or revisions that Kafka did not take."""


async def once(database: str, publisher: RevisionPublisher, now: Callable[[], int]) -> None:
    """The CronJob's form: one run. Raises `UserError` when the database is away, or Kafka, which the candles do not need."""
    connection = await _connect(database)
    try:
        outcome = await run(connection, publisher, now)
    except Exception as error:
        if not is_outage(error):
            raise
        raise UserError(
            f"PostgreSQL at {place(database)} failed in the middle of the run ({error or type(error).__name__}); what was "
            "committed stays, and the next run goes on from there"
        ) from None
    finally:
        connection.terminate()
    if outcome is None:
        log.info("another run is under way; this one leaves the work to it")
        return
    log.info("aggregated", extra=fields(minutes=outcome.minutes, candles=outcome.candles, revisions=outcome.revisions))
    if outcome.not_published:
        raise UserError(f"the candles are stored, and their revisions wait for the next run: {outcome.not_published}")


async def follow(database: str, publisher: RevisionPublisher, now: Callable[[], int], health: Health) -> NoReturn:
    """The loop form, for as long as the process lives. Raises `Unavailable` when the first connection fails."""
    connection = await _connect(database)
    began = now()
    while True:
        log.info("watching for minutes that are due")
        health.ready()
        health.ready("database")
        try:
            await _watch(connection, publisher, now, health, began)
        except Exception as error:
            if not is_outage(error):
                raise
            log.warning("the database failed; trying again", extra=fields(error=str(error)))
            health.unready("database", str(error))
        finally:
            connection.terminate()
        connection = await _reconnect(database, health)


async def _watch(
    connection: Connection, publisher: RevisionPublisher, now: Callable[[], int], health: Health, began: int
) -> NoReturn:
    loop = asyncio.get_running_loop()
    retry_at = loop.time()  # the outbox may hold what an earlier process could not send
    while True:
        async with asyncio.timeout(ANSWER):  # a server that vanished would be waited for by the hour
            due = await checkpoints.due(connection, now())
            if not due and retry_at == float("inf"):  # what is past is not worth an outbox that nobody empties
                due = await venue.waits(connection)
        if due:
            outcome = await run(connection, publisher, now, began=began)
            if outcome is None:
                await asyncio.sleep(1)  # the CronJob's, or another replica's: it does the work
            elif outcome.not_published:
                health.unready("kafka", outcome.not_published)
                retry_at = loop.time() + RETRY
        elif loop.time() >= retry_at:
            retry_at = await _retry(connection, publisher, now, health)
        else:
            await asyncio.sleep(POLL)


async def _retry(connection: Connection, publisher: RevisionPublisher, now: Callable[[], int], health: Health) -> float:
    """Send what the outbox holds; when to do so again. While another run is under way, nothing is known of Kafka."""
    again = asyncio.get_running_loop().time() + RETRY
    try:
        async with runs.alone(connection) as alone:
            if not alone:
                return again
            await publish_outbox(connection, publisher, now())
    except NotPublished as error:
        health.unready("kafka", str(error))
        return again
    health.ready("kafka")
    return float("inf")


async def _connect(database: str) -> Connection:
    connection = await connect(database, service="aggregator")
    try:
        await require_schema(connection, database)
    except BaseException:
        connection.terminate()
        raise
    return connection


async def _reconnect(database: str, health: Health) -> Connection:
    while True:
        try:
            return await _connect(database)
        except Exception as error:
            if not is_outage(error):
                raise
            health.unready("database", str(error))
            await asyncio.sleep(RETRY)
