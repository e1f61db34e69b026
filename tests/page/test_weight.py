"""What the page weighs, and that it stands still: what a first visit loads, and nothing moves once it is drawn."""

from __future__ import annotations

import gzip
import re

import pytest
from playwright.async_api import Page

from tests.page.browser import opened
from tests.page.stage import Stage, site

LIGHT = 250_000
"""Bytes of a first visit, compressed."""


def test_a_first_visit_is_light(built: None) -> None:
    page = site()
    loaded = re.findall(rf'(?:href|src)="/static/{page.digest}/([^"]+)"', page.index)
    assert sorted(loaded) == ["icon.svg", "main.css", "main.js"]
    # Nothing is loaded by these in turn.
    assert not re.search(rb"\bimport\s*[({\"'*]", page.files["main.js"])
    assert not re.search(rb"@import|\burl\(", page.files["main.css"])
    sizes = {path: len(page.packed.get(path, page.files[path])) for path in loaded}
    total = len(gzip.compress(page.index.encode())) + sum(sizes.values())
    assert total < LIGHT, sizes


@pytest.mark.browser
@pytest.mark.parametrize("width", [1200, 390])
async def test_nothing_moves_once_the_page_is_drawn(stage: Stage, page: Page, width: int) -> None:
    await page.set_viewport_size({"width": width, "height": 800})
    await page.add_init_script(
        """window.shifts = [];
        new PerformanceObserver((list) => {
          for (const { value, startTime, sources } of list.getEntries()) {
            window.shifts.push([value, startTime, sources.map(({ node }) => node?.id || node?.className || node?.nodeName)]);
          }
        }).observe({ type: "layout-shift", buffered: true });"""
    )
    await opened(page, stage)
    await page.wait_for_function("() => /\\d/.test(document.querySelector('#status-latency').textContent)")
    first = await page.evaluate("() => performance.getEntriesByName('rtchart:first-chart')[0].startTime")
    shifts = await page.evaluate("() => window.shifts")
    assert [shift for shift in shifts if shift[1] > first] == []
