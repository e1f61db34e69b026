"""How old, how connected and how whole it all is: the latency in the status bar, and the health view behind it."""

from __future__ import annotations

import re
from typing import Any

import pytest
from playwright.async_api import Page, expect

from rtchart.process.clock import now_ms
from tests.page.browser import opened, until, visit
from tests.page.stage import Stage
from tests.page.test_accessibility import CONTRASTS, LEAST, control_names
from tests.waiting import wait_until

pytestmark = pytest.mark.browser

STAGES = ["exchange_to_received", "received_to_published", "published_to_consumed", "consumed_to_sent", "sent_to_painted"]
MEASURED = re.compile(r"-?[\d.]+( m?s)? / -?[\d.]+ m?s")
SEGMENTS = """() => [...document.querySelectorAll("#status-latency .stages > *")].map((segment) =>
  [segment.dataset.stage, segment.getBoundingClientRect().width, getComputedStyle(segment).backgroundColor])"""


async def health(page: Page, stage: Stage) -> None:
    """The page, and its health view with what it measured and what it was told."""
    await opened(page, stage)
    await expect(page.locator("#status-latency .number")).to_have_text(MEASURED)
    await page.click("#status-latency")
    await expect(page.locator("#health-symbols tbody tr").first).to_be_visible()
    await expect(page.locator("#health-latency tbody tr").first).to_be_visible()


async def test_the_badge_has_two_numbers_and_a_bar_of_the_stages(stage: Stage, page: Page) -> None:
    await opened(page, stage)
    badge = page.locator("#status-latency")
    await expect(badge.locator(".number")).to_have_text(MEASURED)
    await expect(badge).to_have_attribute("aria-label", re.compile(r"^Latency [\d.]+.* / "))
    segments = await page.evaluate(SEGMENTS)
    assert [name for name, _, _ in segments] == STAGES
    assert len({colour for _, _, colour in segments}) == len(STAGES)
    widths = [width for _, width, _ in segments]
    # As the stage stamps its seconds: 12 ms, 3 ms, 4 ms, and what the machine takes.
    assert widths[1] / widths[2] == pytest.approx(3 / 4, rel=0.2)
    assert widths[0] / widths[1] >= 3
    inner = await page.evaluate("document.querySelector('#status-latency .stages').clientWidth")
    assert sum(widths) == pytest.approx(inner, abs=0.5)
    title = await badge.get_attribute("title") or ""
    assert re.search(r"received → Kafka: 3\.0 ms, p99 [\d.]+ ms\n", title)
    assert re.search(r"clock offset -?[\d.]+ m?s ± [\d.]+ m?s, removed$", title)


async def test_numbers_that_are_no_longer_of_now_are_pale(stage: Stage, page: Page) -> None:
    await opened(page, stage)
    badge = page.locator("#status-latency")
    await expect(badge.locator(".number")).to_have_text(MEASURED)
    await expect(badge).to_have_attribute("data-quiet", "false")
    stage.forget()
    await expect(badge).to_have_attribute("data-quiet", "true")
    await expect(badge).to_have_attribute("title", re.compile(r"Nothing was painted since [-\d]+ [:\d]+ UTC"))
    await expect(badge.locator(".number")).to_have_text(MEASURED)
    await stage.drop()
    await expect(badge).to_have_attribute("data-quiet", "false")


async def test_it_opens_with_enter_and_escape_gives_the_focus_back(stage: Stage, page: Page) -> None:
    await opened(page, stage)
    await page.focus("#status-latency")
    await page.keyboard.press("Enter")
    await expect(page.locator("#health")).to_be_visible()
    await expect(page.locator("#health-close")).to_be_focused()
    await page.keyboard.press("Escape")
    await expect(page.locator("#health")).to_be_hidden()
    await expect(page.locator("#status-latency")).to_be_focused()
    await page.keyboard.press("Enter")
    await page.mouse.click(4, 4)  # beside it
    await expect(page.locator("#health")).to_be_hidden()
    await page.click("#status-latency")
    await page.click("#health-close")
    await expect(page.locator("#health")).to_be_hidden()


