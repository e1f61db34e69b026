"""Metrics that more than one service has. All others live beside the code they measure."""

from __future__ import annotations

import sys
from functools import cache

from prometheus_client import Counter, Gauge, Histogram, disable_created_metrics

from rtchart import __version__

# When each series was made, as one more series: nobody asks.
disable_created_metrics()  # type: ignore[no-untyped-call]

Stage = str
STAGES: tuple[Stage, ...] = (
    "exchange_to_received",
    "received_to_published",
    "published_to_consumed",
    "consumed_to_sent",
    "sent_to_painted",
    "exchange_to_inserted",
    "minute_close_to_candle",
)

# An edge on each goal of docs/monitoring.md, and one beyond the last, so that what is late can be seen to be.
BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.016, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2, 5, 10, 30, 60, 120)

_latency = Histogram(
    "rtchart_stage_latency_seconds", "Time that a kline or candle took through a stage", ["stage"], buckets=BUCKETS
)
_negative = Counter(
    "rtchart_stage_latency_negative_total", "Latencies below zero, clamped to it: two clocks disagree", ["stage"]
)
_build = Gauge("rtchart_build_info", "The version that runs", ["version", "python", "service"])


@cache
def _of(stage: Stage) -> tuple[Histogram, Counter]:
    """A stage's own series: to look them up by their label takes as long as to count."""
    return _latency.labels(stage), _negative.labels(stage)


def stages(*names: Stage) -> None:
    """Have the stages that this process measures from the start: Prometheus sees no increase in what appears with a value."""
    for name in names:
        _of(name)


def observe(stage: Stage, seconds: float) -> None:
    """Record one latency. Below zero it counts as zero, and as a sign that two clocks disagree."""
    latency, negative = _of(stage)
    if seconds < 0:
        negative.inc()
        seconds = 0.0
    latency.observe(seconds)


MEASURED = 32
"""Klines a second whose latencies a process observes, about: each costs as much as what is done with the kline."""


class Sample:
    """Which klines are measured: one in so many of all that come, in whatever portions they come.

    One of each portion would not do: portions grow when it is late, and a large one counts no more than a small one then.
    """

    def __init__(self) -> None:
        self._stride = 1
        self._next = 0

    def over(self, a_second: int) -> None:
        """So many come in a second."""
        self._stride = max(1, a_second // MEASURED)

    def of(self, count: int) -> range:
        """The indexes of those that are measured among the next ``count``."""
        chosen = range(self._next, count, self._stride)
        self._next = (self._next - count) % self._stride
        return chosen


def build_info(service: str) -> None:
    """Export which version this process runs."""
    _build.labels(__version__, sys.version.split()[0], service).set(1)
