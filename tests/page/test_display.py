"""How prices are drawn, in Chromium: styles and scales, live, remembered, in the address; and another symbol beside them."""

from __future__ import annotations

import pytest
from playwright.async_api import Page, expect

from rtchart.core.interval import MINUTE
from rtchart.process.clock import now_ms
from tests.page import market
from tests.page.browser import inspect, opened, until, visit
from tests.page.stage import Stage
from tests.waiting import wait_until

pytestmark = pytest.mark.browser

SERIES = {
    "candles": "Candlestick",
    "hollow": "Candlestick",
    "bars": "Bar",
    "line": "Line",
    "area": "Area",
    "heikin-ashi": "Candlestick",
}


@pytest.mark.parametrize(("style", "series"), SERIES.items())
async def test_a_style_is_drawn_and_lives(stage: Stage, page: Page, style: str, series: str) -> None:
    await opened(page, stage, f"?style={style}&interval=1s&indicators=sma:5")
    assert (await inspect(page, "look()"))[0] == series
    candles, bars = await page.evaluate("() => [rtchart.candles(), rtchart.bars()]")  # at one moment
    assert [bar["time"] * 1000 for bar in bars] == [candle["open_time"] for candle in candles]
    await until(page, "r.bars().length >= a + 3", len(bars))
    # Drawn anew, as for another theme and back, it is what it was when it came one by one.
    drawn = await page.evaluate("() => rtchart.bars().slice(0, -1)")
    for _ in range(3):
        await page.click("#theme")
    again = await page.evaluate("() => rtchart.bars()")
    assert again[: len(drawn)] == drawn


async def test_in_percent_an_average_stays_beside_its_prices(stage: Stage, page: Page) -> None:
    await opened(page, stage, "?scale=percent&indicators=sma:20,bollinger:20:2")
    assert await inspect(page, "look()") == ["Candlestick", 0]
    await until(page, "r.formatted(r.bars().at(-1).close).endsWith('%')")
    # The first in sight is what the others are of.
    first = "r.bars().find((bar) => r.place(bar.time * 1000) >= r.visible().from).close"
    await until(page, f"r.formatted({first}) === '0.00%' && r.formatted(2 * {first}) === '+100.00%'")
    heights = await page.evaluate("() => rtchart.heights(rtchart.bars().at(-1).close)")
    assert len(heights) == 5 and len(set(heights)) == 1


async def test_a_line_does_not_lead_over_an_outage(stage: Stage, page: Page) -> None:
    now = now_ms() // MINUTE * MINUTE
    stage.edit = {now - minutes * MINUTE: None for minutes in range(10, 15)}
    for style, colour in (("line", "color"), ("area", "lineColor")):
        await opened(page, stage, f"?style={style}")
        bars = await inspect(page, "bars()")
        ends = [bar["time"] * 1000 for bar in bars if bar.get(colour) == "transparent"]
        assert ends == [now - 15 * MINUTE]


async def test_what_is_drawn_over_the_prices_does_not_lead_over_an_outage_either(stage: Stage, page: Page) -> None:
    now = now_ms() // MINUTE * MINUTE
    stage.edit = {now - minutes * MINUTE: None for minutes in range(10, 15)}
    await opened(page, stage, "?indicators=sma:20,rsi:14&compare=binance:ETHUSDT")
    await until(page, "r.compared().length >= 400")
    drawn = [*[line["data"] for line in await inspect(page, "indicators()")], await inspect(page, "compared()")]
    assert len(drawn) == 3
    for points in drawn:
        ends = [point["time"] * 1000 for point in points if point.get("color") == "transparent"]
        assert ends == [now - 15 * MINUTE]
    # Nor where it happens before one's eyes.
    later = now_ms() // MINUTE * MINUTE + 3 * MINUTE
    candle = market.candle("BTCUSDT", "1m", later, later + 30_000)
    await stage.send({"op": "candle", "exchange": "binance", "symbol": "BTCUSDT", "interval": "1m", "candle": candle})
    await until(page, "r.indicators().every(({ data }) => data.at(-2).color === 'transparent' && data.at(-1).value)")
    other = market.candle("ETHUSDT", "1m", later, later + 30_000)
    await stage.send({"op": "candle", "exchange": "binance", "symbol": "ETHUSDT", "interval": "1m", "candle": other})
    await until(page, "r.compared().at(-2).color === 'transparent' && r.compared().at(-1).time * 1000 === a", later)


async def test_another_style_leaves_the_view_where_it_is(stage: Stage, page: Page) -> None:
    now = now_ms() // MINUTE * MINUTE
    stage.edit = {now - minutes * MINUTE: None for minutes in range(20, 60)}
    await opened(page, stage)
    now_at = (await inspect(page, "visible()"))["from"]
    await page.evaluate("() => rtchart.scroll(-200)")
    await until(page, "r.visible().from < a - 150", now_at)
    before = await inspect(page, "visible()")
    await page.click("#display-open")
    await page.get_by_label("Prices").select_option("Bars")
    await until(page, "r.look()[0] === 'Bar' && r.bars().length >= 400")
    after = await inspect(page, "visible()")
    assert abs(after["from"] - before["from"]) <= 1 and abs(after["to"] - before["to"]) <= 1  # a minute may turn


