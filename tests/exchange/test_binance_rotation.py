"""A connection is replaced without a second missed: because of its age, and because the server shuts down."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from rtchart.core.gap import seconds_of
from rtchart.core.interval import SECOND
from rtchart.exchange.base import Batch, Lost, Venue
from rtchart.exchange.binance.protocol import Timing
from rtchart.exchange.binance.stream import BinanceStream
from rtchart.exchange.clock import VenueClock
from rtchart.sim.catalogue import fault
from rtchart.sim.exchange import Config, Exchange
from rtchart.sim.listing import listings
from rtchart.sim.script import Director
from tests.waiting import wait_until

SYMBOLS = [listing.symbol for listing in listings(int(os.environ.get("SYMBOLS", "60")))]
PER_CONNECTION = max(len(SYMBOLS) // 2, 1)
RATE = 2.0
ROTATIONS = 2


class Seconds:
    """What came by the stream alone: nobody asks REST here."""

    def __init__(self) -> None:
        self.times: dict[str, set[int]] = {symbol: set() for symbol in SYMBOLS}
        self.lost: list[Lost] = []

    async def take(self, batch: Batch) -> None:
        for kline in batch.klines:
            self.times[kline.symbol].add(kline.open_time)
        self.lost += [event for event in batch.events if isinstance(event, Lost)]

    @property
    def all_came(self) -> bool:
        return all(self.times.values())

    def whole(self) -> None:
        """From the first to the last second of each symbol none is missing."""
        assert {len(seconds_of(times)) for times in self.times.values()} == {1}


@asynccontextmanager
async def streaming(timing: Timing) -> AsyncIterator[tuple[Exchange, Director, Seconds]]:
    exchange, seconds = Exchange(Config(symbols=tuple(SYMBOLS), rate=RATE)), Seconds()
    async with exchange.serve() as address, Director(exchange.faults, exchange.clock) as director:
        stream = BinanceStream(
            Venue("sim", address.ws, address.rest), VenueClock(), timing=timing, per_connection=PER_CONNECTION
        )
        stream.want(dict.fromkeys(SYMBOLS, 1))
        running = asyncio.create_task(stream.run(seconds.take))
        try:
            await wait_until(lambda: seconds.all_came)
            yield exchange, director, seconds
        finally:
            running.cancel()
            await asyncio.wait([running])


async def until_seen(seconds: Seconds, time: int) -> None:
    await wait_until(lambda: all(max(times) >= time for times in seconds.times.values()))


async def test_by_age(monkeypatch: pytest.MonkeyPatch) -> None:
    attempts: list[str] = []
    opened = Exchange._handle

    async def counted(self: Exchange, connection: object) -> None:
        attempts.append("")
        await opened(self, connection)  # type: ignore[arg-type]

    monkeypatch.setattr(Exchange, "_handle", counted)
    async with streaming(Timing(rotate=1.0)) as (exchange, _, seconds):
        await wait_until(lambda: len(attempts) >= 2 + 2 * ROTATIONS, 60)
        await until_seen(seconds, exchange.clock.now() + 2 * SECOND)
        assert not exchange.violations
    seconds.whole()
    assert not seconds.lost


@pytest.mark.parametrize("notice", [6])
async def test_at_a_shutdown(notice: int) -> None:
    """With so many seconds of the market between the word and the end."""
    async with streaming(Timing()) as (exchange, director, seconds):
        old = set(exchange.connections)
        director.begin(fault({"fault": "shutdown", "notice": notice}, "here"))
        await wait_until(lambda: exchange.connections and not old & exchange.connections, 30)
        await until_seen(seconds, exchange.clock.now() + 2 * SECOND)
    seconds.whole()
    assert not seconds.lost
