"""Asking the venue for what is missing: several symbols at once, within its limits, and never while Kafka takes nothing."""

from __future__ import annotations

import asyncio
import logging
from contextlib import aclosing

import msgspec

from rtchart.core.gap import count
from rtchart.core.kline import Source
from rtchart.core.messages import KlineMessage
from rtchart.exchange.base import Rest, RestError
from rtchart.process.clock import now_us
from rtchart.process.logs import fields
from rtchart.producer import metrics
from rtchart.producer.ledger import Ledger
from rtchart.producer.service import Producer
from rtchart.producer.track import Track

log = logging.getLogger(__name__)

AT_ONCE = 8
"""Questions under way. The venue's weight limit is the tighter bound when there is much to ask."""

LOOK = 0.25
"""Seconds between looks at what is due."""


async def keep_repairing(producer: Producer, rest: Rest, *, at_once: int = AT_ONCE) -> None:
    """Ask for what is missing, and publish it, until cancelled."""
    turn = asyncio.Semaphore(at_once)
    async with asyncio.TaskGroup() as group:
        while True:
            await turn.acquire()
            found = _next(producer)
            if found is None:
                turn.release()
                await asyncio.sleep(LOOK)
                continue
            group.create_task(_repair(producer, rest, *found)).add_done_callback(lambda _: turn.release())


def _next(producer: Producer) -> tuple[Track, Ledger, int, int] | None:
    """The question to ask now. Who misses least goes first: a step of this second shall not wait for an outage's hours."""
    if producer.outbox.full or not producer.clock.known:
        return None
    now = producer.clock.now()
    short = [
        (sum(hole.end - hole.start for hole in track.ledger.holes), symbol, track, track.ledger)
        for symbol, track in producer.tracks.items()
        if track.ledger is not None and track.ledger.holes and track.recorded
    ]
    for _, _, track, ledger in sorted(short, key=lambda entry: entry[:2]):
        if asked := ledger.ask(now, floor=track.stored_from(now)):
            return track, ledger, *asked
    return None


async def _repair(producer: Producer, rest: Rest, track: Track, ledger: Ledger, start: int, end: int) -> None:
    symbol, epoch = track.desired.symbol, track.desired.epoch
    try:
        source: Source = "backfill" if ledger.asks_history else "repair"
        async with aclosing(rest.klines(symbol, start, end, source=source)) as pages:
            async for page in pages:
                await producer.outbox.room()
                if track.ledger is not ledger or producer.tracks.get(symbol) is not track:
                    return  # no longer asked for
                start = max(page.start, track.stored_from(producer.clock.now()))  # an answer may take minutes
                if start >= page.end:
                    continue
                told = track.announcements(page.asked_at)  # what fills a gap comes after the word of it
                has = [kline.open_time for kline in page.klines if kline.open_time >= start]
                fill = ledger.on_answer(start, page.end, has, page.asked_at, unusable=page.bad)
                received_us = now_us()
                out: list[KlineMessage] = [
                    msgspec.structs.replace(kline, epoch=epoch, received_us=received_us)
                    for kline in page.klines
                    if kline.open_time in fill.wanted
                ]
                if track.streams and (newest := ledger.overtaken_by(fill.wanted, page.asked_at)) is not None:
                    producer.missed(symbol, newest)
                metrics.ABSENT.inc(count(fill.absent))
                producer.outbox.put([*told, *out, *track.absences(fill.absent, page.asked_at)])
                for bad in page.bad.values():
                    producer.dead_letter(bad, symbol)
    except RestError as error:
        log.warning("missing seconds were not answered for", extra=fields(symbol=symbol, error=str(error)))
        ledger.on_failure(producer.clock.now())
    finally:
        ledger.asked(producer.clock.now())
