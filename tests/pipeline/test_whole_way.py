"""From the exchange's socket to the API, with the real services as processes."""

from __future__ import annotations

import asyncio
import csv
import json
from decimal import Decimal
from itertools import groupby
from pathlib import Path

from rtchart.process.clock import now_ms
from rtchart.sim.clock import MarketClock
from rtchart.sim.exchange import Config, Exchange
from tests.pipeline.conftest import Run
from tests.pipeline.running import exchange_seconds, stored_seconds
from tests.pipeline.together import fast_clock, first_second, stored_after
from tests.waiting import wait_until

RECORDED = Path(__file__).parents[1] / "data" / "BTCUSDT-ETHUSDT-1s-2025-07-24.csv"
MINUTE = 60_000


def recorded_minutes(symbol: str) -> list[dict[str, object]]:
    """The whole minutes of the recording, from the file's rows alone: nothing of rtchart computes here."""
    with RECORDED.open() as file:
        rows = [row for row in csv.DictReader(file) if row["symbol"] == symbol]
    minutes = []
    for _, group in groupby(rows, key=lambda row: int(row["open_time"]) // MINUTE):
        seconds = list(group)
        if len(seconds) == 60:
            minutes.append(
                {
                    "open": Decimal(seconds[0]["open"]),
                    "high": max(Decimal(row["high"]) for row in seconds),
                    "low": min(Decimal(row["low"]) for row in seconds),
                    "close": Decimal(seconds[-1]["close"]),
                    "volume": sum(Decimal(row["volume"]) for row in seconds),
                    "quote_volume": sum(Decimal(row["quote_volume"]) for row in seconds),
                    "trades": sum(int(row["trades"]) for row in seconds),
                }
            )
    return minutes


class HurryingClock:
    """A market's clock that runs with the machine's until it is told to hurry."""

    def __init__(self, start: int) -> None:
        self._clock = MarketClock(1, start)

    def now(self) -> int:
        return self._clock.now()

    def hurry(self, rate: float) -> None:
        self._clock = MarketClock(rate, self._clock.now())

    async def sleep_until(self, time: int) -> None:
        while (left := time - self.now()) > 0:  # noqa: ASYNC110 - the rate may change under way
            await asyncio.sleep(min(left / 1000, 0.05))


def subscriptions(exchange: Exchange) -> int:
    """How many streams the exchange's clients are subscribed to."""
    return sum(len(connection.session.streams) for connection in exchange.connections)


async def test_the_recorded_seconds_become_exact_minutes(pipeline: Run):
    # The recording, 406 s, begins with the next minute of the market; begun so far in the past, it ends before the present.
    clock = HurryingClock((now_ms() - 10 * MINUTE) // MINUTE * MINUTE + 1000)
    exchange = Exchange(Config(symbols=(), replay=RECORDED), clock=clock)
    async with exchange.serve() as address, pipeline(address) as running:
        await running.want("BTCUSDT", "ETHUSDT")
        await running.start()
        await running.web_is_ready()
        await wait_until(lambda: subscriptions(exchange) == 2, 30)
        clock.hurry(40)
        for symbol in ("BTCUSDT", "ETHUSDT"):
            expected = recorded_minutes(symbol)
            assert len(expected) == 6

            async def whole(symbol: str = symbol) -> list[dict[str, object]]:
                candles = (await running.get("candles", symbol=symbol, interval="1m", limit=10))["candles"]
                # Stored ones; the last one of the recording is a fragment of 46 s.
                assert [candle["received"] for candle in candles if candle["revision"]] == [60] * 6 + [46], candles
                return candles[:6]

            candles = await wait_until(whole, 60)
            gaps = await running.fetch(
                "SELECT start_time, end_time FROM gap JOIN symbol USING (symbol_id) WHERE symbol = $1", symbol
            )
            for candle, minute in zip(candles, expected, strict=True):
                assert {key: Decimal(str(candle[key])) for key in minute} == minute
                assert candle["closed"] is True
                # A machine that stands still for 0.13 s makes a silence of 5 s of so fast an exchange, which is a gap. What is
                # missed before a symbol's first kline is asked for without one.
                begin, end = candle["open_time"], candle["open_time"] + MINUTE
                missed = any(gap["start_time"] < end and begin < gap["end_time"] for gap in gaps)
                assert candle["source"] == ("repair" if missed else "stream") or candle is candles[0]

        # Of 812 seconds: there is no line for each.
        said = [json.loads(line) for line in running.lines()]
        assert {entry["service"] for entry in said} == {"producer", "inserter", "aggregator", "web"}
        assert len(said) < 200, running.logs()


async def test_every_service_killed_in_the_middle_loses_and_doubles_nothing(pipeline: Run):
    symbols = ("BTCUSDT", "ETHUSDT", "SOLUSDT")
    exchange = Exchange(Config(symbols=symbols), clock=fast_clock())
    async with exchange.serve() as address, pipeline(address) as running:
        await running.want(*symbols)
        await running.start()
        await running.web_is_ready()
        first = await wait_until(lambda: first_second(running, symbols), 30)

        # Each in the middle of the others' work; two at once, which are no neighbours on the way.
        for names in (("producer", "aggregator"), ("inserter", "web")):
            before = exchange.clock.now()
            await asyncio.gather(*map(running.restart, names))
            # It is back when what the exchange published after the kill is stored.
            await wait_until(lambda before=before: stored_after(running, symbols, before + 10_000), 45)
        await running.web_is_ready()

        # Two whole minutes at least.
        await wait_until(lambda: exchange.clock.now() > first + 3 * MINUTE + 1000, 60)
        end = exchange.clock.now() // 1000 * 1000 - 1000

        async def all_there() -> bool:
            for symbol in symbols:
                published = await exchange_seconds(address, symbol, first, end)
                assert await stored_seconds(running, symbol, first, end) == published
                assert len(published) == (end - first) // 1000
            return True

        await wait_until(all_there, 45)

        async def no_open_gap() -> bool:
            return not await running.fetch("SELECT * FROM gap WHERE state = 'open'")

        await wait_until(no_open_gap, 30)

        async def minutes_are_whole() -> bool:
            rows = await running.fetch(
                "SELECT open_time, received FROM candle WHERE interval = '1m' AND open_time >= $1 AND open_time + 60000 <= $2",
                first // MINUTE * MINUTE + MINUTE,
                end,
            )
            minutes = (end // MINUTE) - (first // MINUTE + 1)
            assert len(rows) == minutes * len(symbols)
            assert {row["received"] for row in rows} == {60}
            return True

        await wait_until(minutes_are_whole, 30)


async def test_a_new_symbol_has_a_past_at_once(pipeline: Run):
    exchange = Exchange(Config(symbols=("BTCUSDT",)))
    async with exchange.serve() as address, pipeline(address, history_hours=2) as running:
        await running.want("BTCUSDT")
        await running.start()
        await running.web_is_ready()

        async def two_hours() -> bool:
            answer = await running.get("candles", symbol="BTCUSDT", interval="1m", limit=1000)
            whole = [candle for candle in answer["candles"] if candle["received"] == 60]
            assert len(whole) >= 119
            assert whole[0]["source"] == "backfill"
            return True

        await wait_until(two_hours, 60)
        assert (await running.get("gaps", symbol="BTCUSDT"))["gaps"] == []
