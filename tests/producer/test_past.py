"""Older history from a simulated exchange to a real Kafka: all of it, once, from the newest back, and after what is live."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from itertools import pairwise
from typing import Any

import httpx
import pytest

from rtchart.broker.cluster import Cluster
from rtchart.core.gap import Range
from rtchart.core.interval import DAY, HOUR, MINUTE, SECOND
from rtchart.core.kline import VenueKline
from rtchart.core.messages import Absent, BackfillMessage, StreamState
from rtchart.core.symbol import DesiredSymbol
from rtchart.exchange.base import Page, RestError
from rtchart.producer import past
from rtchart.producer.ledger import Ledger, Patience
from rtchart.producer.past import keep_filling_back
from rtchart.producer.track import Track
from rtchart.sim.exchange import Address, Config, Exchange
from tests.klines import kline
from tests.producer.test_outage import Rest, T, World
from tests.producer.venue import Topics, producer, topics
from tests.waiting import wait_until

DAYS = 5


@pytest.fixture
async def there(kafka: str, topic_prefix: str) -> AsyncIterator[Topics]:
    async with topics(Cluster(kafka, topic_prefix)) as there:
        yield there


async def own_minutes(address: Address, symbol: str, start: int, end: int) -> dict[int, list[str]]:
    """The exchange's own record, by REST: its rows by open time."""
    rows: dict[int, list[str]] = {}
    async with httpx.AsyncClient() as client:
        while start < end:
            query = {"symbol": symbol, "interval": "1m", "startTime": start, "endTime": end - 1, "limit": 1000}
            page = (await client.get(f"{address.rest}/api/v3/klines", params=query)).json()
            if not page:
                break
            rows |= {row[0]: [*row[1:6], row[7], *row[9:11]] for row in page}
            start = page[-1][0] + MINUTE
    return rows


def figures(minute: VenueKline) -> list[str]:
    """As `own_minutes` has them."""
    prices = [minute.open, minute.high, minute.low, minute.close]
    return [*prices, minute.volume, minute.quote_volume, minute.taker_buy_volume, minute.taker_buy_quote_volume]


async def test_days_of_history_come_as_the_exchange_has_them_from_the_newest_back(there: Topics) -> None:
    exchange = Exchange(Config(symbols=("BTCUSDT", "ETHUSDT"), history_days=DAYS + 1))
    today = exchange.clock.now() // DAY * DAY
    lacks = today - 3 * DAY + HOUR
    exchange.faults.absent("BTCUSDT", lacks, lacks + 2 * HOUR)
    async with exchange.serve() as address, producer(there.cluster, address, backfill_share=0.5):
        await there.want("BTCUSDT", history_days=DAYS)
        await there.want("ETHUSDT")
        await wait_until(lambda: (state := there.state("BTCUSDT")) and state.minutes_reach == today - DAYS * DAY, 30)
        state = there.state("BTCUSDT")
        assert state is not None and state.minutes == () and state.minutes_from == today - DAYS * DAY
        start, end = today - DAYS * DAY, today
        expected = await own_minutes(address, "BTCUSDT", start, end)
        await wait_until(lambda: times_of(there) >= expected.keys() and any(isinstance(one, Absent) for one in there.past))
        minutes = there.minutes("BTCUSDT")
        there_are = {one.open_time: one for one in minutes if one.open_time < end}
        assert {time: figures(one) for time, one in there_are.items()} == expected
        assert len(expected) == DAYS * 1440 - 120
        assert {one.epoch for one in minutes} == {7}
        assert len({one.open_time for one in minutes}) == len(minutes)
        times = [one.open_time for one in minutes]
        pieces = [later for earlier, later in pairwise(times) if later < earlier]
        assert pieces == sorted(pieces, reverse=True)
        assert [(one.start, one.end) for one in there.past if isinstance(one, Absent)] == [(lacks, lacks + 2 * HOUR)]
        assert there.minutes("ETHUSDT") == []


async def test_a_symbol_that_is_younger_than_that_begins_with_its_first_trade(there: Topics) -> None:
    exchange = Exchange(Config(symbols=("BTCUSDT",), history_days=2))
    listed = exchange.clock.now() // DAY * DAY - 2 * DAY
    async with exchange.serve() as address, producer(there.cluster, address, backfill_share=0.5):
        await there.want("BTCUSDT", history_days=36_500)
        await wait_until(lambda: (state := there.state("BTCUSDT")) and state.minutes_reach == listed, 30)
        await wait_until(lambda: listed in times_of(there))
    assert min(one.open_time for one in there.minutes("BTCUSDT")) == listed
    assert not [one for one in there.past if isinstance(one, Absent)]


