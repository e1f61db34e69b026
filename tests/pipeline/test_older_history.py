"""Days of the past through the whole pipeline, from ``spec.historyDays`` to the API, beside the live seconds."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import httpx

from rtchart.core.gap import normal
from rtchart.core.interval import DAY, HOUR, MINUTE
from rtchart.sim.exchange import Address, Config, Exchange
from tests.pipeline.conftest import Run
from tests.pipeline.running import Pipeline
from tests.pipeline.together import fast_clock
from tests.waiting import wait_until

DAYS = 12


async def own(address: Address, interval: str, start: int, end: int) -> dict[int, tuple[Decimal, ...]]:
    """The exchange's own candles, by open time: open, high, low, close, volume and trades."""
    async with httpx.AsyncClient() as client:
        query = {"symbol": "BTCUSDT", "interval": interval, "startTime": start, "endTime": end - 1, "limit": 1000}
        rows = (await client.get(f"{address.rest}/api/v3/klines", params=query)).json()
    return {row[0]: tuple(map(Decimal, (*row[1:6], row[8]))) for row in rows}


async def shown(running: Pipeline, interval: str, start: int, end: int) -> list[dict[str, Any]]:
    answer = await running.get("candles", symbol="BTCUSDT", interval=interval, start=start, end=end, limit=1000)
    return list(answer["candles"])


def figures(candle: dict[str, Any]) -> tuple[Decimal, ...]:
    return tuple(Decimal(str(candle[name])) for name in ("open", "high", "low", "close", "volume", "trades"))


async def test_history_days_are_there_though_every_service_is_killed_on_the_way(pipeline: Run) -> None:
    exchange = Exchange(Config(symbols=("BTCUSDT",), history_days=DAYS + 3), clock=fast_clock())
    today = exchange.clock.now() // DAY * DAY
    start = today - DAYS * DAY
    lacks = today - 5 * DAY + 3 * HOUR
    exchange.faults.absent("BTCUSDT", lacks, lacks + 10 * HOUR)
    # Slow enough to be killed in the middle: about two pages a second.
    async with exchange.serve() as address, pipeline(address, more={"BACKFILL_SHARE": "0.04"}) as running:
        await running.want("BTCUSDT", history_days=DAYS)
        await running.start()
        await running.web_is_ready()

        async def reaches(until: int) -> bool:
            first = (await running.fetch("SELECT min(open_time) AS first FROM candle WHERE interval = '1m'"))[0]["first"]
            return first is not None and first <= until

        await wait_until(lambda: reaches(today - 2 * DAY), 60)
        await running.restart("producer")
        await wait_until(lambda: reaches(today - 5 * DAY), 60)
        await running.restart("inserter")
        await running.restart("aggregator")
        await wait_until(lambda: reaches(start), 60)

        async def all_days() -> bool:
            days = await shown(running, "1d", start, today)
            assert [(candle["received"], candle["source"]) for candle in days] == [
                (86_400 - (36_000 if candle["open_time"] == lacks // DAY * DAY else 0), "venue") for candle in days
            ]
            assert {candle["open_time"]: figures(candle) for candle in days} == await own(address, "1d", start, today)
            return len(days) == DAYS

        await wait_until(all_days, 60)
        for day in range(start, today, DAY):
            minutes = await shown(running, "1m", day, day + 16 * HOUR)
            assert {candle["open_time"]: figures(candle) for candle in minutes} == await own(
                address, "1m", day, day + 16 * HOUR
            )
        gaps = (await running.get("gaps", symbol="BTCUSDT", start=start, end=today))["gaps"]
        # In as many parts as pages of the exchange told of it.
        assert {gap["state"] for gap in gaps} == {"absent"}
        assert normal((gap["start"], gap["end"]) for gap in gaps) == [(lacks, lacks + 10 * HOUR)]

        async def live_is_whole() -> bool:
            """Live minutes are of their seconds, also those that the exchange's own minutes came for."""
            rows = await running.fetch("SELECT min(open_time) AS first, max(open_time) AS last FROM kline_1s")
            first, last = rows[0]["first"] // MINUTE * MINUTE + MINUTE, rows[0]["last"] // MINUTE * MINUTE
            minutes = await shown(running, "1m", first, last)
            assert len(minutes) == (last - first) // MINUTE > 0
            assert {candle["received"] for candle in minutes} == {60}
            assert {candle["source"] for candle in minutes} <= {"stream", "repair"}
            return True

        await wait_until(live_is_whole, 60)
