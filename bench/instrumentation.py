"""What metrics cost: how often they are called, times what a call takes.

Nothing is compared with the same code without its metrics: on a machine with neighbours two runs differ by more than that.
"""

from __future__ import annotations

import functools
import time
from collections import Counter as Tally
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any
from unittest.mock import patch

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client.metrics import MetricWrapperBase

from rtchart.process.metrics import observe

CALLS = 20_000
ROUNDS = 15

_none = CollectorRegistry()
_counter = Counter("counter", "", registry=_none)
_gauge = Gauge("gauge", "", registry=_none)
_family = Counter("family", "", ["label"], registry=_none)

_KINDS: Mapping[tuple[type[MetricWrapperBase], str], Callable[[], object]] = {
    (Counter, "inc"): lambda: _counter.inc(3),
    (Gauge, "set"): lambda: _gauge.set(3),
    (Gauge, "inc"): lambda: _gauge.inc(3),
    (Gauge, "dec"): lambda: _gauge.dec(3),
    # As the services do it, and into a bucket in the middle.
    (Histogram, "observe"): lambda: observe("received_to_published", 0.02),
    (MetricWrapperBase, "labels"): lambda: _family.labels("value"),
}

Calls = Mapping[tuple[type[MetricWrapperBase], str], int]


@contextmanager
def counted() -> Iterator[Calls]:
    """How often each kind of call is made while the block lasts."""
    calls: Tally[tuple[type[MetricWrapperBase], str]] = Tally()
    patches = []
    for kind, method in _KINDS:
        before = getattr(kind, method)

        def count(*given: Any, _key: Any = (kind, method), _before: Any = before, **named: Any) -> Any:
            calls[_key] += 1
            return _before(*given, **named)

        patches.append(patch.object(kind, method, count))
    for each in patches:
        each.start()
    try:
        yield calls
    finally:
        for each in patches:
            each.stop()


def seconds(calls: Calls) -> float:
    """CPU time that these calls take."""
    return sum(count * _cost(*key) for key, count in calls.items())


@functools.cache
def _cost(kind: type[MetricWrapperBase], method: str) -> float:
    """Seconds of one call: of the best round."""
    call = _KINDS[kind, method]
    best = float("inf")
    for _ in range(ROUNDS):
        began = time.perf_counter()
        for _ in range(CALLS):
            call()
        best = min(best, (time.perf_counter() - began) / CALLS)
    return best