async def test_the_next_producer_goes_on_where_a_crash_left_it(there: Topics) -> None:
    exchange = Exchange(Config(symbols=("BTCUSDT",), history_days=20))
    today = exchange.clock.now() // DAY * DAY
    async with exchange.serve() as address:
        await there.want("BTCUSDT", history_days=15)
        async with producer(there.cluster, address, backfill_share=0.1) as first:
            await wait_until(lambda: (state := there.state("BTCUSDT")) and (state.minutes_reach or today) < today - 3 * DAY, 30)
            await first.crash()
        state = there.state("BTCUSDT")
        assert state is not None and state.minutes_reach is not None
        done = state.minutes_reach
        await wait_until(lambda: times_of(there) >= set(range(done, today, MINUTE)))
        before = len(there.past)
        async with producer(there.cluster, address, backfill_share=0.5):
            await wait_until(lambda: (state := there.state("BTCUSDT")) and state.minutes_reach == today - 15 * DAY, 30)
        again = {one.open_time for one in there.past[before:] if not isinstance(one, Absent)}
        assert not [time for time in again if time >= done]  # up to the state nothing is done again
        await there.want("BTCUSDT", history_days=17)
        async with producer(there.cluster, address, backfill_share=0.5):  # more of it is wanted later
            await wait_until(lambda: (state := there.state("BTCUSDT")) and state.minutes_reach == today - 17 * DAY, 30)
            await wait_until(lambda: times_of(there) >= set(range(today - 17 * DAY, today, MINUTE)))


def times_of(there: Topics) -> set[int]:
    """The minutes that have been read from the topic: what the state tells of may be a moment behind it."""
    return {one.open_time for one in there.minutes("BTCUSDT")}


class Unhurried(Rest):
    """Has every minute, and says what it was asked for."""

    def __init__(self, world: World) -> None:
        super().__init__(world.clock)
        self.asked: list[tuple[str, int, int]] = []
        self.fails = 0

    async def listed_day(self, symbol: str) -> int | None:
        return 0

    async def klines(self, symbol, start, end, *, interval="1s", source="repair"):
        assert (interval, source) == ("1m", "backfill")
        self.asked.append((symbol, start, end))
        if self.fails:
            self.fails -= 1
            raise RestError("not now")
        yield Page(start, end, self.clock.now(), [kline(time, symbol=symbol) for time in range(start, end, MINUTE)])


class Filling:
    """The loop on fakes: a world whose symbol wants two days."""

    def __init__(self) -> None:
        self.world = World(desired=DesiredSymbol("sim", "A", 1, history_days=2))
        self.rest = Unhurried(self.world)
        self.put: list[BackfillMessage] = []
        self.kafka = True
        self.task = asyncio.create_task(keep_filling_back(self.world.producer, self.rest, self._put))  # type: ignore[arg-type]

    async def _put(self, messages: list[BackfillMessage]) -> None:
        if not self.kafka:
            raise ConnectionError("no broker")
        self.put += messages

    @property
    def reach(self) -> int | None:
        return self.world.producer.tracks["A"].minutes.reach

    async def __aenter__(self) -> Filling:
        return self

    async def __aexit__(self, *_: object) -> None:
        self.task.cancel()
        await asyncio.wait([self.task])


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(past, "LOOK", 0.01)
    monkeypatch.setattr(past, "RETRY", (0.01, 0.02))
    monkeypatch.setattr("rtchart.core.quiet.QUIET", (0, 1_000))


@pytest.fixture
def looked(monkeypatch: pytest.MonkeyPatch) -> Callable[[int], Awaitable[object]]:
    """Waits until the loop has looked so many times more for something to fetch."""
    looks = 0
    look = past._next

    def counted(*arguments: Any) -> Any:
        nonlocal looks
        looks += 1
        return look(*arguments)

    monkeypatch.setattr(past, "_next", counted)

    def more(count: int) -> Awaitable[object]:
        until = looks + count
        return wait_until(lambda: looks >= until)

    return more


