"""What is older: pages that come while scrolling, what they lack, and how the page tells of it."""

from __future__ import annotations

import pytest
from playwright.async_api import Page, expect

from rtchart.core.interval import HOUR, MINUTE
from rtchart.process.clock import now_ms
from tests.page import market
from tests.page.browser import inspect, opened, shows, until, visit
from tests.page.stage import Stage
from tests.waiting import wait_until

pytestmark = pytest.mark.browser

WARN_LIGHT = (179, 107, 0)


async def test_history_comes_while_scrolling_to_the_left(stage: Stage, page: Page) -> None:
    await opened(page, stage)
    first = (await inspect(page, "candles()"))[0]["open_time"]
    box = await page.locator("#chart").bounding_box()
    assert box is not None
    while await inspect(page, "candles()[0].open_time") == first:
        span = await inspect(page, "visible()")
        await page.mouse.move(box["x"] + 100, box["y"] + 200)
        await page.mouse.down()
        await page.mouse.move(box["x"] + 800, box["y"] + 200, steps=20)
        await page.mouse.up()
        # To the left by the width of the drag; or the page came, and the places were counted anew.
        await until(page, "Math.abs(r.visible().from - a) > 20", span["from"])
    await until(page, "r.candles().length >= 1400")
    times = [candle["open_time"] for candle in await inspect(page, "candles()")]
    assert times == list(range(times[0], times[-1] + 1, MINUTE))
    assert stage.pages == sorted(stage.pages, reverse=True)


async def test_what_is_in_sight_stays_when_history_comes(stage: Stage, page: Page) -> None:
    await opened(page, stage)
    await page.locator("#chart").focus()
    span = await inspect(page, "visible()")
    await page.keyboard.press("PageUp")
    await until(page, "r.visible().from < a - 90", span["from"])
    # Looked at on the right: the price scale, whose labels may grow by a digit, takes its room from the left.
    at_right = "() => rtchart.candles()[Math.round(rtchart.visible().to)].open_time"
    seen = await page.evaluate(at_right)
    await inspect(page, "load()")
    await until(page, "r.candles().length >= 1400")
    await until(page, "r.visible().from > 1000")
    assert await page.evaluate(at_right) == seen


async def test_history_ends_where_it_begins(stage: Stage, page: Page) -> None:
    stage.beginning = now_ms() // (4 * HOUR) * 4 * HOUR - 1_200 * 4 * HOUR
    await opened(page, stage, "?symbol=BTCUSDT&interval=4h")
    # Both at once: the next page may come by itself, since the one before it is in sight.
    held = "() => [rtchart.candles()[0].open_time, rtchart.candles().length]"
    while (state := await page.evaluate(held))[0] > stage.beginning:
        known = state[1]
        await inspect(page, "scroll(-2000)")
        await until(page, "r.candles().length > a", known)
    assert len(await inspect(page, "candles()")) >= 1_200
    asked = len(stage.pages)
    # The beginning is in sight, and drawn: the page asks for nothing more, and would have by the time of another answer.
    await inspect(page, "scroll(-2000)")
    await until(page, "r.visible().from < 0")
    await page.evaluate(
        """async () => {
          for (let frame = 0; frame < 2; frame += 1) await new Promise(requestAnimationFrame);
          await (await fetch("api/v1/symbols")).json();
        }"""
    )
    assert len(stage.pages) == asked


async def test_an_outage_takes_its_room_and_what_is_not_whole_is_marked(stage: Stage, page: Page) -> None:
    now = now_ms() // MINUTE * MINUTE
    for minutes in range(20, 30):
        stage.edit[now - minutes * MINUTE] = None
    short = now - 10 * MINUTE
    stage.edit[short] = {**market.candle("BTCUSDT", "1m", short, now), "received": 31}
    await opened(page, stage)
    bars = {bar["time"] * 1000: bar for bar in await inspect(page, "bars()")}
    outage = {"start": now - 29 * MINUTE, "end": now - 19 * MINUTE}
    assert await inspect(page, f"place({outage['end']})") - await inspect(page, f"place({outage['start'] - MINUTE})") == 11
    assert await inspect(page, "bands()") == [{**outage, "kind": "missing"}]
    assert "wickColor" in bars[short] and "wickColor" not in bars[short - MINUTE]
    await until(page, "r.marked() === 1")  # for a moment the forming candle may lack seconds too, on a slow machine
    await wait_until(lambda: shows(page, WARN_LIGHT))


