"""A real Prometheus scrapes the release: every panel draws, and what is broken on purpose is alerted on until it is mended."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
from playwright.async_api import Page, expect
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.typing import Origin

from rtchart.process.metrics import STAGES
from tests.e2e.kube import forwarded
from tests.e2e.panels import Panels
from tests.e2e.prometheus import Prometheus, prometheus
from tests.e2e.release import NAME, Measured, Release, control
from tests.page.browser import visit
from tests.waiting import wait_until

pytestmark = pytest.mark.browser

SERVICES = {"producer", "inserter", "aggregator", "web", "operator"}
NONSENSE = (
    "echo nonsense | /opt/kafka/bin/kafka-console-producer.sh --bootstrap-server rtchart-broker:9092 --topic rtchart.klines"
)
BROKEN = {"RtchartSymbolStale", "RtchartInserterLags"}
MALFORMED = 'sum(rtchart_producer_dead_letters_total{reason="malformed_frame"})'
P99 = 'histogram_quantile(0.99, sum by (stage, le) (rate(rtchart_stage_latency_seconds_bucket{stage=~".+"}[1m])))'


@pytest.fixture
async def scraped(release: Release) -> AsyncIterator[Release]:
    """The release with an aggregator that stays, since a CronJob's pod ends before anybody could ask it."""
    await release.install({"aggregator": {"mode": "Deployment"}})
    yield release
    await want_history(release, 0)
    await release.install()


async def test_what_is_broken_is_seen(scraped: Release, page: Page, panels: Panels, measured: Measured) -> None:
    release = scraped
    async with (
        prometheus(release) as there,
        control(release) as port,
        httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", timeout=20) as exchange,
        forwarded(release.context, release.namespace, f"service/{NAME}-web", 80) as web,
    ):
        await visit(page, f"http://127.0.0.1:{web}/?symbol=ETHUSDT&interval=1m")
        await expect(page.locator("#status-connection")).to_have_text("Live")
        await wait_until(lambda: services(there), 60, every=1)
        await panels.look(there)
        await want_history(release, 1)
        await wait_until(lambda: there.query("rtchart_symbol_history_reach_timestamp_seconds"), 120, every=1)
        await panels.look(there)
        await wait_until(lambda: mended(there), 120, every=2)  # from whatever was done to the release before
        before = await there.value(MALFORMED) or 0
        await begin(exchange, fault="mute", symbols=["BTCUSDT"])
        await begin(exchange, fault="rest_status", status=503)
        await begin(exchange, fault="inject", text="{]")
        await begin(exchange, fault="disconnect")
        await misbehave(f"ws://127.0.0.1:{web}/ws")
        await release.kubectl.run("exec", f"{NAME}-broker-0", "--", "sh", "-c", NONSENSE)
        try:
            await wait_until(lambda: stages(there), 180, every=2)  # a whole minute has to stream, and to be folded
            await wait_until(lambda: panels.all_draw(there), 180, every=5)
            assert await there.unhealthy() == {}
            for labels, seconds in sorted(await there.query(P99), key=lambda one: one[0]["stage"]):
                measured(f"p99 of {labels['stage']}, from Prometheus", f"{seconds * 1000:.1f} ms")
            assert (await there.value(MALFORMED) or 0) > before
            await wait_until(lambda: stale_alone(there, "BTCUSDT"), 60, every=1)
            await release.kubectl.run("scale", f"deployment/{NAME}-inserter", "--replicas=0")
            await wait_until(lambda: fires(there), 240, every=2)
            await panels.look(there)
        finally:
            await release.kubectl.run("scale", f"deployment/{NAME}-inserter", "--replicas=1")
            await exchange.delete("/faults")
        await wait_until(lambda: mended(there), 240, every=2)
        await panels.look(there)
        await page.goto("about:blank")
    await release.kubectl.run("wait", "--for=condition=Ready", "symbol", "--all", "--timeout=120s")


async def want_history(release: Release, days: int) -> None:
    patch = json.dumps({"spec": {"historyDays": days}})
    await release.kubectl.run("patch", "symbol", "sim-btcusdt", "--type=merge", "-p", patch)


async def misbehave(web: str) -> None:
    """A client of the socket that does what none should."""
    with pytest.raises(InvalidStatus):
        await connect(web, origin=Origin("https://elsewhere.example"))
    async with connect(web) as socket:
        await socket.send("nonsense")
        late = {"op": "report", "latency": [{"stage": "sent_to_painted", "ms": 60_000}]}
        for _ in range(2):
            await socket.send(json.dumps(late))
        with pytest.raises(ConnectionClosed):
            while True:
                await socket.send(json.dumps({"op": "ping"}))
                await asyncio.sleep(0)


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


async def stale_alone(there: Prometheus, symbol: str) -> bool:
    found = await there.query("time() - rtchart_symbol_last_kline_timestamp_seconds > 20")
    assert [labels["symbol"] for labels, _ in found] == [symbol]
    return True


async def fires(there: Prometheus) -> bool:
    alerts = await there.alerts()
    assert {name for (name, _), state in alerts.items() if state == "firing"} >= BROKEN, f"alerts: {alerts}"
    return True


async def mended(there: Prometheus) -> bool:
    alerts = await there.alerts()
    assert not {name for name, _ in alerts} & BROKEN, f"alerts: {alerts}"
    return True
