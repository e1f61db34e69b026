"""Grafana's dashboards, from code: kinds of panels (`panels`), what a dashboard is (`dashboard`), and a module for each."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

from scripts.dashboards.candles import CANDLES
from scripts.dashboards.dashboard import Dashboard, Rows
from scripts.dashboards.latency import LATENCY
from scripts.dashboards.panels import Query
from scripts.dashboards.pipeline import PIPELINE
from scripts.dashboards.promql import RANGES, substitute
from scripts.dashboards.symbols import SYMBOLS_DASHBOARD

FOLDER = Path(__file__).parent.parent.parent / "charts" / "rtchart" / "dashboards"
DASHBOARDS: tuple[Dashboard, ...] = (LATENCY, SYMBOLS_DASHBOARD, PIPELINE, CANDLES)


class Expression(NamedTuple):
    """What a panel asks Prometheus."""

    dashboard: str
    panel: str
    promql: str


def expressions(values: Mapping[str, str] | None = None) -> Iterator[Expression]:
    """What all panels ask, with ``values`` for their variables; else what "All" stands for, and 5 minutes for rates."""
    for dashboard in DASHBOARDS:
        every = {variable.name: variable.every for variable in dashboard.variables if not isinstance(variable, Rows)}
        known = {**RANGES, **every, **(values or {})}
        for panel in dashboard.panels:
            for query in panel.queries:
                if isinstance(query, Query):
                    yield Expression(dashboard.name, panel.title, substitute(query.expression, known))


def files() -> dict[Path, str]:
    """What is in each file."""
    return {FOLDER / f"{one.name}.json": _text(one) for one in DASHBOARDS}


def _text(dashboard: Dashboard) -> str:
    model = dashboard.model([other for other in DASHBOARDS if other is not dashboard])
    return json.dumps(model, indent=2, ensure_ascii=False, allow_nan=False) + "\n"
