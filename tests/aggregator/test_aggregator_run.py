"""Runs on a real database: what is due is folded, once, at every level, whatever came late or broke."""

from __future__ import annotations

import asyncio

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from rtchart.aggregator.run import run
from rtchart.broker.on_demand import NotPublished
from rtchart.core.candle import fold
from rtchart.core.interval import DAY, HOUR, INTERVALS, MINUTE
from rtchart.store import checkpoints
from rtchart.store.checkpoints import SETTLE
from rtchart.store.database import connect
from tests.aggregator.ground import OVER, START, Collector, Ground, minute, same, second
from tests.core.klines import archive_day, recorded
from tests.counting import counted
from tests.waiting import wait_until


async def test_a_minute_becomes_a_candle_at_every_level(ground: Ground) -> None:
    symbol_id = await ground.want()
    seconds = [second(n, price=str(100 + n % 7)) for n in range(60)]
    await ground.put(symbol_id, seconds)
    outcome = await ground.run(OVER)
    assert (outcome.minutes, outcome.candles, outcome.revisions) == (1, 6, 6)
    for name in ("1m", "5m", "15m", "1h", "4h", "1d"):
        (candle,) = (await ground.candles(symbol_id, name)).values()
        made = fold(INTERVALS[name], seconds)
        assert made is not None and same(candle, made), name
    assert [r.interval for r in ground.kafka.revisions] == ["1m", "5m", "15m", "1h", "4h", "1d"]
    assert [r.candle.closed for r in ground.kafka.revisions] == [True, True, False, False, False, False]
    assert ground.kafka.revisions[1].candle.expected == 300
    assert ground.kafka.revisions[1].candle.received == 60


async def test_a_second_run_changes_nothing(ground: Ground) -> None:
    symbol_id = await ground.want()
    await ground.put(symbol_id, minute(0) + minute(1))
    await ground.run(OVER)
    before = await ground.rows()
    await checkpoint(ground, symbol_id, 0)
    await checkpoint(ground, symbol_id, 1)
    ground.kafka.revisions.clear()
    outcome = await ground.run(OVER)
    assert (outcome.minutes, outcome.revisions) == (2, 0)
    assert await ground.rows() == before
    assert ground.kafka.revisions == []


async def checkpoint(ground: Ground, symbol_id: int, number: int) -> None:
    """A checkpoint of a minute of which nothing changed."""
    opened = START + number * MINUTE
    await ground.owner.execute(
        "INSERT INTO checkpoint (minute, symbol_ids, first_second, last_second, inserted_at) VALUES ($1, $2, $1, $1, 0)",
        opened,
        [symbol_id],
    )


async def test_a_minute_is_due_when_its_last_second_is_in_or_5_s_after_its_end(ground: Ground) -> None:
    symbol_id = await ground.want()
    end = START + MINUTE
    await ground.put(symbol_id, minute(0)[:59], at=end)
    assert not await checkpoints.due(ground.aggregator, end + 4_999)
    assert await checkpoints.due(ground.aggregator, end + 5_000)
    await ground.put(symbol_id, minute(0)[59:], at=end + 250)
    assert not await checkpoints.due(ground.aggregator, end + 250 + SETTLE - 1)
    assert await checkpoints.due(ground.aggregator, end + 250 + SETTLE)
    outcome = await ground.run(end + 250 + SETTLE)
    assert outcome.minutes == 1
    (candle,) = (await ground.candles(symbol_id)).values()
    assert candle.received == 60


async def test_a_minute_that_is_not_over_is_left_alone(ground: Ground) -> None:
    symbol_id = await ground.want()
    await ground.put(symbol_id, minute(0) + minute(1)[:30])
    assert (await ground.run(START + MINUTE + 30_000)).minutes == 1
    assert set(await ground.candles(symbol_id)) == {START}
    assert await checkpoints.pending(ground.owner) == 1


async def test_a_late_second_raises_the_revision_up_to_the_day(ground: Ground) -> None:
    symbol_id = await ground.want()
    late = second(17, price="250")
    await ground.put(symbol_id, [k for k in minute(0) if k.open_time != late.open_time])
    await ground.run(OVER)
    ground.kafka.revisions.clear()
    await ground.put(symbol_id, [late])
    await ground.run(OVER)
    for name in ("1m", "5m", "15m", "1h", "4h", "1d"):
        (candle,) = (await ground.candles(symbol_id, name)).values()
        assert (candle.received, candle.high, await ground.revision(symbol_id, name)) == (60, "250", 2)
    assert [(r.interval, r.candle.revision, r.candle.high) for r in ground.kafka.revisions] == [
        (name, 2, "250") for name in ("1m", "5m", "15m", "1h", "4h", "1d")
    ]


