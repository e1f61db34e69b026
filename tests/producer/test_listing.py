"""What the producer makes of what the venue says of its symbols: not each answer is right, and some do not come."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager

from rtchart.core.interval import DAY, SECOND
from rtchart.core.messages import Listing
from rtchart.core.symbol import DesiredSymbol
from rtchart.exchange.base import Listed, RestError, Trading
from rtchart.producer.listing import keep_asking
from tests.producer.test_outage import Rest, T, World
from tests.waiting import wait_until

TICK = "0.01"


class Says(Rest):
    """Says of each symbol what the test sets, as often as it is asked."""

    def __init__(self, world: World) -> None:
        super().__init__(world.clock)
        self.trading: Trading = "trading"
        self.tick_size = TICK
        self.answers = 0
        self.days = 0
        """How often it was asked since when a symbol is listed."""
        self.once: list[Trading] = []
        """Answers that come first."""
        self.silent_about: set[str] = set()

    async def time(self) -> int:
        return self.clock.now()

    async def listed(self, symbols: Iterable[str]) -> dict[str, Listed]:
        self.answers += 1
        trading = self.once.pop(0) if self.once else self.trading
        return {name: Listed(trading, "" if trading == "unknown" else self.tick_size) for name in symbols}

    async def listed_day(self, symbol: str) -> int | None:
        self.days += 1
        if symbol in self.silent_about:
            raise RestError("no answer")
        return T // DAY * DAY


@asynccontextmanager
async def asking(world: World, rest: Says) -> AsyncIterator[None]:
    task = asyncio.create_task(keep_asking(world.producer, rest, every=0.005))
    try:
        yield
    finally:
        task.cancel()
        await asyncio.wait([task])


async def answered(rest: Says, times: int = 2) -> None:
    """Wait until it answered so often, and the last but one of these was taken."""
    upto = rest.answers + times
    await wait_until(lambda: rest.answers >= upto)


async def test_one_answer_that_it_is_unknown_costs_nothing_and_two_are_believed() -> None:
    world = World()
    rest = Says(world)
    await world.seconds(10)
    track = world.producer.tracks["A"]
    ledger = track.ledger
    assert ledger is not None
    ledger.mark()
    ledger.acknowledged()
    world.local += 100_000  # no kline for long, so that the venue's word is all there is
    async with asking(world, rest):
        await answered(rest)
        rest.once = ["unknown"]
        await answered(rest, 3)
        assert track.ledger is ledger
        assert track.listed == Listed("trading", TICK)

        rest.trading = "unknown"
        await wait_until(lambda: track.ledger is None)
        assert track.status(world.clock.now())[0] == "refused"
        assert track.recorded
        state = track.state("one", world.clock.now(), 0)
        assert state.watermark == T + 10 * SECOND
        world.producer.tick()
        assert track.ledger is None

        rest.trading = "trading"
        await wait_until(lambda: track.streams)
    world.producer.tick()
    assert track.ledger is not None
    assert track.ledger.watermark == T + 10 * SECOND
    assert track.ledger.gaps == [(T + 10 * SECOND, world.clock.now() // SECOND * SECOND)]


async def test_a_symbol_of_which_nothing_came_yet_is_new_when_the_venue_lists_it() -> None:
    world = World()
    rest = Says(world)
    rest.trading = "unknown"
    world.producer.tick()
    track = world.producer.tracks["A"]
    assert track.ledger is not None
    async with asking(world, rest):
        await wait_until(lambda: not track.streams)  # the first answer is enough
        assert not track.recorded
        assert track.state("one", world.clock.now(), 0).watermark is None
        world.local += DAY
        rest.trading = "trading"
        await wait_until(lambda: track.streams)
    world.producer.tick()
    assert track.ledger is not None
    assert track.ledger.holes == []


async def test_one_symbol_without_an_answer_does_not_keep_the_others_waiting() -> None:
    world = World()
    rest = Says(world)
    rest.silent_about = {"A"}
    world.producer.desire({"sim:B": DesiredSymbol("sim", "B", 1)})
    async with asking(world, rest):
        await wait_until(lambda: world.producer.tracks["B"].listing)
        assert world.producer.tracks["A"].listing is None
        rest.silent_about.clear()
        await wait_until(lambda: world.producer.tracks["A"].listing)


async def test_a_tick_size_that_is_left_out_leaves_what_is_known() -> None:
    world = World()
    rest = Says(world)
    rest.tick_size = ""
    track = world.producer.tracks["A"]
    async with asking(world, rest):
        await answered(rest)
        assert track.listing is None
        rest.tick_size = TICK
        await wait_until(lambda: track.listing)
        rest.tick_size = ""
        track.listing = None
        await wait_until(lambda: track.listing)
    assert {message.tick_size for message in world.kafka.log if isinstance(message, Listing)} == {TICK}


async def test_since_when_it_is_listed_is_asked_for_once_whatever_becomes_of_the_word_of_it() -> None:
    world = World()
    rest = Says(world)
    track = world.producer.tracks["A"]
    async with asking(world, rest):
        await wait_until(lambda: track.listing)
        track.listing = None  # as when Kafka did not take it
        await wait_until(lambda: track.listing)
    assert rest.days == 1

    world = World({"sim:A/one": track.state("one", T, 0)})
    rest = Says(world)
    async with asking(world, rest):
        await wait_until(lambda: world.producer.tracks["A"].listing)
    assert rest.days == 0
    (listing,) = [message for message in world.kafka.log if isinstance(message, Listing)]
    assert listing.listed_day == T // DAY * DAY
