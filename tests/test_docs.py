"""What the docs name is there: files that they link to, and metrics that they tell of."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), *(ROOT / "charts").rglob("*.md")])
NO_METRICS = {"rtchart_operator", "rtchart_producer", "rtchart_inserter", "rtchart_aggregator", "rtchart_web"}
"""The operator's package, and the roles of the database."""


def metrics() -> set[str]:
    """The names by which services and operator tell Prometheus what they count."""
    code = [*(ROOT / "services").rglob("*.py"), *(ROOT / "operator").rglob("*.py")]
    made = r'\b(?:Counter|Gauge|Histogram|Info|CounterMetricFamily|GaugeMetricFamily|_gauge)\(\s*"([^"]+)"'
    return {name for file in code for name in re.findall(made, file.read_text(encoding="utf-8"))}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_file_that_is_linked_to_is_there(page: Path) -> None:
    links = re.findall(r"\]\(([^)#\s]+)", page.read_text(encoding="utf-8"))
    assert [link for link in links if not re.match(r"\w+:", link) and not (page.parent / link).exists()] == []


def test_every_metric_has_a_name_of_ours() -> None:
    assert len(metrics()) > 50
    assert [name for name in metrics() if not re.fullmatch(r"rtchart_[a-z0-9_]+", name)] == []


def test_every_metric_that_is_told_of_is_there() -> None:
    there = metrics()
    for file in (*PAGES, *(ROOT / "charts").rglob("*.json"), *(ROOT / "bench").glob("*.py")):
        told = set(re.findall(r"\brtchart_[a-z0-9_]*[a-z0-9]", file.read_text(encoding="utf-8"))) - NO_METRICS
        unknown = {name for name in told if not {name, re.sub("_(total|bucket|sum|count)$", "", name)} & there}
        assert not unknown, f"{file.relative_to(ROOT)}: {sorted(unknown)}"
