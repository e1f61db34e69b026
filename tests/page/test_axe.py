"""What axe finds in the page: nothing serious, in every state that people see."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from playwright.async_api import Page, expect
from scripts import page as verbs

from tests.page.browser import opened, until
from tests.page.stage import Stage

pytestmark = pytest.mark.browser

AXE = verbs.MODULES / "axe-core" / "axe.min.js"


async def found(page: Page) -> list[str]:
    """What axe has against the page as it is now, serious or worse, and where."""
    if not await page.evaluate("() => 'axe' in window"):
        # By the debugger, as the page's policy lets no script of others in.
        await page.evaluate(AXE.read_text(encoding="utf-8"))
    result: dict[str, Any] = await page.evaluate("() => axe.run(document, { resultTypes: ['violations'] })")
    return [
        f"{each['id']}: {node['target']} {node['failureSummary']}"
        for each in result["violations"]
        if each["impact"] in ("serious", "critical")
        for node in each["nodes"]
    ]


async def four(page: Page) -> None:
    await page.click('#charts button[value="4"]')
    await until(page, "r.charts().length === 4 && r.charts().every((_, at) => r.candlesOf(at)?.length >= 400)")


def dialog(key: str, name: str) -> Callable[[Page], Awaitable[None]]:
    async def opens(page: Page) -> None:
        await page.keyboard.press("Escape")
        await expect(page.locator("dialog[open]")).to_have_count(0)
        await page.keyboard.press(key)
        await expect(page.locator(name)).to_be_visible()

    return opens


async def nothing(page: Page) -> None:
    await expect(page.locator("#status-connection")).to_have_text("Live")


STATES: dict[str, Callable[[Page], Awaitable[None]]] = {
    "one chart": nothing,
    "display": dialog("d", "#display"),
    "palette": dialog("k", "#palette"),
    "keys": dialog("?", "#help"),
    "going to a time": dialog("g", "#jump"),
    "lines and alerts": dialog("a", "#marks"),
    "health": dialog("h", "#health"),
}


@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_axe_finds_nothing_serious(stage: Stage, page: Page, built: None, scheme: Any) -> None:
    await page.emulate_media(color_scheme=scheme)
    await opened(page, stage, "?indicators=sma:20,rsi:14")
    await expect(page.locator("#symbols .change").first).to_contain_text("%")
    against = {}
    for state, shown in STATES.items():
        await shown(page)
        against[state] = await found(page)
    await page.keyboard.press("Escape")
    await four(page)
    against["four charts"] = await found(page)
    assert against == {state: [] for state in against}


async def test_axe_finds_what_is_wrong(stage: Stage, page: Page, built: None) -> None:
    await opened(page, stage)
    await page.evaluate("() => document.querySelector('#theme').replaceChildren()")
    await page.evaluate("() => document.querySelector('#theme').removeAttribute('aria-label')")
    assert [line for line in await found(page) if line.startswith("button-name")]
