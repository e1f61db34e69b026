"""Chromium for the tests of the page: how it is started, and how it is asked."""

from __future__ import annotations

from typing import Any

from playwright.async_api import ConsoleMessage, Error, Page

from tests.page.stage import Stage

ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
]


CHANGED = "net::ERR_NETWORK_CHANGED"
"""Chromium aborts what it loads, loopback included, when an interface of the machine comes or goes: a container's, say."""


def complaints(page: Page) -> list[str]:
    """What the page's console will have complained about: errors, warnings, and exceptions that nobody caught.

    What the machine did to its network is not the page's.
    """
    found: list[str] = []

    def console(message: ConsoleMessage) -> None:
        if message.type in ("error", "warning") and CHANGED not in message.text:
            found.append(f"{message.type}: {message.text}")

    page.on("console", console)
    page.on("pageerror", lambda error: found.append(f"exception: {error}"))
    return found


async def visit(page: Page, url: str) -> None:
    """Open the page; anew when the machine's network changed while its modules were loading, which no page survives."""
    changed: list[str] = []
    page.on("requestfailed", lambda request: changed.append(request.url) if request.failure == CHANGED else None)
    while True:
        changed.clear()
        try:
            await page.goto(url)
        except Error as error:
            if CHANGED not in str(error):
                raise
        if not changed or await page.evaluate("() => 'rtchart' in window"):
            return


async def inspect(page: Page, what: str) -> Any:
    """What `window.rtchart` says, such as ``inspect(page, "candles().length")``."""
    return await page.evaluate(f"() => window.rtchart.{what}")


async def until(page: Page, condition: str, argument: Any = None) -> None:
    """Wait for a condition on ``r``, which is `window.rtchart`, and on ``a``, the argument."""
    await page.wait_for_function(f"(a) => {{ const r = window.rtchart; return r && ({condition}); }}", arg=argument)


async def painted_colours(page: Page) -> set[tuple[int, int, int]]:
    """The colours on the chart's canvases that cover more than a few pixels."""
    counts = await page.evaluate(
        """() => {
          const counts = {};
          for (const canvas of document.querySelectorAll("#chart canvas")) {
            if (!canvas.width || !canvas.height) continue;
            // Read from a copy: reading the chart's own canvas would make the browser draw it in another way.
            const copy = new OffscreenCanvas(canvas.width, canvas.height).getContext("2d", { willReadFrequently: true });
            copy.drawImage(canvas, 0, 0);
            const { data } = copy.getImageData(0, 0, canvas.width, canvas.height);
            for (let at = 0; at < data.length; at += 4) {
              if (data[at + 3] < 255) continue;
              const key = `${data[at]},${data[at + 1]},${data[at + 2]}`;
              counts[key] = (counts[key] ?? 0) + 1;
            }
          }
          return counts;
        }"""
    )
    return {tuple(map(int, key.split(","))) for key, count in counts.items() if count > 20}  # type: ignore[misc]


async def shows(page: Page, *colours: tuple[int, int, int]) -> bool:
    """Whether the chart has all of these colours on it."""
    return set(colours) <= await painted_colours(page)


async def opened(page: Page, stage: Stage, query: str = "") -> Page:
    """The page, with a snapshot drawn."""
    await visit(page, stage.url + query)
    await until(page, "r.candles().length >= 400")
    return page
