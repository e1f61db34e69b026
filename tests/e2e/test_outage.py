"""Kafka and PostgreSQL away for longer than any probe has patience: nobody ends, the web says so, and all comes back."""

from __future__ import annotations

import os
import time

from tests.e2e.compared import last_second, seconds_are_equal
from tests.e2e.release import NAME, SYMBOLS, Measured, Release, is_ready
from tests.e2e.test_kills import caught_up
from tests.waiting import wait_until

SECONDS = float(os.environ.get("OUTAGE_SECONDS", "300"))
"""Five times what the liveness probe has patience for."""


async def test_nobody_ends_while_kafka_and_postgresql_are_away(release: Release, measured: Measured) -> None:
    start = await last_second(release, *SYMBOLS)
    before = await release.restarts()
    servers = (f"statefulset/{NAME}-broker", f"statefulset/{NAME}-postgresql")
    await release.kubectl.run("scale", *servers, "--replicas=0")
    begun = time.monotonic()

    async def told() -> bool:
        states = {pod["metadata"]["labels"]["app.kubernetes.io/component"]: is_ready(pod) for pod in await release.pods()}
        assert not states["web"] and not states["inserter"], f"ready are {[name for name in states if states[name]]}"
        return True

    await wait_until(told, 30, every=1)
    measured("from Kafka and PostgreSQL being told to go to the web not being ready", f"{time.monotonic() - begun:.0f} s")

    for condition, reason in (("Streaming", "KafkaUnavailable"), ("Persisting", "DatabaseUnavailable")):
        await release.kubectl.until("sim-btcusdt", condition, "Unknown", reason, within=60)

    async def long_away() -> bool:
        now = await release.restarts()
        assert all(
            now.get(name) == count for name, count in before.items() if "broker" not in name and "postgresql" not in name
        )
        return time.monotonic() - begun > SECONDS

    await wait_until(long_away, SECONDS + 30, every=5)
    await release.kubectl.run("scale", *servers, "--replicas=1")
    await wait_until(release.ready, 180, every=1)
    after = await release.restarts()
    assert {name: after[name] for name in before} == before
    end = await wait_until(lambda: caught_up(release), 180, every=1)

    async def whole() -> bool:
        return all([await seconds_are_equal(release, symbol, start, end) for symbol in SYMBOLS])

    await wait_until(whole, 180, every=2)
