"""Lines and alerts, in Chromium: made, drawn, kept, rung."""

from __future__ import annotations

import json
from typing import Any

import pytest
from playwright.async_api import BrowserContext, Page, expect

from rtchart.process.clock import now_ms
from tests.page import market
from tests.page.browser import complaints, inspect, opened, until
from tests.page.stage import Stage

pytestmark = pytest.mark.browser

FAR, BEYOND = "150000", "150000.50000000"
"""Where the made-up price of BTCUSDT never is."""


async def add(page: Page, kind: str, price: str) -> None:
    """Make a mark in the active chart's dialog, which is left open."""
    if not await page.locator("#marks").is_visible():
        await page.click("#marks-open")
    await page.get_by_label("Price", exact=True).fill(price)
    await page.get_by_role("button", name=f"Add {kind}").click()


async def kept(page: Page) -> Any:
    """What this browser remembers."""
    return json.loads(await page.evaluate("() => localStorage.getItem('rtchart.marks') ?? '{}'"))


async def armed(page: Page) -> None:
    """Wait until every alert knows from which side it will be reached."""
    await page.wait_for_function(
        """() => Object.values(JSON.parse(localStorage.getItem("rtchart.marks"))).flat()
          .every(({ kind, from }) => kind === "line" || from)"""
    )


async def ticks(stage: Stage, symbol: str, price: str) -> None:
    """The exchange tells a price."""
    ticker = {**market.ticker(stage.exchange, symbol, now_ms()), "price": price}
    await stage.send({"op": "tickers", "tickers": [ticker]})


async def another(context: BrowserContext, stage: Stage) -> Page:
    """A further tab of the same browser."""
    page = await context.new_page()
    page.complaints = complaints(page)  # type: ignore[attr-defined]
    return await opened(page, stage)


async def test_a_line_is_made_drawn_kept_and_taken_away(stage: Stage, page: Page) -> None:
    await opened(page, stage)
    await page.click("#marks-open")
    await expect(page.get_by_role("dialog", name="Lines and alerts of BTCUSDT at Binance")).to_be_visible()
    last = float((await inspect(page, "candles()"))[-1]["close"])
    field = page.get_by_label("Price", exact=True)
    await expect(field).to_be_focused()
    assert abs(float(await field.input_value()) - last) < last / 50
    await expect(page.locator("#marks-own")).to_have_text("None yet.")

    await add(page, "line", "97,500.5")
    await expect(page.locator("#marks-said")).to_have_text("Added: line at 97,500.50.")
    await add(page, "line", "96000")
    await until(page, "r.lines().join() === '97500.5,96000'")
    # In another style, another theme and after a while away the lines are where they were.
    await page.keyboard.press("Escape")
    await page.click("#theme")
    await page.click("#display-open")
    await page.get_by_label("Prices").select_option("Area")
    await until(page, "r.look()[0] === 'Area' && r.lines().join() === '97500.5,96000'")
    await page.keyboard.press("Escape")
    await page.click('#symbols a[data-key="binance:ETHUSDT"]')
    await until(page, "r.shown()?.symbol === 'ETHUSDT' && r.lines().length === 0")
    await page.reload()
    await until(page, "r.shown()?.symbol === 'ETHUSDT'")
    await page.click('#symbols a[data-key="binance:BTCUSDT"]')
    await until(page, "r.shown()?.symbol === 'BTCUSDT' && r.lines().join() === '97500.5,96000'")

    # With the keyboard alone: the next one has the focus then.
    await page.click("#marks-open")
    await page.get_by_role("button", name="Remove line at 97,500.50").press("Enter")
    await until(page, "r.lines().join() === '96000'")
    await expect(page.get_by_role("button", name="Remove line at 96,000.00")).to_be_focused()
    await page.keyboard.press("Enter")
    await until(page, "r.lines().length === 0")
    await expect(page.get_by_label("Price", exact=True)).to_be_focused()
    assert await kept(page) == {}


async def test_what_is_no_price_is_said_in_words(stage: Stage, page: Page) -> None:
    await opened(page, stage)
    said, field = page.locator("#marks-said"), page.get_by_label("Price", exact=True)
    for text in ("", "abc", "1.2.3", "1e9"):
        await add(page, "line", text)
        await expect(said).to_have_text("That is no price. Write one like 97500.5.")
        await expect(field).to_have_attribute("aria-invalid", "true")
    await add(page, "alert", "-5")
    await expect(said).to_have_text("A price is above zero.")
    await add(page, "line", "5")
    await expect(field).to_have_attribute("aria-invalid", "false")
    await add(page, "line", "5.00")
    await expect(said).to_have_text("There is one already: line at 5.00.")
    for price in range(6, 25):
        await add(page, "line", str(price))
    await add(page, "line", "99")
    await expect(said).to_have_text("A symbol can have 20 lines and alerts, and this one has. Remove one first.")
    await until(page, "r.lines().length === 20")


