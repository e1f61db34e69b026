"""Upgrade and rollback, while it streams and is looked at."""

from __future__ import annotations

import os
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.compared import last_second, seconds_are_equal
from tests.e2e.release import NAME, SYMBOLS, WORKLOADS, Release, namespace
from tests.e2e.test_kills import caught_up
from tests.e2e.viewer import Viewer, viewing
from tests.operator.cluster import DEFINITION
from tests.pipeline.running import exchange_seconds
from tests.waiting import wait_until

GOING_AWAY = 1001
# Every pod of ours is replaced: what a new image does, too.
CHANGED: dict[str, Any] = {name: {"podAnnotations": {"example.org/changed": "yes"}} for name in WORKLOADS} | {
    "web": {"podAnnotations": {"example.org/changed": "yes"}, "maxConnections": 4000}
}
PREVIOUS = os.environ.get("PREVIOUS_CHART", "")
"""The chart of the release before, whose images are in the cluster (`scripts/previous`); none before the first one."""


async def test_upgrade_and_rollback_lose_no_second(release: Release) -> None:
    await changed_under_load(release, lambda: release.install(CHANGED), release.rollback)


@pytest.mark.skipif(not PREVIOUS, reason="no release came before this one; make e2e PREVIOUS=REF takes a commit for it")
async def test_from_the_release_before_and_back_to_it(context: str, proxy: str) -> None:
    """Back, it runs on the schema of this one: migrations only expand."""
    async with namespace(context, proxy) as other:
        # The definition of then, which an upgrade leaves as it is; that of now, which other tests applied, is not Helm's.
        await define(other, Path(PREVIOUS) / "crds")
        try:
            await other.install({"image": {"tag": "previous", "registry": ""}}, chart=Path(PREVIOUS))
            await wait_until(lambda: last_second(other, *SYMBOLS), 120, every=1)
            await changed_under_load(other, other.install, other.rollback)
        finally:
            await define(other, DEFINITION)


async def define(release: Release, definition: Path) -> None:
    """Have this definition of Symbols, whoever made the one that is there."""
    await release.kubectl.run("apply", "--server-side", "--force-conflicts", "-f", str(definition))


async def test_the_definition_is_brought_up_to_date_when_that_is_wanted(release: Release) -> None:
    """Which Helm itself never does: crds.upgrade has a Job do it, whose rights go with it."""
    definition = "symbols.rtchart.dev"
    column = "{.spec.versions[0].additionalPrinterColumns[0].name}"
    await release.kubectl.run(
        *("patch", "crd", definition, "--type=json", "-p"),
        '[{"op": "remove", "path": "/spec/versions/0/additionalPrinterColumns/0"}]',
    )

    async def first() -> str:
        return await release.kubectl.run("get", "crd", definition, "-o", f"jsonpath={column}")

    try:
        assert await first() != "Exchange"
        await release.install()
        assert await first() != "Exchange", "by itself Helm leaves it"
        await release.install({"crds": {"upgrade": True}})
        assert await first() == "Exchange"
        left = await release.kubectl.run("get", "clusterroles,clusterrolebindings,jobs,configmaps", "-o", "name")
        assert f"{release.namespace}-{NAME}-crds" not in left and f"{NAME}-crds" not in left
    finally:
        await define(release, DEFINITION)


async def changed_under_load(release: Release, *changes: Callable[[], Awaitable[None]]) -> None:
    """Each change replaces all pods; no second is lost, and who looks is sent away and comes back to see all of them."""
    start = await last_second(release, *SYMBOLS)
    async with viewing(release, "BTCUSDT") as viewer:
        await wait_until(lambda: viewer.candles, 30)
        seen_from = max(viewer.candles)
        for change in changes:
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
