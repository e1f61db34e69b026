"""The same code without its instrumentation: for what that costs."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from unittest.mock import patch

from prometheus_client import Counter, Gauge, Histogram
from prometheus_client.metrics import MetricWrapperBase

_SILENCED: tuple[tuple[type[MetricWrapperBase], tuple[str, ...]], ...] = (
    (Counter, ("inc",)),
    (Gauge, ("set", "inc", "dec")),
    (Histogram, ("observe",)),
)


@contextmanager
def silence() -> Iterator[None]:
    """No metric counts while the block lasts; the calls are left, which cost next to nothing."""
    patches: list[Any] = [
        patch.object(kind, method, lambda self, *arguments: None) for kind, methods in _SILENCED for method in methods
    ]
    patches.append(patch.object(MetricWrapperBase, "labels", lambda self, *arguments, **named: self))
    for each in patches:
        each.start()
    try:
        yield
    finally:
        for each in patches:
            each.stop()
