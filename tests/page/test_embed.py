"""A chart in a frame of somebody's page, and a page of somebody's own, in Chromium."""

from __future__ import annotations

import contextlib
import mimetypes
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from playwright.async_api import Page, expect
from quart import Quart, Response

from tests.page.browser import until, visit
from tests.page.stage import PAGE, Stage, listening

pytestmark = pytest.mark.browser

EXAMPLE = Path(__file__).parents[2] / "examples" / "own-page"


@contextlib.asynccontextmanager
async def elsewhere(html: str = "") -> AsyncIterator[str]:
    """Another origin: it serves a text, the example, and the client's modules where the example's README puts them."""
    app = Quart(__name__, static_folder=None)

    @app.get("/")
    async def index() -> Response:
        return Response(html or (EXAMPLE / "index.html").read_text(encoding="utf-8"), content_type="text/html; charset=utf-8")

    @app.get("/<path:path>")
    async def file(path: str) -> Response:
        found = PAGE / "js" / path if path.startswith("client/") else EXAMPLE / path
        return Response(found.read_bytes(), content_type=mimetypes.guess_type(path)[0]) if found.exists() else Response("", 204)

    async with listening(app) as address:
        yield address


async def test_a_chart_in_a_frame_is_a_chart_and_nothing_else(stage: Stage, page: Page) -> None:
    address = f"{stage.url}embed?symbol=ETHUSDT&interval=5m&style=line&theme=dark"
    async with elsewhere(f'<!doctype html><title>theirs</title><iframe src="{address}" width=800 height=500></iframe>') as url:
        await page.goto(url)
        [frame] = [each for each in page.frames if each != page.main_frame]
        await frame.wait_for_function("() => window.rtchart?.candles().length >= 400")
        shown = await frame.evaluate("() => [rtchart.shown(), rtchart.look()[0], document.documentElement.dataset.theme]")
        assert shown == [{"exchange": "binance", "symbol": "ETHUSDT", "interval": "5m"}, "Line", "dark"]
        for around in ("#sidebar", "#toolbar"):
            await expect(frame.locator(around)).to_be_hidden()
        for kept in (".attribution", "#status-connection", "#status-venue"):
            await expect(frame.locator(kept)).to_be_visible()
        # What is done in it is no step of the page around it, and nothing that this browser remembers.
        steps = await page.evaluate("() => history.length")
        await frame.locator('.intervals button[value="1h"]').click()
        await frame.wait_for_function("() => rtchart.shown()?.interval === '1h' && rtchart.candles().length >= 400")
        assert await page.evaluate("() => history.length") == steps
        await frame.locator("#chart").focus()
        await page.keyboard.press("4")
        await page.keyboard.press("k")
        assert await frame.evaluate("() => rtchart.charts().length") == 1
    await visit(page, stage.url)
    await until(page, "r.shown()?.interval === '1m' && r.look()[0] === 'Candlestick'")


async def test_a_page_of_ones_own_has_live_candles_from_the_client_alone(stage: Stage, page: Page) -> None:
    async with elsewhere() as url:
        await page.goto(f"{url}?server={stage.url}&symbol=SOLUSDT")
        await expect(page.locator("#candles tr")).to_have_count(10)
        before = await page.inner_text("#price")
        await expect(page.locator("#price")).not_to_have_text(before)
        await expect(page.locator("#state")).to_have_text("open")
        stage.refuse = True
        await stage.drop()
        await expect(page.locator("#state")).to_have_text("waiting")
        stage.refuse = False
        await expect(page.locator("#state")).to_have_text("open")
        before = await page.inner_text("#price")
        await expect(page.locator("#price")).not_to_have_text(before)
    page.complaints.clear()  # type: ignore[attr-defined]  # the browser itself reports a refused connection