async def test_a_corrected_second_is_folded_and_an_equal_one_is_not(ground: Ground) -> None:
    symbol_id = await ground.want()
    await ground.put(symbol_id, minute(0))
    await ground.run(OVER)
    await ground.put(symbol_id, [second(5, price="99.5", version=10)])
    await ground.run(OVER)
    assert (await ground.candles(symbol_id, "1d"))[START].low == "99.5"
    assert await ground.revision(symbol_id, "1d") == 2
    await ground.put(symbol_id, [second(5, price="99.5", version=20)])
    assert (await ground.run(OVER)).minutes == 0


async def test_a_change_that_leaves_a_parent_as_it_was_gives_it_no_revision(ground: Ground) -> None:
    symbol_id = await ground.want("TEST", "1m", "5m")
    await ground.put(symbol_id, minute(0) + minute(1, price="100") + minute(2))
    await ground.run(OVER)
    before = await ground.revision(symbol_id, "5m")
    await ground.put(symbol_id, [second(70, price="100.2", version=10)])  # neither first, last, highest nor lowest of the 5m
    await ground.run(OVER)
    assert await ground.revision(symbol_id, "1m", START + MINUTE) == 2
    assert await ground.revision(symbol_id, "5m") == before


async def test_seconds_below_the_raw_floor_never_make_a_candle_smaller(ground: Ground) -> None:
    symbol_id = await ground.want(kline_hours=1)
    await ground.put(symbol_id, minute(0))
    await ground.run(OVER)
    now = START + 2 * HOUR + MINUTE
    await ground.owner.execute("DELETE FROM kline_1s")  # as retention does
    await ground.put(symbol_id, [second(30, price="999")])
    await ground.run(now)
    (candle,) = (await ground.candles(symbol_id)).values()
    assert (candle.received, candle.high, await ground.revision(symbol_id)) == (60, "100.5", 1)


async def test_a_correction_below_the_raw_floor_is_not_folded(ground: Ground) -> None:
    symbol_id = await ground.want(kline_hours=1)
    await ground.put(symbol_id, minute(0)[:1])
    await ground.run(OVER)
    await ground.put(symbol_id, [second(0, price="999", version=5)])
    await ground.run(START + 2 * HOUR + MINUTE)
    assert await ground.revision(symbol_id) == 1


async def test_minutes_that_waited_past_the_raw_floor_are_folded(ground: Ground) -> None:
    symbol_id = await ground.want(kline_hours=1)
    await ground.put(symbol_id, minute(0))
    assert (await ground.run(START + 5 * HOUR)).revisions == 6
    assert (await ground.candles(symbol_id, "1d"))[START].received == 60


async def test_a_parent_whose_parts_retention_took_is_left_as_it_is(ground: Ground) -> None:
    symbol_id = await ground.want("TEST", "1m", "30m", "1M", kline_hours=1, candle_days=1)
    december = START + 9 * DAY
    first = 9 * DAY // MINUTE
    await ground.put(symbol_id, minute(first))
    await ground.run(december + HOUR)
    assert (await ground.candles(symbol_id, "1M"))[december].received == 60
    # Two days on, the month's first 30m candles are gone: a sum over the rest would be too small.
    await ground.owner.execute("DELETE FROM candle WHERE interval <> '1M'")
    later = first + 2 * DAY // MINUTE
    await ground.put(symbol_id, minute(later) + minute(later + 1))
    await ground.run(december + 2 * DAY + HOUR)
    assert (await ground.candles(symbol_id, "30m"))[december + 2 * DAY].received == 120
    assert (await ground.candles(symbol_id, "1M"))[december].received == 60


async def test_parts_that_are_gone_for_another_reason_do_not_shrink_a_candle_either(ground: Ground) -> None:
    symbol_id = await ground.want("TEST", "1m", "5m")
    await ground.put(symbol_id, minute(0) + minute(1))
    await ground.run(OVER)
    await ground.owner.execute("DELETE FROM candle WHERE interval = '1m'")
    await ground.put(symbol_id, minute(2)[:10])
    await ground.run(OVER)
    assert (await ground.candles(symbol_id, "5m"))[START].received == 120


