"""Five thousand sockets at once, among them slow, stalled and flooding ones: every good one keeps up.

A second that one does not see is a figure and no failure: on a machine that is too slow, clients skip updates and not time.
"""

from __future__ import annotations

import asyncio
import json
import os
import resource
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from rtchart.sim.exchange import Config, Exchange
from tests.corners import own_database, own_topics
from tests.pipeline.running import Pipeline
from tests.pipeline.together import first_second
from tests.waiting import wait_until

SOCKETS = int(os.environ.get("SOCKETS", "5000"))
SECONDS = 45
"""Longer than the kernel's patience with who takes nothing (`rtchart.web.listening`)."""

SYMBOLS = ("BTCUSDT", "ETHUSDT")


@pytest.fixture
async def running(tmp_path: Path, kafka: str, postgres: str, migrated_template: str) -> AsyncIterator[Pipeline]:
    exchange = Exchange(Config(symbols=SYMBOLS))
    async with (
        own_topics(kafka) as prefix,
        own_database(postgres, migrated_template) as database,
        exchange.serve() as address,
    ):
        # They all have one address here.
        unlimited = dict.fromkeys((f"MAX_{what}_PER_ADDRESS" for what in ("SOCKETS", "SUBSCRIPTIONS", "REQUESTS")), "0")
        options = {"MAX_CONNECTIONS": str(2 * SOCKETS), **unlimited}
        pipeline = Pipeline(tmp_path, kafka=kafka, prefix=prefix, database=database, exchange=address, more=options)
        try:
            await pipeline.want(*SYMBOLS)
            await pipeline.start()
            await pipeline.web_is_ready()
            await wait_until(lambda: first_second(pipeline, SYMBOLS), 60)
            yield pipeline
        finally:
            print(pipeline.logs())
            await pipeline.stop()


async def test_five_thousand_sockets_at_once(running: Pipeline, figure: Any) -> None:
    most = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    if most < SOCKETS + 500:
        pytest.skip(f"a process may open {most} files here; ulimit -n {SOCKETS + 500}")
    web = psutil.Process(running.pid("web"))
    before = web.memory_full_info().pss
    crowd = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tests.chaos.crowd", f"ws://127.0.0.1:{running.port}/ws", str(SOCKETS), str(SECONDS)),
        stdout=asyncio.subprocess.PIPE,
    )
    assert crowd.stdout is not None
    opened = json.loads(await crowd.stdout.readline() or "{}")
    assert opened == {"opened": SOCKETS}
    found = json.loads(await crowd.stdout.readline() or "{}")
    with_sockets = web.memory_full_info().pss
    await crowd.wait()
    figure("sockets", f"{SOCKETS}, opened in {found['opening_s']} s")
    figure("seconds missed by any", found["missed"])
    figure("after the second's end", "p50 {} ms, p99 {} ms".format(*found["late_ms"]))
    figure("closed", found["closed"])
    figure("the web's memory", f"{before / 1e6:.0f} MB, {with_sockets / 1e6:.0f} MB with them")
    assert not [kind for kind in found["closed"] if kind.startswith("good")]
    assert found["closed"].get("flooding 1008", 0) == 10
