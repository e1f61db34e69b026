"""What people do with the page, in Chromium, on a stage that shows what real services cannot be made to show at will."""

from __future__ import annotations

import re

import pytest
from playwright.async_api import Page, expect

from rtchart.core.interval import HOUR, MINUTE
from rtchart.process.clock import now_ms
from tests.page import market
from tests.page.browser import inspect, opened, shows, until, visit
from tests.page.stage import Stage
from tests.waiting import wait_until

pytestmark = pytest.mark.browser

UP_LIGHT, DOWN_LIGHT, UP_DARK = (11, 138, 116), (208, 53, 74), (47, 191, 159)


async def test_candles_are_in_the_data_and_in_the_pixels(stage: Stage, page: Page) -> None:
    await opened(page, stage)
    candles, bars = await page.evaluate("() => [rtchart.candles(), rtchart.bars()]")  # at one moment
    assert [bar["time"] * 1000 for bar in bars] == [candle["open_time"] for candle in candles]
    assert all(
        bar["open"] == float(candle["open"]) and bar["high"] == float(candle["high"])
        for bar, candle in zip(bars, candles, strict=True)
    )
    await wait_until(lambda: shows(page, UP_LIGHT, DOWN_LIGHT))


async def test_the_scales_speak_of_prices_and_of_volumes(stage: Stage, page: Page) -> None:
    formats = "[r.formatted(1234.5), r.formatted(1234567, 'volume')]"
    await opened(page, stage)
    await until(page, f"{formats}.join() === '1,234.50,1.23M'")
    await page.click('#symbols a[data-key="binance:PEPEUSDT"]')
    await until(page, "r.shown()?.symbol === 'PEPEUSDT' && r.formatted(0.00000512) === '0.00000512'")


async def test_live_candles_move(stage: Stage, page: Page) -> None:
    await opened(page, stage)
    before = (await inspect(page, "candles()"))[-1]
    price = await page.inner_text(".last-price")
    await until(page, "r.candles().at(-1).received > a || r.candles().at(-1).open_time > a * 1000", before["received"])
    await expect(page.locator(".last-price")).not_to_have_text(price)
    await expect(page).to_have_title(re.compile(r"[\d,.]+ BTCUSDT"))


async def test_the_sidebar_shows_prices_and_changes(stage: Stage, page: Page) -> None:
    await opened(page, stage)
    row = page.locator('#symbols a[data-key="binance:PEPEUSDT"]')
    await expect(row.locator(".number").first).to_have_text(re.compile(r"^0\.00000\d\d\d$"))
    await expect(row.locator(".change")).to_have_text(re.compile(r"^([+−]\d+\.\d\d|0\.00)%$"))  # it may be where it was
    await expect(page.locator("#symbols li")).to_have_count(len(market.SYMBOLS))


async def test_another_symbol_and_interval_are_shown_and_in_the_address(stage: Stage, page: Page) -> None:
    await opened(page, stage)
    await page.click('#symbols a[data-key="binance:ETHUSDT"]')
    await until(page, "r.shown()?.symbol === 'ETHUSDT' && r.candles().length >= 400")
    await page.click('.intervals button[value="1h"]')
    await until(page, "r.shown()?.interval === '1h' && r.candles().length >= 400")
    times = [candle["open_time"] for candle in await inspect(page, "candles()")]
    assert all(time % HOUR == 0 for time in times)
    assert "symbol=ETHUSDT" in page.url and "interval=1h" in page.url
    await expect(page.locator(".tab-symbol")).to_have_text("ETHUSDT")
    await expect(page.locator('.intervals button[value="1h"]')).to_have_attribute("aria-pressed", "true")
    unsubscribed = [message["symbol"] for message in stage.received if message["op"] == "unsubscribe"]
    assert unsubscribed == ["BTCUSDT", "ETHUSDT"]

    await page.go_back()
    await until(page, "r.shown()?.interval === '1m' && r.shown()?.symbol === 'ETHUSDT' && r.candles().length >= 400")


async def test_a_link_shows_the_same_chart(stage: Stage, page: Page) -> None:
    await opened(page, stage, "?exchange=binance&symbol=SOLUSDT&interval=5m")
    assert await inspect(page, "shown()") == {"exchange": "binance", "symbol": "SOLUSDT", "interval": "5m"}


