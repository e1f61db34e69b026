"""Fetching what is older than the seconds: the exchange's own minutes, as many days back as ``spec.historyDays`` says.

Of the lowest priority: for a share of the venue's rate limit, evenly, and only while no seconds are to be asked for. They go to
a topic of their own. How far it came is part of a symbol's state (`rtchart.core.messages.StreamState`), so the next producer
goes on from there; what was fetched after the last state is fetched again, which changes nothing.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Container
from contextlib import aclosing

from rtchart.core.messages import BackfillMessage
from rtchart.core.quiet import until_quiet
from rtchart.exchange.base import Rest, RestError
from rtchart.exchange.minutes import records
from rtchart.process.logs import fields
from rtchart.producer import metrics
from rtchart.producer.service import Producer
from rtchart.producer.track import Track

log = logging.getLogger(__name__)

LOOK = 0.5
"""Seconds between looks, while nothing is to be fetched."""
RETRY = (2.0, 60.0)
"""Seconds after a failure, doubled from the one to the other."""

Put = Callable[[list[BackfillMessage]], Awaitable[None]]
"""Publishes; returns when Kafka acknowledged all, raises when it did not."""


async def keep_filling_back(producer: Producer, rest: Rest, put: Put) -> None:
    """Fetch and publish what is wanted of the past, until cancelled. ``rest`` takes its share of the rate limit by itself."""
    failures: dict[Track, int] = {}
    again_at: dict[Track, float] = {}
    while True:
        now = time.monotonic()
        again_at = {track: at for track, at in again_at.items() if at > now}
        track = _next(producer, again_at)
        if track is None:
            await asyncio.sleep(LOOK)
            continue
        await asyncio.sleep(until_quiet(producer.clock.now()))
        try:
            await _fetch(producer, rest, put, track)
            failures.pop(track, None)
        except Exception as error:  # of the venue, or whatever Kafka's client raises
            symbol = track.desired.symbol
            log.warning("older history was not fetched; trying again", extra=fields(symbol=symbol, error=repr(error)))
            failures[track] = failures.get(track, -1) + 1
            again_at[track] = time.monotonic() + min(RETRY[0] * 2 ** min(failures[track], 10), RETRY[1])


def _next(producer: Producer, not_now: Container[Track]) -> Track | None:
    """The symbol to ask for now: the one whose past reaches back least, so that all charts grow alike."""
    if producer.outbox.full or not producer.clock.known:
        return None
    now = producer.clock.now()
    if any(track.ledger is not None and track.ledger.asks(now) for track in producer.tracks.values()):
        return None
    wanted: list[tuple[int, str, Track]] = []
    for symbol, track in producer.tracks.items():
        if track.ledger is None or not track.recorded or not track.streams or track in not_now:
            continue
        if track.listed_day is not None:
            track.minutes.want(track.desired.history_days, now, listed_day=track.listed_day)
        if track.listed_day is None and track.desired.history_days:
            wanted.append((now, symbol, track))
        elif track.minutes.left:
            wanted.append((track.minutes.left[-1][1], symbol, track))
    return max(wanted, key=lambda entry: entry[:2])[2] if wanted else None


async def _fetch(producer: Producer, rest: Rest, put: Put, track: Track) -> None:
    symbol, epoch = track.desired.symbol, track.desired.epoch
    if track.listed_day is None:
        track.listed_day = await rest.listed_day(symbol)
        if track.listed_day is None:
            raise RestError(f"{producer.exchange} has no kline of {symbol} yet")
        return
    asked = track.minutes.next()
    if asked is None:
        return
    came = False
    async with aclosing(rest.klines(symbol, *asked, interval="1m", source="backfill")) as pages:
        async for page in pages:
            for bad in page.bad.values():  # no dead letter: what is of a minute could be taken for a second again
                log.warning("a row of older history is no kline", extra=fields(detail=bad.detail, row=bad.payload))
            await put(records(producer.exchange, symbol, page, epoch=epoch, listed_day=track.listed_day))
            metrics.VENUE_KLINES.inc(len(page.klines))
            track.minutes.fetched(page.start, page.end)
            came = True
    if not came:
        raise RestError(f"{producer.exchange} says that no minute of {asked} is over yet")
