"""What can be done by keys, from the palette and in the settings, in Chromium."""

from __future__ import annotations

import re

import pytest
from playwright.async_api import Page, expect

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
