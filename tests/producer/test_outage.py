"""Kafka away for long, on fakes of a few lines: memory stays bounded, and what was left out comes back by REST."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Iterable, Mapping

import pytest
from msgspec.structs import replace

from rtchart.core.gap import seconds_of
from rtchart.core.interval import HOUR, SECOND
from rtchart.core.kline import Kline, Source
from rtchart.core.messages import GapOpened, KlineMessage, StreamState
from rtchart.core.symbol import DesiredSymbol
from rtchart.exchange.base import Batch, Listed, Page, Sink
from rtchart.exchange.clock import VenueClock
from rtchart.process.health import Health
from rtchart.producer.ledger import Ledger
from rtchart.producer.repair import keep_repairing
from rtchart.producer.service import Producer
from tests import klines
from tests.waiting import wait_until

T = 1_700_000_000_000
A = DesiredSymbol("sim", "A", 1)


def kline(open_time: int, source: Source = "stream") -> Kline:
    return klines.kline(open_time, symbol="A", source=source, epoch=1)


class Kafka:
    """Takes what it is given when it is told to: a window a call."""

    def __init__(self) -> None:
        self.windows: list[tuple[asyncio.Future[int], list[KlineMessage]]] = []
        self.log: list[KlineMessage] = []
        self.up = True

    def publish(self, messages: Iterable[KlineMessage]) -> asyncio.Future[int]:
        window: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        self.windows.append((window, list(messages)))
        if self.up:
            self.settle(True)
        return window

    def settle(self, well: bool) -> None:
        windows, self.windows = self.windows, []
        for window, messages in windows:
            if well:
                self.log += messages
                window.set_result(1)
            else:
                window.set_exception(ConnectionError("no broker"))


class Silent:
    """A stream that says nothing by itself."""

    def __init__(self) -> None:
        self.told: list[tuple[str, int]] = []
        """The seconds that it was told it missed."""

    def want(self, symbols: Mapping[str, int]) -> None:
        pass

    def missed(self, symbol: str, open_time: int) -> None:
        self.told.append((symbol, open_time))

    async def run(self, sink: Sink) -> None:
        raise NotImplementedError


class Rest:
    """Has every second that is over."""

    used = 0.0

    def __init__(self, clock: VenueClock) -> None:
        self.clock = clock

    async def klines(
        self, symbol: str, start: int, end: int, *, interval: str = "1s", source: Source = "repair"
    ) -> AsyncGenerator[Page, None]:
        end = min(end, self.clock.now() // SECOND * SECOND)
        yield Page(start, end, self.clock.now(), [kline(time, "repair") for time in range(start, end, SECOND)])

    async def listed(self, symbols: Iterable[str]) -> dict[str, Listed]:
        raise NotImplementedError

    async def listed_day(self, symbol: str) -> int | None:
        raise NotImplementedError

    async def time(self) -> int:
        raise NotImplementedError

    async def aclose(self) -> None:
        pass


class World:
    """One symbol whose seconds come one by one, as fast as a test likes."""

    def __init__(
        self, states: Mapping[str, StreamState] | None = None, desired: DesiredSymbol = A, *, history: int = 0
    ) -> None:
        self.local = 0.0
        self.clock = VenueClock(local=lambda: self.local)
        self.clock.set(T)
        self.kafka = Kafka()
        self.stream = Silent()
        self.producer = Producer("sim", self.stream, self.clock, Health(), states=states, in_flight=100, history=history)
        self.producer.outbox.open(self.kafka)
        self.producer.desire({"sim:A": desired})
        self.producer.tracks["A"].recorded = True  # there are no states here
        self.next = T

    async def seconds(self, count: int) -> None:
        for _ in range(count):
            self.local += 1_000
            await self.producer.sink(Batch(0, [kline(self.next)]))
            self.producer.tick()
            self.next += SECOND

    def begin(self) -> Ledger:
        self.producer.tick()
        ledger = self.producer.tracks["A"].ledger
        assert ledger is not None
        return ledger

    @property
    def gaps(self) -> list[GapOpened]:
        return [message for message in self.kafka.log if isinstance(message, GapOpened)]

    @property
    def published(self) -> set[int]:
        return {message.open_time for message in self.kafka.log if isinstance(message, Kline)}


@pytest.mark.parametrize("how", ["what is held gets through", "what is held fails", "the client is given up at once"])
async def test_an_hour_without_kafka_loses_no_second(how: str) -> None:
    world = World()
    await world.seconds(10)
    world.kafka.up = False
    held = 0
    if how == "the client is given up at once":
        world.producer.outbox.close()
    for _ in range(3_600):
        await world.seconds(1)
        held = max(held, world.producer.outbox.in_flight)
    assert held <= 110
    assert len(world.published) == 10
    ledger = world.producer.tracks["A"].ledger
    assert ledger is not None

    world.kafka.up = True
    world.kafka.settle(how == "what is held gets through")
    await wait_until(lambda: world.producer.outbox.in_flight == 0)
    assert world.producer.outbox.failed.is_set() == (how == "what is held fails")
    world.producer.outbox.close()
    world.producer.outbox.open(world.kafka)
    repairing = asyncio.create_task(keep_repairing(world.producer, Rest(world.clock)))
    try:
        await world.seconds(5)
        world.local += 2_000
        await wait_until(lambda: not ledger.holes)
    finally:
        repairing.cancel()
        await asyncio.wait([repairing])
    assert seconds_of(world.published) == [(T, world.next)]
    ledger.mark()
    await world.producer.outbox.settled()
    ledger.acknowledged()
    assert ledger.watermark == world.next
    announced = seconds_of(
        time
        for message in world.kafka.log
        if isinstance(message, GapOpened)
        for time in range(message.start, message.end, SECOND)
    )
    repaired = {message.open_time for message in world.kafka.log if isinstance(message, Kline) and message.source == "repair"}
    assert all(any(start <= time < until for start, until in announced) for time in repaired)


async def test_a_correction_that_kafka_did_not_take_is_handed_over_again() -> None:
    world = World()
    await world.seconds(10)
    await world.producer.outbox.settled()
    ledger = world.producer.tracks["A"].ledger
    assert ledger is not None
    ledger.mark()
    ledger.acknowledged()
    assert ledger.watermark == T + 10 * SECOND
    correction = replace(kline(T + 3 * SECOND), close="1.5", version=T + 10 * SECOND)
    world.kafka.up = False
    await world.producer.sink(Batch(0, [correction]))
    for _ in range(2):
        world.kafka.settle(False)
        await wait_until(lambda: world.producer.outbox.in_flight == 0)
        world.producer.tick()
    world.producer.outbox.close()
    world.producer.tick()
    assert correction not in world.kafka.log
    world.kafka.up = True
    world.producer.outbox.open(world.kafka)
    world.producer.tick()
    assert world.kafka.log[-1] == correction
    assert ledger.holes == []


async def test_an_outage_longer_than_seconds_are_stored_is_told_of_and_asked_for_as_far_as_they_are() -> None:
    desired = DesiredSymbol("sim", "A", 1, kline_hours=2)
    floor = desired.raw_floor(T)
    state = StreamState(exchange="sim", symbol="A", instance="one", at=0, status="streaming", epoch=1, watermark=floor - HOUR)
    world = World({"sim:A/one": state}, desired)
    ledger = world.begin()
    assert ledger.gaps == [(floor, T)]
    told = {(floor - HOUR, floor), (floor, T)}
    assert {(gap.start, gap.end) for gap in world.gaps} == told
    world.kafka.log.clear()
    world.producer.tick()
    assert world.gaps == []  # once is enough, if it gets through

    world = World({"sim:A/one": state}, desired)
    world.kafka.up = False
    world.begin()
    world.kafka.settle(False)
    await wait_until(lambda: world.producer.outbox.in_flight == 0)
    world.kafka.up = True
    world.producer.tick()
    assert {(gap.start, gap.end) for gap in world.gaps} == told


async def test_the_watermark_waits_for_what_is_on_its_way() -> None:
    world = World()
    world.kafka.up = False
    await world.seconds(3)
    ledger = world.producer.tracks["A"].ledger
    assert ledger is not None
    ledger.mark()
    settled = asyncio.create_task(world.producer.outbox.settled())
    await world.seconds(2)
    assert not settled.done()
    world.kafka.settle(True)
    await settled
    ledger.acknowledged()
    assert ledger.watermark == T + 3 * SECOND


async def test_seconds_that_had_not_come_when_a_symbol_was_suspended_are_fetched() -> None:
    world = World()
    await world.seconds(10)
    world.local += 3_500
    world.producer.desire({"sim:A": DesiredSymbol("sim", "A", 1, suspend=True)})
    world.local += 3_600_000
    world.producer.desire({"sim:A": DesiredSymbol("sim", "A", 1)})
    world.next = world.clock.now() // SECOND * SECOND
    resumed = world.next
    repairing = asyncio.create_task(keep_repairing(world.producer, Rest(world.clock)))
    try:
        await world.seconds(3)
        ledger = world.producer.tracks["A"].ledger
        await wait_until(lambda: ledger is not None and not ledger.holes)
    finally:
        repairing.cancel()
        await asyncio.wait([repairing])
    assert seconds_of(world.published) == [(T, T + 13 * SECOND), (resumed, world.next)]
