"""Storing a batch of which the database refuses a record: the others are stored, and it is kept as a dead letter."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from typing import TypeVar

from rtchart.inserter.batch import Batch, Feed, Refusal
from rtchart.inserter.session import Session
from rtchart.process.logs import fields
from rtchart.store import offsets
from rtchart.store.failures import is_refusal

log = logging.getLogger(__name__)

M = TypeVar("M")


async def store(batch: Batch[M], commit: Callable[[Batch[M]], Awaitable[None]], session: Session, feed: Feed) -> None:
    """Commit the batch, or its parts one after the other: what is refused is found by halving.

    ``commit`` stores a batch, its refusals as dead letters, and its offsets; all or nothing. What it raises besides refusals
    (`is_refusal`) is raised here.
    """
    try:
        await commit(batch)
    except Exception as error:
        if not is_refusal(error):
            raise
        if len(batch) > 1:
            parts: tuple[Batch[M], ...] = batch.halves()
        elif not isinstance(batch.messages[0], Refusal):
            log.warning("the database refused a record", extra=fields(error=str(error)))
            parts = (batch.refused("refused_row", str(error)),)
        else:
            log.error(
                "skipped a record that the database refuses as a dead letter too",
                extra=fields(
                    topic=feed.topic, partition=batch.records[0].partition, offset=batch.records[0].offset, error=str(error)
                ),
            )
            await session.patiently(lambda connection: offsets.advance(connection, feed.cluster, feed.topic, batch.moves))
            return
        for part in parts:
            await store(part, commit, session, feed)
