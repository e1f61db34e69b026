"""When connections are attempted: by one when the venue is away, by all over a moment when it is back."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from itertools import pairwise

import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus

from rtchart.exchange.base import Batch, Venue
from rtchart.exchange.binance import limits, link
from rtchart.exchange.binance.attempts import FIRST_WAIT, KNOCK, MAX_BACKOFF, Attempts, back_off, first_wait
from rtchart.exchange.binance.stream import BinanceStream
from rtchart.exchange.clock import VenueClock
from rtchart.sim.catalogue import fault
from rtchart.sim.exchange import Config, Exchange
from rtchart.sim.listing import listings
from rtchart.sim.script import Director
from tests.waiting import wait_until

CONNECTIONS = 50
SYMBOLS = [listing.symbol for listing in listings(CONNECTIONS)]


def test_a_shard_that_fails_alone_waits_longer_each_time() -> None:
    assert [back_off(failures) for failures in range(1, 8)] == [1, 2, 4, 8, 16, MAX_BACKOFF, MAX_BACKOFF]
    assert back_off(10_000) == MAX_BACKOFF


def test_many_shards_spread_over_a_moment() -> None:
    assert first_wait(1) == FIRST_WAIT
    assert first_wait(50) == 1.5


def test_knocking_stays_within_what_the_venue_allows() -> None:
    mean = sum(KNOCK) / 2
    assert limits.ATTEMPTS_WINDOW / mean < limits.CONNECTION_ATTEMPTS * 0.7


class Counted:
    """A stream of 50 connections to an exchange that counts every attempt."""

    def __init__(self, exchange: Exchange, stream: BinanceStream) -> None:
        self.exchange = exchange
        self.stream = stream
        self.attempts: list[float] = []

    async def sink(self, batch: Batch) -> None:
        """Takes what comes."""

    @property
    def open(self) -> int:
        return self.exchange.faults.connections


@pytest.fixture
async def many(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[tuple[Counted, Director]]:
    exchange = Exchange(Config(symbols=tuple(SYMBOLS)))
    async with exchange.serve() as address, Director(exchange.faults, exchange.clock) as director:
        stream = BinanceStream(Venue("sim", address.ws, address.rest), VenueClock(), per_connection=1)
        counted = Counted(exchange, stream)
        count = stream.attempts._window.add
        monkeypatch.setattr(stream.attempts._window, "add", lambda now: (counted.attempts.append(now), count(now)))
        stream.want(dict.fromkeys(SYMBOLS, 1))
        running = asyncio.create_task(stream.run(counted.sink))
        try:
            await wait_until(lambda: all(shard.well for shard in stream._shards))
            yield counted, director
        finally:
            running.cancel()
            await asyncio.wait([running])


async def test_fifty_connections_are_no_storm(many: tuple[Counted, Director], monkeypatch: pytest.MonkeyPatch) -> None:
    counted, director = many
    # Those of a moment's life: a good connection that is lost is attempted at once, which may be when others knock already.
    monkeypatch.setattr(link, "GOOD_AFTER", 3600.0)
    counted.attempts.clear()
    outage = director.begin(fault({"fault": "refuse_handshakes", "status": 503}, "here"))
    director.begin(fault({"fault": "disconnect"}, "here"))
    await wait_until(lambda: len(counted.attempts) >= 3)
    knocks = counted.attempts[:]
    assert all(later - earlier >= KNOCK[0] for earlier, later in pairwise(knocks)), "one at a time"
    director.end(outage)
    await wait_until(lambda: counted.open == CONNECTIONS, 20)
    assert len(counted.attempts) <= CONNECTIONS + 15
    back = counted.attempts[-CONNECTIONS + 1 :]
    assert back[-1] - back[0] > 0.5, "not all in one moment"


async def test_one_that_fails_while_others_carry_does_not_knock() -> None:
    attempts, waits = Attempts(lambda low, high: high), []

    async def sleep(seconds: float) -> None:
        waits.append(seconds)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(asyncio, "sleep", sleep)
        for alone in range(4):
            async with attempts.turn(failed=True, alone=alone, shards=2, there=lambda: True):
                pass
        async with attempts.turn(failed=True, alone=3, shards=1, there=lambda: False):
            pass
    assert waits == [FIRST_WAIT, 1.0, 2.0, 4.0, KNOCK[1]]


async def test_an_exchange_that_names_a_time_is_left_alone_until_then() -> None:
    exchange = Exchange(Config(symbols=("BTCUSDT",), connection_attempts=1))
    async with exchange.serve() as address:
        async with connect(address.ws + "/ws"):
            pass
        with pytest.raises(InvalidStatus):
            await connect(address.ws + "/ws")
        stream = BinanceStream(Venue("sim", address.ws, address.rest), VenueClock())
        stream.want({"BTCUSDT": 1})

        async def sink(batch: Batch) -> None:
            """Takes what comes."""

        running = asyncio.create_task(stream.run(sink))
        try:
            blocked = await wait_until(lambda: stream.attempts._blocked_until)
            assert blocked - time.monotonic() > 5
        finally:
            running.cancel()
            await asyncio.wait([running])
