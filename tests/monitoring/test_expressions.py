"""What the dashboards ask Prometheus: metrics and labels that there are, and the worse of two releases is seen."""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path
from typing import NamedTuple

import pytest
from scripts.dashboards import DASHBOARDS, Expression, expressions
from scripts.dashboards.dashboard import Dashboard
from scripts.dashboards.panels import Query, Table
from scripts.dashboards.promql import NAMESPACE

from tests.e2e.panels import STILL
from tests.monitoring.described import (
    GROUPED,
    METRICS,
    OF_METRICS,
    OF_THE_SCRAPE,
    ROOT,
    SELECTOR,
    SERIES,
    each_dashboard,
    queries,
)

NOT_SHOWN: dict[str, str] = {}
"""Metrics that are on no dashboard, with the reason."""

KEYWORDS = {
    *("and", "or", "unless", "by", "on", "group_left", "end"),
    *("sum", "max", "min", "count", "quantile", "topk", "bottomk"),
}


@each_dashboard
def test_every_metric_and_label_is_there(dashboard: Dashboard) -> None:
    for panel, query in queries(dashboard):
        selected = SELECTOR.findall(query.expression)
        assert selected, panel.title
        for name, matchers, _ in selected:
            assert name in SERIES, f"{panel.title}: {name}"
            assert matchers.startswith(NAMESPACE), f"{panel.title}: {name} is not of the namespaces that are chosen"
            named = set(re.findall(r"(\w+)(?:=~|!~|!=|=)", matchers))
            assert named <= SERIES[name].labels | OF_THE_SCRAPE, f"{panel.title}: {name} has not all of {named}"
        for found in GROUPED.finditer(query.expression):
            # Of what is summed, and not of what stands beside it.
            body = _parenthesis(query.expression, found.end()) if found[1] == "by" else query.expression
            made = set(re.findall(r'label_replace\(.*?, "(\w+)", "\$1"', body))
            has = frozenset[str]().union(*(SERIES[name].labels for name, *_ in SELECTOR.findall(body)))
            assert _labels(found[2]) <= has | OF_THE_SCRAPE | made, f"{panel.title}: {found[0]} of {body}"


def _labels(listed: str) -> set[str]:
    return {label.strip() for label in listed.split(",")}


def _parenthesis(text: str, at: int) -> str:
    """What is in the parentheses that open at ``at`` or just behind it."""
    start = text.index("(", at)
    assert not text[at:start].strip()
    depth = 0
    for end in range(start, len(text)):
        depth += {"(": 1, ")": -1}.get(text[end], 0)
        if depth == 0:
            return text[start + 1 : end]
    raise AssertionError(f"a parenthesis is not closed: {text}")


@each_dashboard
def test_two_releases_stay_apart(dashboard: Dashboard) -> None:
    """What is one in each release would hide behind its namesake otherwise."""
    for panel, query in queries(dashboard):
        for found in GROUPED.finditer(query.expression):
            named = _labels(found[2])
            if found[1] != "group_left" and named & {"exchange", "symbol", "instance", "partition", "service"}:
                assert "namespace" in named, f"{panel.title}: {found[0]}"


HOUR = 3600
OF_SYMBOL = {"exchange": "sim", "symbol": "BTCUSDT"}
OF_PROCESS = {"instance": "10.0.0.1:9090"}


class Shown(NamedTuple):
    """What a query of a panel answers for a metric of the first release; for the second one's it is ten times as much."""

    panel: str
    query: int
    metric: str
    labels: dict[str, str]
    answer: float
    since: bool = False
    """The metric is a time, and the answer how long ago that is."""


SHOWN = [
    Shown("Symbols", 0, "rtchart_symbol_last_kline_timestamp_seconds", OF_SYMBOL, 2, since=True),
    Shown("Stalest symbols", 0, "rtchart_symbol_last_kline_timestamp_seconds", OF_SYMBOL, 2, since=True),
    Shown("Symbols", 2, "rtchart_symbol_latency_p99_seconds", OF_SYMBOL, 0.2),
    Shown("Slowest symbols now", 0, "rtchart_symbol_latency_p99_seconds", OF_SYMBOL, 0.2),
    Shown("Slowest symbols", 0, "rtchart_symbol_latency_p99_seconds", OF_SYMBOL, 0.2),
    Shown("Symbols", 4, "rtchart_symbol_lag_seconds", OF_SYMBOL, 3),
    Shown("Longest lag", 0, "rtchart_symbol_lag_seconds", OF_SYMBOL, 3),
    Shown("Symbols", 5, "rtchart_symbol_gaps", OF_SYMBOL | {"state": "open"}, 1),
    Shown("Inserter's lag by partition", 0, "rtchart_inserter_lag_records", {"partition": "0"}, 7),
    Shown("Web's lag", 0, "rtchart_web_consumed_lag_records", OF_PROCESS, 5),
    Shown("Age of the newest run", 0, "rtchart_aggregation_last_run_timestamp_seconds", {}, 30, since=True),
    Shown("Age and duration of runs", 0, "rtchart_aggregation_last_run_timestamp_seconds", {}, 30, since=True),
]
ONE_NUMBER = {"Age of the newest run"}
"""Panels that show the worst of all."""


