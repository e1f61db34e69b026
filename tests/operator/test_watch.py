"""The watch's own life: begun again whenever it ends, and told of."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from typing import cast

import pytest

from rtchart_operator import watch
from rtchart_operator.watch import Watcher
from tests.waiting import wait_until


class Told:
    """Who is told that the watch ended."""

    def __init__(self) -> None:
        self.ends: list[str] = []

    def ended(self, why: str) -> None:
        self.ends.append(why)


async def test_a_watch_that_ends_is_told_of_and_begun_again(monkeypatch: pytest.MonkeyPatch) -> None:
    def ends(
        namespace: str, watcher: Watcher, loop: asyncio.AbstractEventLoop, stop: threading.Event, ended: asyncio.Future[str]
    ) -> None:
        loop.call_soon_threadsafe(ended.set_result, f"410 Gone in {namespace}")

    monkeypatch.setattr(watch, "_watch", ends)
    told = Told()
    watching = asyncio.create_task(watch.watch("market", cast(Watcher, told), retry=0.01))
    await wait_until(lambda: len(told.ends) >= 3)
    assert set(told.ends) == {"410 Gone in market"}
    watching.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await watching
