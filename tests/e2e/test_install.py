"""From nothing to candles."""

from __future__ import annotations

import json

from rtchart.core.interval import MINUTE
from rtchart.process.clock import now_ms
from tests.e2e.compared import exchange_candles, first_minute, seconds_are_equal, stored_candles
from tests.e2e.release import NAME, SYMBOLS, Release
from tests.waiting import wait_until


async def test_everything_is_ready_and_nothing_was_started_twice(release: Release) -> None:
    assert await release.ready()
    components = {pod["metadata"]["labels"]["app.kubernetes.io/component"] for pod in await release.pods()}
    assert components == {"producer-sim", "inserter", "web", "operator", "sim", "kafka", "postgresql"}
    assert set((await release.restarts()).values()) == {0}, "a service waits for what it needs, and does not end"
    await release.kubectl.run("wait", "--for=condition=Ready", "symbol", "--all", "--timeout=60s")


async def test_helms_own_test_passes(release: Release) -> None:
    assert "Succeeded" in await release.helm("test", NAME, "--timeout", "3m")


async def test_the_cronjob_makes_candles_equal_to_the_exchanges_own(release: Release) -> None:
    start, installed = await first_minute(release), now_ms()

    async def folded(symbol: str) -> bool:
        stored = await stored_candles(release, symbol, "1m", start)
        assert stored and max(stored) >= installed, "no minute yet that began after the installation"
        whole = list(range(start, max(stored) + 1, MINUTE))
        assert list(stored) == whole, f"{len(set(whole) - stored.keys())} minutes are missing"
        assert stored == await exchange_candles(release, symbol, "1m", whole)
        return True

    for symbol in SYMBOLS:
        await wait_until(lambda symbol=symbol: folded(symbol), 240, every=2)
    five = {
        time: figures for time, figures in (await stored_candles(release, "BTCUSDT", "5m", start)).items() if figures[-1] == 300
    }
    assert five and five.items() <= (await exchange_candles(release, "BTCUSDT", "5m", sorted(five))).items()
    assert await seconds_are_equal(release, "BTCUSDT", start, installed // MINUTE * MINUTE)
    # A CronJob and not somebody else.
    jobs = await release.objects("jobs")
    assert {owner["kind"] for job in jobs for owner in job["metadata"].get("ownerReferences", ())} == {"CronJob"}
    runs = await release.fetch("SELECT count(*) AS n FROM aggregation_run WHERE error IS NOT NULL")
    assert runs[0]["n"] == 0, json.dumps(
        [dict(row) for row in await release.fetch("SELECT * FROM aggregation_run")], default=str
    )
