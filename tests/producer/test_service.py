"""What the producer makes of what should not have come: on the fakes of `tests.producer.test_outage`."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator

import pytest

from rtchart.core.interval import HOUR, SECOND
from rtchart.core.kline import Source
from rtchart.core.messages import encode
from rtchart.core.symbol import DesiredSymbol
from rtchart.exchange.base import BadFrame, Batch, Connected, Event, Lost, Page
from rtchart.exchange.clock import VenueClock
from rtchart.process.health import Health
from rtchart.producer.listing import keep_time
from rtchart.producer.repair import keep_repairing
from rtchart.producer.service import Producer
from tests.counting import counted
from tests.producer.test_outage import Rest, Silent, T, World, kline
from tests.waiting import wait_until

NOTHING_YET = {"stream": "no kline came from sim yet"}


async def test_the_stream_is_told_of_seconds_that_it_should_have_brought_and_of_no_others() -> None:
    world = World()
    await world.seconds(3)
    world.next += SECOND
    await world.seconds(2)  # a step: the stream goes on
    repairing = asyncio.create_task(keep_repairing(world.producer, Rest(world.clock)))
    try:
        await wait_until(lambda: world.producer.tracks["A"].ledger.holes == [])  # type: ignore[union-attr]
        assert world.stream.told == []
        world.local += 10 * SECOND
        world.producer.tick()
        await wait_until(lambda: world.stream.told)
        assert world.stream.told == [("A", world.clock.now() // SECOND * SECOND - 2 * SECOND)]
    finally:
        repairing.cancel()
        await asyncio.wait([repairing])


async def test_what_was_ignored_and_what_kafka_did_not_take_is_counted() -> None:
    world = World()
    names = ("rtchart_producer_klines_ignored_total", "rtchart_producer_records_lost_total")
    before = [counted(name) for name in names]
    await world.producer.sink(Batch(1, ignored=3))
    world.kafka.up = False
    await world.seconds(2)
    on_its_way = world.producer.outbox.in_flight
    assert on_its_way
    world.kafka.settle(False)
    await wait_until(lambda: not world.producer.outbox.in_flight)
    assert [counted(name) - was for name, was in zip(names, before, strict=True)] == [3, on_its_way]


class Odd(Rest):
    """Has rows that are no klines, for all that it is asked."""

    async def klines(
        self, symbol: str, start: int, end: int, *, interval: str = "1s", source: Source = "repair"
    ) -> AsyncGenerator[Page, None]:
        bad = {time: BadFrame("invalid_kline", "open is 'NaN'", "[]") for time in range(start, end, SECOND)}
        yield Page(start, end, self.clock.now(), [], bad)


async def test_a_row_that_is_no_kline_is_kept_with_the_symbol_that_was_asked_for() -> None:
    world = World()
    await world.seconds(1)
    world.next += SECOND
    await world.seconds(2)
    repairing = asyncio.create_task(keep_repairing(world.producer, Odd(world.clock)))
    try:
        async with asyncio.timeout(15):
            letter = await world.producer.letters.get()
    finally:
        repairing.cancel()
        await asyncio.wait([repairing])
    assert (letter.exchange, letter.symbol, letter.detail) == ("sim", "A", "open is 'NaN'")
    assert world.producer.letters.empty()
    assert T + SECOND not in world.published


async def test_a_kline_from_the_far_future_is_kept_as_what_it_is_and_opens_nothing() -> None:
    world = World()
    await world.seconds(3)
    odd = kline(T + 10**12)
    await world.producer.sink(Batch(0, [odd]))
    await world.seconds(3)
    letter = world.producer.letters.get_nowait()
    assert (letter.reason, letter.symbol, letter.payload) == ("invalid_kline", "A", encode(odd).decode())
    assert f"open_time {odd.open_time} is more than 60 s after" in letter.detail
    ledger = world.producer.tracks["A"].ledger
    assert ledger is not None
    assert (ledger.holes, ledger.expected, world.gaps) == ([], world.next, [])
    assert world.published == set(range(T, world.next, SECOND))


class Knows(Rest):
    """Knows the time, which is that of the next kline."""

    def __init__(self, world: World) -> None:
        super().__init__(world.clock)
        self.world = world

    async def time(self) -> int:
        self.clock.set(self.world.next + SECOND)
        return self.world.next + SECOND


async def test_after_a_sleep_of_this_machine_the_venue_is_asked_for_its_time_and_believed() -> None:
    world = World()
    await world.seconds(3)
    slept = world.next
    world.next += HOUR
    asking = asyncio.create_task(keep_time(world.producer, Knows(world)))
    try:
        await world.seconds(1)
        assert world.published == set(range(T, slept, SECOND))
        await wait_until(lambda: world.clock.now() > slept + HOUR)
    finally:
        asking.cancel()
        await asyncio.wait([asking])
    await world.seconds(3)
    assert [(gap.start, gap.end) for gap in world.gaps] == [(slept, world.next - 3 * SECOND)]


async def test_a_tombstone_of_no_symbol_is_told_of_and_skipped(caplog: pytest.LogCaptureFixture) -> None:
    world = World()
    world.producer.desire({"sim:": None, "sim:A": None})
    assert world.producer.tracks == {}
    assert [record.getMessage() for record in caplog.records if record.levelname == "ERROR"] == ["skipped a deletion"]


async def test_it_is_ready_while_a_connection_carries_any_of_what_is_to_be_streamed() -> None:
    health = Health()
    health.ready()
    producer = Producer("sim", Silent(), VenueClock(), health)

    def want(*symbols: str) -> None:
        producer.desire({f"sim:{symbol}": DesiredSymbol("sim", symbol, 1) for symbol in symbols})

    async def reasons(*events: Event) -> dict[str, str]:
        await producer.sink(Batch(0, events=list(events)))
        return health.reasons

    assert await reasons() == {}  # nothing is asked for, so nothing has to come
    want("A", "B")
    assert await reasons() == NOTHING_YET
    a, b = frozenset("A"), frozenset("B")
    assert await reasons(Connected(a)) == {}
    assert await reasons(Connected(b)) == {}
    assert await reasons(Lost(a, "1006")) == {}  # the other carries on
    gone = {"stream": "no connection to sim: 1006"}
    assert await reasons(Lost(b, "1006")) == gone
    want("C")  # which nothing carries either
    assert await reasons() == gone
    assert await reasons(Connected(b | frozenset("C"))) == {}
    producer.desire({"sim:B": None, "sim:C": None})
    assert await reasons() == gone  # of A it was never made again
    assert await reasons(Connected(a)) == {}
    producer.desire({"sim:A": None})
    assert await reasons(Lost(a, "1006")) == {}
    want("A")
    assert await reasons() == NOTHING_YET


async def test_no_second_is_published_before_it_is_known_where_to_refill_from() -> None:
    world = World(history=30 * SECOND)
    track = world.producer.tracks["A"]
    track.recorded = False
    await world.seconds(5)
    begun = T + SECOND  # the second that was under way when the first one came
    repairing = asyncio.create_task(keep_repairing(world.producer, Rest(world.clock)))
    try:
        for _ in range(20):  # turns of the loop, in which it would have asked and published
            await asyncio.sleep(0)
        assert world.published == set()
        track.recorded = True
        await world.seconds(3)
        world.local += 2_000
        await wait_until(lambda: world.published == set(range(begun - 30 * SECOND, world.next, SECOND)))
    finally:
        repairing.cancel()
        await asyncio.wait([repairing])
