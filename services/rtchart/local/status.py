"""What ``rtchart up`` shows: events as lines, and below them how each stage does; from the services' own metrics."""

from __future__ import annotations

import asyncio
import math
import time
from collections import deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from types import TracebackType
from typing import NamedTuple, Self

import httpx
from prometheus_client.parser import text_string_to_metric_families
from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from rtchart.local.ports import LOOPBACK
from rtchart.process.http import Client

EVERY = 2.0
"""Seconds between two looks."""
WINDOW = 10.0
"""Seconds over which rates and latencies are taken."""
PLAIN_EVERY = 30.0
"""Seconds between two lines of status where there is no terminal."""
_LATENCY = "rtchart_stage_latency_seconds_bucket"


class Stage(NamedTuple):
    """What is shown of a service: metrics by name, summed over their labels."""

    service: str
    rate: str
    unit: str
    lag: str
    lag_unit: str
    latency: str
    """A stage of `rtchart.process.metrics.STAGES`."""


STAGES = (
    Stage(
        "producer",
        rate="rtchart_producer_klines_total",
        unit="klines/s",
        lag="rtchart_producer_watermark_lag_seconds",
        lag_unit="s",
        latency="exchange_to_received",
    ),
    Stage(
        "inserter",
        rate="rtchart_inserter_rows_total",
        unit="rows/s",
        lag="rtchart_inserter_lag_records",
        lag_unit="records",
        latency="exchange_to_inserted",
    ),
    Stage(
        "aggregator",
        rate="rtchart_aggregator_candles_total",
        unit="candles/s",
        lag="rtchart_aggregator_checkpoints_pending",
        lag_unit="checkpoints",
        latency="minute_close_to_candle",
    ),
    Stage(
        "web",
        rate="rtchart_web_deliveries_total",
        unit="messages/s",
        lag="rtchart_web_consumed_lag_records",
        lag_unit="records",
        latency="consumed_to_sent",
    ),
)


@dataclass
class Sample:
    """One look at a service's metrics: values by name, and the latency histogram's counts by stage and upper edge (s)."""

    at: float
    values: dict[str, float] = field(default_factory=dict)
    buckets: dict[str, dict[float, float]] = field(default_factory=dict)


def parse(text: str, at: float) -> Sample:
    """What status needs of an answer of ``/metrics``."""
    sample = Sample(at)
    for family in text_string_to_metric_families(text):
        for item in family.samples:
            if item.name == _LATENCY:
                edges = sample.buckets.setdefault(item.labels["stage"], {})
                edges[float(item.labels["le"])] = item.value
            elif not item.name.endswith(("_bucket", "_created")):
                sample.values[item.name] = sample.values.get(item.name, 0.0) + item.value
    return sample


def quantile(before: Mapping[float, float], after: Mapping[float, float], q: float) -> float | None:
    """The q-quantile (s) of what a cumulative histogram counted between two looks, as the upper edge of its bucket.

    None if it counted nothing; infinite above the last edge.
    """
    counts = sorted((edge, count - before.get(edge, 0.0)) for edge, count in after.items())
    if not counts or counts[-1][1] <= 0:
        return None
    return next(edge for edge, count in counts if count >= q * counts[-1][1])


class Line(NamedTuple):
    """A service's line, as text."""

    service: str
    state: str
    rate: str
    lag: str
    latency: str


