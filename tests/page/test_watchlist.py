"""The list of symbols in Chromium: what its rows say, the last hour, orders, freshness, and 1,500 of them."""

from __future__ import annotations

import asyncio
import itertools
import re
from typing import Any

import pytest
from playwright.async_api import Locator, Page, Route, expect

from rtchart.core.interval import MINUTE
from rtchart.process.clock import now_ms
from tests.page import market
from tests.page.browser import inspect, opened, until
from tests.page.market import Json
from tests.page.stage import Stage
from tests.waiting import wait_until

pytestmark = pytest.mark.browser

MANY = [f"S{number:04}USDT" for number in range(1_500)]
ROW = 46
DRAWN = re.compile(r"^M.*L")
"""A path of more than a point."""


def row(page: Page, symbol: str) -> Locator:
    return page.locator(f'#symbols li:has(a[data-key="binance:{symbol}"])')


def line(page: Page, symbol: str) -> Locator:
    """The line of its last hour."""
    return row(page, symbol).locator(".spark path")


def told(symbol: str, price: str = "100", *, age: int = 0, **said: Any) -> Json:
    """A ticker whose day began with 100."""
    day = {"open": "100", "high": price, "low": "1", "volume": "1240000", "time": now_ms() - 1_000 - age}
    return {"exchange": "binance", "symbol": symbol, "price": price, **day, **said}


async def quiet(stage: Stage, page: Page, *symbols: str, **said: str) -> None:
    """Have there be symbols that nothing is told of but what the test tells."""
    streaming = {"exchange": "binance", "intervals": market.INTERVALS, "status": "streaming", "price": None}
    others = [{**streaming, "symbol": symbol, **said} for symbol in symbols]
    await stage.send({"op": "symbols", "symbols": [*others, *({**streaming, "symbol": name} for name in stage.symbols)]})
    await expect(page.locator("#symbol-count")).to_have_text(str(len(stage.symbols) + len(symbols)))


async def tell(stage: Stage, *tickers: Json) -> None:
    await stage.send({"op": "tickers", "tickers": list(tickers)})


async def names(page: Page) -> list[str]:
    """The symbols of the rows from top to bottom, as they are seen and as they are read."""
    found: list[list[Any]] = await page.evaluate(
        "() => [...document.querySelectorAll('#symbols li')]"
        ".map((li) => [li.getBoundingClientRect().top, li.querySelector('.name').textContent])"
    )
    assert sorted(found) == found
    return [name for _, name in found]


@pytest.fixture
async def many(stage: Stage, page: Page) -> Stage:
    """1,500 symbols on the page."""
    stage.symbols = MANY
    await opened(page, stage)
    await expect(page.locator("#symbol-count")).to_have_text("1500")
    return stage


async def test_prices_and_changes_are_live(stage: Stage, page: Page) -> None:
    await opened(page, stage)
    await quiet(stage, page, "NEWUSDT")
    new = row(page, "NEWUSDT")
    await expect(new.locator(".change")).to_have_text("")
    await tell(stage, told("NEWUSDT", "1110.5"))
    await expect(new.locator(".number").first).to_have_text("1,110.50")
    await expect(new.locator(".change")).to_have_text("+1010.50%")
    await expect(new.locator(".detail")).to_have_text("Vol 1.24M")
    await expect(new).to_have_attribute("data-direction", "up")
    await tell(stage, told("NEWUSDT", "95.123"))
    await expect(new.locator(".number").first).to_have_text("95.123")
    await expect(new.locator(".change")).to_have_text("−4.88%")
    await expect(new).to_have_attribute("data-direction", "down")


async def test_the_last_hour_is_drawn_and_moved_by_the_price(stage: Stage, page: Page) -> None:
    minute = now_ms() // MINUTE * MINUTE
    stage.edit = {minute - ago * MINUTE: None for ago in range(20, 30)}
    # Of a minute that the server's answer does not go beyond, however long it takes to be asked for: older is not taken.
    later = now_ms() + MINUTE
    await opened(page, stage)
    await quiet(stage, page, "NEWUSDT")
    await tell(stage, told("NEWUSDT", "0.01", time=later))
    new = line(page, "NEWUSDT")
    # Far below all of the hour, in two parts, and then far above it.
    await wait_until(lambda: ends_at(new, 21))
    assert str(await new.get_attribute("d")).count("M") == 2
    await tell(stage, told("NEWUSDT", "1000000", time=later))
    await wait_until(lambda: ends_at(new, 1))
    before = await new.get_attribute("d")
    await tell(stage, told("NEWUSDT", "0.01", time=later + MINUTE))
    await wait_until(lambda: ends_at(new, 21))
    # The minute turned: what was the highest is now beside the last one.
    assert str(await new.get_attribute("d")).split("L")[-2].endswith(" 1") and str(before).split("L")[-1].endswith(" 1")
    assert await row(page, "NEWUSDT").locator("svg").get_attribute("aria-hidden") == "true"
    asked = [name for names in stage.closes for name in names if name != "NEWUSDT"]
    assert len(asked) == len(set(asked)), "each is asked for once"


