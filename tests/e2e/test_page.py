"""The page in a browser, by the way that the chart's notes tell of."""

from __future__ import annotations

import pytest
from playwright.async_api import Page, expect

from tests.e2e.kube import forwarded
from tests.e2e.release import NAME, Release
from tests.page.browser import inspect, until, visit

pytestmark = pytest.mark.browser


async def test_the_page_draws_a_moving_candle(release: Release, page: Page) -> None:
    async with forwarded(release.context, release.namespace, f"service/{NAME}-web", 80) as port:
        await visit(page, f"http://127.0.0.1:{port}/?symbol=BTCUSDT&interval=1m")
        await until(page, "r.candles().length >= 50")
        await expect(page.locator("#status-connection")).to_have_text("Live")
        last = (await inspect(page, "candles()"))[-1]
        moving = "r.candles().at(-1).open_time > a[0] || r.candles().at(-1).received > a[1]"
        await until(page, moving, [last["open_time"], last["received"]])
        await page.goto("about:blank")