class Watch:
    """The recent past of one service."""

    def __init__(self, stage: Stage) -> None:
        self._stage = stage
        self._samples: deque[Sample] = deque()

    def look(self, sample: Sample | None, state: str) -> Line:
        """The line now, with what was seen just now; None: it did not answer."""
        stage = self._stage
        if sample is None:
            self._samples.clear()
            return Line(stage.service, state, "", "", "")
        if self._samples and sample.values.get(stage.rate, 0) < self._samples[-1].values.get(stage.rate, 0):
            self._samples.clear()  # started anew
        self._samples.append(sample)
        while sample.at - self._samples[0].at > WINDOW:
            self._samples.popleft()
        first = self._samples[0]
        rate = lag = latency = ""
        if sample.at > first.at and stage.rate in sample.values:
            per_second = (sample.values[stage.rate] - first.values.get(stage.rate, 0.0)) / (sample.at - first.at)
            rate = f"{per_second:,.1f} {stage.unit}"
        if stage.lag in sample.values:
            lag = f"{sample.values[stage.lag]:,.0f} {stage.lag_unit}"
        before, after = first.buckets.get(stage.latency, {}), sample.buckets.get(stage.latency, {})
        half, most = quantile(before, after, 0.5), quantile(before, after, 0.99)
        if half is not None and most is not None:
            latency = f"p50 ≤ {_duration(half)}, p99 ≤ {_duration(most)}"
        return Line(stage.service, state, rate, lag, latency)


def _duration(seconds: float) -> str:
    if math.isinf(seconds):
        return "over 60 s"
    return f"{seconds * 1000:g} ms" if seconds < 1 else f"{seconds:g} s"


class Screen:
    """The terminal: events scroll, the status stays below them. Without a terminal both are plain lines on stdout."""

    def __init__(self, console: Console | None = None) -> None:
        self._console = console or Console()
        self._live: Live | None = None
        self._said_status_at = time.monotonic()

    def __enter__(self) -> Self:
        if self._console.is_terminal:
            self._live = Live(console=self._console, auto_refresh=False, redirect_stderr=False)
            self._live.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if self._live:
            self._live.update(Text(""), refresh=True)
            self._live.stop()

    def say(self, text: str) -> None:
        """Tell an event."""
        self._event(escape(text))

    def warn(self, text: str) -> None:
        """Tell an event that a person should act on."""
        self._event(f"[yellow]{escape(text)}[/]")

    def _event(self, markup: str) -> None:
        self._console.print(f"[dim]{time.strftime('%H:%M:%S')}[/] {markup}", highlight=False, soft_wrap=True)

    def status(self, exchange: str, lines: Iterable[Line]) -> None:
        """Show how the stages do."""
        if self._live:
            self._live.update(_table(exchange, lines), refresh=True)
        elif time.monotonic() - self._said_status_at >= PLAIN_EVERY:
            self._said_status_at = time.monotonic()
            for line in lines:
                self.say(f"{exchange} " + "  ".join(part for part in line if part))


def _table(exchange: str, lines: Iterable[Line]) -> RenderableType:
    table = Table(box=None, pad_edge=False, padding=(0, 3, 0, 0), header_style="dim")
    for heading in ("stage", "state", "rate", "lag", "latency"):
        table.add_column(heading, justify="right" if heading in ("rate", "lag") else "left", no_wrap=True)
    for line in lines:
        state = Text(line.state, style="green" if line.state == "ready" else "yellow")
        table.add_row(line.service, state, line.rate, line.lag, line.latency)
    return Group(Text(""), table, Text(f"exchange {exchange} · Ctrl-C stops", style="dim"))


async def follow_status(screen: Screen, admin_ports: Mapping[str, int], exchange: str) -> None:
    """Look at the services' admin ports and show their state, for ever."""
    watches = {stage.service: Watch(stage) for stage in STAGES}
    async with Client(timeout=EVERY) as http:
        while True:
            looks = await asyncio.gather(*(_look(http, admin_ports[service]) for service in watches))
            lines = [watch.look(*look) for watch, look in zip(watches.values(), looks, strict=True)]
            screen.status(exchange, lines)
            await asyncio.sleep(EVERY)


async def _look(http: httpx.AsyncClient, port: int) -> tuple[Sample | None, str]:
    """A service's metrics, and its state in a word or, when it is not ready, in its own."""
    try:
        metrics, ready = await asyncio.gather(
            http.get(f"http://{LOOPBACK}:{port}/metrics"), http.get(f"http://{LOOPBACK}:{port}/readyz")
        )
    except httpx.HTTPError:
        return None, "down"
    state = "ready" if ready.is_success else "; ".join(f"{part}: {why}" for part, why in ready.json()["reasons"].items())
    return parse(metrics.text, time.monotonic()), state
