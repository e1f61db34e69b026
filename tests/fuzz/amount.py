"""How much is tried: 300 inputs of each test, the same ones each time; FUZZ=20000 tries as many, and others each time."""

from __future__ import annotations

import functools
import os
from collections import Counter
from collections.abc import Callable
from typing import Any

from hypothesis import HealthCheck, settings

_CHOSEN = os.environ.get("FUZZ")
EXAMPLES = int(_CHOSEN or 300)

tried: Counter[str] = Counter()
"""Inputs by test."""


def fuzzed(test: Callable[..., None]) -> Callable[..., None]:
    """Try a test of `hypothesis.given` with so many inputs, and count them. No time is judged: the machine may be busy."""
    of_one: Any = test
    inner, name = of_one.hypothesis.inner_test, test.__name__

    @functools.wraps(inner)
    def counted(*args: Any, **kwargs: Any) -> None:
        tried[name] += 1
        inner(*args, **kwargs)

    of_one.hypothesis.inner_test = counted
    chosen = settings(
        max_examples=EXAMPLES, derandomize=_CHOSEN is None, deadline=None, suppress_health_check=[HealthCheck.too_slow]
    )
    result: Callable[..., None] = chosen(test)
    return result