async def test_a_right_click_offers_the_price_under_the_pointer(stage: Stage, page: Page) -> None:
    await opened(page, stage)
    box = await page.locator("#chart").bounding_box()
    assert box is not None
    await page.mouse.click(box["x"] + 300, box["y"] + 120, button="right")
    await expect(page.locator("#marks")).to_be_visible()
    price = float(await page.input_value("#marks-price"))
    assert abs((await inspect(page, f"heights({price})"))[0] - 120) < 3
    await page.keyboard.press("Enter")  # a line, which is the first of the two
    await until(page, "r.lines().length === 1 && r.lines()[0] === a", price)


async def test_an_alert_rings_once(stage: Stage, page: Page) -> None:
    await opened(page, stage)
    await add(page, "alert", FAR)
    await page.keyboard.press("Escape")
    await until(page, "r.lines().length === 1")
    await armed(page)
    await ticks(stage, "BTCUSDT", "149999.99999999")
    await ticks(stage, "BTCUSDT", BEYOND)
    toast = page.locator(".toast")
    await expect(toast).to_have_count(1)
    await expect(page.get_by_role("status").filter(has=toast)).to_contain_text("BTCUSDT reached 150,000.00")
    await expect(toast).to_contain_text("Binance, now 150,000.50")
    await ticks(stage, "BTCUSDT", BEYOND)
    [mark] = (await kept(page))["binance:BTCUSDT"]
    assert mark["from"] == "below" and abs(mark["rung"] - now_ms()) < 60_000

    # It is remembered, and not rung again.
    await page.reload()
    await until(page, "r.lines().length === 1")
    await ticks(stage, "BTCUSDT", BEYOND)
    await page.click("#marks-open")
    await expect(page.locator("#marks-own li")).to_contain_text("reached 20")
    await expect(toast).to_have_count(0)
    # Until it is made again.
    await add(page, "alert", FAR)
    await expect(page.locator("#marks-own li .state")).to_have_text("")
    await armed(page)
    await page.keyboard.press("Escape")
    await ticks(stage, "BTCUSDT", BEYOND)
    await expect(toast).to_have_count(1)


async def test_a_toast_stays_until_it_is_dismissed_or_its_symbol_is_shown(stage: Stage, page: Page) -> None:
    await opened(page, stage)
    await add(page, "alert", FAR)
    await add(page, "alert", "140000")
    await page.keyboard.press("Escape")
    await armed(page)
    await page.click('#symbols a[data-key="binance:ETHUSDT"]')
    await until(page, "r.shown()?.symbol === 'ETHUSDT' && r.candles().length >= 400")
    await page.click("#marks-open")  # the alerts of others are there too
    await expect(page.locator("#marks-own")).to_have_text("None yet.")
    await expect(page.locator("#marks-others li")).to_have_count(2)
    await page.get_by_role("button", name="Remove alert at 140,000.00, BTCUSDT").click()
    await expect(page.locator("#marks-others li")).to_have_count(1)
    await add(page, "alert", "150000")
    await page.keyboard.press("Escape")
    await armed(page)
    await ticks(stage, "BTCUSDT", BEYOND)
    await ticks(stage, "ETHUSDT", BEYOND)
    await expect(page.locator(".toast")).to_have_count(2)
    await page.get_by_role("button", name="Dismiss: ETHUSDT reached 150,000.00").press("Enter")
    await expect(page.locator(".toast")).to_have_count(1)
    await expect(page.locator(".toast button.icon")).to_be_focused()
    await page.get_by_role("button", name="Show: BTCUSDT reached 150,000.00").click()
    await until(page, "r.shown()?.symbol === 'BTCUSDT'")
    await expect(page.locator(".toast")).to_have_count(0)


async def test_a_toast_takes_clicks_while_a_dialog_is_open(stage: Stage, page: Page) -> None:
    await opened(page, stage)
    await add(page, "alert", FAR)
    await armed(page)
    await ticks(stage, "BTCUSDT", BEYOND)
    toast = page.locator(".toast")
    await expect(toast).to_be_in_viewport(ratio=1)
    await expect(page.locator("#marks")).to_be_visible()
    await page.keyboard.press("Escape")
    await expect(toast).to_be_in_viewport(ratio=1)
    await page.click("#display-open")
    await page.get_by_role("button", name="Dismiss: BTCUSDT reached 150,000.00").click()
    await expect(toast).to_have_count(0)
    await expect(page.locator("#display-close")).to_be_focused()