async def test_what_a_page_of_history_lacks_is_explained_by_the_ledger(stage: Stage, page: Page) -> None:
    now = now_ms() // MINUTE * MINUTE
    outage = {"start": now - 1_200 * MINUTE, "end": now - 1_190 * MINUTE}
    for at in range(outage["start"], outage["end"], MINUTE):
        stage.edit[at] = None
    stage.gaps = [{**outage, "state": "absent", "reason": "reconnect", "opened_at": now, "closed_at": now}]
    await opened(page, stage)
    await inspect(page, "load()")
    await until(page, "r.candles().length >= 1400")
    await until(page, "r.bands().length === 1 && r.bands()[0].kind === 'absent'")
    assert await inspect(page, "bands()") == [{**outage, "kind": "absent"}]
    # A page that is whole is not asked about.
    [(start, end)] = stage.explained
    assert start <= outage["start"] and outage["end"] <= end
    await inspect(page, "load()")
    await until(page, "r.candles().length >= 2400")
    await until(page, "r.bands().length === 1")
    assert len(stage.explained) == 1


async def test_the_past_of_a_new_symbol_comes_calmly(stage: Stage, page: Page) -> None:
    now = now_ms() // MINUTE * MINUTE
    stage.beginning = now
    await visit(page, stage.url)
    await until(page, "r.candles().length >= 1")
    await wait_until(lambda: stage.pages)  # nothing older is there, and the page knows it
    await until(page, "r.marked() === 0")
    view = {"exchange": "binance", "symbol": "BTCUSDT", "interval": "1m"}

    async def come(*minutes: int) -> None:
        past = (market.candle("BTCUSDT", "1m", now - minute * MINUTE, now) for minute in minutes)
        await stage.send(*({"op": "revision", **view, "candle": {**candle, "source": "backfill"}} for candle in past))

    await come(*range(60, 40, -1))
    await until(page, "r.candles().length >= 21")
    await until(page, "r.bands().length === 1 && r.bands()[0].end === a", now)
    assert await inspect(page, "bands()") == [{"start": now - 40 * MINUTE, "end": now, "kind": "coming"}]
    await expect(page.locator("#status-gaps")).to_have_text("Fetching history…")
    await come(*range(40, 0, -1))
    await until(page, "r.bands().length === 0")
    await expect(page.locator("#status-gaps")).to_have_text("0 gaps")
    assert await inspect(page, "candles()[0].open_time") == now - 60 * MINUTE


@pytest.mark.parametrize("ago", [20_000, 200_000])
async def test_seconds_of_the_past_are_asked_for_while_they_come(stage: Stage, page: Page, ago: int) -> None:
    """However long ago the stream began: the page may be opened when the past has been on its way for a while."""
    now = now_ms() // 1_000 * 1_000
    first, began = now - 300_000, now - ago
    stage.beginning = first
    for at in range(first, began, 1_000):
        past = {**market.candle("BTCUSDT", "1s", at, now), "source": "backfill"}
        stage.edit[at] = past if at < first + 60_000 else None
    await visit(page, stage.url + "?symbol=BTCUSDT&interval=1s")
    await until(page, "r.bands().some(({ kind, end }) => kind === 'coming' && end === a)", began)
    for at in range(first, began, 1_000):
        stage.edit[at] = {**market.candle("BTCUSDT", "1s", at, now), "source": "backfill"}
    await until(page, "r.bands().length === 0")
    times = [candle["open_time"] for candle in await inspect(page, "candles()")]
    assert times[:300] == list(range(first, now, 1_000))


async def test_a_failed_page_of_history_is_said_and_tried_again(stage: Stage, page: Page) -> None:
    await opened(page, stage)
    await page.route(
        "**/api/v1/candles*", lambda route: route.fulfill(status=503, json={"detail": "the database does not answer"})
    )
    await inspect(page, "scroll(-450)")
    await expect(page.locator(".notice")).to_have_text("Older candles could not be loaded: the database does not answer.")
    await page.unroute("**/api/v1/candles*")
    page.complaints.clear()  # type: ignore[attr-defined]  # the browser itself reports the 503
    count = await inspect(page, "candles().length")

    async def more() -> bool:
        await inspect(page, "scroll(-5)")
        return bool(await inspect(page, "candles().length") > count + 100)

    await wait_until(more, every=0.3)
    await expect(page.locator(".notice")).to_be_hidden()