async def test_the_card_tells_of_the_candle_under_the_crosshair(stage: Stage, page: Page) -> None:
    now = now_ms() // MINUTE * MINUTE
    for minutes in range(15, 60):
        at = now - minutes * MINUTE
        stage.edit[at] = {**market.candle("BTCUSDT", "1m", at, now), "received": 31, "trades": 7_654}
    await opened(page, stage)
    box = await page.locator("#chart").bounding_box()
    assert box is not None
    await page.mouse.move(box["x"] + box["width"] / 2, box["y"] + 200)
    seconds = page.locator(".values .seconds dd")
    await expect(seconds).to_have_text("31/60")
    await expect(seconds).to_have_attribute("title", "29 seconds are missing in this candle")
    await expect(page.locator(".values .trades dd")).to_have_text("7.65K")
    await page.mouse.move(10, 10)
    await expect(page.locator(".values .trades dd")).not_to_have_text("7.65K")


async def test_a_repaired_candle_updates_in_place(stage: Stage, page: Page) -> None:
    now = now_ms() // MINUTE * MINUTE
    at = now - 10 * MINUTE
    whole = market.candle("BTCUSDT", "1m", at, now)
    stage.edit[at] = {**whole, "received": 31}
    gap = {"start": at + 9_000, "end": at + 38_000, "reason": "step", "opened_at": now, "closed_at": None}
    stage.gaps = [{**gap, "state": "open"}]
    await opened(page, stage)
    await expect(page.locator("#status-gaps")).to_have_text("1 gap")
    view = {"exchange": "binance", "symbol": "BTCUSDT"}
    drawn = f"bars().filter(({{ time }}) => time * 1000 <= {now}).length"
    count = await inspect(page, drawn)

    stale = {**whole, "received": 12, "revision": 9}
    await stage.send({"op": "revision", **view, "interval": "1m", "candle": stale})
    repaired = {**whole, "high": "123456.78000000", "revision": 2}
    await stage.send(
        {"op": "revision", **view, "interval": "1m", "candle": repaired},
        {"op": "gap", **view, "gap": {**gap, "state": "repaired", "closed_at": now}},
    )
    # By itself the first says nothing: what is still being fetched is not marked either.
    await until(page, "r.marked() === 0 && r.bars().some((bar) => bar.time * 1000 === a && bar.high === 123456.78)", at)
    bar = next(bar for bar in await inspect(page, "bars()") if bar["time"] * 1000 == at)
    assert bar["high"] == 123456.78 and "wickColor" not in bar
    assert await inspect(page, drawn) - count in (0, 1), "the minute may turn meanwhile"
    await expect(page.locator("#status-gaps")).to_have_text("0 gaps")


async def test_a_lost_connection_is_calm_and_resumes(stage: Stage, page: Page) -> None:
    await opened(page, stage)
    await expect(page.locator("#status-connection")).to_have_text("Live")
    stage.refuse = True
    await stage.drop()
    await expect(page.locator("#status-connection")).to_have_text("Reconnecting…")
    assert await inspect(page, "candles().length") >= 400
    stage.refuse = False
    await expect(page.locator("#status-connection")).to_have_text("Live")
    resumed = [m for m in stage.received if m["op"] == "subscribe" and "since" in m]
    assert resumed and now_ms() - resumed[-1]["since"] < 3 * MINUTE
    last = (await inspect(page, "candles()"))[-1]
    await until(page, "r.candles().at(-1).received !== a", last["received"])
    page.complaints.clear()  # type: ignore[attr-defined]  # the browser itself reports a refused connection


async def test_symbols_that_changed_in_the_meantime_are_known_with_the_connection(stage: Stage, page: Page) -> None:
    await opened(page, stage)
    stage.symbols = ["BTCUSDT", "ETHBTC"]
    await stage.drop()
    await expect(page.locator("#symbols li")).to_have_count(2)


async def test_the_buttons_are_the_intervals_of_the_symbol_that_is_shown(stage: Stage, page: Page) -> None:
    await opened(page, stage, "?symbol=ETHUSDT")
    identity = {"exchange": "binance", "status": "streaming", "price": None}
    others = {**identity, "symbol": "BTCUSDT", "intervals": market.INTERVALS}
    await stage.send({"op": "symbols", "symbols": [others, {**identity, "symbol": "ETHUSDT", "intervals": ["1s", "1m", "3m"]}]})
    await expect(page.locator(".intervals button")).to_have_text(["1s", "1m", "3m"])
    await expect(page.locator('.intervals button[aria-pressed="true"]')).to_have_text("1m")
    # Of a symbol that is there no more, what is stored can still be seen.
    await stage.send({"op": "symbols", "symbols": [others]})
    await expect(page.locator("#symbols li")).to_have_count(1)
    await page.click('.intervals button[value="3m"]')
    await until(page, "r.shown()?.symbol === 'ETHUSDT' && r.shown()?.interval === '3m' && r.candles().length >= 400")


