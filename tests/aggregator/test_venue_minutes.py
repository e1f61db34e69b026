"""The exchange's own minutes beside folded ones: which of two counts, and what is folded of them."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from rtchart.core.candle import Candle, fold, of_venue
from rtchart.core.interval import DAY, HOUR, INTERVALS, MINUTE
from rtchart.store import venue
from rtchart.store.retention import sweep
from tests import klines
from tests.aggregator.ground import START, Ground, minute, same, second

ABOVE = START + 10 * MINUTE
"""When the first minutes are over, and their seconds are kept."""
BELOW = START + 9 * HOUR
"""When they are below the raw floor of an hour, and so is the end of their partition."""


def own(number: int, **changes: object) -> Candle:
    """The exchange's own minute, ``number`` minutes after `START`."""
    return of_venue(klines.venue(**{"open_time": START + number * MINUTE, **changes}))


async def store(ground: Ground, symbol_id: int, *minutes: Candle) -> int:
    """As the inserter does."""
    async with ground.owner.transaction():
        return await venue.write_minutes(ground.owner, [(symbol_id, one) for one in minutes])


STEPS = ("some seconds", "all seconds", "the exchange's minute", "a run", "hours later", "a sweep")


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=st.lists(st.sampled_from(STEPS), min_size=2, max_size=9))
async def test_in_whatever_order_they_come_the_better_one_stays(ground: Ground, steps: list[str]) -> None:
    symbol_id = await ground.want(
        f"S{await ground.owner.fetchval('SELECT count(*) FROM symbol')}", "1m", "1h", kline_hours=1, candle_days=0
    )
    whole = fold(INTERVALS["1m"], minute(0))
    assert whole is not None
    now, received, seen_whole, had_venue = ABOVE, 0, False, False
    for step in [*steps, "a run"]:
        match step:
            case "some seconds" | "all seconds" if now == ABOVE:  # below the floor the inserter takes none
                await ground.put(symbol_id, minute(0) if step == "all seconds" else minute(0)[7:20])
            case "the exchange's minute":
                await store(ground, symbol_id, own(0))
                had_venue = True
            case "a run":
                await ground.run(now)
            case "hours later":
                now = BELOW
            case "a sweep":
                await sweep(ground.owner, now)
        stored = (await ground.candles(symbol_id)).get(START)
        assert (stored.received if stored else 0) >= received
        received = stored.received if stored else 0
        if had_venue:
            assert received == 60
        seen_whole = seen_whole or (received == 60 and stored is not None and stored.source != "venue")
        if seen_whole:  # once it was folded of all its seconds, it is that
            assert stored is not None and same(stored, whole)
    if received:
        (hour,) = (await ground.candles(symbol_id, "1h")).values()
        (kept,) = (await ground.candles(symbol_id)).values()
        assert (hour.received, hour.source, Decimal(hour.volume)) == (received, kept.source, Decimal(kept.volume))


async def test_a_fragment_becomes_the_exchanges_minute_and_open_charts_are_told(ground: Ground) -> None:
    symbol_id = await ground.want("TEST", "1m", "5m", "1h", kline_hours=1)
    await ground.put(symbol_id, minute(0)[:30] + minute(1))
    await ground.run(ABOVE)
    ground.kafka.revisions.clear()
    assert await store(ground, symbol_id, own(0), own(1), own(2)) == 2
    outcome = await ground.run(BELOW)
    told = {(each.interval, each.candle.open_time): each.candle for each in ground.kafka.revisions}
    assert set(told) == {("1m", START), ("1m", START + 2 * MINUTE), ("5m", START), ("1h", START)}
    assert outcome.revisions == 4
    assert told["1m", START].revision == 2
    assert [(each.received, each.source) for each in told.values()] == [(60, "venue"), (60, "venue"), *[(180, "venue")] * 2]
    assert [each.source for each in (await ground.candles(symbol_id)).values()] == ["venue", "stream", "venue"]
    assert not await ground.owner.fetchval("SELECT EXISTS (SELECT FROM venue_checkpoint)")
    assert await store(ground, symbol_id, own(0), own(1), own(2)) == 0  # the same again is no change
    assert (await ground.run(BELOW)).revisions == 0


async def test_seconds_that_come_after_the_exchanges_minute_take_its_place_when_they_are_all(ground: Ground) -> None:
    symbol_id = await ground.want("TEST", "1m", "5m")
    await store(ground, symbol_id, own(0))
    await ground.run(ABOVE)
    await ground.put(symbol_id, minute(0)[:59])
    await ground.run(ABOVE)
    assert (await ground.candles(symbol_id))[START].source == "venue"
    await ground.put(symbol_id, [second(59)])
    await ground.run(ABOVE)
    for name in ("1m", "5m"):
        candle = (await ground.candles(symbol_id, name))[START]
        assert (candle.received, candle.source) == (60, "stream")