async def ends_at(path: Locator, height: float) -> bool:
    drawn = await path.get_attribute("d")
    return drawn is not None and drawn.endswith(f" {height:g}")


async def test_closes_that_do_not_come_are_asked_for_again(stage: Stage, page: Page) -> None:
    asked: list[str] = []

    async def refuse(route: Route) -> None:
        asked.append(route.request.url)
        await route.fulfill(status=503, headers={"retry-after": "1"}, json={"title": "Service Unavailable"})

    await page.route("**/api/v1/closes?*", refuse)
    await opened(page, stage)
    await wait_until(lambda: len(asked) >= 2)
    assert await line(page, "BTCUSDT").get_attribute("d") in (None, "")
    await page.unroute("**/api/v1/closes?*")
    await expect(line(page, "BTCUSDT")).to_have_attribute("d", DRAWN)
    page.complaints.clear()  # type: ignore[attr-defined]  # the browser itself reports what was refused


async def test_orders_are_chosen_and_remembered(stage: Stage, page: Page) -> None:
    await opened(page, stage)
    assert await names(page) == stage.symbols
    await page.select_option("#symbols-sort", "name")
    assert await names(page) == sorted(stage.symbols)
    await page.select_option("#symbols-sort", "price")
    wanted = sorted(stage.symbols, key=lambda symbol: -market.SYMBOLS[symbol])
    await expect(page.locator("#symbols li .name").first).to_have_text("BTCUSDT")
    assert (await names(page))[:2] == wanted[:2]
    await page.reload()
    await expect(page.locator("#symbols-sort")).to_have_value("price")
    await wait_until(lambda: first_are(page, *wanted[:2]))
    await page.select_option("#symbols-sort", "listed")
    assert await names(page) == stage.symbols


async def first_are(page: Page, *symbols: str) -> bool:
    return (await names(page))[: len(symbols)] == list(symbols)


async def test_a_live_order_follows_but_rows_do_not_run_away(stage: Stage, page: Page) -> None:
    await opened(page, stage)
    await quiet(stage, page, "ONEUSDT", "TWOUSDT")
    await page.select_option("#symbols-sort", "rising")
    await tell(stage, told("ONEUSDT", "300"), told("TWOUSDT", "200"))
    await wait_until(lambda: first_are(page, "ONEUSDT", "TWOUSDT"))
    # Somebody points at a row.
    await row(page, "TWOUSDT").hover()
    await tell(stage, told("TWOUSDT", "400"))
    await expect(row(page, "TWOUSDT").locator(".change")).to_have_text("+300.00%")
    await asyncio.sleep(3)
    assert await first_are(page, "ONEUSDT", "TWOUSDT")
    await page.mouse.move(800, 300)
    await wait_until(lambda: first_are(page, "TWOUSDT", "ONEUSDT"))
    # Somebody walks through the rows.
    await page.locator("#filter").focus()
    await page.keyboard.press("ArrowDown")
    await tell(stage, told("ONEUSDT", "500"))
    await asyncio.sleep(3)
    assert await first_are(page, "TWOUSDT", "ONEUSDT")
    await expect(row(page, "TWOUSDT").locator("a")).to_be_focused()
    await page.keyboard.press("ArrowUp")
    await expect(page.locator("#filter")).to_be_focused()
    await wait_until(lambda: first_are(page, "ONEUSDT", "TWOUSDT"))


