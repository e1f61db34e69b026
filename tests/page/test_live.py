"""The page on the real services: simulated exchange, producer, Kafka, inserter, PostgreSQL, aggregator, web, Chromium."""

from __future__ import annotations

import re
import uuid
from collections.abc import AsyncIterator
from typing import Any

import asyncpg
import httpx
import pytest
from playwright.async_api import Page, expect

from rtchart.core.interval import HOUR, INTERVALS, MINUTE
from rtchart.core.kline import Identity
from rtchart.process.clock import now_ms
from rtchart.sim.exchange import Address, Config, Exchange
from rtchart.store import symbols
from tests.page.browser import inspect, painted_colours, until, visit
from tests.pipeline.running import EPOCH, Pipeline
from tests.waiting import wait_until

pytestmark = pytest.mark.browser

SYMBOLS = ("BTCUSDT", "ETHUSDT")
STORED = {"1m": 1_900, "1h": 600}
"""Candles that were stored before the services start."""
UP_LIGHT, DOWN_LIGHT = (11, 138, 116), (208, 53, 74)


@pytest.fixture(scope="module")
def exchange() -> Exchange:
    """The venue, whose faults a test may set."""
    return Exchange(Config(symbols=SYMBOLS, history_days=30))


@pytest.fixture(scope="module")
async def running(
    tmp_path_factory: pytest.TempPathFactory, exchange: Exchange, kafka: str, postgres: str, migrated_template: str
) -> AsyncIterator[Pipeline]:
    """All services, with two symbols that have a past; started once."""
    name = f"page{uuid.uuid4().hex[:8]}"
    connection = await asyncpg.connect(postgres)
    await connection.execute(f"CREATE DATABASE {name} TEMPLATE {migrated_template}")
    await connection.close()
    database = f"{postgres.rpartition('/')[0]}/{name}"
    async with exchange.serve() as address:
        for symbol in SYMBOLS:
            await store_past(database, address, symbol)
        folder = tmp_path_factory.mktemp("services")
        pipeline = Pipeline(folder, kafka=kafka, prefix=f"{name}.", database=database, exchange=address)
        try:
            await pipeline.want(*SYMBOLS)
            await pipeline.start()
            await pipeline.web_is_ready()
            yield pipeline
        except BaseException:
            print(pipeline.logs())
            raise
        finally:
            await pipeline.stop()


