"""The page at a server that asks for a token, in Chromium: it asks once, and says what is wrong with one that is."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from playwright.async_api import Browser, Page, expect

from rtchart.web import page as site
from rtchart.web.admission import Rules
from rtchart.web.tokens import Tokens
from tests.page.browser import until, visit
from tests.web.conftest import BTC
from tests.web.running import Running, running

pytestmark = pytest.mark.browser

TOKEN, NEXT, WRONG = "the-token.of-today", "the-token.of-tomorrow", "no-token.of-theirs"


@pytest.fixture
def tokens() -> Tokens:
    return Tokens([TOKEN])


@pytest.fixture
async def guarded(browser: Browser, kafka: str, topic_prefix: str, database: str, tokens: Tokens) -> AsyncIterator[Running]:
    async with running(kafka, topic_prefix, database, symbols=[BTC], page=site.load(), rules=Rules(tokens=tokens)) as server:
        yield server


def forgive(page: Page) -> None:
    """Take out of the console's complaints what the browser itself says of a refusal."""
    page.complaints[:] = [text for text in page.complaints if "401" not in text and "/ws' failed" not in text]  # type: ignore[attr-defined]


def ask_for_another(guarded: Running, tokens: Tokens) -> None:
    """The token is `NEXT` from now on, and nobody is let stay."""
    tokens._digests = Tokens([NEXT])._digests
    for client in list(guarded.web.hub.clients):
        client.close(1001, "the server shuts down; connect again")


async def enter(page: Page, token: str) -> None:
    await page.fill("#token-value", token)
    await page.click("#token-form button")


async def test_a_token_is_asked_for_once(guarded: Running, page: Page) -> None:
    dialog, why = page.locator("#token"), page.locator("#token-why")
    await visit(page, guarded.url)
    await expect(why).to_contain_text("to those who have a token")
    await expect(page.locator("#token-value")).to_be_focused()

    await enter(page, "short")  # is none that can be sent: the browser says so, and nothing is sent
    await expect(dialog).to_be_visible()
    await enter(page, WRONG)
    await expect(why).to_contain_text("not one of the server's")

    await enter(page, f" {TOKEN} ")
    await expect(dialog).to_be_hidden()
    await expect(page.locator("#symbols li")).to_have_count(1)
    await expect(page.locator("#status-connection")).to_contain_text("Live")
    await until(page, "r.shown()?.symbol === 'BTCUSDT'")
    forgive(page)

    await page.reload()
    await expect(page.locator("#status-connection")).to_contain_text("Live")
    await expect(page.locator("#symbols li")).to_have_count(1)
    await expect(dialog).to_be_hidden()
    assert TOKEN not in page.url + await page.evaluate("() => JSON.stringify(localStorage) + document.cookie")


async def test_a_token_that_is_no_longer_good_is_asked_for_anew(guarded: Running, page: Page, tokens: Tokens) -> None:
    await visit(page, guarded.url)
    await enter(page, TOKEN)
    await expect(page.locator("#status-connection")).to_contain_text("Live")
    ask_for_another(guarded, tokens)
    await expect(page.locator("#token-why")).to_contain_text("or no longer")
    await enter(page, NEXT)
    await expect(page.locator("#status-connection")).to_contain_text("Live")
    forgive(page)
