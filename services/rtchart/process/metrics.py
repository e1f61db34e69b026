"""Metrics that more than one service has. All others live beside the code they measure."""

from __future__ import annotations

import random
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
    """Chooses one in so many of all that come, in whatever portions they come.

    One of each portion would not do: portions grow when it is late, and a large one counted no more than a small one then. And
    the distances are drawn, as klines come in the same order each second: at a fixed one it would ever be the same symbols.
    """

    def __init__(self, one_in: int = 1) -> None:
        self._one_in = one_in
        self._next = self._distance() - 1

    def over(self, a_second: int) -> None:
        """So many come in a second: choose about `MEASURED` of them."""
        self._one_in = max(1, a_second // MEASURED)

    def of(self, count: int) -> list[int]:
        """The indexes of those that are chosen among the next ``count``."""
        chosen: list[int] = []
        at = self._next
        while at < count:
            chosen.append(at)
            at += self._distance()
        self._next = at - count
        return chosen

    def _distance(self) -> int:
        return random.randint(1, 2 * self._one_in - 1)


def build_info(service: str) -> None:
    """Export which version this process runs."""
    _build.labels(__version__, sys.version.split()[0], service).set(1)
