"""Intervals that a symbol gets later, gets back, or could not have yet: filled from what is stored."""

from __future__ import annotations

import pytest

from rtchart.core.candle import fold
from rtchart.core.interval import DAY, HOUR, INTERVALS, MINUTE
from tests.aggregator.ground import OVER, START, Ground, minute, same, second


async def test_3d_waits_for_the_listed_day_and_is_then_filled(ground: Ground) -> None:
    symbol_id = await ground.want("TEST", "1m", "1d", "3d")
    await ground.put(symbol_id, minute(0))
    await ground.run(OVER)
    assert await ground.candles(symbol_id, "3d") == {}
    await ground.listed(symbol_id, START - 7 * DAY)
    ground.kafka.revisions.clear()
    await ground.run(OVER)
    assert {time: c.received for time, c in (await ground.candles(symbol_id, "3d")).items()} == {START - DAY: 60}
    assert [(r.interval, r.candle.expected) for r in ground.kafka.revisions] == [("3d", 3 * 86_400)]


async def test_an_interval_that_is_added_is_filled_from_what_is_stored(ground: Ground) -> None:
    symbol_id = await ground.want("TEST", "1m", "1h")
    for number in (0, 1, 2, 7, 61, 200):
        await ground.put(symbol_id, minute(number))
    await ground.run(START + 4 * HOUR)
    await ground.want("TEST", "1m", "3m", "1h", "2h")
    assert (await ground.run(START + 4 * HOUR)).minutes == 0
    assert {(t - START) // MINUTE: c.received for t, c in (await ground.candles(symbol_id, "3m")).items()} == {
        0: 180,
        6: 60,
        60: 60,
        198: 60,
    }
    assert {(t - START) // HOUR: c.received for t, c in (await ground.candles(symbol_id, "2h")).items()} == {0: 300, 2: 60}
    before = await ground.rows()
    await ground.run(START + 4 * HOUR)
    assert await ground.rows() == before


async def test_an_interval_that_was_removed_and_comes_back_has_no_hole(ground: Ground, monkeypatch: pytest.MonkeyPatch) -> None:
    """In portions that are smaller than what there is to fill, and fewer of them a run."""
    monkeypatch.setattr("rtchart.aggregator.fill.CHILDREN", 4)
    monkeypatch.setattr("rtchart.aggregator.run.FILLS", 1)
    symbol_id, now = await ground.want("TEST", "1m", "5m", "1h"), START + 4 * HOUR
    stored = minute(0) + minute(1)
    await ground.put(symbol_id, stored)
    await ground.run(now)
    await ground.want("TEST", "1m", "1h")
    late = second(100, price="250", version=5)
    for number in (20, 21, 50, 70, 130):
        stored += minute(number)
    stored[100] = late
    await ground.put(symbol_id, stored)
    await ground.run(now)
    assert set(await ground.candles(symbol_id, "5m")) == {START}
    await ground.want("TEST", "1m", "5m", "1h")
    await ground.put(symbol_id, minute(200))
    stored += minute(200)
    await ground.run(now)
    first = set(await ground.candles(symbol_id, "5m"))
    assert START + 200 * MINUTE in first and START + 20 * MINUTE not in first, "a run does a bounded part"
    await ground.run(now)
    await ground.run(now)  # which sees that there is no more
    for name in ("5m", "1h"):
        interval = INTERVALS[name]
        found = await ground.candles(symbol_id, name)
        assert set(found) == {interval.open_time(kline.open_time) for kline in stored}
        for opened, candle in found.items():
            made = fold(interval, [kline for kline in stored if interval.open_time(kline.open_time) == opened])
            assert made is not None and same(candle, made), (name, opened)
    assert await ground.owner.fetchval("SELECT count(*) FROM candle_fill") == 0
    before = await ground.rows()
    await ground.run(now)
    assert await ground.rows() == before


async def test_a_fill_that_was_stopped_goes_on_and_a_symbol_without_history_needs_none(ground: Ground) -> None:
    symbol_id = await ground.want("TEST", "1m")
    await ground.want("NEW", "1m")
    await ground.put(symbol_id, minute(0))
    await ground.run(OVER)
    await ground.want("TEST", "5m", "3d")  # 1m is always there; 3d waits for the day it counts from
    await ground.want("NEW", "1m", "5m")
    await ground.owner.execute(
        """CREATE FUNCTION stop() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RAISE EXCEPTION ''stopped''; END';
           CREATE TRIGGER stop BEFORE UPDATE ON candle_fill EXECUTE FUNCTION stop()"""
    )
    with pytest.raises(Exception, match="stopped"):
        await ground.run(OVER)
    assert await ground.candles(symbol_id, "5m") == {}
    await ground.owner.execute("DROP TRIGGER stop ON candle_fill")
    await ground.run(OVER)
    assert set(await ground.candles(symbol_id, "5m")) == {START}
    assert await ground.owner.fetchval("SELECT array_agg(interval) FROM candle_fill") == ["3d"]
    await ground.listed(symbol_id, START)
    await ground.want("TEST", "1m", "5m", "3d")
    await ground.run(OVER)
    assert set(await ground.candles(symbol_id, "3d")) == {START}
    assert await ground.owner.fetchval("SELECT count(*) FROM candle_fill") == 0
