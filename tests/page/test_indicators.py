"""Indicators as people choose them, in Chromium: drawn with the candles, live, remembered, and in the address."""

from __future__ import annotations

import pytest
from playwright.async_api import Page, expect

from rtchart.core.interval import MINUTE
from rtchart.process.clock import now_ms
from tests.page import market
from tests.page.browser import inspect, opened, until, visit
from tests.page.stage import Stage

pytestmark = pytest.mark.browser

LINE = "r.indicators().find(({ line }) => line === a)"


async def test_each_is_drawn_where_it_belongs(stage: Stage, page: Page) -> None:
    await opened(page, stage, "?indicators=sma:20,bollinger:20:2,vwap,rsi:14,macd:12:26:9")
    lines, bars = await page.evaluate("() => [rtchart.indicators(), rtchart.bars()]")  # at one moment
    panes: dict[str, set[int]] = {}
    for line in lines:
        panes.setdefault(line["kind"], set()).add(line["pane"])
    assert panes == {"sma": {0}, "bollinger": {0}, "vwap": {0}, "rsi": {2}, "macd": {3}}
    # A value for each candle, from the first on that has enough before it.
    midnight = next((at for at, bar in enumerate(bars) if bar["time"] % 86_400 == 0), len(bars))
    waits = {"sma": 19, "upper": 19, "middle": 19, "lower": 19, "rsi": 14, "macd": 25, "signal": 33, "histogram": 33}
    waits["vwap"] = midnight
    assert {line["line"] for line in lines} == waits.keys()
    for line in lines:
        assert [point["time"] for point in line["data"]] == [bar["time"] for bar in bars][waits[line["line"]] :], line["line"]


async def test_an_average_is_that_of_the_candles_and_lives_with_the_forming_one(stage: Stage, page: Page) -> None:
    await opened(page, stage, "?indicators=sma:5")
    mean = "r.bars().slice(-5).reduce((sum, { close }) => sum + close, 0) / 5"
    at_its_end = f"Math.abs({LINE}.data.at(-1).value - ({mean})) < 1e-6"
    await until(page, at_its_end, "sma")
    before = await page.evaluate("() => rtchart.indicators()[0].data.at(-1).value")
    await until(page, f"{LINE.replace('=== a', '=== a[0]')}.data.at(-1).value !== a[1]", ["sma", before])
    await until(page, at_its_end, "sma")


async def test_a_repaired_candle_moves_what_is_made_of_it(stage: Stage, page: Page) -> None:
    now = now_ms() // MINUTE * MINUTE
    at = now - 10 * MINUTE
    await opened(page, stage, "?indicators=sma:3")
    candle = {**market.candle("BTCUSDT", "1m", at, now), "close": "1000000", "high": "1000000", "revision": 9}
    view = {"exchange": "binance", "symbol": "BTCUSDT", "interval": "1m"}
    await stage.send({"op": "revision", **view, "candle": candle})
    value = "r.indicators()[0].data.find(({ time }) => time * 1000 === a)?.value"
    for later in range(3):
        await until(page, f"{value} > 300000", at + later * MINUTE)
    assert await page.evaluate(f"(a) => {{ const r = rtchart; return {value}; }}", at + 3 * MINUTE) < 300_000


async def test_they_are_chosen_changed_and_removed(stage: Stage, page: Page) -> None:
    await opened(page, stage)
    assert await inspect(page, "indicators()") == []
    await page.click("#display-open")
    await page.get_by_role("button", name="Exponential average").click()
    await page.get_by_role("button", name="RSI", exact=True).click()
    await until(page, "r.indicators().map(({ line }) => line).join() === 'ema,rsi'")
    assert page.url.endswith("&indicators=ema:20,rsi:14")

    bars = page.get_by_label("Bars").first
    await bars.fill("7")
    await bars.press("Enter")
    await expect(bars).to_be_focused()
    assert page.url.endswith("&indicators=ema:7,rsi:14")
    await bars.fill("0")
    await bars.press("Tab")
    await expect(bars).to_have_value("2")
    await expect(page.get_by_role("button", name="Remove EMA 2")).to_be_focused()
    await expect(page.get_by_role("group", name="EMA 2")).to_be_visible()

    await page.get_by_role("group", name="RSI 14").get_by_label("Bars").fill("21")
    await page.get_by_role("button", name="Remove RSI").click()  # which is the end of typing, too
    await until(page, "r.indicators().map(({ line }) => line).join() === 'ema'")
    await page.keyboard.press("Escape")
    await expect(page.locator("#display")).to_be_hidden()
    await page.click('#symbols a[data-key="binance:ETHUSDT"]')
    await until(page, "r.shown()?.symbol === 'ETHUSDT' && r.candles().length >= 400 && r.indicators()[0].data.length >= 400")
    assert page.url.endswith("&indicators=ema:2")

    # Whoever comes back finds them again; a link says otherwise.
    await visit(page, stage.url)
    await until(page, "r.indicators().length === 1")
    await visit(page, f"{stage.url}?indicators=vwap")
    await until(page, "r.indicators().map(({ line }) => line).join() === 'vwap'")


async def test_what_an_address_says_wrongly_is_left_out(stage: Stage, page: Page) -> None:
    await opened(page, stage, "?indicators=nonsense,sma:-3,constructor")
    await until(page, "r.indicators().map(({ line }) => line).join() === 'sma'")
