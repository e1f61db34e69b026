"""What a chart says in words, in Chromium: its candles, how whole they are, and how its symbol is."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from playwright.async_api import Page, expect

from rtchart.core.interval import MINUTE
from rtchart.process.clock import now_ms
from tests.page import market
from tests.page.browser import inspect, opened, until
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


async def test_by_keyboard_a_candle_is_gone_to_and_read_out(stage: Stage, page: Page, gap: dict[str, Any]) -> None:
    at = gap["start"] - 9_000
    stage.edit[at] = {**market.candle("BTCUSDT", "1m", at, now_ms()), "received": 31}
    # Before it nothing is there at all.
    stage.edit |= {at - MINUTE: None, at - 2 * MINUTE: None}
    stage.gaps = [{**gap, "start": at - 2 * MINUTE}]
    await opened(page, stage, "?beside=binance:ETHUSDT:1m")
    spoken, tip, seconds = page.locator("#spoken"), page.locator(".tip").first, page.locator(".seconds dd").first
    clock = datetime.fromtimestamp(at / 1000, UTC).strftime("%Y-%m-%d %H:%M")
    await page.locator("#chart").focus()
    for _ in range(20):
        await page.keyboard.press("Shift+ArrowLeft")
        said = await spoken.inner_text()
        if f"{clock}: open" in said:
            break
        assert said.endswith((" Every second of this candle came in.", " This candle is forming."))
    assert re.search(r"^No candle from .*Being repaired.* high [\d,.]+, low .*29 of 60 seconds are missing\.", said)
    await expect(tip).to_contain_text("29 of 60 seconds are missing.")
    await expect(seconds).to_have_text("31/60")
    await page.keyboard.press("Shift+ArrowLeft")
    await expect(seconds).to_have_text("60/60")
    await expect(tip).to_be_hidden()
    await page.keyboard.press("Shift+ArrowRight")
    await expect(seconds).to_have_text("31/60")
    # It is left with a key, and with the focus.
    for leave in ("Escape", "Tab"):
        await page.locator("#chart").focus()
        await page.keyboard.press("Shift+ArrowLeft")
        await page.keyboard.press("Shift+ArrowLeft")
        await expect(seconds).to_have_text("60/60")
        await page.keyboard.press(leave)
        await expect(seconds).not_to_have_text("60/60")
    # Out of sight it is followed, and it stands where the candle is, not where that was.
    await page.locator("#chart").focus()
    newest = (await inspect(page, "inSight()"))[-1]["open_time"]
    await page.keyboard.press("PageUp")
    await until(page, "r.inSight().at(-1).open_time < a", newest)
    before = await inspect(page, "inSight().at(-1).open_time")
    for _ in range(30):
        await page.keyboard.press("Shift+ArrowRight")
    await until(page, "r.inSight().at(-1).open_time > a", before + 20 * MINUTE)
    stands = "r.crosshair() !== null && Math.abs(r.x(r.pointed()) - r.crosshair()) < 1"
    await until(page, stands)
    for key in ("ArrowRight", "-"):
        moved = await inspect(page, "visible().from")
        await page.keyboard.press(key)
        await until(page, f"Math.abs(r.visible().from - a) > 5 && {stands}", moved)
    # Moved out of sight by hand, it is not drawn; the next step brings it back.
    pointed = await inspect(page, "pointed()")
    await page.keyboard.press("PageUp")
    await page.keyboard.press("PageUp")
    await until(page, "r.crosshair() === null && r.inSight().at(-1).open_time < a", pointed)
    await page.keyboard.press("Shift+ArrowRight")
    await until(page, f"r.pointed() === a && {stands}", pointed + MINUTE)


@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_a_candle_that_is_not_whole_is_hatched(stage: Stage, page: Page, scheme: Any) -> None:
    await page.emulate_media(color_scheme=scheme)
    at = now_ms() // MINUTE * MINUTE - 10 * MINUTE
    candle = market.candle("BTCUSDT", "1m", at, now_ms())
    # A tall body.
    tall = {**candle, "open": candle["low"], "close": f"{float(candle['low']) * 1.01:.8f}"}
    tall["high"] = tall["close"]
    stage.edit[at] = {**tall, "received": 31, "revision": 1}
    await opened(page, stage)
    await page.locator("#chart").focus()
    for _ in range(8):
        await page.keyboard.press("+")

    async def stripes() -> int:
        """How often the colour changes from the top of its body to its bottom."""
        changes: int = await page.evaluate(
            """([at, top, bottom]) => {
              const r = rtchart;
              // The largest pane's, one over the other: what is drawn, and what is drawn on top.
              const canvases = [...document.querySelectorAll("#chart canvas")];
              const most = Math.max(...canvases.map(({ width, height }) => width * height));
              const layers = canvases.filter(({ width, height }) => width * height === most);
              const { width, height, clientWidth } = layers[0];
              const copy = new OffscreenCanvas(width, height).getContext("2d", { willReadFrequently: true });
              for (const layer of layers) copy.drawImage(layer, 0, 0);
              const places = [r.x(at), r.heights(top)[0], r.heights(bottom)[0]];
              const [x, high, low] = places.map((place) => Math.round((place * width) / clientWidth));
              const { data } = copy.getImageData(x + 3, high + 3, 1, Math.max(1, low - high - 6));
              let changes = 0;
              for (let at = 4; at < data.length; at += 4) {
                const apart = [0, 1, 2].map((of) => Math.abs(data[at + of] - data[at - 4 + of]));
                if (Math.max(...apart) > 24) changes += 1;
              }
              return changes;
            }""",
            [at, float(tall["high"]), float(tall["low"])],
        )
        return changes

    async def hatched() -> bool:
        return await stripes() >= 6

    await wait_until(hatched)
    repaired = {**tall, "received": 60, "revision": 2, "source": "repair"}
    await stage.send({"op": "revision", "exchange": "binance", "symbol": "BTCUSDT", "interval": "1m", "candle": repaired})
    await until(page, "r.marked() === 0")

    async def plain() -> bool:
        return await stripes() <= 2  # the dashes of the last price may cross it

    await wait_until(plain)


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
