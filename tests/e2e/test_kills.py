"""Pods are deleted at random, Kafka's and PostgreSQL's too; nothing is lost, and who looks at it sees it all."""

from __future__ import annotations

import os
import random
import time

from rtchart.core.interval import MINUTE
from tests.e2e.compared import exchange_candles, last_second, seconds_are_equal, stored_candles
from tests.e2e.release import SYMBOLS, Measured, Release
from tests.e2e.viewer import viewing
from tests.pipeline.running import exchange_seconds
from tests.waiting import wait_until

COMPONENTS = ("producer-sim", "inserter", "web", "operator", "sim", "kafka", "postgresql")
SECONDS = float(os.environ.get("KILL_SECONDS", "180"))
"""How long pods are deleted; every kind at least once."""
GRACE = 1
"""Seconds, of those that are not given the time to end well. With 0, two could have one volume."""


async def test_killed_at_random_nothing_is_lost(release: Release, measured: Measured) -> None:
    seed = random.randrange(2**32)
    measured("pods are deleted by random.Random", seed)
    chance = random.Random(seed)
    start = await last_second(release, *SYMBOLS)
    async with viewing(release, "BTCUSDT") as viewer:
        await wait_until(lambda: viewer.candles, 30)
        seen_from = max(viewer.candles)
        killed = runs_killed = 0
        deadline = time.monotonic() + SECONDS
        while time.monotonic() < deadline or killed < len(COMPONENTS):
            if killed % len(COMPONENTS) == 0:
                bag = chance.sample(COMPONENTS, len(COMPONENTS))
            killed += 1
            await kill(release, bag.pop(), how=chance.choice(("gently", "hard")))
            runs_killed += await kill_a_run(release)
        await wait_until(release.ready, 120, every=0.5)
        end = await wait_until(lambda: caught_up(release), 120, every=1)

        async def whole() -> bool:
            return all([await seconds_are_equal(release, symbol, start, end) for symbol in SYMBOLS])

        await wait_until(whole, 180, every=2)

        async def seen() -> bool:
            said = await exchange_seconds(release.exchange, "BTCUSDT", seen_from, end)  # type: ignore[arg-type]
            shown = viewer.seconds(seen_from, end)
            lacking = sorted(said.keys() - shown.keys())
            story = "\n".join(viewer.story)
            assert not lacking, f"the viewer lacks {len(lacking)} of {len(said)} seconds, the first at {lacking[0]}:\n{story}"
            return shown == said

        await wait_until(seen, 60, every=1)
        minutes = list(range(start // MINUTE * MINUTE, end // MINUTE * MINUTE, MINUTE))

        async def folded() -> bool:
            stored = await stored_candles(release, "BTCUSDT", "1m", minutes[0])
            assert set(minutes) <= stored.keys(), f"lacking: {sorted(set(minutes) - stored.keys())}"
            return {time: stored[time] for time in minutes} == await exchange_candles(release, "BTCUSDT", "1m", minutes)

        await wait_until(folded, 180, every=2)
        assert viewer.codes, "no socket ended, though the web's pod did"
        measured("pods deleted", killed)
        measured("runs of the aggregator deleted", runs_killed)
        measured("the viewer's sockets ended with", viewer.codes)
    await release.kubectl.run("wait", "--for=condition=Ready", "symbol", "--all", "--timeout=120s")


async def kill_a_run(release: Release) -> bool:
    """Delete the aggregator's pod, if one of its runs is under way."""
    pods = await release.objects("pods", "--selector", "app.kubernetes.io/component=aggregator")
    running = [pod["metadata"]["name"] for pod in pods if pod["status"]["phase"] in ("Pending", "Running")]
    if running:
        await release.kubectl.run("delete", "pod", running[0], "--wait=false", "--ignore-not-found", f"--grace-period={GRACE}")
    return bool(running)


async def kill(release: Release, component: str, how: str) -> None:
    """Delete a pod, and wait until another runs in its place; not until it is ready, so that outages overlap."""
    pods = await release.pods(component)
    before = {pod["metadata"]["uid"] for pod in pods}
    options = (f"--grace-period={GRACE}",) if how == "hard" else ()
    await release.kubectl.run("delete", "pod", pods[0]["metadata"]["name"], "--wait=false", *options)

    async def replaced() -> bool:
        now = await release.pods(component)
        return any(pod["metadata"]["uid"] not in before and pod["status"]["phase"] == "Running" for pod in now)

    await wait_until(replaced, 120, every=0.3)


async def caught_up(release: Release) -> int:
    """The end of what has to be there: a second that is stored of both, as soon as it is no older than 10 s (ms)."""
    last = await last_second(release, *SYMBOLS)
    now = time.time_ns() // 1_000_000
    assert last > now - 10_000, f"what is stored is {(now - last) / 1000:.0f} s behind"
    return last