@pytest.mark.parametrize("namespaces", [["market", "other"], []], ids=["two releases", "no namespace"])
def test_the_worse_of_two_releases_is_seen(promtool: str, tmp_path: Path, namespaces: list[str]) -> None:
    """Both chart the same symbol on processes of the same names."""
    asked: dict[str, list[str]] = {}
    for one in expressions({"__range": "5m"}):
        asked.setdefault(one.panel, []).append(one.promql)
    series: dict[str, float] = {}
    asking = []
    for shown in SHOWN:
        answers = []
        for at, where in enumerate([{"namespace": name} for name in namespaces] or [{}]):
            answer = shown.answer * 10**at
            series[_of(shown.metric, where | shown.labels)] = HOUR - answer if shown.since else answer
            left = {name: value for name, value in shown.labels.items() if name != "state"}
            answers.append({"labels": _of("", where | left), "value": answer})
        if shown.panel in ONE_NUMBER:
            answers = [{"labels": "{}", "value": answers[-1]["value"]}]
        asking.append({"expr": asked[shown.panel][shown.query], "eval_time": "1h", "exp_samples": answers})
    given = [{"series": name, "values": f"{value}x60"} for name, value in series.items()]
    file = tmp_path / "releases.test.yaml"
    file.write_text(json.dumps({"tests": [{"interval": "1m", "input_series": given, "promql_expr_test": asking}]}))
    tested = subprocess.run([promtool, "test", "rules", str(file)], capture_output=True, text=True, timeout=60)
    assert tested.returncode == 0, tested.stdout + tested.stderr


def _of(metric: str, labels: dict[str, str]) -> str:
    return metric + "{" + ", ".join(f'{name}="{value}"' for name, value in labels.items()) + "}"


@each_dashboard
def test_nothing_else_is_named(dashboard: Dashboard) -> None:
    """What is no function and no keyword would be a metric without matchers."""
    for panel, query in queries(dashboard):
        rest = re.sub(r'"(?:[^"\\]|\\.)*"', '""', SELECTOR.sub("0", query.expression))
        rest = GROUPED.sub("", re.sub(r"\[[^]]*\]", "", rest))
        assert set(re.findall(r"\b[a-zA-Z_][\w:]*\b(?!\s*\()", rest)) <= KEYWORDS, f"{panel.title}: {rest}"


@each_dashboard
def test_counters_and_no_others_have_rates(dashboard: Dashboard) -> None:
    for panel, query in queries(dashboard):
        for name, _, window in SELECTOR.findall(query.expression):
            assert (SERIES[name].kind == "counter") == bool(window), f"{panel.title}: {name}"


@each_dashboard
def test_what_names_a_series_is_left_of_it(dashboard: Dashboard) -> None:
    for panel, query in queries(dashboard):
        assert set(re.findall(r"\{\{(\w+)\}\}", query.legend)) <= _left(query), f"{panel.title}: {query.legend}"


def _left(query: Query) -> set[str]:
    """The labels that its series have."""
    return set[str]().union(*(_labels(found[2]) for found in GROUPED.finditer(query.expression) if found[1] == "by"))


@pytest.mark.parametrize(
    "table",
    [panel for dashboard in OF_METRICS for panel in dashboard.panels if isinstance(panel, Table)],
    ids=lambda table: table.title,
)
def test_a_column_of_a_table_is_a_label_or_a_query(table: Table) -> None:
    left = set[str]().union(*map(_left, table.queries))
    letters = {chr(ord("A") + at) for at in range(len(table.queries))}
    assert {column.source for column in table.columns} <= left | letters
    titles = [column.title for column in table.columns]
    assert len(set(titles)) == len(titles)
    assert table.sort in titles


def test_every_metric_is_shown() -> None:
    shown = {
        name for dashboard in DASHBOARDS for _, query in queries(dashboard) for name, *_ in SELECTOR.findall(query.expression)
    }
    shown |= {re.sub(r"_(bucket|count|sum)$", "", name) for name in shown}
    assert set(METRICS) - shown == set(NOT_SHOWN)
    assert all(NOT_SHOWN.values())


@pytest.mark.parametrize(("metric", "file"), STILL.items())
def test_what_a_release_need_not_move_a_test_moves(metric: str, file: str) -> None:
    assert f'"{metric}"' in (ROOT / file).read_text(encoding="utf-8")
    assert any(metric in each.promql for each in expressions()), "nothing draws it"


def test_expressions_have_values_for_their_variables() -> None:
    every = list(expressions())
    assert len(every) == sum(len(list(queries(dashboard))) for dashboard in DASHBOARDS)
    assert {one.dashboard for one in every} == {"latency", "symbols", "pipeline"}
    assert not [one for one in every if re.search(r"\$[a-z_]", one.promql)]
    chosen = [one.promql for one in expressions({"namespace": "one|other", "__rate_interval": "1m"})]
    assert all('namespace=~"one|other"' in promql for promql in chosen)
    assert any("[1m]" in promql for promql in chosen) and not any("[5m]" in promql for promql in chosen)


def test_every_expression_parses(promtool: str, tmp_path: Path) -> None:
    every: list[Expression] = list(expressions())
    rules = [{"record": f"expression:{at}", "expr": one.promql} for at, one in enumerate(every)]
    file = tmp_path / "expressions.yaml"
    file.write_text(json.dumps({"groups": [{"name": "dashboards", "rules": rules}]}))
    checked = subprocess.run([promtool, "check", "rules", str(file)], capture_output=True, text=True, timeout=60)
    said = checked.stdout + checked.stderr
    wrong = [every[int(at)] for at in re.findall(r'"expression:(\d+)"', said)]
    assert checked.returncode == 0, f"{wrong}\n{said}"
