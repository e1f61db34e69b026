"""Pictures of the page into screenshots/: `python -m tests.page.screenshots [URL]`.

Without an address it shows a made-up market: light and dark, on a desktop and on a phone, four charts, a candle that is not
whole with what is said of it, a lost connection, and the health view.
"""

from __future__ import annotations

import asyncio
import contextlib
import shutil
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from playwright.async_api import Browser, Page, async_playwright

from rtchart.core.interval import MINUTE
from rtchart.process.clock import now_ms
from tests.page import market
from tests.page.browser import ARGUMENTS, visit
from tests.page.stage import Stage, serving

FOLDER = Path("screenshots")
SIZES = {"desktop": {"width": 1360, "height": 820}, "phone": {"width": 390, "height": 844}}
LACKING = 18
"""Minutes before this one: the candle that is not whole."""


def troubled() -> Stage:
    """A market with everything on screen that can go wrong: an outage, missing seconds, a repair under way."""
    stage, now = Stage(exchange="sim"), now_ms() // MINUTE * MINUTE
    for minutes in range(38, 52):
        stage.edit[now - minutes * MINUTE] = None
    for minutes, received in ((37, 12), (52, 44), (LACKING, 51)):
        at = now - minutes * MINUTE
        stage.edit[at] = {**market.candle("BTCUSDT", "1m", at, now), "received": received}
    gap = {"opened_at": now, "closed_at": None}
    lacking = now - LACKING * MINUTE
    stage.gaps = [
        {**gap, "start": now - 51 * MINUTE, "end": now - 37 * MINUTE, "state": "absent", "reason": "reconnect"},
        {**gap, "start": lacking + 20_000, "end": lacking + 29_000, "state": "absent", "reason": "step"},
    ]
    second = now_ms() // 1000 * 1000
    stage.health = {
        "SOLUSDT": {"open": 1, "repaired": 3, "missing": 12},
        "BTCUSDT": {"absent": 2, "missing": 849},
        "ETHUSDT": {"repaired": 2},
        "DOTUSDT": {"status": "stale", "newest": second - 95_000},
    }
    return stage


async def ready(page: Page, listed: bool = True) -> None:
    """Live candles have been painted, and, where the list is in sight, it has its lines."""
    await page.wait_for_function("() => window.rtchart?.candles().length > 20")
    await page.wait_for_function("() => /\\d/.test(document.querySelector('#status-latency').textContent)")
    if listed:
        await page.wait_for_function("() => document.querySelector('#symbols .spark path[d]') !== null")


async def four(page: Page, stage: Stage | None) -> None:
    await page.click('#charts button[value="4"]')
    await page.wait_for_function("() => rtchart.charts().every((_, at) => rtchart.candlesOf(at).length > 20)")
    box = await page.locator(".chart").first.bounding_box()
    assert box is not None
    await page.mouse.move(box["x"] + box["width"] * 0.6, box["y"] + 80)


async def incomplete(page: Page, stage: Stage | None) -> None:
    at = now_ms() // MINUTE * MINUTE - LACKING * MINUTE
    box = await page.locator("#chart").bounding_box()
    assert box is not None
    await page.mouse.move(box["x"] + await page.evaluate("(at) => rtchart.x(at)", at), box["y"] + 150)
    await page.wait_for_function("() => !document.querySelector('.tip').hidden")


async def lost(page: Page, stage: Stage | None) -> None:
    if stage is None:
        await page.context.set_offline(True)
        return
    stage.refuse = True
    await stage.drop()
    await page.wait_for_function("() => document.querySelector('#status-connection').dataset.state === 'waiting'")


async def health(page: Page, stage: Stage | None) -> None:
    await page.click("#status-latency")
    await page.wait_for_function("() => document.querySelectorAll('#health tbody tr').length > 8")


SCENES: dict[str, Callable[[Page, Stage | None], Awaitable[None]]] = {
    "four": four,
    "incomplete": incomplete,
    "health": health,
    "disconnected": lost,
}


async def shoot(browser: Browser, url: str, size: str, scheme: Any) -> None:
    """One picture, and on a phone one of the list too."""
    page = await browser.new_page(viewport=SIZES[size], color_scheme=scheme, device_scale_factor=2 if size == "phone" else 1)
    await visit(page, f"{url}?indicators=sma:20,rsi:14" if size == "desktop" else url)
    await ready(page, listed=size == "desktop")
    await save(page, f"{size}-{scheme}")
    if size == "phone":
        await page.click("#sidebar-open")
        await ready(page)
        await save(page, f"{size}-{scheme}-symbols")
    await page.close()


async def scene(browser: Browser, url: str, name: str, stage: Stage | None) -> None:
    """One picture of something that happens."""
    page = await browser.new_page(viewport=SIZES["desktop"], color_scheme="dark" if name == "four" else "light")
    await visit(page, url)
    await ready(page)
    await SCENES[name](page, stage)
    await save(page, name)
    await page.close()


async def save(page: Page, name: str) -> None:
    """Into the folder, and its name to the terminal."""
    path = FOLDER / f"{name}.png"
    await page.screenshot(path=path, animations="disabled")
    print(path)


async def main(url: str | None) -> None:
    """All of them."""
    await asyncio.to_thread(FOLDER.mkdir, exist_ok=True)
    async with contextlib.AsyncExitStack() as stack:
        stage = None if url else await stack.enter_async_context(serving(troubled()))
        # What is edited on a stage is so of every symbol.
        calm = None if url else await stack.enter_async_context(serving(Stage(exchange="sim")))
        address = url or (stage.url if stage else "")
        playwright = await stack.enter_async_context(async_playwright())
        browser = await playwright.chromium.launch(executable_path=shutil.which("chromium"), args=ARGUMENTS)
        for size in SIZES:
            for scheme in ("light", "dark"):
                await shoot(browser, address, size, scheme)
        for name in SCENES:
            shown = calm if name == "four" else stage
            await scene(browser, shown.url if shown else address, name, shown)
        await browser.close()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1] if len(sys.argv) > 1 else None))
