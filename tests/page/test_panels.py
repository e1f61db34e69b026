"""Several charts side by side, in Chromium: their layout, what they have in common, and the address that shows them."""

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

DRAWN = "r.charts().length === a && r.charts().every((_, at) => r.candlesOf(at)?.length >= 400)"


async def four(page: Page, stage: Stage) -> None:
    await opened(page, stage)
    await page.click('#charts button[value="4"]')
    await until(page, DRAWN, 4)


async def test_one_two_and_four_charts(stage: Stage, page: Page) -> None:
    await opened(page, stage)
    for count in (2, 4, 1):
        await page.click(f'#charts button[value="{count}"]')
        await until(page, DRAWN, count)
        await expect(page.locator(".panel")).to_have_count(count)
        shown = await inspect(page, "charts()")
        assert [view["symbol"] for view in shown] == list(market.SYMBOLS)[:count]
        boxes = [await panel.bounding_box() for panel in await page.locator(".panel").all()]
        assert all(box and box["width"] > 250 and box["height"] > 150 for box in boxes)
    # Whoever is shown no more is not subscribed to either.
    wanted = [m["symbol"] for m in stage.received if m["op"] == "subscribe" and "symbol" in m]
    left = [m["symbol"] for m in stage.received if m["op"] == "unsubscribe"]
    assert sorted(wanted) == sorted([*left, "BTCUSDT"])


async def test_a_link_shows_the_same_charts_and_they_are_remembered(stage: Stage, page: Page) -> None:
    await four(page, stage)
    await page.locator(".panel").nth(2).locator(".tab").click()
    await page.click('#symbols a[data-key="binance:XRPUSDT"]')
    await until(page, "r.charts()[2]?.symbol === 'XRPUSDT'")
    shown = await inspect(page, "charts()")
    address = page.url
    await visit(page, address)
    await until(page, DRAWN, 4)
    assert await inspect(page, "charts()") == shown
    await visit(page, stage.url)
    await until(page, DRAWN, 4)
    assert await inspect(page, "charts()") == shown
    await page.go_back()
    await until(page, DRAWN, 4)


async def test_a_link_does_not_change_what_is_remembered(stage: Stage, page: Page) -> None:
    await opened(page, stage)
    await page.click('#symbols a[data-key="binance:SOLUSDT"]')
    await until(page, "r.shown()?.symbol === 'SOLUSDT'")
    await visit(page, f"{stage.url}?symbol=ETHUSDT&style=line")
    await until(page, "r.shown()?.symbol === 'ETHUSDT' && r.candles().length >= 400")
    await visit(page, stage.url)
    await until(page, "r.shown()?.symbol === 'SOLUSDT' && r.look()[0] === 'Candlestick'")


async def test_an_interval_is_that_of_all_charts_while_they_are_linked(stage: Stage, page: Page) -> None:
    await four(page, stage)
    await page.locator(".panel").nth(1).locator('.intervals button[value="5m"]').click()
    await until(page, "r.charts().every(({ interval }) => interval === '5m')")
    await until(page, DRAWN, 4)
    await page.keyboard.press("d")
    await page.uncheck("#settings-linked")
    await page.keyboard.press("Escape")
    await page.locator(".panel").nth(3).locator('.intervals button[value="1h"]').click()
    await until(page, "r.charts()[3]?.interval === '1h'")
    assert [view["interval"] for view in await inspect(page, "charts()")] == ["5m", "5m", "5m", "1h"]
    # Opened again, they are as they were, and so not linked.
    await visit(page, page.url)
    await until(page, DRAWN, 4)
    await page.locator(".panel").nth(0).locator('.intervals button[value="15m"]').click()
    await until(page, "r.charts()[0]?.interval === '15m' && r.charts()[1]?.interval === '5m'")
    await page.keyboard.press("d")
    await page.check("#settings-linked")
    await until(page, "r.charts().every(({ interval }) => interval === '15m')")


