"""Asking the venue what it says of the symbols: whether it lists and trades them, in which steps, since which day."""

from __future__ import annotations

import asyncio
import logging

from rtchart.core.messages import Listing
from rtchart.exchange.base import Listed, Rest, RestError
from rtchart.process.logs import fields
from rtchart.producer.service import Producer
from rtchart.producer.track import Track

log = logging.getLogger(__name__)

EVERY = 60.0
"""Seconds between questions, when nothing changes."""
AFTER_FAILURE = 5.0
DOUBT = 1.0
"""Seconds between questions for the venue's time, while its klines do not fit what we take it for."""
SETTLE = 0.1
"""Seconds to wait for more changes: a folder of symbols comes as many."""
QUIET = 0.25
"""Share of the venue's limit above which the days of first trades, which nobody waits for, are not asked for."""
BELIEVED = 60_000
"""Milliseconds: a symbol whose klines came so lately is listed, whatever the venue says."""


async def keep_asking(producer: Producer, rest: Rest, unhurried: Rest | None = None, *, every: float = EVERY) -> None:
    """Keep what is known of the symbols, and the venue's time, up to date, until cancelled.

    What ``unhurried`` asks for is no reason to wait: it takes as much all the time.
    """
    while True:
        wait = every
        try:
            await rest.time()
            if await _ask(producer, rest, unhurried):
                wait = min(AFTER_FAILURE, every)
        except RestError as error:
            log.warning("the exchange does not say what it lists", extra=fields(error=str(error)))
            wait = min(AFTER_FAILURE, every)
        try:
            async with asyncio.timeout(wait):
                await producer.changed.wait()
        except TimeoutError:
            continue
        await asyncio.sleep(SETTLE)


async def keep_time(producer: Producer, rest: Rest) -> None:
    """Ask the venue for its time when what comes of it is in doubt, until cancelled.

    A machine that slept, and a simulated venue's minutes that passed without a kline, leave our clock behind.
    """
    while True:
        await producer.doubt.wait()
        producer.doubt.clear()
        try:
            await rest.time()
        except RestError as error:
            log.warning("the exchange does not say its time", extra=fields(error=str(error)))
        await asyncio.sleep(DOUBT)


async def _ask(producer: Producer, rest: Rest, unhurried: Rest | None) -> bool:
    """Whether an answer should be asked for once more, soon."""
    producer.changed.clear()
    doubts = False
    tracks = {symbol: track for symbol, track in producer.tracks.items() if not track.desired.suspend}
    for symbol, listed in (await rest.listed(tracks)).items():
        track = tracks[symbol]
        if producer.tracks.get(symbol) is not track:
            continue
        was, track.listed = track.listed.trading, _believed(track, listed, producer.clock.now())
        trading = track.listed.trading
        doubts = doubts or (track.doubted and trading != listed.trading)
        if (trading == "unknown") != (was == "unknown"):
            producer.begin_again(symbol)
        if trading != was:
            log.warning("listing changed", extra=fields(symbol=symbol, was=was, trading=trading))
    producer.subscribe()
    for track in tracks.values():
        if producer.changed.is_set() or producer.outbox.full:
            break
        if track.listing is None and track.streams and track.listed.tick_size:
            if track.listed_day is None and rest.used - (unhurried.used if unhurried else 0.0) <= QUIET:
                await _ask_day(rest, track)
            _introduce(producer, track)
    return doubts


def _believed(track: Track, said: Listed, now: int) -> Listed:
    """What to make of an answer. That a symbol is unknown costs its stream, and one answer may be wrong."""
    tick_size = said.tick_size or track.listed.tick_size
    streams = _streams(track, now)
    if said.trading != "unknown" or streams:
        track.doubted = False
        return Listed("trading" if streams and said.trading == "unknown" else said.trading, tick_size)
    if track.doubted:
        return Listed("unknown", tick_size)
    track.doubted = True
    return track.listed


async def _ask_day(rest: Rest, track: Track) -> None:
    symbol = track.desired.symbol
    try:
        track.listed_day = await rest.listed_day(symbol)
    except RestError as error:  # of this symbol; the others are not to wait for it
        log.warning("the exchange does not say since when it lists a symbol", extra=fields(symbol=symbol, error=str(error)))


def _introduce(producer: Producer, track: Track) -> None:
    desired = track.desired
    if track.listed_day is not None and producer.tracks.get(desired.symbol) is track:
        track.listing = Listing(
            desired.exchange, desired.symbol, track.listed_day, track.listed.tick_size, producer.clock.now(), desired.epoch
        )
        producer.outbox.put([track.listing])


def _streams(track: Track, now: int) -> bool:
    ledger = track.ledger
    return ledger is not None and ledger.last_open_time is not None and now - ledger.heard_at < BELIEVED