async def test_a_tab_that_wakes_up_with_a_dead_connection_resumes(stage: Stage, page: Page) -> None:
    await opened(page, stage)
    stage.forget()
    dead = len(stage.received)

    async def resumed() -> bool:
        # More than once: a frame that was on its way is a sign of life.
        await page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")
        return any("since" in message for message in stage.received[dead:])

    await wait_until(resumed, every=0.5)
    await expect(page.locator("#status-connection")).to_have_text("Live")


async def test_a_machine_that_slept_connects_again_at_once(stage: Stage, page: Page) -> None:
    heard: list[object] = []
    page.on("websocket", lambda socket: socket.on("framereceived", lambda frame: heard.append(frame)))
    await opened(page, stage)
    # Nothing is on its way any more, neither there nor back; the next ping is seconds away.
    await wait_until(lambda: sum(message["op"] == "ping" for message in stage.received) >= 5)
    # Its connection looks open still, and would be heard of no more.
    stage.forget()
    await wait_until(lambda: len(heard) == stage.sent)
    await page.evaluate("() => { const now = Date.now; Date.now = () => now() + 60_000; }")
    before = len(stage.received)
    await page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")
    await wait_until(lambda: any("since" in message for message in stage.received[before:]))
    asked = [message["op"] for message in stage.received[before:]]
    assert "ping" not in asked[: asked.index("subscribe")], "the old connection is not asked first"
    await expect(page.locator("#status-connection")).to_have_text("Live")


async def test_a_refused_view_is_said_and_tried_again(stage: Stage, page: Page) -> None:
    stage.refused.add("BTCUSDT")
    await visit(page, stage.url)
    await expect(page.locator(".notice")).to_have_text("Nothing to show: BTCUSDT is not followed.")
    stage.refused.clear()
    await until(page, "r.candles().length >= 400")
    await expect(page.locator(".notice")).to_be_hidden()


async def test_the_server_can_ask_for_a_new_subscription(stage: Stage, page: Page) -> None:
    await opened(page, stage)
    await stage.send({"op": "resync", "exchange": "binance", "symbol": "BTCUSDT", "interval": "1m"})
    await wait_until(lambda: [m for m in stage.received if m["op"] == "subscribe" and "since" in m])


async def test_latency_is_measured_to_the_eye_and_reported(stage: Stage, page: Page) -> None:
    await page.clock.install()
    await page.clock.resume()
    await opened(page, stage)
    badge = page.locator("#status-latency")
    await expect(badge).to_have_text(re.compile(r"[\d.]+ m?s"))
    await expect(badge).to_have_attribute("title", re.compile(r"sent → painted: [\d.]+ m?s"))
    await page.clock.fast_forward(11_000)
    report = await wait_until(lambda: next((m for m in stage.received if m["op"] == "report"), None))
    assert {sample["stage"] for sample in report["latency"]} == {"sent_to_painted"}


async def test_a_clock_that_is_wrong_shows_no_wrong_latency(stage: Stage, page: Page) -> None:
    await page.add_init_script("Object.defineProperty(performance, 'timeOrigin', { value: performance.timeOrigin + 3600e3 })")
    await opened(page, stage)
    badge = page.locator("#status-latency")
    await expect(badge).to_have_text(re.compile(r"[\d.]+ (ms|s)"))
    shown = (await badge.inner_text()).split()
    # Pings of a busy machine are off by half their round trip: what is measured may even be below zero, but is no hour.
    assert abs(float(shown[-2])) * {"ms": 1, "s": 1_000}[shown[-1]] < 30_000


@pytest.mark.parametrize(("exchange", "words"), [("sim", "Simulated prices, not a real market"), ("binance", "Binance")])
async def test_the_venue_is_said(stage: Stage, page: Page, exchange: str, words: str) -> None:
    stage.exchange = exchange
    await opened(page, stage)
    await expect(page.locator("#status-venue")).to_have_text(words)