async def test_latency_is_told_by_stage(stage: Stage, page: Page) -> None:
    await health(page, stage)
    rows = page.locator("#health-latency tbody tr")
    await expect(rows).to_have_count(len(STAGES) + 1)
    await expect(rows.locator("th")).to_have_text(
        ["exchange → received", "received → Kafka", "Kafka → web", "web → sent", "sent → painted", "exchange → your eye"]
    )
    await expect(rows.nth(1).locator("td").first).to_have_text("3.0 ms")
    await expect(rows.nth(0).locator("td").last).to_have_text(re.compile(r"^\d+ %$"))
    await expect(page.locator("#health-latency .hint")).to_have_text(re.compile("^clock offset"))


async def test_a_lost_connection_stays_in_its_history(stage: Stage, page: Page) -> None:
    await health(page, stage)
    states = page.locator("#health-connection .state")
    await expect(states).to_have_text(["Live", "Connecting"])
    await expect(page.locator("#health-connection .hint")).to_have_text("Never lost since the page was opened. Times are UTC.")
    stage.refuse = True
    await stage.drop()
    await expect(states).to_have_text([re.compile(r"^Reconnecting, \d+ tries$"), "Live", "Connecting"])
    stage.refuse = False
    await expect(states).to_have_text(["Live", re.compile("^Reconnecting"), "Live", "Connecting"])
    said = re.compile(r"^Lost once since the page was opened, away for [\d.]+ s in all")
    await expect(page.locator("#health-connection .hint")).to_have_text(said)
    page.complaints.clear()  # type: ignore[attr-defined]  # the browser itself reports a refused connection


async def test_symbols_are_told_of_worst_first(stage: Stage, page: Page) -> None:
    stage.health = {
        "SOLUSDT": {"open": 1, "repaired": 2, "absent": 3, "missing": 31},
        "XRPUSDT": {"missing": 1, "repaired": 1},
        "PEPEUSDT": {"status": "stale", "newest": now_ms() - 600_000},
        "ETHUSDT": {"newest": now_ms() - 60_000},
    }
    await health(page, stage)
    rows = page.locator("#health-symbols tbody tr")
    await expect(rows).to_have_count(len(stage.symbols))
    names = await rows.locator("th").all_inner_texts()
    assert names == ["PEPEUSDT", "ETHUSDT", "SOLUSDT", "XRPUSDT", *sorted(set(stage.symbols) - set(stage.health))]
    await expect(rows.nth(0).locator("td").nth(0)).to_have_text("Stale")
    await expect(rows.nth(0).locator("td").nth(1)).to_have_text(re.compile(r"^1\d min$"))
    await expect(rows.nth(1).locator("td").nth(0)).to_have_text("Late")
    gaps = (await rows.nth(2).locator("td").all_inner_texts())[2:]
    assert gaps == ["99.964 %", "31", "1", "2", "3"]
    assert (await rows.nth(3).locator("td").all_inner_texts())[2:4] == ["99.998 %", "1"]
    assert (await rows.nth(4).locator("td").all_inner_texts())[2:4] == ["100 %", "0"]
    said = f"{len(stage.symbols)} symbols: {len(stage.symbols) - 4} whole, 2 with seconds missing, 1 late, 1 stale"
    await expect(page.locator("#health-symbols .hint").first).to_have_text(said)

    await page.fill("#health-filter", "sol")
    await expect(rows).to_have_count(1)
    await page.fill("#health-filter", "nothing like it")
    await expect(page.locator("#health-symbols")).to_contain_text("No symbol matches.")
    await page.fill("#health-filter", "sol")
    await rows.locator("button").click()
    await expect(page.locator("#health")).to_be_hidden()
    await until(page, "r.shown()?.symbol === 'SOLUSDT'")


async def test_news_of_a_symbol_take_no_focus_away(stage: Stage, page: Page) -> None:
    await page.clock.install()
    await page.clock.resume()
    await health(page, stage)
    button = page.locator("#health-symbols tbody button", has_text="XRPUSDT")
    await button.focus()
    stage.health = {"XRPUSDT": {"missing": 7, "open": 1}}
    await page.clock.fast_forward(6_000)
    await expect(page.locator("#health-symbols tbody th").first).to_have_text("XRPUSDT")
    await expect(button).to_be_focused()


