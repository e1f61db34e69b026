"""The dashboards: files as the code says, panels that say what is good, expressions about metrics that there are."""

from __future__ import annotations

import json
import re
import subprocess
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from scripts.dashboards import DASHBOARDS, Expression, expressions, files
from scripts.dashboards.alerted import COLOURS, limits
from scripts.dashboards.candles import CANDLES
from scripts.dashboards.dashboard import RUNBOOKS, Dashboard
from scripts.dashboards.latency import LATENCY, STAGES
from scripts.dashboards.panels import Panel, Query, Table
from scripts.dashboards.promql import NAMESPACE, RANGES
from scripts.dashboards.symbols import SYMBOLS_DASHBOARD

from rtchart.core.interval import SECOND
from rtchart.process import metrics as stages
from rtchart_operator import verdicts
from tests.e2e.panels import STILL

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

NOT_SHOWN: dict[str, str] = {}
"""Metrics that are on no dashboard, with the reason."""

SELECTOR = re.compile(r"([a-zA-Z_:][\w:]*)\{([^}]*)\}(\[\$__rate_interval\])?")
GROUPED = re.compile(r"\b(by|on|group_left) \(([^)]*)\)")
KEYWORDS = {
    *("and", "or", "unless", "by", "on", "group_left", "end"),
    *("sum", "max", "min", "count", "quantile", "topk", "bottomk"),
}


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


def _queries(dashboard: Dashboard) -> Iterator[tuple[Panel, Query]]:
    for panel in dashboard.panels:
        for query in panel.queries:
            if isinstance(query, Query):
                yield panel, query


every_dashboard = pytest.mark.parametrize("dashboard", DASHBOARDS, ids=lambda dashboard: dashboard.name)
OF_METRICS = [dashboard for dashboard in DASHBOARDS if dashboard is not CANDLES]
"""Those that ask Prometheus; `test_candles` is about the one that asks the database."""
each_dashboard = pytest.mark.parametrize("dashboard", OF_METRICS, ids=lambda dashboard: dashboard.name)


def _model(dashboard: Dashboard) -> dict[str, Any]:
    model: dict[str, Any] = json.loads((ROOT / "charts" / "rtchart" / "dashboards" / f"{dashboard.name}.json").read_bytes())
    return model


def test_the_files_are_what_the_code_says() -> None:
    there = {file: file.read_text(encoding="utf-8") for file in (ROOT / "charts" / "rtchart" / "dashboards").iterdir()}
    assert there == files(), "write them with: python -m scripts.dashboards"


def test_addresses_stay() -> None:
    names = ("latency", "symbols", "pipeline", "candles")
    assert [dashboard.uid for dashboard in DASHBOARDS] == [f"rtchart-{name}" for name in names]


@every_dashboard
def test_ids_are_unique_and_panels_do_not_overlap(dashboard: Dashboard) -> None:
    panels = _model(dashboard)["panels"]
    assert Counter(panel["id"] for panel in panels).most_common(1)[0][1] == 1
    cells: Counter[tuple[int, int]] = Counter()
    for panel in panels:
        place = panel["gridPos"]
        assert place["x"] >= 0 and place["x"] + place["w"] <= 24, panel["title"]
        cells.update(
            (x, y) for x in range(place["x"], place["x"] + place["w"]) for y in range(place["y"], place["y"] + place["h"])
        )
    assert max(cells.values()) == 1


@every_dashboard
def test_every_panel_says_what_is_good_and_in_which_unit(dashboard: Dashboard) -> None:
    panels = [panel for panel in _model(dashboard)["panels"] if panel["type"] != "row"]
    assert len(panels) == len(list(dashboard.panels)) > (2 if dashboard.database else 10)
    source = {"type": "prometheus", "uid": "${datasource}"}
    if dashboard.database:
        source = {"type": "grafana-postgresql-datasource", "uid": "${database}"}
    for panel in panels:
        assert re.search(r"\bGood\b", panel["description"]), panel["title"]
        assert panel["fieldConfig"]["defaults"]["unit"], panel["title"]
        asked = "rawSql" if dashboard.database else "expr"
        assert panel["targets"] and all(target[asked] for target in panel["targets"]), panel["title"]
        references = [panel, *panel["targets"]]
        assert all(one["datasource"] == source for one in references), panel["title"]
        assert panel["fieldConfig"]["defaults"]["thresholds"]["steps"][0]["value"] is None, panel["title"]


@every_dashboard
def test_it_leads_to_the_others_and_to_the_runbooks(dashboard: Dashboard) -> None:
    links = {link["url"]: link for link in _model(dashboard)["links"]}
    others = {f"/d/{other.uid}" for other in DASHBOARDS if other is not dashboard}
    assert set(links) == {*others, RUNBOOKS}
    assert all(links[url]["keepTime"] and links[url]["includeVars"] for url in others)


