"""A real Prometheus scrapes the release: every panel draws, and what is broken on purpose is alerted on until it is mended."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx
import pytest
from playwright.async_api import Page, expect
from scripts.dashboards import expressions

from rtchart.process.metrics import STAGES
from tests.e2e.kube import forwarded
from tests.e2e.prometheus import Prometheus, prometheus
from tests.e2e.release import NAME, Measured, Release
from tests.page.browser import visit
from tests.waiting import wait_until

pytestmark = pytest.mark.browser

CONTROL = 9011
"""The simulated exchange's control port (`tests.e2e.release.VALUES`)."""
SERVICES = {"producer", "inserter", "aggregator", "web", "operator"}
BROKEN = {"RtchartSymbolStale", "RtchartInserterLags"}
MALFORMED = 'sum(rtchart_producer_dead_letters_total{reason="malformed_frame"})'
P99 = 'histogram_quantile(0.99, sum by (stage, le) (rate(rtchart_stage_latency_seconds_bucket{stage=~".+"}[1m])))'


@asynccontextmanager
async def control(release: Release) -> AsyncIterator[httpx.AsyncClient]:
    """The simulated exchange's control endpoint."""
    (pod,) = await release.pods("sim")
    target = f"pod/{pod['metadata']['name']}"
    async with (
        forwarded(release.context, release.namespace, target, CONTROL) as port,
        httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", timeout=20) as client,
    ):
        yield client


@pytest.fixture
async def scraped(release: Release) -> AsyncIterator[Release]:
    """The release with an aggregator that stays, since a CronJob's pod ends before anybody could ask it, and older history."""
    await release.install({"aggregator": {"mode": "Deployment"}})
    await want_history(release, 1)
    yield release
    await want_history(release, 0)
    await release.install()


async def test_what_is_broken_is_seen(scraped: Release, page: Page, measured: Measured) -> None:
    release = scraped
    async with (
        prometheus(release) as there,
        control(release) as exchange,
        forwarded(release.context, release.namespace, f"service/{NAME}-web", 80) as web,
    ):
        await visit(page, f"http://127.0.0.1:{web}/?symbol=ETHUSDT&interval=1m")
        await expect(page.locator("#status-connection")).to_have_text("Live")
        await wait_until(lambda: services(there), 60, every=1)
        await wait_until(lambda: there.query("rtchart_symbol_history_reach_timestamp_seconds"), 120, every=1)
        await wait_until(lambda: mended(there), 120, every=2)  # from whatever was done to the release before
        before = await there.value(MALFORMED) or 0

        await begin(exchange, fault="mute", symbols=["BTCUSDT"])
        await begin(exchange, fault="rest_status", status=503)
        await begin(exchange, fault="inject", text="{]")
        try:
            await wait_until(lambda: stages(there), 180, every=2)  # a whole minute has to stream, and to be folded
            panels = Panels(there)
            await wait_until(panels.look, 180, every=5)
            assert await there.unhealthy() == {}
            for labels, seconds in sorted(await there.query(P99), key=lambda one: one[0]["stage"]):
                measured(f"p99 of {labels['stage']}, from Prometheus", f"{seconds * 1000:.1f} ms")
            assert (await there.value(MALFORMED) or 0) > before
            await wait_until(lambda: stale_alone(there, "BTCUSDT"), 60, every=1)
            await release.kubectl.run("scale", f"deployment/{NAME}-inserter", "--replicas=0")
            await wait_until(lambda: fires(there), 240, every=2)
        finally:
            await release.kubectl.run("scale", f"deployment/{NAME}-inserter", "--replicas=1")
            await exchange.delete("/faults")
        await wait_until(lambda: mended(there), 240, every=2)
        await page.goto("about:blank")
    await release.kubectl.run("wait", "--for=condition=Ready", "symbol", "--all", "--timeout=120s")


async def want_history(release: Release, days: int) -> None:
    patch = json.dumps({"spec": {"historyDays": days}})
    await release.kubectl.run("patch", "symbol", "sim-btcusdt", "--type=merge", "-p", patch)


async def begin(exchange: httpx.AsyncClient, **fault: Any) -> None:
    answer = await exchange.post("/faults", json=fault)
    assert answer.status_code == 201, answer.text


async def services(there: Prometheus) -> bool:
    """Whether each service is scraped."""
    found = {labels["service"] for labels, _ in await there.query("rtchart_build_info")}
    assert found >= SERVICES, f"scraped: {found}"
    return True


async def stages(there: Prometheus) -> bool:
    """Whether something passed through each stage, the eye included."""
    found = {labels["stage"] for labels, count in await there.query("rtchart_stage_latency_seconds_count") if count}
    assert found >= set(STAGES), f"measured: {found}"
    return True


class Panels:
    """Which expressions of the dashboards have had series so far."""

    def __init__(self, there: Prometheus) -> None:
        self._there = there
        self._empty = list(expressions({"__rate_interval": "1m"}))

    async def look(self) -> bool:
        """Whether all have. Raises for one that Prometheus does not take."""
        self._empty = [one for one in self._empty if not await self._there.query(one.promql)]
        lines = [f"{one.dashboard}, {one.panel}: {one.promql}" for one in self._empty]
        assert not lines, "these draw nothing:\n" + "\n".join(lines)
        return True


async def stale_alone(there: Prometheus, symbol: str) -> bool:
    found = await there.query("time() - rtchart_symbol_last_kline_timestamp_seconds > 20")
    assert [labels["symbol"] for labels, _ in found] == [symbol]
    return True


async def fires(there: Prometheus) -> bool:
    firing = await there.firing()
    assert firing >= BROKEN, f"firing: {firing}"
    return True


async def mended(there: Prometheus) -> bool:
    firing = await there.firing()
    assert not firing & BROKEN, f"still firing: {firing}"
    return True