async def test_the_server_is_asked_only_while_it_is_seen(stage: Stage, page: Page) -> None:
    await page.clock.install()
    await page.clock.resume()
    await health(page, stage)

    async def passed(ms: int) -> int:
        """How often it was asked while time passed."""
        before = stage.health_asked
        await page.clock.fast_forward(ms)
        await page.evaluate("fetch('api/v1/symbols')")  # what was asked before this has come
        return stage.health_asked - before

    async def hidden(is_so: bool) -> None:
        await page.evaluate(
            """(value) => {
              Object.defineProperty(document, "hidden", { value, configurable: true });
              document.dispatchEvent(new Event("visibilitychange"));
            }""",
            is_so,
        )

    assert await passed(5_500) >= 1  # more on a machine that takes its time
    await hidden(True)
    assert await passed(20_000) == 0
    asked = stage.health_asked
    await hidden(False)
    await wait_until(lambda: stage.health_asked > asked)
    await page.keyboard.press("Escape")
    await expect(page.locator("#health")).to_be_hidden()
    assert await passed(20_000) == 0
    page.complaints.clear()  # type: ignore[attr-defined]  # a connection that was silent for so long is given up


async def test_what_was_told_stays_when_the_server_says_no_more(stage: Stage, page: Page) -> None:
    await page.clock.install()
    await page.clock.resume()
    stage.health_says = {"partial": True}
    await health(page, stage)
    said = page.locator("#health-symbols .said")
    await expect(said).to_contain_text("The database does not answer")
    stage.health_says = {"detail": "the database is away"}
    await page.clock.fast_forward(6_000)
    await expect(said).to_have_text(re.compile(r"^No news: the database is away\. What is shown is as of [-\d]+ [:\d]+\.$"))
    await expect(page.locator("#health-symbols tbody tr")).to_have_count(len(stage.symbols))
    stage.health_says = {}
    await page.clock.fast_forward(6_000)
    await expect(said).to_be_hidden()
    page.complaints.clear()  # type: ignore[attr-defined]  # the browser itself reports a refusal


async def test_nothing_measured_and_no_symbols_are_said(stage: Stage, page: Page) -> None:
    stage.symbols = []
    await visit(page, stage.url)
    await expect(page.locator("#status-latency")).to_contain_text("– ms")
    await page.click("#status-latency")
    await expect(page.locator("#health-latency")).to_contain_text("No measurement yet")
    await expect(page.locator("#health-latency table")).to_be_hidden()
    await expect(page.locator("#health-symbols")).to_contain_text("No symbols yet.")
    await expect(page.locator("#health-filter")).to_be_hidden()


@pytest.mark.parametrize("width", [1200, 390])
@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_it_can_be_read_and_reached(stage: Stage, page: Page, scheme: Any, width: int) -> None:
    stage.health = {"SOLUSDT": {"open": 1, "missing": 31}, "PEPEUSDT": {"status": "stale"}}
    stage.health_says = {"partial": True}
    await page.emulate_media(color_scheme=scheme)
    await page.set_viewport_size({"width": width, "height": 760})
    await health(page, stage)
    contrasts: dict[str, float] = await page.evaluate(CONTRASTS)
    assert {name: round(contrast, 2) for name, contrast in contrasts.items() if contrast < LEAST} == {}
    assert [role for role, name in await control_names(page) if not name.strip()] == []
    box = await page.locator("#health").bounding_box()
    assert box is not None
    assert box["x"] >= 0 and box["x"] + box["width"] <= width and box["y"] >= 0 and box["y"] + box["height"] <= 760
    assert await page.evaluate("document.documentElement.scrollWidth") == width
    assert await page.locator("#health > div").evaluate("(element) => element.scrollWidth <= element.clientWidth")


async def test_a_thousand_symbols_are_told_of_and_some_are_drawn(stage: Stage, page: Page) -> None:
    names = list(stage.symbols)
    everything = [*names, *(f"COIN{at:04}USDT" for at in range(1_500 - len(names)))]
    say = {"exchange": stage.exchange, "status": "streaming", "open": 0, "repaired": 0, "absent": 0, "missing": 0}
    stage.health_says = {"symbols": [{**say, "symbol": name, "newest": now_ms() + 3_600_000} for name in everything]}
    await health(page, stage)
    await expect(page.locator("#health-symbols tbody tr")).to_have_count(200)
    await expect(page.locator("#health-symbols .hint").last).to_have_text("… and 1,300 more, of which none lacks anything")
    await page.fill("#health-filter", "coin0007")
    await expect(page.locator("#health-symbols tbody tr")).to_have_count(1)
