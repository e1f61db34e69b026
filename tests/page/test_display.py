"""How the prices are drawn, in Chromium: styles and scales, chosen, live, remembered and in the address."""

from __future__ import annotations

import pytest
from playwright.async_api import Page, expect

from rtchart.core.interval import MINUTE
from rtchart.process.clock import now_ms
from tests.page import market
from tests.page.browser import inspect, opened, until, visit
from tests.page.stage import Stage

pytestmark = pytest.mark.browser

SERIES = {
    "candles": "Candlestick",
    "hollow": "Candlestick",
    "bars": "Bar",
    "line": "Line",
    "area": "Area",
    "heikin-ashi": "Candlestick",
}
LAST = "(r.bars().at(-1).value ?? r.bars().at(-1).close)"


@pytest.mark.parametrize(("style", "series"), SERIES.items())
async def test_a_style_is_drawn_and_lives(stage: Stage, page: Page, style: str, series: str) -> None:
    await opened(page, stage, f"?style={style}&indicators=sma:5")
    assert (await inspect(page, "look()"))[0] == series
    candles, bars = await page.evaluate("() => [rtchart.candles(), rtchart.bars()]")  # at one moment
    assert [bar["time"] * 1000 for bar in bars] == [candle["open_time"] for candle in candles]
    before = await page.evaluate(f"() => {{ const r = rtchart; return {LAST}; }}")
    await until(page, f"{LAST} !== a", before)
    # Drawn anew, as for another theme and back, it is what it was when it came one by one.
    drawn = await page.evaluate("() => rtchart.bars().slice(0, -1)")
    for _ in range(3):
        await page.click("#theme")
    again = await page.evaluate("() => rtchart.bars()")
    assert again[: len(drawn)] == drawn


async def test_a_repaired_candle_moves_the_heikin_ashi_candles_after_it(stage: Stage, page: Page) -> None:
    now = now_ms() // MINUTE * MINUTE
    at = now - 10 * MINUTE
    await opened(page, stage, "?style=heikin-ashi")
    candle = {**market.candle("BTCUSDT", "1m", at, now), "close": "1000000", "high": "1000000", "revision": 9}
    view = {"exchange": "binance", "symbol": "BTCUSDT", "interval": "1m"}
    opening = "r.bars().find(({ time }) => time * 1000 === a)?.open"
    await until(page, f"{opening} < 150000", at + MINUTE)
    await stage.send({"op": "revision", **view, "candle": candle})
    await until(page, f"{opening} > 150000", at + MINUTE)


async def test_style_and_scale_are_chosen_and_remembered(stage: Stage, page: Page) -> None:
    await opened(page, stage)
    assert await inspect(page, "look()") == ["Candlestick", 0]
    await page.click("#display-open")
    await page.get_by_label("Prices").select_option("Area")
    await page.get_by_label("Scale").select_option("Percent")
    await until(page, "r.look().join() === 'Area,2'")
    assert page.url.endswith("&style=area&scale=percent")
    await until(page, "r.bars().length >= 400")
    await page.keyboard.press("Escape")
    await expect(page.locator("#display")).to_be_hidden()
    await page.click('#symbols a[data-key="binance:ETHUSDT"]')
    await until(page, "r.shown().symbol === 'ETHUSDT' && r.bars().length >= 400")
    assert page.url.endswith("&style=area&scale=percent")

    await visit(page, stage.url)
    await until(page, "r.look().join() === 'Area,2'")
    await visit(page, f"{stage.url}?style=bars&scale=log")
    await until(page, "r.look().join() === 'Bar,1'")


async def test_the_crosshair_and_the_shades_stay_with_another_style(stage: Stage, page: Page) -> None:
    now = now_ms() // MINUTE * MINUTE
    stage.edit = {now - minutes * MINUTE: None for minutes in range(10, 15)}
    at = now - 20 * MINUTE
    stage.edit[at] = {**market.candle("BTCUSDT", "1m", at, now), "received": 31}
    await opened(page, stage)
    await until(page, "r.bands().length === 1")
    await page.click("#display-open")
    await page.get_by_label("Prices").select_option("Bars")
    await until(page, "r.look()[0] === 'Bar' && r.bands().length === 1 && r.marked() >= 1")
