"""Going to a date and time, in Chromium: near, far, to where nothing is, and back to now."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

import pytest
from playwright.async_api import Page, expect

from rtchart.core.interval import DAY, HOUR, MINUTE
from rtchart.process.clock import now_ms
from tests.page import market
from tests.page.browser import inspect, opened, until
from tests.page.market import BEGINNING
from tests.page.stage import Stage
from tests.waiting import wait_until

pytestmark = pytest.mark.browser


async def go(page: Page, time: int) -> None:
    """Ask for a time (ms)."""
    await page.click("#jump-open")
    await page.fill("#jump-time", datetime.fromtimestamp(time / 1000, UTC).strftime("%Y-%m-%dT%H:%M:%S"))
    await page.click('#jump-form button[type="submit"]')


async def press_until(page: Page, key: str, what: str, done: Callable[[int], bool]) -> None:
    """Press a key until a time is as wished."""

    async def pressed() -> bool:
        await page.keyboard.press(key)
        return done(await inspect(page, what))

    await wait_until(pressed, 40, every=0.02)


IN_SIGHT = "r.inSight().length > 10 && r.inSight()[0].open_time <= a && r.inSight().at(-1).open_time >= a"


async def test_a_time_that_is_near_is_walked_to(stage: Stage, page: Page) -> None:
    await opened(page, stage)
    time = now_ms() // MINUTE * MINUTE - 30 * HOUR
    await go(page, time)
    await until(page, IN_SIGHT, time)
    await expect(page.locator("#jump")).to_be_hidden()
    # It is still live at its end.
    last = (await inspect(page, "candles()"))[-1]
    await until(page, "r.candles().at(-1)?.received !== a", last["received"])
    await page.click(".to-now")
    await until(page, "r.candles().length > 0 && r.inSight().at(-1)?.open_time === r.candles().at(-1).open_time")
    await expect(page.locator(".to-now")).to_be_hidden()


async def test_a_time_far_away_is_gone_to_at_once_and_leads_both_ways(stage: Stage, page: Page) -> None:
    await opened(page, stage)
    time = now_ms() // MINUTE * MINUTE - 200 * DAY
    asked = len(stage.pages)
    await go(page, time)
    await until(page, IN_SIGHT, time)
    # The newer ones that come at once do not move it.
    await until(page, f"r.candles().length > 1500 && {IN_SIGHT}", time)
    assert stage.pages[asked:] == [], "the way there is not walked"
    first, last = (await inspect(page, "candles()"))[0], (await inspect(page, "candles()"))[-1]
    await page.locator("#chart").focus()
    # Older ones, and newer ones, page by page.
    await press_until(page, "PageUp", "candles()[0].open_time", lambda time: time < first["open_time"])
    await press_until(page, "PageDown", "candles().at(-1).open_time", lambda time: time > last["open_time"])
    times = [candle["open_time"] for candle in await inspect(page, "candles()")]
    assert times == list(range(times[0], times[-1] + 1, MINUTE))
    assert times[-1] < now_ms() - 190 * DAY, "what is live is not taken there"
    await page.keyboard.press("End")
    await until(page, "r.candles().at(-1)?.open_time >= a", now_ms() - 2 * MINUTE)
    await expect(page.locator(".to-now")).to_be_hidden()


async def test_a_walk_forward_comes_back_to_now(stage: Stage, page: Page) -> None:
    await opened(page, stage, "?interval=1h")
    time = now_ms() // HOUR * HOUR - 5_600 * HOUR
    await go(page, time)
    await until(page, IN_SIGHT, time)
    await page.locator("#chart").focus()
    await press_until(page, "PageDown", "candles().at(-1).open_time", lambda time: time > now_ms() - HOUR)
    last = (await inspect(page, "candles()"))[-1]
    await until(page, "r.candles().at(-1)?.received !== a", last["received"])


async def test_a_time_before_everything_shows_the_beginning(stage: Stage, page: Page) -> None:
    await opened(page, stage, "?interval=1d")
    await go(page, BEGINNING - 900 * DAY)
    await until(
        page,
        "r.candles().length > 0 && r.inSight()[0]?.open_time === r.candles()[0].open_time"
        " && r.candles()[0].open_time - a < 2 * 864e5",
        BEGINNING,
    )


async def test_a_time_to_come_shows_the_newest(stage: Stage, page: Page) -> None:
    await opened(page, stage)
    await go(page, now_ms() - 200 * DAY)
    await until(page, "r.candles().at(-1)?.open_time < a", now_ms() - 100 * DAY)
    # While the chart is in the past, the price at its head is not.
    price = page.locator(".last-price")
    shown = float((await price.inner_text()).replace(",", ""))
    assert shown == pytest.approx(market.price("BTCUSDT", now_ms()), rel=0.001)
    assert float((await inspect(page, "candles().at(-1)"))["close"]) != pytest.approx(shown, rel=1e-6)
    await go(page, now_ms() + 5 * DAY)
    await until(page, "r.candles().at(-1)?.open_time > a", now_ms() - 2 * MINUTE)
    await until(page, "r.candles().length > 0 && r.inSight().at(-1)?.open_time === r.candles().at(-1).open_time")


async def test_an_answer_that_fails_is_said_and_what_is_shown_stays(stage: Stage, page: Page) -> None:
    await opened(page, stage)
    before = await inspect(page, "candles().length")
    await page.route(
        "**/api/v1/candles**", lambda route: route.fulfill(status=500, json={"title": "broken", "detail": "broken"})
    )
    await go(page, now_ms() - 200 * DAY)
    await expect(page.locator("#jump-said")).to_have_text("Older candles could not be loaded: broken.")
    assert await inspect(page, "candles().length") >= before
    page.complaints.clear()  # type: ignore[attr-defined]  # the browser itself reports the 500
