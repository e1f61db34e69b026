"""What can be done by keys, from the palette and in the settings, in Chromium."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest
from playwright.async_api import Page, expect

from rtchart.core.interval import MINUTE
from rtchart.process.clock import now_ms
from tests.page import market
from tests.page.browser import inspect, opened, shows, until, visit
from tests.page.stage import Stage
from tests.waiting import wait_until

pytestmark = pytest.mark.browser

UP_LIGHT, DOWN_LIGHT = (11, 138, 116), (208, 53, 74)


async def test_the_palette_finds_symbols_and_commands(stage: Stage, page: Page) -> None:
    await opened(page, stage)
    await page.keyboard.press("k")
    await page.keyboard.type("link")
    await expect(page.locator('#palette-list [aria-selected="true"] span')).to_have_text("LINKUSDT")
    await page.keyboard.press("Enter")
    await until(page, "r.shown()?.symbol === 'LINKUSDT'")
    await page.locator("#filter").focus()
    await page.keyboard.press("ControlOrMeta+k")  # from an input too
    await page.keyboard.type("side by side")
    await page.keyboard.press("ArrowDown")
    await expect(page.locator("#palette-input")).to_have_attribute("aria-activedescendant", "palette-1")
    await page.keyboard.press("Enter")
    await until(page, "r.charts().length === 4")
    await page.click("#palette-open")
    await page.keyboard.type("nothing like it")
    await expect(page.locator("#palette-note")).to_have_text("Nothing is called like that.")
    await page.keyboard.press("Enter")
    await page.keyboard.press("Escape")
    await expect(page.locator("#palette")).to_be_hidden()


async def test_every_key_is_listed_and_does_what_is_said(stage: Stage, page: Page) -> None:
    await opened(page, stage)
    await page.keyboard.press("?")
    keys = await page.locator("#help-keys kbd").all_inner_texts()
    assert {"k", "1", "2", "4", "n", "d", "g", "a", "h", "f", "t", "?", "/", "End"} <= set(keys)
    assert len(set(keys)) == len(keys)
    await page.keyboard.press("2")  # nothing happens behind it
    await page.keyboard.press("Escape")
    await expect(page.locator("#help")).to_be_hidden()
    assert len(await inspect(page, "charts()")) == 1
    for key, dialog in {"d": "#display", "g": "#jump", "a": "#marks", "h": "#health"}.items():
        await page.keyboard.press(key)
        await expect(page.locator(dialog)).to_be_visible()
        await page.keyboard.press("Escape")
        await expect(page.locator(dialog)).to_be_hidden()
    await page.keyboard.press("t")
    await expect(page.locator("#theme")).to_have_text("Theme: light")
    await page.keyboard.press("f")
    await page.wait_for_function("() => document.fullscreenElement !== null")
    await page.keyboard.press("f")
    await page.wait_for_function("() => document.fullscreenElement === null")
    # Whoever types is not surprised.
    await page.locator("#filter").focus()
    await page.keyboard.type("2dfgh?")
    await expect(page.locator("#filter")).to_have_value("2dfgh?")
    assert len(await inspect(page, "charts()")) == 1


async def test_times_are_in_the_zone_that_was_chosen(stage: Stage, page: Page) -> None:
    await opened(page, stage)
    await expect(page.locator("#status-zone")).to_have_text("UTC")
    await page.keyboard.press("d")
    await page.locator("#settings-zone").focus()
    await page.select_option("#settings-zone", "Asia/Tokyo")
    await expect(page.locator("#status-zone")).to_have_text("Asia/Tokyo")
    await page.keyboard.press("Escape")
    await page.keyboard.press("g")
    await expect(page.locator("#jump-zone")).to_have_text("Asia/Tokyo")
    offered = await page.input_value("#jump-time")
    assert await page.evaluate(
        "(text) => Math.abs(Date.parse(`${text}Z`) - 9 * 36e5 - rtchart.inSight()[0].open_time) < 120_000", offered[:16]
    )
    await visit(page, page.url)
    await expect(page.locator("#status-zone")).to_have_text("Asia/Tokyo")


async def test_red_rises_for_who_wants_it(stage: Stage, page: Page) -> None:
    await opened(page, stage)
    await wait_until(lambda: shows(page, UP_LIGHT, DOWN_LIGHT))
    before, rose = await colour(page, "--up"), await colour(page, "--rose")
    await page.keyboard.press("d")
    await page.check("#settings-swapped")
    assert await colour(page, "--up") == rose != before
    await wait_until(lambda: shows(page, UP_LIGHT, DOWN_LIGHT))
    await visit(page, page.url)
    await expect(page.locator("#settings-swapped")).to_be_checked()
    assert await colour(page, "--up") == rose


async def colour(page: Page, name: str) -> str:
    """A colour of the style sheet."""
    return str(await page.evaluate("(name) => getComputedStyle(document.documentElement).getPropertyValue(name)", name))


async def test_the_price_is_read_out_for_who_wants_it(stage: Stage, page: Page) -> None:
    await opened(page, stage)
    spoken = page.locator("#spoken")
    await expect(spoken).to_have_attribute("aria-live", "polite")
    before = (await inspect(page, "candles()"))[-1]["received"]
    await until(page, "r.candles().at(-1).received !== a", before)
    await expect(spoken).to_be_empty()
    await page.keyboard.press("d")
    await page.check("#settings-spoken")
    await expect(spoken).to_have_text(re.compile(r"^BTCUSDT [\d,.]+$"))
    await page.uncheck("#settings-spoken")
    await expect(spoken).to_be_empty()


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


@pytest.fixture
def gap() -> Iterator[dict[str, Any]]:
    """Of the tenth minute before this one: 29 seconds of it."""
    at = now_ms() // MINUTE * MINUTE - 10 * MINUTE
    yield {"start": at + 9_000, "end": at + 38_000, "state": "open", "reason": "reconnect", "opened_at": at, "closed_at": None}


async def test_a_candle_that_is_not_whole_says_why_and_what_is_done(stage: Stage, page: Page, gap: dict[str, Any]) -> None:
    at = gap["start"] - 9_000
    stage.edit[at] = {**market.candle("BTCUSDT", "1m", at, now_ms()), "received": 31}
    stage.gaps = [gap]
    await opened(page, stage)
    tip = page.locator(".tip")

    async def found() -> bool:
        x = await page.evaluate("(at) => rtchart.x(at)", at)
        box = await page.locator("#chart").bounding_box()
        assert box is not None
        await page.mouse.move(box["x"] + x, box["y"] + 120)
        return await tip.is_visible()

    await wait_until(found)
    await expect(tip).to_contain_text("29 of 60 seconds are missing.")
    await expect(tip).to_contain_text("the connection to the exchange was lost")
    await expect(tip).to_contain_text("Being repaired")
    gap_closed = {**gap, "state": "absent", "closed_at": now_ms()}
    await stage.send({"op": "gap", "exchange": "binance", "symbol": "BTCUSDT", "gap": gap_closed})
    await until(page, "r.gaps().some(({ state }) => state === 'absent') && r.marked() === 1")
    await page.mouse.move(10, 10)
    await expect(tip).to_be_hidden()
    await wait_until(found)
    await expect(tip).to_contain_text("The exchange itself has nothing for it")


async def test_the_time_to_the_close_is_counted_down(stage: Stage, page: Page) -> None:
    await opened(page, stage, "?interval=1h")
    countdown = page.locator(".countdown")
    await expect(countdown).to_have_text(re.compile(r"^(1:00:00|[0-5]?\d:[0-5]\d)$"))
    before = await countdown.inner_text()
    await expect(countdown).not_to_have_text(before)

    async def right() -> bool:
        left = 3600 - now_ms() // 1000 % 3600
        *_, minutes, seconds = map(int, f"0:{await countdown.inner_text()}".split(":"))
        return abs((minutes * 60 + seconds - left + 1800) % 3600 - 1800) < 20

    await wait_until(right)


async def test_the_legend_tells_where_a_candle_is_from(stage: Stage, page: Page) -> None:
    now = now_ms() // MINUTE * MINUTE
    for minutes in range(15, 60):
        at = now - minutes * MINUTE
        candle = market.candle("BTCUSDT", "1m", at, now)
        stage.edit[at] = {
            **candle,
            "source": "repair",
            "revision": 3,
            "open": "100.0",
            "close": "110.0" if minutes % 2 else "100.0",
        }
    await opened(page, stage)
    box = await page.locator("#chart").bounding_box()
    assert box is not None
    await page.mouse.move(box["x"] + box["width"] / 2, box["y"] + 200)
    await expect(page.locator(".values .source dd")).to_have_text("repaired")
    await expect(page.locator(".values .revision dd")).to_have_text("3")
    await expect(page.locator(".values .move dd")).to_have_text(re.compile(r"^(\+10\.00|−9\.09)%$"))


async def test_a_symbol_that_is_not_streamed_is_greyed_with_its_last_second(stage: Stage, page: Page) -> None:
    await opened(page, stage)
    info = {"exchange": "binance", "symbol": "BTCUSDT", "intervals": market.INTERVALS, "price": None}
    await stage.send({"op": "symbols", "symbols": [{**info, "status": "stale", "detail": ""}]})
    await expect(page.locator(".notice")).to_have_text(
        re.compile(r"^Nothing comes in from the exchange\. Last second: \d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.$")
    )
    await expect(page.locator(".panel")).to_have_class(re.compile("halted"))
    await stage.send({"op": "symbols", "symbols": [{**info, "status": "streaming", "detail": ""}]})
    await expect(page.locator(".notice")).to_be_hidden()
