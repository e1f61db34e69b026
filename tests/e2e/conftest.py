"""One release that most tests share; the tests that break things come last."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.kube import proxied
from tests.e2e.panels import Panels
from tests.e2e.release import Measured, Release, namespace
from tests.operator import cluster
from tests.page.conftest import browser, page

__all__ = ["browser", "page"]

ORDER = (
    "test_context",
    "test_install",
    "test_combinations",
    "test_security",
    "test_page",
    "test_symbols",
    "test_operations",
    "test_monitoring",
    "test_runbooks",
    "test_external",
    "test_kills",
    "test_outage",
    "test_upgrade",
    "test_uninstall",
    "test_skaffold",
)
TIMEOUT = 900
"""Seconds for a test, the installation before it included."""

_shared: list[Release] = []


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    here = [item for item in items if item.path.parent == Path(__file__).parent]
    for item in here:
        item.add_marker(pytest.mark.timeout(TIMEOUT))
    others = [item for item in items if item not in here]
    items[:] = [*others, *sorted(here, key=lambda item: ORDER.index(item.path.stem))]


@pytest.fixture(scope="session")
def context() -> str:
    """The current context, if it is one for tests. In no other is anything looked at, and the run ends."""
    try:
        return cluster.context()
    except pytest.skip.Exception as refusal:
        pytest.exit(f"no end-to-end test was run: {refusal}", returncode=1)


@pytest.fixture(scope="session")
async def proxy(context: str) -> AsyncIterator[str]:
    """URL of the API server."""
    async with proxied(context) as url:
        yield url


@pytest.fixture(scope="session")
async def place(context: str, proxy: str) -> AsyncIterator[Release]:
    """Where the shared release is going to be. Apart from it, so that an installation that failed can be looked at."""
    async with namespace(context, proxy) as shared:
        _shared.append(shared)
        try:
            yield shared
        finally:
            _shared.clear()


@pytest.fixture(scope="session")
async def release(place: Release) -> Release:
    """A release, installed from nothing, that the tests share. A test leaves BTCUSDT and ETHUSDT streaming."""
    await place.install()
    return place


@pytest.fixture(scope="session")
def panels() -> Panels:
    """Of the dashboards: what they drew in all tests together."""
    return Panels()


@pytest.fixture
def measured(record_property: Measured) -> Measured:
    """Takes what was measured, by its name; the end of the run tells it."""
    return record_property


def pytest_terminal_summary(terminalreporter: Any) -> None:
    for report in (*terminalreporter.stats.get("passed", ()), *terminalreporter.stats.get("failed", ())):
        for name, value in report.user_properties if report.when == "call" else ():
            terminalreporter.write_line(f"{name}: {value}")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: Any) -> Iterator[None]:
    """Beside a test that failed, what the cluster looks like."""
    report: Any = yield
    if report.failed and _shared:
        loop = asyncio.new_event_loop()
        try:
            report.sections.append(("the cluster", loop.run_until_complete(_shared[0].picture())))
        except Exception as error:
            report.sections.append(("the cluster", f"cannot be looked at: {error!r}"))
        finally:
            loop.close()
    return report