async def test_the_way_back_is_drawn_as_it_was(stage: Stage, page: Page) -> None:
    await opened(page, stage, "?symbol=BTCUSDT&style=line")
    await page.click('#symbols a[data-key="binance:ETHUSDT"]')
    await until(page, "r.shown()?.symbol === 'ETHUSDT' && r.bars().length >= 400")
    await page.click("#display-open")
    await page.get_by_role("button", name="RSI", exact=True).click()
    await page.get_by_label("Prices").select_option("Area")
    await until(page, "r.look()[0] === 'Area' && r.indicators().length === 1")
    await page.keyboard.press("Escape")
    await page.go_back()
    await until(page, "r.shown()?.symbol === 'BTCUSDT' && r.look()[0] === 'Line' && r.indicators().length === 0")
    # A link that says nothing of it shows what is usual, whatever this browser remembers.
    await visit(page, f"{stage.url}?symbol=SOLUSDT&interval=5m")
    await until(page, "r.shown()?.symbol === 'SOLUSDT' && r.look()[0] === 'Candlestick' && r.indicators().length === 0")


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
    await page.click("#display-open")
    await page.get_by_label("Prices").select_option("Area")
    await page.get_by_label("Scale").select_option("Percent")
    await until(page, "r.look()[0] === 'Area' && r.formatted(1).endsWith('%')")
    assert page.url.endswith("&style=area&scale=percent")
    await until(page, "r.bars().length >= 400")
    await page.keyboard.press("Escape")
    await expect(page.locator("#display")).to_be_hidden()
    await page.click('#symbols a[data-key="binance:ETHUSDT"]')
    await until(page, "r.shown()?.symbol === 'ETHUSDT' && r.bars().length >= 400")
    assert page.url.endswith("&style=area&scale=percent")

    await visit(page, stage.url)
    await until(page, "r.look()[0] === 'Area'")
    await visit(page, f"{stage.url}?style=bars&scale=log")
    await until(page, "r.look().join() === 'Bar,1'")


async def test_marks_and_shades_stay_with_another_style(stage: Stage, page: Page) -> None:
    now = now_ms() // MINUTE * MINUTE
    stage.edit = {now - minutes * MINUTE: None for minutes in range(10, 15)}
    at = now - 20 * MINUTE
    stage.edit[at] = {**market.candle("BTCUSDT", "1m", at, now), "received": 31}
    await opened(page, stage)
    await until(page, "r.bands().length === 1")
    await page.click("#display-open")
    await page.get_by_label("Prices").select_option("Bars")
    await until(page, "r.look()[0] === 'Bar' && r.bands().length === 1 && r.marked() >= 1")


async def test_another_symbol_is_compared_in_percent(stage: Stage, page: Page) -> None:
    await opened(page, stage)
    await page.keyboard.press("d")
    await page.fill("#display-compare", "ethusdt")
    await page.locator("#display-compare").blur()
    await page.keyboard.press("Escape")
    await until(page, "r.compared().length >= 400")
    assert "compare=binance:ETHUSDT" in page.url and "scale=percent" in page.url
    # Both begin at nothing, and are in percent of where they began.
    first, factor = await page.evaluate(
        """() => {
          const from = rtchart.candles().find(({ open_time }) => rtchart.place(open_time) >= rtchart.visible().from);
          const other = rtchart.compared().find(({ time }) => time * 1000 === from.open_time);
          return [other.value / Number(from.close), rtchart.formatted(other.value)];
        }"""
    )
    assert abs(first - 1) < 1e-9 and factor == "0.00%"
    # Live, and over older pages.
    last = (await inspect(page, "compared()"))[-1]
    await until(page, "r.compared().at(-1).value !== a.value || r.compared().at(-1).time !== a.time", last)
    await page.locator("#chart").focus()

    async def further() -> bool:
        await page.keyboard.press("PageUp")
        return bool(await inspect(page, "compared().length") >= 1_400)

    await wait_until(further, every=0.05)
    # A link shows it; and it goes.
    await visit(page, page.url)
    await until(page, "r.compared().length >= 400")
    await page.keyboard.press("d")
    await page.fill("#display-compare", "no such one")
    await page.locator("#display-compare").blur()
    assert await page.evaluate("() => !document.querySelector('#display-compare').validity.valid")
    await page.fill("#display-compare", "")
    await page.locator("#display-compare").blur()
    await until(page, "r.compared().length === 0")
    assert "compare" not in page.url
    unsubscribed = [m["symbol"] for m in stage.received if m["op"] == "unsubscribe"]
    assert unsubscribed[-1] == "ETHUSDT"


async def test_a_symbol_that_cannot_be_compared_with_says_so(stage: Stage, page: Page) -> None:
    stage.refused.add("ETHUSDT")
    await opened(page, stage, "?compare=binance:ETHUSDT")
    notice = page.locator(".notice")
    await expect(notice).to_have_text("No comparison with ETHUSDT: ETHUSDT is not followed.")
    assert await inspect(page, "compared()") == []
    stage.refused.clear()
    await until(page, "r.compared().length >= 400")
    await expect(notice).to_be_hidden()
