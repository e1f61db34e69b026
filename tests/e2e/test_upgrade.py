"""Upgrade and rollback, while it streams and is looked at."""

from __future__ import annotations

from typing import Any

from tests.e2e.compared import last_second, seconds_are_equal
from tests.e2e.release import SYMBOLS, WORKLOADS, Release
from tests.e2e.test_kills import caught_up
from tests.e2e.viewer import Viewer, viewing
from tests.pipeline.running import exchange_seconds
from tests.waiting import wait_until

GOING_AWAY = 1001
# Every pod of ours is replaced: what a new image does, too.
CHANGED: dict[str, Any] = {name: {"podAnnotations": {"example.org/changed": "yes"}} for name in WORKLOADS} | {
    "web": {"podAnnotations": {"example.org/changed": "yes"}, "maxConnections": 4000}
}


async def test_upgrade_and_rollback_lose_no_second(release: Release) -> None:
    start = await last_second(release, *SYMBOLS)
    async with viewing(release, "BTCUSDT") as viewer:
        await wait_until(lambda: viewer.candles, 30)
        seen_from = max(viewer.candles)
        for change in (lambda: release.install(CHANGED), release.rollback):
            before, ended = await web_pods(release), len(viewer.codes)
            await change()
            assert not before & await web_pods(release)
            await wait_until(lambda ended=ended: len(viewer.codes) > ended, 60)
            assert set(viewer.codes[ended:]) == {GOING_AWAY}
            end = await wait_until(lambda: caught_up(release), 120, every=1)
            await wait_until(lambda end=end: whole(release, viewer, start, seen_from, end), 120, every=2)
    await release.kubectl.run("wait", "--for=condition=Ready", "symbol", "--all", "--timeout=120s")


async def web_pods(release: Release) -> set[str]:
    return {pod["metadata"]["uid"] for pod in await release.pods("web")}


async def whole(release: Release, viewer: Viewer, start: int, seen_from: int, end: int) -> bool:
    """Whether the database and the viewer have every second."""
    for symbol in SYMBOLS:
        assert await seconds_are_equal(release, symbol, start, end)
    shown = viewer.seconds(seen_from, end)
    assert shown == await exchange_seconds(release.exchange, "BTCUSDT", seen_from, end)  # type: ignore[arg-type]
    return True
