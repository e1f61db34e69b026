"""What a chart says in words, in Chromium: its candles, how whole they are, and how its symbol is."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest
from playwright.async_api import Page, expect

from rtchart.core.interval import MINUTE
from rtchart.process.clock import now_ms
from tests.page import market
from tests.page.browser import opened, until
from tests.page.stage import Stage
from tests.waiting import wait_until

pytestmark = pytest.mark.browser


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