async def test_two_at_once_one_leaves(ground: Ground, database: str) -> None:
    symbol_id = await ground.want()
    await ground.put(symbol_id, minute(0))
    other = await connect(database, service="test")
    begun, leave = asyncio.Event(), asyncio.Event()

    class Slow(Collector):
        async def publish(self, revisions) -> None:
            begun.set()
            await leave.wait()

    first = asyncio.create_task(run(ground.aggregator, Slow(), lambda: OVER))  # type: ignore[arg-type]
    await begun.wait()
    assert await run(other, ground.kafka, lambda: OVER) is None  # type: ignore[arg-type]
    leave.set()
    assert (await first) is not None
    assert await run(other, ground.kafka, lambda: OVER) is not None  # type: ignore[arg-type]
    await other.close()


async def test_killed_in_the_middle_the_next_run_does_it_all(ground: Ground, database: str) -> None:
    symbol_id = await ground.want()
    await ground.put(symbol_id, minute(0) + minute(1))
    victim = await connect(database, service="test")
    pid = victim.get_server_pid()
    holder = await connect(database, service="test")
    async with holder.transaction():
        # The victim has taken its checkpoints and folded the seconds when it has to wait here.
        await holder.execute("LOCK TABLE candle IN SHARE MODE")
        doomed = asyncio.create_task(run(victim, ground.kafka, lambda: OVER))  # type: ignore[arg-type]
        waits = "SELECT wait_event_type = 'Lock' FROM pg_stat_activity WHERE pid = $1"
        await wait_until(lambda: ground.owner.fetchval(waits, pid))
        await ground.owner.execute("SELECT pg_terminate_backend($1)", pid)
        with pytest.raises(Exception, match=r"terminating|closed"):
            await doomed
    await holder.close()
    assert await ground.rows() == []
    assert (await ground.run(OVER)).minutes == 2
    assert (await ground.candles(symbol_id, "1d"))[START].received == 120
    runs = await ground.owner.fetch("SELECT minutes, error, finished_at FROM aggregation_run ORDER BY run_id")
    assert "killed" in runs[0]["error"] and runs[0]["finished_at"] is not None
    assert (runs[1]["minutes"], runs[1]["error"]) == (2, None)


async def test_a_backlog_is_folded_in_bounded_transactions(ground: Ground) -> None:
    symbol_id = await ground.want()
    for number in range(40):
        await ground.put(symbol_id, minute(number))
    assert (await ground.run(START + HOUR)).minutes == 40
    assert len(await ground.owner.fetch("SELECT DISTINCT xmin::text FROM candle WHERE interval = '1m'")) > 2
    assert (await ground.candles(symbol_id, "1d"))[START].received == 2400


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
async def test_any_order_of_insertions_and_runs_gives_the_fold_of_all(ground: Ground, data: st.DataObject) -> None:
    numbers = data.draw(st.lists(st.integers(0, 20 * 60 - 1), min_size=1, max_size=60, unique=True), label="seconds")
    prices = data.draw(st.lists(st.integers(1, 10**6), min_size=len(numbers), max_size=len(numbers)), label="prices")
    runs = data.draw(st.lists(st.booleans(), min_size=len(numbers), max_size=len(numbers)), label="runs")
    symbol_id = await ground.want(f"S{await ground.owner.fetchval('SELECT count(*) FROM symbol')}")
    seconds, batch = [], []
    for number, price, runs_now in zip(numbers, prices, runs, strict=True):
        batch.append(second(number, price=f"{price / 100:.2f}"))
        if runs_now:
            await ground.put(symbol_id, batch)
            await ground.run(START + HOUR)
            seconds, batch = seconds + batch, []
    if batch:
        await ground.put(symbol_id, batch)
    await ground.run(START + HOUR)
    seconds += batch
    for name in ("1m", "5m", "15m", "1h", "4h", "1d"):
        interval = INTERVALS[name]
        stored = await ground.candles(symbol_id, name)
        opens = {interval.open_time(k.open_time) for k in seconds}
        assert set(stored) == opens
        for opened in opens:
            made = fold(interval, [k for k in seconds if interval.open_time(k.open_time) == opened])
            assert made is not None and same(stored[opened], made)