@pytest.mark.parametrize("days", [10, 0])
def test_what_was_missed_for_longer_than_seconds_are_kept_is_wanted_as_minutes(days: int) -> None:
    """A gap that no seconds will close."""
    gone = T - 100 * HOUR + 7 * SECOND
    told = StreamState(
        exchange="sim",
        symbol="A",
        instance="one",
        at=0,
        status="streaming",
        epoch=1,
        watermark=gone,
        minutes_from=T // DAY * DAY - 10 * DAY if days else None,
    )
    track = Track(DesiredSymbol("sim", "A", 1, history_days=days), [told])
    track.begin(Patience(), T)
    floor = track.desired.raw_floor(T)
    assert track.minutes.left == ([(gone // MINUTE * MINUTE, floor)] if days else [])
    assert [(gap.start, gap.end) for gap in track.announcements(T) if gap.end <= floor] == [(gone, floor)]


async def short_of_half_a_minute() -> tuple[World, Track, Ledger, Range]:
    """A world that keeps seconds for an hour and wants older minutes, and what its symbol lacks."""
    world = World(desired=DesiredSymbol("sim", "A", 1, kline_hours=1, history_days=2))
    await world.seconds(3)
    missed = (world.next, world.next + 30 * SECOND)
    world.local += 30 * SECOND
    world.next += 30 * SECOND
    await world.seconds(1)
    track = world.producer.tracks["A"]
    assert track.ledger is not None and track.ledger.gaps == [missed]
    return world, track, track.ledger, missed


async def test_what_gets_too_old_while_it_is_missing_is_wanted_as_minutes() -> None:
    """Of a gap that everybody was told of; its seconds are not asked for any more, and the watermark waits no longer."""
    world, track, ledger, missed = await short_of_half_a_minute()
    track.minutes.want(2, world.clock.now(), listed_day=0)
    track.minutes.left.clear()

    world.local += 2 * HOUR
    floor = track.desired.raw_floor(world.clock.now())
    assert floor > world.next
    for _ in range(3):
        world.producer.tick()
    assert [(gap.start, gap.end) for gap in world.gaps] == [missed, (world.next, ledger.expected)]  # each is told once
    assert ledger.gaps == [(floor, ledger.expected)]  # of the silence since, what is not too old
    assert track.minutes.left == [(missed[0] // MINUTE * MINUTE, floor)]
    assert track.state("one", world.clock.now(), 0).minutes == tuple(track.minutes.left)
    ledger.mark()
    ledger.acknowledged()
    assert ledger.watermark == floor
    track.unannounced(*missed)  # its word was lost after all
    assert [(gap.start, gap.end) for gap in track.announcements(world.clock.now())] == [missed]


async def test_a_second_is_no_longer_asked_for_when_it_would_come_too_late_and_is_given_up_later() -> None:
    """The inserter stores none below the floor of its own clock, and settles no gap above it by minutes."""
    _, track, ledger, missed = await short_of_half_a_minute()
    falls = -(-missed[1] // HOUR) * HOUR + HOUR  # when the floor passes it
    for before, asks, keeps in ((90, True, True), (30, False, True), (-30, False, True), (-90, False, False)):
        now = falls - before * SECOND
        track.age(now)
        asked = ledger.ask(now, floor=track.stored_from(now))
        ledger.asked(now - HOUR)  # as if nothing had been asked
        assert (asked == missed, missed in ledger.gaps) == (asks, keeps)


async def test_seconds_that_are_missing_go_first(looked: Callable[[int], Awaitable[object]]) -> None:
    async with Filling() as filling:
        await filling.world.seconds(1)
        filling.world.next += SECOND
        await filling.world.seconds(3)
        ledger = filling.world.begin()
        assert ledger.asks(filling.world.clock.now())
        await looked(3)
        assert filling.rest.asked == []
        asked = ledger.ask(filling.world.clock.now())
        assert asked is not None
        ledger.on_answer(*asked, [T + SECOND], filling.world.clock.now())
        ledger.asked(filling.world.clock.now())
        await wait_until(lambda: filling.reach == T // DAY * DAY - 2 * DAY)


async def test_what_fails_is_tried_again_and_nothing_is_left_out() -> None:
    async with Filling() as filling:
        filling.rest.fails, filling.kafka = 3, False
        await filling.world.seconds(1)
        await wait_until(lambda: len(filling.rest.asked) > 5)
        assert filling.put == []
        filling.kafka = True
        await wait_until(lambda: filling.reach == T // DAY * DAY - 2 * DAY)
    assert {one.open_time for one in filling.put} == set(range(T // DAY * DAY - 2 * DAY, T // MINUTE * MINUTE, MINUTE))  # type: ignore[union-attr]


async def test_a_symbol_that_is_not_streamed_gets_no_history(looked: Callable[[int], Awaitable[object]]) -> None:
    async with Filling() as filling:
        filling.world.producer.desire({"sim:A": DesiredSymbol("sim", "A", 1, suspend=True, history_days=2)})
        await filling.world.seconds(1)
        await looked(3)
        assert filling.rest.asked == []
        filling.world.producer.desire({"sim:A": DesiredSymbol("sim", "A", 1, history_days=2)})
        await wait_until(lambda: filling.rest.asked)