async def test_the_filter_and_the_keyboard(stage: Stage, page: Page) -> None:
    await opened(page, stage)
    await page.keyboard.press("/")
    await page.keyboard.type("usdt")
    await expect(page.locator("#symbols li:visible")).to_have_count(len(market.SYMBOLS) - 1)
    await page.keyboard.press("ControlOrMeta+a")
    await page.keyboard.type("sol")
    await expect(page.locator("#symbols li:visible")).to_have_count(1)
    await page.keyboard.press("Enter")
    await until(page, "r.shown()?.symbol === 'SOLUSDT'")
    await page.keyboard.press("Escape")
    await page.keyboard.press("ArrowDown")
    await page.keyboard.press("ArrowDown")
    await page.keyboard.press("Enter")
    await until(page, "r.shown()?.symbol === 'ETHUSDT'")
    await page.keyboard.press("/")
    await page.keyboard.type("nothing like it")
    await expect(page.locator("#symbols-note")).to_have_text("No symbol matches.")


async def test_no_symbols_says_how_to_add_one_and_the_first_appears(stage: Stage, page: Page) -> None:
    stage.symbols = []
    await visit(page, stage.url)
    await expect(page.locator(".notice")).to_contain_text("Add a Symbol manifest")
    stage.symbols = ["BTCUSDT"]
    identity = {"exchange": "binance", "intervals": market.INTERVALS, "status": "streaming", "price": None}
    await stage.send({"op": "symbols", "symbols": [{**identity, "symbol": "BTCUSDT"}]})
    await until(page, "r.candles().length >= 400")
    await expect(page.locator(".notice")).to_be_hidden()


async def test_the_theme_follows_the_system_and_the_button(stage: Stage, page: Page) -> None:
    await page.emulate_media(color_scheme="dark")
    await opened(page, stage)
    await wait_until(lambda: shows(page, UP_DARK))
    button = page.locator("#theme")
    await button.click()
    await expect(button).to_have_text("Theme: light")
    await wait_until(lambda: shows(page, UP_LIGHT))
    await visit(page, page.url)
    await expect(button).to_have_text("Theme: light")


async def test_a_phone_has_the_whole_chart_and_a_drawer(stage: Stage, page: Page) -> None:
    await page.set_viewport_size({"width": 390, "height": 844})
    await opened(page, stage)
    assert await page.evaluate("document.documentElement.scrollWidth") == 390
    await expect(page.locator("#sidebar")).to_be_hidden()
    await page.click("#sidebar-open")
    await page.click('#symbols a[data-key="binance:XRPUSDT"]')
    await expect(page.locator("#sidebar")).to_be_hidden()
    await until(page, "r.shown()?.symbol === 'XRPUSDT'")
    await expect(page.locator(".attribution")).to_be_visible()
    await expect(page.locator('.attribution a[href="https://www.tradingview.com/"]').first).to_be_visible()
    axis = await page.locator("#chart tr td:last-child").first.bounding_box()
    assert axis is not None and axis["x"] + axis["width"] <= 390


async def test_a_server_that_shuts_down_says_so_and_is_come_back_to(stage: Stage, page: Page) -> None:
    await opened(page, stage)
    stage.refuse = True
    await stage.drop(1001, "the server shuts down; connect again")
    await expect(page.locator("#status-connection")).to_have_text(
        "Reconnecting… The server says: the server shuts down; connect again"
    )
    stage.refuse = False
    await expect(page.locator("#status-connection")).to_have_text("Live")
    page.complaints.clear()  # type: ignore[attr-defined]  # the browser itself reports a refused connection


@pytest.mark.parametrize("status", [429, 500])
async def test_an_api_that_refuses_is_said_and_asked_again(stage: Stage, page: Page, status: int) -> None:
    stage.symbols_say = status
    await visit(page, stage.url)
    await expect(page.locator(".notice")).to_have_text("Nothing to show: not now.")
    stage.symbols_say = 200
    await until(page, "r.candles().length >= 400")
    await expect(page.locator(".notice")).to_be_hidden()
    page.complaints.clear()  # type: ignore[attr-defined]  # the browser itself reports the status


async def test_history_that_is_refused_is_said_and_what_is_shown_stays(stage: Stage, page: Page) -> None:
    await opened(page, stage)
    await page.route("**/api/v1/candles**", lambda route: route.fulfill(status=429, json={"detail": "too many"}))
    await inspect(page, "load()")
    await expect(page.locator(".notice")).to_have_text("Older candles could not be loaded: too many.")
    assert await inspect(page, "candles().length") >= 400
    page.complaints.clear()  # type: ignore[attr-defined]  # the browser itself reports the 429
