"""The dashboards: files as the code says, panels that say what is good, variables and links that lead somewhere."""

from __future__ import annotations

import json
import re
from collections import Counter

from scripts.dashboards import DASHBOARDS, files
from scripts.dashboards.dashboard import RUNBOOKS, Dashboard
from scripts.dashboards.latency import LATENCY
from scripts.dashboards.panels import Table
from scripts.dashboards.promql import RANGES
from scripts.dashboards.symbols import SYMBOLS_DASHBOARD

from tests.monitoring.described import OF_THE_SCRAPE, ROOT, SERIES, each_dashboard, every_dashboard, model, queries


def test_the_files_are_what_the_code_says() -> None:
    there = {file: file.read_text(encoding="utf-8") for file in (ROOT / "charts" / "rtchart" / "dashboards").iterdir()}
    assert there == files(), "write them with: python -m scripts.dashboards"


def test_addresses_stay() -> None:
    names = ("latency", "symbols", "pipeline", "candles")
    assert [dashboard.uid for dashboard in DASHBOARDS] == [f"rtchart-{name}" for name in names]


@every_dashboard
def test_ids_are_unique_and_panels_do_not_overlap(dashboard: Dashboard) -> None:
    panels = model(dashboard)["panels"]
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
    panels = [panel for panel in model(dashboard)["panels"] if panel["type"] != "row"]
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
    links = {link["url"]: link for link in model(dashboard)["links"]}
    others = {f"/d/{other.uid}" for other in DASHBOARDS if other is not dashboard}
    assert set(links) == {*others, RUNBOOKS}
    assert all(links[url]["keepTime"] and links[url]["includeVars"] for url in others)


@each_dashboard
def test_its_variables_are_there_and_used(dashboard: Dashboard) -> None:
    found = model(dashboard)
    variables = {variable["name"]: variable for variable in found["templating"]["list"]}
    panels = json.dumps(found["panels"])
    used = set(re.findall(r"\$\{?([a-z]\w*)", panels))
    assert used == set(variables)
    assert set(re.findall(r"\$(__\w+)", " ".join(query.expression for _, query in queries(dashboard)))) <= set(RANGES)
    for name in set(variables) - {"datasource"}:
        assert variables[name]["multi"] and variables[name]["includeAll"], name
        # Several values make a|b of it, which only a regular expression takes.
        assert len(re.findall(rf'=~\\"\${name}\\"', panels)) == len(re.findall(rf'\\"\${name}\b', panels)) > 0, name


@each_dashboard
def test_what_a_variable_offers_is_a_label_of_a_metric(dashboard: Dashboard) -> None:
    for variable in model(dashboard)["templating"]["list"]:
        if variable["type"] != "query":
            continue
        found = re.fullmatch(r"label_values\((\w+)(?:\{(.*)\})?, (\w+)\)", variable["query"]["query"])
        assert found, variable["name"]
        metric, matchers, label = found.groups()
        named = {label, *re.findall(r"(\w+)[=!]", matchers or "")}
        assert named <= SERIES[metric].labels | OF_THE_SCRAPE, variable["name"]


def test_a_symbol_of_the_table_leads_to_its_latencies() -> None:
    """The names in braces are columns of the table, and what they are put into are variables of Latency."""
    (table,) = (panel for panel in SYMBOLS_DASHBOARD.panels if isinstance(panel, Table))
    (link,) = (column.link for column in table.columns if column.link)
    variables = {variable["name"] for variable in model(LATENCY)["templating"]["list"]}
    assert link.startswith(f"/d/{LATENCY.uid}?") and set(re.findall(r"var-(\w+)=", link)) <= variables
    assert dict(re.findall(r"var-(\w+)=\$\{__data\.fields\.(\w+)\}", link)) == {
        column.source: column.title for column in table.columns if column.source in ("namespace", "exchange")
    }
