"""Pictures of the page, light and dark, desktop and phone, into screenshots/: `python -m tests.page.screenshots [URL]`.

Without an address it shows a made-up market with an outage and a candle that is not whole.
"""

from __future__ import annotations

import asyncio
import contextlib
import shutil
import sys
from pathlib import Path

from playwright.async_api import Browser, async_playwright

from rtchart.core.interval import MINUTE
from rtchart.process.clock import now_ms
from tests.page import market
from tests.page.browser import ARGUMENTS, visit
from tests.page.stage import Stage, serving

FOLDER = Path("screenshots")
SIZES = {"desktop": {"width": 1360, "height": 820}, "phone": {"width": 390, "height": 844}}


def troubled() -> Stage:
    """A market with everything on screen that can go wrong: an outage, missing seconds, a repair under way."""
    stage, now = Stage(exchange="sim"), now_ms() // MINUTE * MINUTE
    for minutes in range(38, 52):
        stage.edit[now - minutes * MINUTE] = None
    for minutes, received in ((37, 12), (52, 44), (18, 51)):
        at = now - minutes * MINUTE
        stage.edit[at] = {**market.candle("BTCUSDT", "1m", at, now), "received": received}
    gap = {"opened_at": now, "closed_at": None}
    stage.gaps = [
        {**gap, "start": now - 51 * MINUTE, "end": now - 37 * MINUTE, "state": "absent", "reason": "reconnect"},
        {**gap, "start": now - 18 * MINUTE + 20_000, "end": now - 18 * MINUTE + 29_000, "state": "open", "reason": "step"},
    ]
    return stage


async def shoot(browser: Browser, url: str, size: str, scheme: str) -> Path:
    """One picture, taken when live candles have been painted."""
    page = await browser.new_page(viewport=SIZES[size], color_scheme=scheme, device_scale_factor=2 if size == "phone" else 1)
    await visit(page, url)
    await page.wait_for_function("() => window.rtchart?.candles().length > 20")
    await page.wait_for_function("() => /\\d/.test(document.querySelector('#status-latency').textContent)")
    path = FOLDER / f"{size}-{scheme}.png"
    await page.screenshot(path=path)
    if size == "phone":
        await page.click("#sidebar-open")
        await page.wait_for_timeout(300)
        await page.screenshot(path=FOLDER / f"{size}-{scheme}-symbols.png")
    await page.close()
    return path


async def main(url: str | None) -> None:
    await asyncio.to_thread(FOLDER.mkdir, exist_ok=True)
    async with contextlib.AsyncExitStack() as stack:
        address = url or (await stack.enter_async_context(serving(troubled()))).url
        playwright = await stack.enter_async_context(async_playwright())
        browser = await playwright.chromium.launch(executable_path=shutil.which("chromium"), args=ARGUMENTS)
        for size in SIZES:
            for scheme in ("light", "dark"):
                print(await shoot(browser, address, size, scheme))
        await browser.close()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1] if len(sys.argv) > 1 else None))
