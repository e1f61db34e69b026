"""A short seed of `make chaos`: some faults and kills, drawn together, and nothing missing in the end."""

from __future__ import annotations

from pathlib import Path

from tests.chaos.machine import chaos
from tests.chaos.world import world

SEED = 3


async def test_a_few_faults_together(tmp_path: Path, kafka: str, topic_prefix: str, database: str) -> None:
    async with world(tmp_path, kafka=kafka, prefix=topic_prefix, database=database) as running:
        try:
            done = await chaos(running, SEED, examples=1, steps=6)
        except BaseException:
            print(running.running.logs())
            raise
    assert done.compared > 0
