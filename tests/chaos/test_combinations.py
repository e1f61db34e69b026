"""Faults and kills together, as hypothesis draws them from the seed."""

from __future__ import annotations

import os
from typing import Any

from tests.chaos.conftest import SEED
from tests.chaos.machine import chaos
from tests.chaos.world import World

EXAMPLES = int(os.environ.get("EXAMPLES", "12"))


async def test_combinations(at: World, figure: Any) -> None:
    done = await chaos(at, SEED, examples=EXAMPLES, steps=8)
    figure("examples", EXAMPLES)
    figure("steps", done.steps)
    figure("seconds published", done.compared)
