"""What others ask for that was lost behind Kafka, and a first history: wanted until they are there, whoever is killed."""

from __future__ import annotations

import asyncio

import pytest
from msgspec.structs import replace

from rtchart.broker.table import Changes
from rtchart.core.gap import seconds_of
from rtchart.core.interval import HOUR, SECOND
from rtchart.core.messages import GapOpened
from rtchart.producer.ledger import Ledger
from rtchart.producer.repair import keep_repairing
from rtchart.producer.requests import Requests
from tests.producer.test_outage import Rest, T, World
from tests.waiting import wait_until

LOST = GapOpened("sim", "A", T + 2 * SECOND, T + 6 * SECOND, "offset_lost", T, 1)
KEY = "sim:A/the range"


class Asked:
    """A world whose seconds came and were acknowledged, and requests of it."""

    def __init__(self) -> None:
        self.world = World()
        self.ended: list[str] = []
        self.up = True
        self.requests = Requests(self.world.producer, self.put)

    async def put(self, changes: Changes[GapOpened]) -> None:
        if not self.up:
            raise ConnectionError("no broker")
        assert set(changes.values()) == {None}
        self.ended += changes

    async def begin(self) -> Ledger:
        await self.world.seconds(10)
        ledger = self.world.producer.tracks["A"].ledger
        assert ledger is not None
        await self.acknowledge(ledger)
        self.world.kafka.log.clear()
        return ledger

    async def acknowledge(self, ledger: Ledger) -> None:
        ledger.mark()
        await self.world.producer.outbox.settled()
        ledger.acknowledged()


async def repaired(world: World, ledger: Ledger) -> None:
    repairing = asyncio.create_task(keep_repairing(world.producer, Rest(world.clock)))
    try:
        await wait_until(lambda: not ledger.holes)
    finally:
        repairing.cancel()
        await asyncio.wait([repairing])


async def test_it_ends_when_kafka_has_the_seconds_again_and_not_before() -> None:
    asked = Asked()
    ledger = await asked.begin()
    watermark = ledger.watermark
    asked.requests.take({KEY: LOST})
    await asked.requests.look()
    assert ledger.gaps == [(LOST.start, LOST.end)]

    asked.world.kafka.up = False
    await repaired(asked.world, ledger)
    await asked.requests.look()
    assert asked.ended == []  # fetched, and on its way
    asked.world.kafka.settle(False)
    await wait_until(lambda: ledger.holes)

    asked.world.kafka.up = True
    await repaired(asked.world, ledger)
    await asked.acknowledge(ledger)
    assert seconds_of(asked.world.published) == [(LOST.start, LOST.end)]
    assert asked.world.gaps == []  # who missed them told of it
    asked.up = False
    with pytest.raises(ConnectionError):
        await asked.requests.look()
    asked.up = True
    await asked.requests.look()
    await asked.requests.look()
    assert asked.ended == [KEY]
    assert ledger.watermark == watermark


async def test_what_is_stored_otherwise_than_the_exchange_has_it_is_announced_before_it_comes() -> None:
    asked = Asked()
    ledger = await asked.begin()
    other = replace(LOST, reason="verify")
    asked.requests.take({KEY: other})
    await asked.requests.look()
    await repaired(asked.world, ledger)
    assert [(gap.start, gap.end, gap.reason) for gap in asked.world.gaps] == [(LOST.start, LOST.end, "verify")]
    assert seconds_of(asked.world.published) == [(LOST.start, LOST.end)]
    await asked.acknowledge(ledger)
    await asked.requests.look()
    assert asked.ended == [KEY]


async def test_a_ledger_that_is_made_anew_is_told_again() -> None:
    asked = Asked()
    await asked.begin()
    asked.requests.take({KEY: LOST})
    await asked.requests.look()
    asked.world.producer.begin_again("A")
    await asked.requests.look()
    assert asked.ended == []
    ledger = asked.world.begin()
    assert LOST.start not in {start for start, _ in ledger.gaps}
    await asked.requests.look()
    assert (LOST.start, LOST.end) in ledger.gaps


@pytest.mark.parametrize(
    ("gap", "ends"),
    [
        pytest.param(replace(LOST, symbol="GONE"), True, id="of a symbol that nobody wants"),
        pytest.param(replace(LOST, epoch=0), True, id="of a life that is over"),
        pytest.param(replace(LOST, epoch=2), False, id="of a life that is not known yet"),
        pytest.param(replace(LOST, start=T - 99 * HOUR, end=T - 98 * HOUR), True, id="too old to be stored"),
        pytest.param(replace(LOST, exchange="binance"), False, id="of another venue"),
    ],
)
async def test_what_cannot_be_done_is_not_asked_of_the_venue(gap: GapOpened, ends: bool) -> None:
    asked = Asked()
    ledger = await asked.begin()
    asked.requests.take({KEY: gap})
    await asked.requests.look()
    assert ledger.gaps == []
    assert asked.ended == ([KEY] if ends else [])


async def test_nothing_is_ended_before_it_is_known_what_is_wanted_or_after_somebody_else_ended_it() -> None:
    asked = Asked()
    asked.world.producer.told = False
    asked.requests.take({KEY: replace(LOST, symbol="B")})
    await asked.requests.look()
    assert asked.ended == []
    asked.requests.take({KEY: None})
    asked.world.producer.told = True
    await asked.requests.look()
    assert asked.ended == []


async def test_a_history_is_wanted_until_kafka_has_it_by_this_producer_or_the_next() -> None:
    past = 2_500 * SECOND
    world = World(history=past)
    ledger = world.begin()
    rest = Rest(world.clock)
    start, end = ledger.ask(T) or (0, 0)
    assert (start, ledger.asks_history) == (T - past, True)
    async for page in rest.klines("A", start, end, source="backfill"):
        ledger.on_answer(page.start, page.end, [kline.open_time for kline in page.klines], page.asked_at)
        world.producer.outbox.put([*page.klines])
    ledger.asked(T)
    track = world.producer.tracks["A"]
    assert track.state("one", T, 0).history == ((T - past, T),)
    ledger.mark()
    await world.producer.outbox.settled()
    ledger.acknowledged()
    state = track.state("one", T, 0)
    assert state.history == ((T - past + 1_000 * SECOND, T),)

    world = World({"sim:A/one": state})
    assert world.producer.tracks["A"].state("one", None, 0).history == state.history  # before the venue's time is known
    ledger = world.begin()
    await repaired(world, ledger)
    assert seconds_of(world.published) == [(T - past + 1_000 * SECOND, T)]
    assert world.gaps == []
