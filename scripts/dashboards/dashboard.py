"""A dashboard: variables, rows of panels, and links to the others."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from scripts.dashboards.panels import DATABASE, DATASOURCE, Json, Panel, identifier
from scripts.dashboards.promql import ALL, NAMESPACE

RUNBOOKS = "docs/runbooks/README.md"
"""Where the runbooks are in the source; the chart puts its value ``monitoring.runbooks`` in the place of the folder."""

SCHEMA = 39
"""Of Grafana 10.3 to 11.2; those after it convert it when they load it."""

EVERY = {"selected": True, "text": ["All"], "value": ["$__all"]}


class Labels(NamedTuple):
    """A variable with the values of a label: several may be chosen, and all are at first."""

    name: str
    metric: str
    """Whose label of that name it is."""
    every: str = ALL

    def model(self) -> Json:
        query = f"label_values({self.metric}, {self.name})"
        return _variable(self.name, "query") | {
            "datasource": DATASOURCE,
            "definition": query,
            "query": {"qryType": 1, "query": query, "refId": "PrometheusVariableQueryEditor-VariableQuery"},
            "allValue": self.every,
            "current": EVERY,
            "includeAll": True,
            "multi": True,
            "options": [],
            "refresh": 2,  # whenever the time range changes: symbols come and go
            "regex": "",
            "sort": 1,
        }


class Choice(NamedTuple):
    """A variable with values of its own: several may be chosen, and all are at first."""

    name: str
    values: tuple[str, ...]

    @property
    def every(self) -> str:
        return "|".join(self.values)

    def model(self) -> Json:
        options = [{"selected": True, "text": "All", "value": "$__all"}]
        options += [{"selected": False, "text": value, "value": value} for value in self.values]
        return _variable(self.name, "custom") | {
            "query": ",".join(self.values),
            "current": EVERY,
            "includeAll": True,
            "multi": True,
            "options": options,
        }


class Rows(NamedTuple):
    """A variable with what a statement answers: one of it is chosen, the first at first."""

    name: str
    sql: str

    def model(self) -> Json:
        return _variable(self.name, "query") | {
            "datasource": DATABASE,
            "definition": self.sql,
            "query": self.sql,
            "current": {},
            "includeAll": False,
            "multi": False,
            "options": [],
            "refresh": 1,  # when it is loaded
            "regex": "",
            "sort": 0,  # as they are answered
        }


class Row(NamedTuple):
    """A heading, and the panels below it, from left to right and as many beside each other as there is room for."""

    title: str
    panels: Sequence[Panel]


NAMESPACES = Labels("namespace", "rtchart_build_info")
READY = f'rtchart_symbol_condition{{{NAMESPACE}, condition="Ready"'
"""Every Symbol has this series, also one of which nothing came yet."""
EXCHANGES = Labels("exchange", READY + "}")
SYMBOLS = Labels("symbol", READY + ', exchange=~"$exchange"}')


@dataclass(frozen=True, kw_only=True)
class Dashboard:
    """``name`` is that of its file. ``minutes``: how far back it looks at first. ``database``: it asks that, no Prometheus."""

    name: str
    title: str
    description: str
    variables: Sequence[Labels | Choice | Rows]
    rows: Sequence[Row]
    minutes: int = 30
    database: bool = False

    @property
    def uid(self) -> str:
        """It is part of its address."""
        return f"rtchart-{self.name}"

    @property
    def panels(self) -> Iterator[Panel]:
        """Of all rows."""
        for row in self.rows:
            yield from row.panels

    def model(self, others: Sequence[Dashboard]) -> Json:
        """Grafana's model of it, with links to ``others``."""
        return {
            "id": None,
            "uid": self.uid,
            "title": f"rtchart: {self.title}",
            "description": self.description,
            "tags": ["rtchart"],
            "schemaVersion": SCHEMA,
            "version": 1,
            "editable": True,
            "graphTooltip": 1,
            "refresh": "10s",
            "time": {"from": f"now-{self.minutes}m", "to": "now"},
            "timepicker": {},
            "timezone": "browser",
            "annotations": {"list": []},
            "links": [*(_to_dashboard(other) for other in others), _to_runbooks()],
            "templating": {
                "list": [_source(DATABASE if self.database else DATASOURCE), *(variable.model() for variable in self.variables)]
            },
            "panels": list(_place(self.rows)),
        }


def _place(rows: Sequence[Row]) -> Iterator[Json]:
    """Rows with a heading each, and their panels in lines of 24."""
    y = 0
    for row in rows:
        yield {
            "id": identifier(f"row: {row.title}"),
            "type": "row",
            "title": row.title,
            "collapsed": False,
            "gridPos": {"h": 1, "w": 24, "x": 0, "y": y},
            "panels": [],
        }
        y += 1
        x = line = 0
        for panel in row.panels:
            if x + panel.width > 24:
                x, y, line = 0, y + line, 0
            yield panel.model(x, y)
            x, line = x + panel.width, max(line, panel.height)
        y += line


def _variable(name: str, kind: str) -> Json:
    return {"name": name, "label": name.capitalize(), "type": kind, "hide": 0, "skipUrlSync": False}


def _source(source: Json) -> Json:
    """The first Prometheus or PostgreSQL that there is, or the one that is chosen."""
    return _variable(source["uid"].strip("${}"), "datasource") | {
        "label": "Data source",
        "query": source["type"],
        "current": {},
        "includeAll": False,
        "multi": False,
        "options": [],
        "refresh": 1,
        "regex": "",
    }


def _to_dashboard(other: Dashboard) -> Json:
    return _link(other.title, f"/d/{other.uid}", other.description, "dashboard", keep=True)


def _to_runbooks() -> Json:
    return _link("Runbooks", RUNBOOKS, "What to do about an alert", "doc", keep=False)


def _link(title: str, url: str, tooltip: str, icon: str, *, keep: bool) -> Json:
    """``keep``: with the time range and the variables that are chosen here."""
    return {
        "title": title,
        "type": "link",
        "url": url,
        "tooltip": tooltip,
        "icon": icon,
        "tags": [],
        "asDropdown": False,
        "includeVars": keep,
        "keepTime": keep,
        "targetBlank": not keep,
    }
