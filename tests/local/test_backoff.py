"""What keeps ending is started less and less often, an engine as long as it takes."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path
from typing import Self

from rtchart.core.errors import UserError
from rtchart.local.backoff import FIRST, LONGEST, STEADY_AFTER, Backoff
from rtchart.local.child import Child
from rtchart.local.engine import Engine
from tests.waiting import wait_until


def test_delays_double_up_to_the_longest_and_begin_anew_after_a_steady_run() -> None:
    backoff = Backoff()
    assert [backoff.after(1) for _ in range(8)] == [FIRST, 1, 2, 4, 8, 16, LONGEST, LONGEST]
    assert [backoff.after(STEADY_AFTER + 1), backoff.after(1)] == [FIRST, 2 * FIRST]


class Fickle(Engine):
    """Cannot be started while there are failures left, and runs until it is killed."""

    name, title = "fickle", "Fickle 1"

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.failures: list[Exception] = []

    async def start(self) -> Self:
        self.child = await Child.start([sys.executable, "-I", "-S", "-c", "import signal; signal.pause()"])
        if self.failures:
            await self.stop()  # as `until_ready` does
            raise self.failures.pop()
        return self


async def test_an_engine_that_cannot_be_started_is_tried_until_it_can(tmp_path: Path) -> None:
    said: list[str] = []
    again: list[Child | None] = []
    async with Fickle(tmp_path) as engine:
        first = engine.child
        assert first
        keeping = asyncio.create_task(engine.keep(said.append, lambda: again.append(engine.child), Backoff(first=0.01)))
        engine.failures = [OSError(28, "No space left on device"), UserError("its port is taken")]
        await first.stop(within=2)
        await wait_until(lambda: keeping.done() or again)
        assert not keeping.done()
        assert again == [engine.child] != [first]
        assert said == [
            f"Fickle 1 ended (exit code -15); starting it again in 0.01 s ({engine.log})",
            f"Fickle 1 cannot be started: its port is taken; starting it again in 0.02 s ({engine.log})",
            f"Fickle 1 cannot be started: [Errno 28] No space left on device; starting it again in 0.04 s ({engine.log})",
        ]
        keeping.cancel()
        await asyncio.gather(keeping, return_exceptions=True)