async def test_a_real_day_becomes_the_days_own_figures(ground: Ground) -> None:
    """Against the file's own lines: nothing of rtchart computes here."""
    symbol_id = await ground.want("TEST", "1m", "5m", "1h", "1d", "1w", candle_days=0)
    lines = material_day("BTCUSDT-1m-2025-11-01.csv")
    minutes = [
        own(
            0,
            open_time=int(line[0]) // 1000,
            open=line[1],
            high=line[2],
            low=line[3],
            close=line[4],
            volume=line[5],
            quote_volume=line[7],
            trades=int(line[8]),
            taker_buy_volume=line[9],
            taker_buy_quote_volume=line[10],
        )
        for line in lines
    ]
    for at in range(len(minutes), 0, -500):  # from the newest back, as they are fetched
        await store(ground, symbol_id, *minutes[max(0, at - 500) : at])
        await ground.run(BELOW)
    (day,) = (await ground.candles(symbol_id, "1d")).values()
    assert (day.received, day.source, day.open_time) == (86_400, "venue", minutes[0].open_time)
    assert (Decimal(day.open), Decimal(day.close)) == (Decimal(lines[0][1]), Decimal(lines[-1][4]))
    assert Decimal(day.high) == max(Decimal(line[2]) for line in lines)
    assert Decimal(day.low) == min(Decimal(line[3]) for line in lines)
    for name, column in (("volume", 5), ("quote_volume", 7), ("taker_buy_volume", 9), ("taker_buy_quote_volume", 10)):
        assert Decimal(getattr(day, name)) == sum(Decimal(line[column]) for line in lines)
    assert day.trades == sum(int(line[8]) for line in lines)
    assert {one.received for one in (await ground.candles(symbol_id, "1h")).values()} == {3600}


def material_day(name: str) -> list[list[str]]:
    path = Path(__file__).parent.parent / "data" / name
    return [line.split(",") for line in path.read_text().splitlines()]


@pytest.mark.parametrize("larger", ["1h", "4h", "1d", "3d", "1w", "1M"])
async def test_what_is_older_than_candle_days_still_makes_the_larger_ones(ground: Ground, larger: str) -> None:
    """In two halves of a larger candle, with a sweep between them."""
    symbol_id = await ground.want("TEST", "1m", "15m", larger, candle_days=2)
    await ground.listed(symbol_id, START - START % DAY)
    interval = INTERVALS[larger].of(START - START % DAY)
    opened = interval.open_time(START)
    end = interval.next_open(opened)
    now = end + 3 * DAY
    # A minute of each hour stands for all of them in the longer ones: then they are not whole, and nothing may go.
    step = MINUTE if end - opened <= DAY else HOUR
    times = list(range(opened, end, step))
    minutes = [own(0, open_time=time) for time in times]
    half = len(minutes) // 2
    for part in (minutes[half:], minutes[:half]):
        await store(ground, symbol_id, *part)
        await sweep(ground.owner, now)
        assert await ground.run(now)
        while await ground.owner.fetchval("SELECT EXISTS (SELECT FROM venue_checkpoint)"):
            await ground.run(now)
        await sweep(ground.owner, now)
    candle = (await ground.candles(symbol_id, larger))[opened]
    assert (candle.received, candle.source) == (60 * len(times), "venue")
    left = len(await ground.candles(symbol_id)) + len(await ground.candles(symbol_id, "15m"))
    assert (left == 0) == (candle.received == interval.expected(opened))


async def test_the_data_of_a_deleted_symbol_goes_with_what_waits_to_be_folded(ground: Ground) -> None:
    symbol_id = await ground.want("TEST", deletion_policy="Delete")
    await store(ground, symbol_id, own(0), own(1))
    await ground.owner.execute("UPDATE symbol SET deleted_at = 1 WHERE symbol_id = $1", symbol_id)
    await sweep(ground.owner, ABOVE)
    assert not await ground.candles(symbol_id)
    assert not await ground.owner.fetchval("SELECT EXISTS (SELECT FROM venue_checkpoint)")


async def test_a_step_is_bounded_and_what_is_live_comes_first(ground: Ground, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("rtchart.aggregator.venue.MINUTES", 10)
    monkeypatch.setattr("rtchart.aggregator.run.FILLS", 2)
    symbol_id = await ground.want("TEST", "1m", "5m", candle_days=0)
    for number in range(0, 60, 5):
        await store(ground, symbol_id, *(own(-100 + number + each) for each in range(5)))
    await ground.put(symbol_id, minute(0))
    await ground.run(ABOVE)
    assert (await ground.candles(symbol_id, "5m"))[START].received == 60
    assert await ground.owner.fetchval("SELECT sum(end_time - start_time)::bigint FROM venue_checkpoint") == 40 * MINUTE
    for _ in range(2):
        await ground.run(ABOVE)
    assert sum(each.received for each in (await ground.candles(symbol_id, "5m")).values()) == 61 * 60