async def test_an_outage_of_ten_hours_is_missing_minutes_at_every_level(ground: Ground) -> None:
    """The real minutes of 2018-06-26, stored as history; what is larger is filled from them."""
    symbol_id = await ground.want("TEST", "1m", "5m", "1h", "1d", candle_days=0)
    minutes = archive_day("BTCUSDT-1m-2018-06-26.csv")
    await ground.store_candles(symbol_id, "1m", minutes)
    await ground.run(OVER)
    (day,) = (await ground.candles(symbol_id, "1d")).values()
    assert (day.received, day.source) == (840 * 60, "backfill")
    for name in ("5m", "1h"):
        stored = await ground.candles(symbol_id, name)
        assert sum(candle.received for candle in stored.values()) == 840 * 60
        there = {INTERVALS[name].open_time(candle.open_time) for candle in minutes}
        assert set(stored) == there  # nothing stands where nothing came
    hours = await ground.candles(symbol_id, "1h")
    assert [candle.received for candle in hours.values()] == 14 * [3600]


async def test_the_recorded_seconds_become_their_candles(ground: Ground) -> None:
    for symbol in ("BTCUSDT", "ETHUSDT"):
        symbol_id = await ground.want(symbol)
        seconds = [
            second(
                0,
                symbol=symbol,
                open_time=int(row["open_time"]),
                open=row["open"],
                high=row["high"],
                low=row["low"],
                close=row["close"],
                volume=row["volume"],
                quote_volume=row["quote_volume"],
                trades=int(row["trades"]),
            )
            for row in recorded()
            if row["symbol"] == symbol
        ]
        await ground.put(symbol_id, seconds)
        await ground.run(OVER)
        stored = await ground.candles(symbol_id)
        whole = 0
        for opened, candle in stored.items():
            made = fold(INTERVALS["1m"], [k for k in seconds if k.open_time - k.open_time % MINUTE == opened])
            assert made is not None and same(candle, made)
            whole += candle.received == 60
        assert whole == 6


def observed_closes() -> tuple[float, float]:
    """How many minutes were observed, and for how many seconds together they were not durable."""
    stage = {"stage": "minute_close_to_candle"}
    count, total = (counted(f"rtchart_stage_latency_seconds_{part}", **stage) for part in ("count", "sum"))
    return count, total


async def test_how_late_a_closed_minute_is_durable_is_observed_and_repairs_are_not(ground: Ground) -> None:
    symbol_id, other = await ground.want(), await ground.want("OTHER")
    count, total = observed_closes()
    await ground.put(symbol_id, minute(0)[1:])
    await ground.put(other, minute(0, symbol="OTHER"))
    await ground.run(START + MINUTE + 400)
    assert observed_closes() == (count + 1, pytest.approx(total + 0.4))
    await ground.put(symbol_id, [second(0)])
    await ground.run(START + 2 * MINUTE)  # a revision
    assert observed_closes() == (count + 1, pytest.approx(total + 0.4))
    assert counted("rtchart_aggregator_outbox_pending") == 0
    assert counted("rtchart_aggregator_checkpoints_pending") == 0


async def test_history_is_no_latency_and_what_an_aggregator_was_slow_with_is(ground: Ground) -> None:
    symbol_id, now = await ground.want("TEST", "1m"), START + HOUR
    count, total = observed_closes()
    await ground.put(symbol_id, minute(57, source="backfill") + minute(58)[:30] + minute(58, source="repair")[30:])
    await ground.put(symbol_id, minute(0))  # it waited for an aggregator
    await ground.run(now)
    assert len(await ground.candles(symbol_id)) == 3
    assert observed_closes() == (count, total)
    await ground.put(symbol_id, minute(59) + minute(10))
    await ground.run(now + 250, began=START + 5 * MINUTE)
    assert observed_closes() == (count + 2, pytest.approx(total + 0.25 + 49 * 60 + 0.25))


async def test_revisions_that_kafka_does_not_take_wait_and_are_counted(ground: Ground, monkeypatch: pytest.MonkeyPatch) -> None:
    symbol_id = await ground.want()
    await ground.put(symbol_id, minute(0))

    async def refuse(revisions: object) -> None:
        raise NotPublished("no broker")

    with monkeypatch.context() as patch:
        patch.setattr(ground.kafka, "publish", refuse)
        assert (await ground.run(OVER)).not_published == "no broker"
    waiting = counted("rtchart_aggregator_outbox_pending")
    assert waiting > 0
    await ground.run(OVER)
    assert counted("rtchart_aggregator_outbox_pending") == 0
    assert len(ground.kafka.revisions) == waiting