async def test_the_crosshair_stands_at_the_same_time_in_all(stage: Stage, page: Page) -> None:
    now = now_ms() // MINUTE * MINUTE
    for minutes in range(2, 300):
        at = now - minutes * MINUTE
        # Of every symbol: the candle under the crosshair is told by its trades.
        stage.edit[at] = {**market.candle("BTCUSDT", "1m", at, now), "trades": minutes}
    await four(page, stage)
    box = await page.locator(".panel").nth(0).locator(".chart").bounding_box()
    assert box is not None
    trades = page.locator(".values .trades dd")

    async def the_same() -> bool:
        texts = await trades.all_inner_texts()
        return len(set(texts)) == 1 and int(texts[0]) > 5

    await page.mouse.move(box["x"] + box["width"] / 2, box["y"] + 60)
    await wait_until(the_same)
    await page.mouse.move(box["x"] + box["width"] / 2 - 40, box["y"] + 60)
    await wait_until(the_same)
    before = await trades.first.inner_text()
    await page.mouse.move(box["x"] + 10, box["y"] - 40)
    await expect(trades.last).not_to_have_text(before)


async def test_a_symbol_goes_to_the_chart_that_is_worked_with_or_beside_it(stage: Stage, page: Page) -> None:
    await opened(page, stage)
    await page.click('#symbols a[data-key="binance:ETHUSDT"]', modifiers=["Alt"])
    await until(page, DRAWN, 2)
    assert [view["symbol"] for view in await inspect(page, "charts()")] == ["BTCUSDT", "ETHUSDT"]
    await expect(page.locator(".panel[data-active] .tab-symbol")).to_have_text("ETHUSDT")
    await expect(page.locator("#symbols a[aria-current]")).to_have_attribute("data-key", "binance:ETHUSDT")
    await page.locator(".chart").first.focus()
    await expect(page.locator(".panel[data-active] .tab-symbol")).to_have_text("BTCUSDT")
    await page.keyboard.press("n")
    await expect(page.locator(".panel[data-active] .tab-symbol")).to_have_text("ETHUSDT")
    await expect(page.locator(".chart").nth(1)).to_be_focused()


async def test_two_charts_of_one_view_are_one_subscription_and_both_live(stage: Stage, page: Page) -> None:
    await opened(page, stage, "?symbol=BTCUSDT&interval=1m&beside=binance:BTCUSDT:1m")
    await until(page, DRAWN, 2)
    newest = ["r.candlesOf(0).at(-1)?.received", "r.candlesOf(1).at(-1)?.received"]
    received = f"r.candlesOf(1).length > 0 && {newest[0]} === {newest[1]} && {newest[1]} !== a"
    await until(page, received, (await inspect(page, "candlesOf(1)"))[-1]["received"])
    # One of them scrolls back: what another one asks for takes nothing from it.
    await inspect(page, "load()")
    await until(page, "r.candlesOf(0).length >= 1400")
    await page.click('#charts button[value="4"]')
    await until(page, DRAWN, 4)
    await page.locator(".tab").nth(2).click()
    await page.click('#symbols a[data-key="binance:BTCUSDT"]')
    await until(page, "r.charts()[2]?.symbol === 'BTCUSDT' && r.candlesOf(2).length >= 400")
    assert await inspect(page, "candlesOf(0).length") >= 1400


async def test_the_chart_that_is_worked_with_stays_when_there_are_fewer(stage: Stage, page: Page) -> None:
    await four(page, stage)
    await page.locator(".tab").nth(2).click()
    await page.click('#charts button[value="1"]')
    await until(page, DRAWN, 1)
    assert [view["symbol"] for view in await inspect(page, "charts()")] == [list(market.SYMBOLS)[2]]


async def test_four_charts_on_a_phone_are_one_below_the_other(stage: Stage, page: Page) -> None:
    await page.set_viewport_size({"width": 390, "height": 844})
    await four(page, stage)
    assert await page.evaluate("document.documentElement.scrollWidth") == 390
    boxes = [await panel.bounding_box() for panel in await page.locator(".panel").all()]
    tops = [box["y"] for box in boxes if box]
    assert tops == sorted(tops) and len(set(tops)) == 4