async def test_how_old_a_price_is_is_said(stage: Stage, page: Page) -> None:
    await opened(page, stage)
    await quiet(stage, page, "NEWUSDT")
    new, age = row(page, "NEWUSDT"), row(page, "NEWUSDT").locator(".age")
    await tell(stage, told("NEWUSDT"))
    await expect(new).to_have_attribute("data-fresh", "fresh")
    await expect(age).to_have_text("")
    # No word comes any more, and seconds pass.
    await expect(new).to_have_attribute("data-fresh", "late")
    await expect(age).to_have_text(re.compile(r"^\d+ s ago$"))
    await tell(stage, told("NEWUSDT", age=125_000))
    await expect(new).to_have_attribute("data-fresh", "stale")
    await expect(age).to_have_text("2 min ago")
    last = str(await age.get_attribute("title"))
    assert last.startswith("Last second until 20") and last.endswith(" UTC")
    # In the zone that was chosen.
    await page.click("#display-open")
    await page.locator("#settings-zone").focus()
    await page.select_option("#settings-zone", "Asia/Tokyo")
    await page.keyboard.press("Escape")
    await expect(age).to_have_attribute("title", re.compile(" Asia/Tokyo$"))
    await tell(stage, told("NEWUSDT"))
    await expect(new).to_have_attribute("data-fresh", "fresh")
    for status, words in {"stale": "Stale", "refused": "Refused", "halted": "Halted", "suspended": "Suspended"}.items():
        await quiet(stage, page, "NEWUSDT", status=status, detail="so it is")
        await expect(new.locator(".detail")).to_have_text(words)
        await expect(new).to_have_attribute("title", "so it is")
    await quiet(stage, page, "NEWUSDT")
    await expect(new.locator(".detail")).to_have_text("Vol 1.24M")


async def test_what_a_text_begins_is_found_first(stage: Stage, page: Page) -> None:
    stage.symbols = ["WBTC", "ETHBTC", "BTCUSDT", "SOLUSDT"]
    await opened(page, stage)
    await page.keyboard.press("/")
    await page.keyboard.type("btc")
    assert await names(page) == ["BTCUSDT", "WBTC", "ETHBTC"]
    await expect(page.locator("#symbol-count")).to_have_text("3 / 4")
    await page.keyboard.press("Enter")
    await until(page, "r.shown()?.symbol === 'BTCUSDT'")
    await page.keyboard.press("Escape")
    assert await names(page) == stage.symbols


async def test_a_click_with_alt_shows_it_beside(stage: Stage, page: Page) -> None:
    await opened(page, stage)
    await row(page, "ETHUSDT").locator("a").click(modifiers=["Alt"])
    await until(page, "r.charts().map((chart) => chart.symbol).sort().join() === 'BTCUSDT,ETHUSDT'")
    await expect(page.locator("#symbols a[aria-current]")).to_have_count(1)
    await expect(page.locator("#symbols a[data-shown]")).to_have_count(1)


async def test_of_many_symbols_only_those_around_the_ones_in_sight_are_there(many: Stage, page: Page) -> None:
    first = page.locator("#symbols li").first
    assert (await first.get_attribute("aria-posinset"), await first.get_attribute("aria-setsize")) == ("1", "1500")
    assert await page.locator("#symbols").evaluate("(list) => list.scrollHeight") >= 1_500 * ROW
    # In no frame of a fast scroll is there a hole, and in none are there more than some dozens.
    seen = await page.locator("#symbols").evaluate(
        """async (list) => {
          const frame = () => new Promise(requestAnimationFrame);
          const box = list.getBoundingClientRect();
          const seen = { holes: 0, most: 0, frames: 0 };
          for (let top = 0; top < list.scrollHeight - list.clientHeight; top += 777) {
            list.scrollTop = top;
            await frame();
            await new Promise((painted) => setTimeout(painted));
            seen.frames += 1;
            seen.most = Math.max(seen.most, list.childElementCount);
            for (const y of [box.top + 5, box.top + box.height / 2, box.bottom - 5]) {
              const row = document.elementFromPoint(box.left + 30, y)?.closest("#symbols li");
              const at = Math.floor((y - box.top + list.scrollTop) / 46);
              const wanted = `S${String(at).padStart(4, "0")}USDT`;
              if (row?.querySelector(".name").textContent !== wanted || !/\\d/.test(row.textContent.slice(9))) seen.holes += 1;
            }
          }
          list.scrollTop = list.scrollHeight;
          return seen;
        }"""
    )
    assert seen["holes"] == 0 and seen["most"] < 60 and seen["frames"] > 80
    # What was passed by is not asked for, what is settled on is.
    await wait_until(lambda: any("S1495USDT" in names for names in many.closes))
    assert sum(map(len, many.closes)) < 500
    assert max(map(len, many.closes)) <= 50