@each_dashboard
def test_its_variables_are_there_and_used(dashboard: Dashboard) -> None:
    model = _model(dashboard)
    variables = {variable["name"]: variable for variable in model["templating"]["list"]}
    panels = json.dumps(model["panels"])
    used = set(re.findall(r"\$\{?([a-z]\w*)", panels))
    assert used == set(variables)
    assert set(re.findall(r"\$(__\w+)", " ".join(query.expression for _, query in _queries(dashboard)))) <= set(RANGES)
    for name in set(variables) - {"datasource"}:
        assert variables[name]["multi"] and variables[name]["includeAll"], name
        # Several values make a|b of it, which only a regular expression takes.
        assert len(re.findall(rf'=~\\"\${name}\\"', panels)) == len(re.findall(rf'\\"\${name}\b', panels)) > 0, name


@each_dashboard
def test_what_a_variable_offers_is_a_label_of_a_metric(dashboard: Dashboard) -> None:
    for variable in _model(dashboard)["templating"]["list"]:
        if variable["type"] != "query":
            continue
        found = re.fullmatch(r"label_values\((\w+)(?:\{(.*)\})?, (\w+)\)", variable["query"]["query"])
        assert found, variable["name"]
        metric, matchers, label = found.groups()
        named = {label, *re.findall(r"(\w+)[=!]", matchers or "")}
        assert named <= SERIES[metric].labels | OF_THE_SCRAPE, variable["name"]


@each_dashboard
def test_every_metric_and_label_is_there(dashboard: Dashboard) -> None:
    for panel, query in _queries(dashboard):
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
    for panel, query in _queries(dashboard):
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


def test_a_symbol_of_the_table_leads_to_its_latencies() -> None:
    """The names in braces are columns of the table, and what they are put into are variables of Latency."""
    (table,) = (panel for panel in SYMBOLS_DASHBOARD.panels if isinstance(panel, Table))
    (link,) = (column.link for column in table.columns if column.link)
    variables = {variable["name"] for variable in _model(LATENCY)["templating"]["list"]}
    assert link.startswith(f"/d/{LATENCY.uid}?") and set(re.findall(r"var-(\w+)=", link)) <= variables
    assert dict(re.findall(r"var-(\w+)=\$\{__data\.fields\.(\w+)\}", link)) == {
        column.source: column.title for column in table.columns if column.source in ("namespace", "exchange")
    }


@each_dashboard
def test_nothing_else_is_named(dashboard: Dashboard) -> None:
    """What is no function and no keyword would be a metric without matchers."""
    for panel, query in _queries(dashboard):
        rest = re.sub(r'"(?:[^"\\]|\\.)*"', '""', SELECTOR.sub("0", query.expression))
        rest = GROUPED.sub("", re.sub(r"\[[^]]*\]", "", rest))
        assert set(re.findall(r"\b[a-zA-Z_][\w:]*\b(?!\s*\()", rest)) <= KEYWORDS, f"{panel.title}: {rest}"


@each_dashboard
def test_counters_and_no_others_have_rates(dashboard: Dashboard) -> None:
    for panel, query in _queries(dashboard):
        for name, _, window in SELECTOR.findall(query.expression):
            assert (SERIES[name].kind == "counter") == bool(window), f"{panel.title}: {name}"


@each_dashboard
def test_what_names_a_series_is_left_of_it(dashboard: Dashboard) -> None:
    for panel, query in _queries(dashboard):
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
        name for dashboard in DASHBOARDS for _, query in _queries(dashboard) for name, *_ in SELECTOR.findall(query.expression)
    }
    shown |= {re.sub(r"_(bucket|count|sum)$", "", name) for name in shown}
    assert set(METRICS) - shown == set(NOT_SHOWN)
    assert all(NOT_SHOWN.values())


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
        for panel in _model(dashboard)["panels"]:
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


@pytest.mark.parametrize(("metric", "file"), STILL.items())
def test_what_a_release_need_not_move_a_test_moves(metric: str, file: str) -> None:
    assert f'"{metric}"' in (ROOT / file).read_text(encoding="utf-8")
    assert any(metric in each.promql for each in expressions()), "nothing draws it"


def test_what_an_alert_compares_with_is_read_from_its_rules() -> None:
    assert {alert: limits(alert) for alert in ALERTED.values()} == {
        "RtchartGapOpen": {"warning": 300},
        "RtchartInserterLags": {"warning": verdicts.LAG / SECOND, "critical": 4 * HOUR},
        "RtchartIncomplete": {"warning": 0.0001},
        "RtchartRateLimitNear": {"warning": 0.6, "critical": 0.9},
        "RtchartDatabaseFills": {"warning": 0.7, "critical": 0.85},
        "RtchartClockOff": {"warning": 1},
    }


def test_what_a_condition_is_alerted_for_is_of_its_colour() -> None:
    rule = (ROOT / "charts" / "rtchart" / "alerts" / "aggregator-late.yaml").read_text(encoding="utf-8")
    assert "AggregatorBehind" in rule and "severity: warning" in rule
    assert _colours()["Age of the newest run"] == [(None, "green"), (verdicts.BEHIND / SECOND, "orange")]


def test_expressions_have_values_for_their_variables() -> None:
    every = list(expressions())
    assert len(every) == sum(len(list(_queries(dashboard))) for dashboard in DASHBOARDS)
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
