"""What people need who do not see well, or use no mouse: names, an order of focus that follows the page, contrast."""

from __future__ import annotations

from typing import Any

import pytest
from playwright.async_api import Page, expect

from tests.page import market
from tests.page.browser import until, visit
from tests.page.stage import Stage
from tests.waiting import wait_until

pytestmark = pytest.mark.browser

CONTROLS = {"button", "link", "searchbox", "textbox", "group", "navigation"}
LEAST = 4.5
"""WCAG 2.2, 1.4.3 Contrast (Minimum), for text of this size."""

CONTRASTS = """() => {
  const canvas = new OffscreenCanvas(1, 1).getContext("2d", { willReadFrequently: true });
  const colour = (text) => {
    canvas.clearRect(0, 0, 1, 1);
    canvas.fillStyle = text;
    canvas.fillRect(0, 0, 1, 1);
    return [...canvas.getImageData(0, 0, 1, 1).data].map((value) => value / 255);
  };
  const over = (above, below) => [0, 1, 2].map((at) => above[at] * above[3] + below[at] * (1 - above[3]));
  const luminance = (rgb) => {
    const [r, g, b] = rgb.map((c) => (c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4));
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const ancestors = (element) => (element ? [...ancestors(element.parentElement), element] : []);
  const found = {};
  const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (texts.nextNode()) {
    const element = texts.currentNode.parentElement;
    if (!texts.currentNode.data.trim() || element.closest("#chart, noscript, .skip") || !element.checkVisibility()) continue;
    let ground = [1, 1, 1];
    let opacity = 1;
    for (const one of ancestors(element)) {
      const style = getComputedStyle(one);
      ground = over(colour(style.backgroundColor), ground);
      opacity *= Number(style.opacity);
    }
    const own = colour(getComputedStyle(element).color);
    own[3] *= opacity;
    const [a, b] = [luminance(over(own, ground)), luminance(ground)].sort((x, y) => y - x);
    found[`${element.closest("[id]")?.id} ${element.className}: ${texts.currentNode.data.trim()}`] = (a + 0.05) / (b + 0.05);
  }
  return found;
}"""


async def shown(page: Page, stage: Stage) -> None:
    await visit(page, stage.url)
    await until(page, "r.candles().length >= 400")
    await expect(page.locator("#symbols .change").first).to_contain_text("%")


@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_text_has_contrast_in_both_themes(stage: Stage, page: Page, scheme: Any) -> None:
    await page.emulate_media(color_scheme=scheme)
    await shown(page, stage)
    # Symbols of every status, all of them streamed until now, and something said over the chart.
    statuses = ["streaming", "stale", "refused", "halted", "suspended", "unknown", "subscribing"]
    await stage.send(
        {
            "op": "symbols",
            "symbols": [
                {"exchange": stage.exchange, "symbol": symbol, "intervals": market.INTERVALS, "status": status, "price": "1.5"}
                for symbol, status in zip(market.SYMBOLS, statuses, strict=False)
            ],
        }
    )
    await expect(page.locator("#symbols li")).to_have_count(len(statuses))
    await page.evaluate("() => { const n = document.querySelector('.notice'); n.hidden = false; n.textContent = 'Loading…'; }")
    contrasts: dict[str, float] = await page.evaluate(CONTRASTS)
    assert len(contrasts) > 40
    assert {name: round(contrast, 2) for name, contrast in contrasts.items() if contrast < LEAST} == {}


@pytest.mark.parametrize("width", [1200, 390])
async def test_every_control_has_a_name(stage: Stage, page: Page, width: int) -> None:
    await page.set_viewport_size({"width": width, "height": 760})
    await shown(page, stage)
    if width == 390:
        await page.click("#sidebar-open")
        await expect(page.locator("#symbols a").first).to_be_visible()
    # The tree follows the page in its own time.
    await wait_until(lambda: reaches_more_than(page, len(market.SYMBOLS)))
    names = await control_names(page)
    assert [role for role, name in names if not name.strip()] == []


async def reaches_more_than(page: Page, controls: int) -> bool:
    return len(await control_names(page)) > controls


async def control_names(page: Page) -> list[tuple[str, str]]:
    """The role and the name of each control that a screen reader can reach now."""
    session = await page.context.new_cdp_session(page)
    tree: list[dict[str, Any]] = (await session.send("Accessibility.getFullAXTree"))["nodes"]
    await session.detach()
    controls = [node for node in tree if not node["ignored"] and node["role"]["value"] in CONTROLS]
    return [(node["role"]["value"], node.get("name", {}).get("value", "")) for node in controls]


async def tab_through(page: Page, last: str) -> list[str]:
    """The places that the focus goes through, from the page's beginning to ``last``, each once in a row."""
    places: list[str] = []
    for _ in range(80):
        await page.keyboard.press("Tab")
        place = await page.evaluate(
            "() => { const e = document.activeElement; return e.id || e.className || e.closest('[id], p[class]')?.id"
            " || e.closest('p')?.className; }"
        )
        if not places or places[-1] != place:
            places.append(place)
        if place == last:
            return places
    raise AssertionError(f"the focus never came to {last}: {places}")


async def test_the_focus_goes_through_the_page_as_it_is_read(stage: Stage, page: Page) -> None:
    await shown(page, stage)
    symbols = ["symbols-sort", "filter", "symbols"]
    tools = ["palette-open", "charts", "display-open", "marks-open", "jump-open", "export-csv", "export-png", "full-screen"]
    places = ["skip", *symbols, *tools, "panels", "chart", "attribution", "status-latency", "theme"]
    assert await tab_through(page, "theme") == places


async def test_the_skip_link_leads_past_the_symbols(stage: Stage, page: Page) -> None:
    await shown(page, stage)
    await page.keyboard.press("Tab")
    await expect(page.locator(".skip")).to_be_focused()
    await page.keyboard.press("Enter")
    await expect(page.locator("#chart")).to_be_focused()


async def test_the_focus_stays_in_the_drawer_while_it_covers_the_chart(stage: Stage, page: Page) -> None:
    await page.set_viewport_size({"width": 390, "height": 844})
    await shown(page, stage)
    assert (await tab_through(page, "theme"))[:4] == ["skip", "sidebar-open", "palette-open", "charts"]
    await page.click("#sidebar-open")
    await expect(page.locator("#filter")).to_be_focused()
    for _ in range(len(market.SYMBOLS) + 4):
        await page.keyboard.press("Tab")
        assert await page.evaluate("() => !document.activeElement.closest('main, footer')")
    await page.keyboard.press("Escape")
    await expect(page.locator("#sidebar-open")).to_be_focused()