async def test_the_keyboard_leads_through_many_symbols(many: Stage, page: Page) -> None:
    async def focused(symbol: str) -> None:
        await expect(row(page, symbol).locator("a")).to_be_focused()
        await expect(row(page, symbol)).to_be_in_viewport(ratio=1)

    await page.keyboard.press("/")
    await page.keyboard.press("ArrowDown")
    await focused("S0000USDT")
    await page.keyboard.press("End")
    await focused("S1499USDT")
    await page.keyboard.press("ArrowDown")
    await page.keyboard.press("ArrowUp")
    await focused("S1498USDT")
    await page.keyboard.press("Home")
    await focused("S0000USDT")
    for _ in range(60):
        await page.keyboard.press("ArrowDown")
    await focused("S0060USDT")
    await page.keyboard.press("PageDown")
    below = int(str(await page.evaluate("document.activeElement.dataset.key"))[9:13])
    assert 65 < below < 80
    await page.keyboard.press("PageUp")
    await focused("S0060USDT")
    await page.keyboard.press("Enter")
    await until(page, "r.shown()?.symbol === 'S0060USDT'")
    await expect(page.locator("#symbols a[aria-current=page]")).to_have_attribute("data-key", "binance:S0060USDT")
    await page.keyboard.press("Home")
    await page.keyboard.press("ArrowUp")
    await expect(page.locator("#filter")).to_be_focused()
    assert await page.locator("#symbols li").count() < 60


async def test_the_focus_stays_on_a_row_that_is_scrolled_out_of_sight(many: Stage, page: Page) -> None:
    await page.keyboard.press("/")
    for _ in range(4):
        await page.keyboard.press("ArrowDown")
    await page.locator("#symbols").hover()
    await page.mouse.wheel(0, 40_000)
    await expect(row(page, "S0870USDT")).to_be_attached()
    await expect(row(page, "S0003USDT").locator("a")).to_be_focused()
    assert await names(page) == sorted(await names(page))
    # Others come and go meanwhile.
    await many.send({"op": "symbols", "symbols": (await symbols_of(page, many))[:1_000]})
    await expect(page.locator("#symbol-count")).to_have_text("1000")
    await expect(row(page, "S0003USDT").locator("a")).to_be_focused()
    await page.keyboard.press("ArrowDown")
    await expect(row(page, "S0004USDT").locator("a")).to_be_focused()
    await expect(row(page, "S0004USDT")).to_be_in_viewport(ratio=1)
    # Tab leads out of the list, and back to the same row.
    await page.keyboard.press("Tab")
    assert await page.evaluate("() => !document.activeElement.closest('#symbols')")
    await page.keyboard.press("Shift+Tab")
    await expect(row(page, "S0004USDT").locator("a")).to_be_focused()


async def symbols_of(page: Page, stage: Stage) -> list[Json]:
    answer = await page.request.get(f"{stage.url}api/v1/symbols")
    found: list[Json] = (await answer.json())["symbols"]
    return found


async def test_a_link_to_one_of_many_shows_where_it_is(stage: Stage, page: Page) -> None:
    stage.symbols = MANY
    await opened(page, stage, "?symbol=S0900USDT")
    await expect(row(page, "S0900USDT")).to_be_in_viewport(ratio=1)
    assert await inspect(page, "shown().symbol") == "S0900USDT"
    await expect(line(page, "S0900USDT")).to_have_attribute("d", DRAWN)


async def test_a_phone_has_higher_rows(stage: Stage, page: Page) -> None:
    await page.set_viewport_size({"width": 390, "height": 844})
    await opened(page, stage)
    await page.click("#sidebar-open")
    await expect(row(page, "ETHUSDT")).to_be_in_viewport()
    tops = await page.evaluate("() => [...document.querySelectorAll('#symbols li')].map((li) => li.getBoundingClientRect())")
    assert {round(later["top"] - box["top"]) for box, later in itertools.pairwise(tops)} == {54}
    await page.set_viewport_size({"width": 1200, "height": 844})
    await until(page, "document.querySelectorAll('#symbols li')[1].getBoundingClientRect().height === 46")