async def store_past(database: str, exchange: Address, symbol: str) -> None:
    """The exchange's own candles of the past, as if they had been stored."""
    connection = await asyncpg.connect(database)
    [row] = await symbols.ensure(connection, {Identity("sim", symbol): EPOCH})
    async with httpx.AsyncClient(base_url=exchange.rest) as client:
        for interval, wanted in STORED.items():
            end, stored = INTERVALS[interval].open_time(now_ms()) - 1, 0
            while stored < wanted:
                limit = min(1_000, wanted - stored)
                query: dict[str, str | int] = {"symbol": symbol, "interval": interval, "endTime": end, "limit": limit}
                klines = (await client.get("/api/v3/klines", params=query)).raise_for_status().json()
                await connection.executemany(
                    """INSERT INTO candle (symbol_id, interval, open_time, open, high, low, close, volume, quote_volume, trades,
                                           taker_buy_volume, taker_buy_quote_volume, received, source, revision)
                       VALUES ($1, $2, $3, $4::text::numeric, $5::text::numeric, $6::text::numeric,
                               $7::text::numeric, $8::text::numeric, $9::text::numeric, $10,
                               $11::text::numeric, $12::text::numeric, $13, 'b', 1)""",
                    [
                        (row.symbol_id, interval, k[0], *k[1:6], k[7], k[8], k[9], k[10], INTERVALS[interval].length // 1000)
                        for k in klines
                    ],
                )
                end, stored = klines[0][0] - 1, stored + len(klines)
    await connection.close()


async def opened(page: Page, pipeline: Pipeline, query: str = "") -> None:
    await visit(page, f"http://127.0.0.1:{pipeline.port}/{query}")
    await until(page, "r.candles().length >= 500")


async def moved(page: Page) -> None:
    """The newest candle gets another second."""
    last = (await inspect(page, "candles()"))[-1]
    moving = "r.candles().at(-1).open_time > a[0] || r.candles().at(-1).received > a[1]"
    await until(page, moving, [last["open_time"], last["received"]])


async def test_the_whole_way_to_the_eye(running: Pipeline, page: Page) -> None:
    await opened(page, running)
    await expect(page.locator("#status-venue")).to_have_text("Simulated prices, not a real market")
    await expect(page.locator("#status-connection")).to_have_text("Live")

    # In the series' data: what the API says; and in the canvas' pixels.
    served = {c["open_time"]: c for c in (await running.get("candles", symbol="BTCUSDT", interval="1m", limit=500))["candles"]}
    bars = await inspect(page, "bars()")
    same = [(bar, served[bar["time"] * 1000]) for bar in bars if bar["time"] * 1000 in served]
    assert len(same) >= 499
    assert all(bar["close"] == float(candle["close"]) for bar, candle in same if candle["closed"])
    await wait_until(lambda: _painted(page, UP_LIGHT, DOWN_LIGHT))

    # Live: the candle, the sidebar, the latency.
    await moved(page)
    await expect(page.locator("#status-latency")).to_have_text(re.compile(r"[\d.]+ m?s"))
    for symbol in SYMBOLS:
        row = page.locator(f'#symbols a[data-key="sim:{symbol}"]')
        await expect(row.locator(".number").first).to_have_text(re.compile(r"^[\d,]+\.\d\d$"))

    # Another symbol, other intervals.
    await page.click('#symbols a[data-key="sim:ETHUSDT"]')
    await until(page, "r.shown()?.symbol === 'ETHUSDT' && r.candles().length >= 500")
    await moved(page)
    await page.click('.intervals button[value="1h"]')
    await until(page, "r.shown()?.interval === '1h' && r.candles().length >= 500")
    assert all(candle["open_time"] % HOUR == 0 for candle in await inspect(page, "candles()"))
    await moved(page)
    await page.click('.intervals button[value="1s"]')
    await until(page, "r.shown()?.interval === '1s' && r.candles().length >= 3")
    await moved(page)


async def _painted(page: Page, *colours: tuple[int, int, int]) -> bool:
    return set(colours) <= await painted_colours(page)


async def test_history_is_loaded_by_scrolling_to_its_beginning(running: Pipeline, page: Page) -> None:
    await opened(page, running, "?symbol=BTCUSDT&interval=1m")
    await page.locator("#chart").focus()

    async def all_there() -> bool:
        await page.keyboard.press("PageUp")
        return bool(await inspect(page, "candles().length") >= STORED["1m"])

    await wait_until(all_there, 30, every=0.1)
    # What was stored is whole; on a slow machine minutes may have passed before the services streamed.
    times = [candle["open_time"] for candle in await inspect(page, "candles()")][: STORED["1m"]]
    assert times == list(range(times[0], times[0] + STORED["1m"] * MINUTE, MINUTE))
    await moved(page)


async def test_seconds_that_were_left_out_appear_in_their_place(running: Pipeline, exchange: Exchange, page: Page) -> None:
    await visit(page, f"http://127.0.0.1:{running.port}/?symbol=BTCUSDT&interval=1s")
    await until(page, "r.candles().length >= 3")
    start = exchange.clock.now() // 1000 * 1000 + 2_000
    end = start + 4_000
    exchange.faults.skip_seconds("BTCUSDT", start, end)
    await until(page, "r.gaps().some((gap) => gap.start <= a[0] && gap.end >= a[1])", [start, end])
    await until(page, "r.candles().filter(({ open_time: t }) => t >= a[0] && t < a[1]).length === 4", [start, end])
    await until(page, "r.candles().at(-1).open_time >= a && r.bands().length === 0", end)
    late = [c for c in await inspect(page, "candles()") if start <= c["open_time"] < end]
    assert [candle["source"] for candle in late] == ["repair"] * 4
    await expect(page.locator("#status-gaps")).to_have_text("0 gaps")


async def test_the_page_comes_back_when_the_server_is_killed(running: Pipeline, page: Page) -> None:
    await opened(page, running)
    await moved(page)
    before: list[dict[str, Any]] = await inspect(page, "candles()")
    await running.kill("web")
    await expect(page.locator("#status-connection")).to_have_text("Reconnecting…")
    await running.start("web")
    await expect(page.locator("#status-connection")).to_have_text("Live")
    await moved(page)
    after = await inspect(page, "candles()")
    assert [candle["open_time"] for candle in after[: len(before)]] == [candle["open_time"] for candle in before]
    page.complaints.clear()  # type: ignore[attr-defined]  # the browser itself reports refused connections