async def test_an_alert_that_was_reached_during_an_outage_rings_late(stage: Stage, page: Page) -> None:
    await opened(page, stage)
    await add(page, "alert", FAR)
    await page.keyboard.press("Escape")
    await armed(page)
    stage.refuse = True
    await stage.drop()
    await expect(page.locator("#status-connection")).to_have_text("Reconnecting…")
    await expect(page.locator(".toast")).to_have_count(0)
    stage.refuse = False
    await expect(page.locator("#status-connection")).to_have_text("Live")
    await ticks(stage, "BTCUSDT", BEYOND)
    await expect(page.locator(".toast")).to_have_count(1)
    page.complaints.clear()  # type: ignore[attr-defined]  # the browser itself reports a refused connection


async def test_of_several_tabs_one_rings(stage: Stage, page: Page) -> None:
    await opened(page, stage)
    other = await another(page.context, stage)
    await add(page, "alert", FAR)
    await add(page, "line", "97000")
    await until(other, "r.lines().length === 2")  # without being asked
    await add(other, "line", "96000")
    await until(page, "r.lines().length === 3")
    await page.keyboard.press("Escape")
    await armed(page)
    for _ in range(3):
        await ticks(stage, "BTCUSDT", BEYOND)
    toasts = "() => document.querySelectorAll('.toast').length"
    await other.wait_for_function("() => localStorage.getItem('rtchart.marks').includes('rung')")
    before = (await inspect(other, "candles()"))[-1]["received"]
    await until(other, "r.candles().at(-1).received !== a", before)
    assert await page.evaluate(toasts) + await other.evaluate(toasts) == 1
    assert other.complaints == []  # type: ignore[attr-defined]
    await other.close()


NOTIFICATIONS = """(permission) => {
  window.notified = [];
  window.Notification = class extends EventTarget {
    static permission = permission;
    static async requestPermission() { window.asked = (window.asked ?? 0) + 1; return (this.permission = "granted"); }
    constructor(title, options) { super(); window.notified.push([title, options, this]); }
    close() { this.closed = true; }
  };
}"""
"""What no test can see of a system's notifications."""


async def test_the_system_is_told_too_when_it_may_be(stage: Stage, page: Page) -> None:
    await page.add_init_script(f"({NOTIFICATIONS})('default')")
    await opened(page, stage)
    assert await page.evaluate("() => window.asked") is None
    await add(page, "alert", FAR)
    await page.wait_for_function("() => window.asked === 1")
    await expect(page.locator("#marks-note")).to_have_text("")
    await page.keyboard.press("Escape")
    await armed(page)
    await page.click('#symbols a[data-key="binance:ETHUSDT"]')
    await until(page, "r.shown()?.symbol === 'ETHUSDT'")
    await ticks(stage, "BTCUSDT", BEYOND)
    await expect(page.locator(".toast")).to_have_count(1)
    [[title, options]] = await page.evaluate("() => window.notified.map(([title, options]) => [title, options])")
    assert title == "BTCUSDT reached 150,000.00"
    assert options == {"body": "Binance, now 150,000.50", "tag": "binance:BTCUSDT alert 150000"}
    await page.evaluate("() => void window.notified[0][2].dispatchEvent(new Event('click'))")
    await until(page, "r.shown()?.symbol === 'BTCUSDT' && window.notified[0][2].closed")


@pytest.mark.parametrize(
    ("how", "says"),
    [
        (f"({NOTIFICATIONS})('denied')", "Alerts are shown on this page only: this browser does not let it notify you."),
        ("delete window.Notification", "Alerts are shown on this page only: this browser has no notifications."),
    ],
)
async def test_it_is_said_when_the_system_is_not_told(stage: Stage, page: Page, how: str, says: str) -> None:
    await page.add_init_script(how)
    await opened(page, stage)
    await page.click("#marks-open")
    await expect(page.locator("#marks-note")).to_have_text("")  # there is no alert yet
    await add(page, "alert", FAR)
    await expect(page.locator("#marks-note")).to_have_text(says)
    await page.keyboard.press("Escape")
    await armed(page)
    await ticks(stage, "BTCUSDT", BEYOND)
    await expect(page.locator(".toast")).to_have_count(1)


async def test_rubbish_in_the_storage_harms_nothing(stage: Stage, page: Page) -> None:
    await page.add_init_script('localStorage.setItem(\'rtchart.marks\', \'{"binance:BTCUSDT":[1,{"price":"x"}],"a":\')')
    await opened(page, stage)
    await add(page, "line", "97000")
    await until(page, "r.lines().join() === '97000'")
