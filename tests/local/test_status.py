"""What the terminal shows, from the text of ``/metrics``."""

from __future__ import annotations

import io
import math

import pytest
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from rich.console import Console

from rtchart.local.status import STAGES, Line, Screen, Watch, parse, quantile
from rtchart.process.metrics import BUCKETS

STAGE = STAGES[0]


class Served:
    """A service's metrics."""

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        self.counter = Counter(STAGE.rate.removesuffix("_total"), "x", ["source"], registry=self._registry)
        self.lag = Gauge(STAGE.lag, "x", registry=self._registry)
        self.latency = Histogram("rtchart_stage_latency_seconds", "x", ["stage"], buckets=BUCKETS, registry=self._registry)

    @property
    def text(self) -> str:
        return generate_latest(self._registry).decode()


def test_rate_lag_and_latency_of_the_last_seconds() -> None:
    served, watch = Served(), Watch(STAGE)
    for at in range(0, 61, 2):
        served.counter.labels("stream").inc(10 if at > 40 else 1000)
        served.counter.labels("repair").inc(2)
        served.lag.set(at)
        for _ in range(98):
            served.latency.labels(STAGE.latency).observe(0.004 if at > 40 else 7)
        served.latency.labels(STAGE.latency).observe(0.2)
        served.latency.labels(STAGE.latency).observe(0.2)
        line = watch.look(parse(served.text, float(at)), "ready")
    assert line == Line(STAGE.service, "ready", f"6.0 {STAGE.unit}", f"60 {STAGE.lag_unit}", "p50 ≤ 5 ms, p99 ≤ 250 ms")


def test_a_service_that_is_down_or_has_started_anew_has_no_rate() -> None:
    served, watch = Served(), Watch(STAGE)
    served.counter.labels("stream").inc(100)
    assert watch.look(parse(served.text, 0.0), "ready").rate == ""
    assert watch.look(None, "down") == Line(STAGE.service, "down", "", "", "")
    assert watch.look(parse(Served().text, 2.0), "ready").rate == ""


@pytest.mark.parametrize(
    ("counts", "q", "expected"),
    [([0, 0, 0], 0.5, None), ([1, 1, 1], 0.5, 1.0), ([1, 2, 2], 0.5, 1.0), ([1, 2, 2], 0.99, 2.0), ([0, 0, 5], 0.5, math.inf)],
)
def test_quantiles(counts: list[float], q: float, expected: float | None) -> None:
    after = dict(zip((1.0, 2.0, math.inf), counts, strict=True))
    assert quantile({}, after, q) == expected


def test_plain_lines_where_there_is_no_terminal() -> None:
    out = io.StringIO()
    with Screen(Console(file=out, width=40)) as screen:
        screen.say("an [event] that is longer than the forty columns of this console")
        screen.status("sim", [Line("producer", "ready", "2.0 klines/s", "", "")])
    assert out.getvalue().endswith("an [event] that is longer than the forty columns of this console\n")
    assert "\x1b" not in out.getvalue()


def test_a_terminal_shows_the_table_below_the_events() -> None:
    out = io.StringIO()
    with Screen(Console(file=out, width=100, force_terminal=True)) as screen:
        screen.status("sim", [Line("producer", "ready", "2.0 klines/s", "3 pending", "p50 ≤ 5 ms, p99 ≤ 25 ms")])
        screen.warn("something")
    for text in ("producer", "2.0 klines/s", "3 pending", "exchange sim", "something"):
        assert text in out.getvalue()
