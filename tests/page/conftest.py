"""A browser for the tests of the page, and a stage to show it."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from playwright.async_api import Browser, Page, async_playwright, expect

from tests.page.browser import ARGUMENTS, complaints
from tests.page.stage import Stage, serving

DEADLINE = 40_000
"""Milliseconds that a condition may take to come true on a busy machine."""
expect.set_options(timeout=DEADLINE)


@pytest.fixture(scope="session")
async def browser(chromium: str, built: None) -> AsyncIterator[Browser]:
    """Chromium, started once."""
    async with async_playwright() as playwright:
        # One process less, which draws in software anyway.
        browser = await playwright.chromium.launch(executable_path=chromium, args=[*ARGUMENTS, "--in-process-gpu"])
        yield browser
        await browser.close()


@pytest.fixture
async def page(browser: Browser) -> AsyncIterator[Page]:
    """An empty tab of its own profile. Ask for it after the server, so that it is closed before that goes away.

    The test fails when the page's console has complained, unless it expected that and emptied ``page.complaints``.
    """
    context = await browser.new_context(viewport={"width": 1200, "height": 760})
    page = await context.new_page()
    page.set_default_timeout(DEADLINE)
    page.complaints = found = complaints(page)  # type: ignore[attr-defined]
    yield page
    await context.close()
    assert found == []


@pytest.fixture
async def stage(browser: Browser) -> AsyncIterator[Stage]:
    """A server that shows a made-up market."""
    async with serving(Stage()) as stage:
        yield stage
