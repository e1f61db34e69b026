"""The dashboards and the metrics as they are described: what several tests look at."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from scripts.dashboards import DASHBOARDS
from scripts.dashboards.candles import CANDLES
from scripts.dashboards.dashboard import Dashboard
from scripts.dashboards.panels import Panel, Query

ROOT = Path(__file__).parent.parent.parent

OF_THE_SCRAPE = {"namespace", "instance", "pod", "job"}
"""Labels that Prometheus gives to what it scrapes; each of ours has to do without all but ``instance``."""

OF_PROCESSES = {
    "process_cpu_seconds_total": "counter",
    "process_max_fds": "gauge",
    "process_open_fds": "gauge",
    "process_resident_memory_bytes": "gauge",
    "process_start_time_seconds": "gauge",
    "process_virtual_memory_bytes": "gauge",
    "up": "gauge",
}
"""`prometheus_client`'s of each process, and Prometheus' own of each scrape."""

SELECTOR = re.compile(r"([a-zA-Z_:][\w:]*)\{([^}]*)\}(\[\$__rate_interval\])?")
GROUPED = re.compile(r"\b(by|on|group_left) \(([^)]*)\)")


class Metric(NamedTuple):
    """As docs/metrics.md has it."""

    kind: str
    labels: frozenset[str]


def _documented() -> dict[str, Metric]:
    rows = re.findall(r"(?m)^\| `(\w+)` \| (\w+) \| ([^|]*) \|", (ROOT / "docs" / "metrics.md").read_text(encoding="utf-8"))
    return {name: Metric(kind, frozenset(re.findall(r"`(\w+)`", labels))) for name, kind, labels in rows}


def _series(documented: dict[str, Metric]) -> dict[str, Metric]:
    """What a scrape has: a histogram's series have names of their own."""
    series = {name: Metric(kind, frozenset()) for name, kind in OF_PROCESSES.items()}
    for name, metric in documented.items():
        if metric.kind == "histogram":
            series |= {f"{name}_{part}": Metric("counter", metric.labels) for part in ("bucket", "count", "sum")}
            series[f"{name}_bucket"] = Metric("counter", metric.labels | {"le"})
        else:
            series[name] = metric
    return series


METRICS = _documented()
SERIES = _series(METRICS)


def queries(dashboard: Dashboard) -> Iterator[tuple[Panel, Query]]:
    """What its panels ask Prometheus."""
    for panel in dashboard.panels:
        for query in panel.queries:
            if isinstance(query, Query):
                yield panel, query


every_dashboard = pytest.mark.parametrize("dashboard", DASHBOARDS, ids=lambda dashboard: dashboard.name)
OF_METRICS = [dashboard for dashboard in DASHBOARDS if dashboard is not CANDLES]
"""Those that ask Prometheus; `test_candles` is about the one that asks the database."""
each_dashboard = pytest.mark.parametrize("dashboard", OF_METRICS, ids=lambda dashboard: dashboard.name)


def model(dashboard: Dashboard) -> dict[str, Any]:
    """Of Grafana, as the chart has it."""
    read: dict[str, Any] = json.loads((ROOT / "charts" / "rtchart" / "dashboards" / f"{dashboard.name}.json").read_bytes())
    return read
