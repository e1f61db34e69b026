"""What is good, on dashboards, in alerts and in the docs: it is the same."""

from __future__ import annotations

import re

import pytest
from scripts.dashboards import DASHBOARDS
from scripts.dashboards.alerted import COLOURS, limits
from scripts.dashboards.latency import STAGES

from rtchart.core.interval import HOUR, SECOND
from rtchart.process import metrics as stages
from rtchart_operator import verdicts
from tests.monitoring.described import ROOT, model


def test_every_stage_has_a_goal_on_an_edge_of_its_buckets() -> None:
    assert tuple(stage.name for stage in STAGES) == stages.STAGES
    assert {stage.goal for stage in STAGES} <= set(stages.BUCKETS)


def test_the_goals_are_those_of_the_alert_and_of_the_docs() -> None:
    rules = (ROOT / "charts" / "rtchart" / "alerts" / "latency-budget-burns.yaml").read_text(encoding="utf-8")
    alerted = {
        stage: float(edge.split("|")[0])
        for listed, edge in re.findall(r'\{stage=~?"([^"]+)", le=~?"([^"]+)"\}', rules)
        for stage in listed.split("|")
    }
    assert alerted == {stage.name: stage.goal for stage in STAGES}
    page = (ROOT / "docs" / "monitoring.md").read_text(encoding="utf-8")
    told = {
        stage: {float(size) / (1000 if unit == "ms" else 1) for size, unit in re.findall(r"(\d+) (ms|s)\b", goal)}
        for stage, goal in re.findall(r"(?m)^\| `(\w+)` \|.*\| ([^|]+) \|$", page)
    }
    assert told == {stage.name: {stage.goal} for stage in STAGES}


ALERTED = {
    "Oldest open gap": "RtchartGapOpen",
    "Worst lag": "RtchartInserterLags",
    "Longest lag": "RtchartInserterLags",
    "Symbols: Lag": "RtchartInserterLags",
    "Worst completeness": "RtchartIncomplete",
    "Least complete symbols": "RtchartIncomplete",
    "Symbols: Complete": "RtchartIncomplete",
    "Rate limit used": "RtchartRateLimitNear",
    "Disk used": "RtchartDatabaseFills",
    "Clock against the exchange's": "RtchartClockOff",
}
"""Panels, and columns of tables, of what is alerted on."""


def _colours() -> dict[str, list[tuple[float | None, str]]]:
    """From which value on a panel, or a column of one, has which colour."""
    found = {}
    for dashboard in DASHBOARDS:
        for panel in model(dashboard)["panels"]:
            defaults = panel.get("fieldConfig", {}).get("defaults", {})
            overrides = panel.get("fieldConfig", {}).get("overrides", ())
            told = {panel["title"]: defaults.get("thresholds")} | {
                f"{panel['title']}: {one['matcher']['options']}": given["value"]
                for one in overrides
                for given in one["properties"]
                if given["id"] == "thresholds"
            }
            for name, thresholds in told.items():
                if thresholds:
                    found[name] = [(step["value"], step["color"]) for step in thresholds["steps"]]
    return found


@pytest.mark.parametrize(("name", "alert"), ALERTED.items())
def test_the_colours_are_those_of_the_alerts(name: str, alert: str) -> None:
    """Orange is what a warning is about, and red what is critical."""
    due = {COLOURS[severity]: limit for severity, limit in limits(alert).items()}
    told = _colours()[name]
    if alert == "RtchartIncomplete":
        assert told == [(None, "orange"), (pytest.approx(1 - due["orange"]), "green")]
    else:
        assert told == [(None, "green"), *sorted((value, colour) for colour, value in due.items())]


def test_what_an_alert_compares_with_is_read_from_its_rules() -> None:
    assert {alert: limits(alert) for alert in ALERTED.values()} == {
        "RtchartGapOpen": {"warning": 300},
        "RtchartInserterLags": {"warning": verdicts.LAG / SECOND, "critical": 4 * HOUR / SECOND},
        "RtchartIncomplete": {"warning": 0.0001},
        "RtchartRateLimitNear": {"warning": 0.6, "critical": 0.9},
        "RtchartDatabaseFills": {"warning": 0.7, "critical": 0.85},
        "RtchartClockOff": {"warning": 1},
    }


def test_what_a_condition_is_alerted_for_is_of_its_colour() -> None:
    rule = (ROOT / "charts" / "rtchart" / "alerts" / "aggregator-late.yaml").read_text(encoding="utf-8")
    assert "AggregatorBehind" in rule and "severity: warning" in rule
    assert _colours()["Age of the newest run"] == [(None, "green"), (verdicts.BEHIND / SECOND, "orange")]
