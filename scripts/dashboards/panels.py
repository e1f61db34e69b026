"""Kinds of panels: what differs between two of them is said where they are listed, the rest of Grafana's model is here.

The model is that of Grafana's classic dashboards, which versions 10 to 12 take: https://grafana.com/docs/grafana/latest/dashboards/
(JSON model) and the schemas in the sources of each panel (`panelcfg.cue`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple
from zlib import crc32

Json = dict[str, Any]
DATASOURCE = {"type": "prometheus", "uid": "${datasource}"}
DATABASE = {"type": "grafana-postgresql-datasource", "uid": "${database}"}

MADE_FOR = "10.4.0"
"""Of Grafana: without a version it takes a panel for one of its first, and converts what needs no conversion."""

Steps = Sequence[tuple[float, str]]
"""From which values on a colour holds, rising; the first holds below all of them too."""


class Query(NamedTuple):
    """An expression, and how its series are named."""

    expression: str
    legend: str = ""

    def target(self, form: str, *, instant: bool) -> Json:
        """Grafana's model of it; ``form`` is what the panel takes."""
        return {
            "datasource": DATASOURCE,
            "editorMode": "code",
            "expr": self.expression,
            "legendFormat": self.legend or "__auto",
            "format": form,
            "instant": instant,
            "range": not instant,
        }


class Statement(NamedTuple):
    """What is asked of the database: a column ``time`` and those of numbers, or the rows of a table."""

    sql: str

    def target(self, form: str, *, instant: bool) -> Json:
        """Grafana's model of it."""
        return {"datasource": DATABASE, "editorMode": "code", "rawQuery": True, "rawSql": self.sql, "format": form}


def good_below(warning: float, bad: float | None = None) -> Steps:
    """Green, then orange and red; without ``bad``, red at once."""
    first: list[tuple[float, str]] = [(float("-inf"), "green")]
    return [*first, (warning, "red")] if bad is None else [*first, (warning, "orange"), (bad, "red")]


PLAIN: Steps = [(float("-inf"), "text")]
"""No value is better than another."""


@dataclass(frozen=True, kw_only=True)
class Panel:
    """Of ``width`` (of 24) and ``height``; ``description`` says what is good."""

    TYPE: ClassVar[str]
    FORMAT: ClassVar[str] = "time_series"
    INSTANT: ClassVar[bool] = False

    title: str
    description: str
    unit: str
    queries: Sequence[Query | Statement]
    width: int = 8
    height: int = 8
    steps: Steps = ()
    least: float | None = 0
    most: float | None = None
    decimals: int | None = None
    repeat: str | None = None
    """A variable: there is such a panel for each of its values."""

    def model(self, x: int, y: int) -> Json:
        """Grafana's model of it, at a place of the grid."""
        targets = [
            {"refId": letter(at), **query.target(self.FORMAT, instant=self.INSTANT)} for at, query in enumerate(self.queries)
        ]
        repeated: Json = {"repeat": self.repeat, "repeatDirection": "h", "maxPerRow": 24 // self.width} if self.repeat else {}
        return {
            "id": identifier(self.title),
            "type": self.TYPE,
            "title": self.title,
            "description": self.description,
            "datasource": targets[0]["datasource"],
            "pluginVersion": MADE_FOR,
            "gridPos": {"h": self.height, "w": self.width, "x": x, "y": y},
            **repeated,
            "fieldConfig": {"defaults": self._defaults(), "overrides": self._overrides()},
            "options": self._options(),
            "targets": targets,
            **self._more(),
        }

    def _defaults(self) -> Json:
        defaults: Json = {
            "unit": self.unit,
            "color": {"mode": self._colour()},
            "mappings": [],
            "thresholds": thresholds(self.steps or PLAIN),
            "custom": self._custom(),
        }
        limits = {"min": self.least, "max": self.most, "decimals": self.decimals}
        return defaults | {name: limit for name, limit in limits.items() if limit is not None}

    def _colour(self) -> str:
        return "thresholds"

    def _custom(self) -> Json:
        return {}

    def _overrides(self) -> list[Json]:
        return []

    def _options(self) -> Json:
        raise NotImplementedError

    def _more(self) -> Json:
        return {}


@dataclass(frozen=True, kw_only=True)
class Timeseries(Panel):
    """Lines; ``steps`` are dashed lines across. ``logarithmic`` where values of very different size are all of interest.

    With ``bars`` they are bars, and ``steps`` their colours.
    """

    TYPE = "timeseries"

    stacked: bool = False
    bars: bool = False
    logarithmic: bool = False

    def _defaults(self) -> Json:
        defaults = super()._defaults()
        if self.logarithmic:
            defaults.pop("min", None)  # there is no 0 on such an axis
        return defaults

    def _colour(self) -> str:
        return "thresholds" if self.bars else "palette-classic"

    def _custom(self) -> Json:
        lines = [] if self.bars else [value for value, _ in self.steps if value != float("-inf")]
        # A line that is never near is to be seen all the same: it is what the values are measured by.
        goal: Json = {"axisSoftMax": min(lines)} if lines and self.most is None else {}
        return {
            "drawStyle": "bars" if self.bars else "line",
            "lineInterpolation": "linear",
            "lineWidth": 1,
            "fillOpacity": 60 if self.stacked or self.bars else 8,
            "gradientMode": "scheme" if self.bars else "none",
            "showPoints": "never",
            "pointSize": 5,
            "spanNulls": False,
            "stacking": {"mode": "normal" if self.stacked else "none", "group": "A"},
            "scaleDistribution": {"type": "log", "log": 10} if self.logarithmic else {"type": "linear"},
            "thresholdsStyle": {"mode": "dashed" if lines else "off"},
            "axisPlacement": "auto",
            **goal,
        }

    def _options(self) -> Json:
        return {
            "legend": {"displayMode": "table", "placement": "bottom", "showLegend": True, "calcs": ["lastNotNull", "max"]},
            "tooltip": {"mode": "multi", "sort": "none" if self.stacked else "desc"},
        }


@dataclass(frozen=True, kw_only=True)
class Stat(Panel):
    """A number of this moment, coloured by ``steps``; ``nothing`` stands where there is none."""

    TYPE = "stat"
    INSTANT = True

    width: int = 3
    height: int = 4
    nothing: str = "–"
    texts: Mapping[str, str] | None = None
    """Words for values."""

    def _defaults(self) -> Json:
        defaults = super()._defaults() | {"noValue": self.nothing}
        if self.texts:
            texts = {value: {"text": text, "index": index} for index, (value, text) in enumerate(self.texts.items())}
            defaults["mappings"] = [{"type": "value", "options": texts}]
        return defaults

    def _options(self) -> Json:
        return {
            "reduceOptions": {"calcs": ["lastNotNull"], "fields": "", "values": False},
            "colorMode": "background" if self.steps else "none",
            "graphMode": "none",
            "justifyMode": "auto",
            "orientation": "auto",
            "textMode": "value" if len(self.queries) == 1 else "auto",
            "wideLayout": True,
        }


@dataclass(frozen=True, kw_only=True)
class Heatmap(Panel):
    """Of a histogram's buckets: the query is by `le` alone, ``unit`` that of the buckets' edges."""

    TYPE = "heatmap"
    FORMAT = "heatmap"

    least: float | None = None

    def _defaults(self) -> Json:
        return super()._defaults() | {"unit": "cps"}  # of the cells

    def _custom(self) -> Json:
        return {"hideFrom": {"legend": False, "tooltip": False, "viz": False}, "scaleDistribution": {"type": "linear"}}

    def _options(self) -> Json:
        return {
            "calculate": False,  # the buckets are the exporter's
            "cellGap": 1,
            "cellValues": {"unit": "cps"},
            "color": {
                "mode": "scheme",
                "scheme": "Oranges",
                "fill": "dark-orange",
                "scale": "exponential",
                "exponent": 0.5,
                "steps": 64,
                "reverse": False,
            },
            "exemplars": {"color": "rgba(255,0,255,0.7)"},
            "filterValues": {"le": 1e-9},
            "legend": {"show": True},
            "rowsFrame": {"layout": "auto"},
            "showValue": "never",
            "tooltip": {"mode": "single", "showColorScale": True, "yHistogram": True},
            "yAxis": {"axisPlacement": "left", "reverse": False, "unit": self.unit},
        }


@dataclass(frozen=True, kw_only=True)
class Candlestick(Panel):
    """Of a statement with the columns ``time`` and `CANDLE`."""

    TYPE = "candlestick"
    CANDLE: ClassVar[Sequence[str]] = ("open", "high", "low", "close", "volume")

    least: float | None = None

    def _colour(self) -> str:
        return "palette-classic"

    def _custom(self) -> Json:
        return {"lineWidth": 1, "fillOpacity": 25, "axisPlacement": "auto", "scaleDistribution": {"type": "linear"}}

    def _options(self) -> Json:
        return {
            "mode": "candles+volume",
            "candleStyle": "candles",
            "colorStrategy": "open-close",
            "colors": {"up": "green", "down": "red", "flat": "gray"},
            "fields": {name: name for name in self.CANDLE},
            "includeAllFields": False,
            "legend": {"displayMode": "list", "placement": "bottom", "showLegend": False, "calcs": []},
            "tooltip": {"mode": "multi", "sort": "none"},
        }


class Column(NamedTuple):
    """Of a table: ``source`` is a label, the letter of a query, whose values it has, or a column of a statement."""

    source: str
    title: str
    unit: str = ""
    steps: Steps = ()
    """Colours of the cell."""
    texts: Mapping[str, str] | None = None
    """Colours of texts; what is not in it is red."""
    link: str = ""
    """Where the cell leads to."""
    width: int | None = None

    @property
    def field(self) -> str:
        """As Grafana names it when several queries answer."""
        return f"Value #{self.source}" if len(self.source) == 1 else self.source


@dataclass(frozen=True, kw_only=True)
class Table(Panel):
    """A row for each combination of the labels that all queries have; what is in no column is left out."""

    TYPE = "table"
    FORMAT = "table"
    INSTANT = True

    columns: Sequence[Column]
    sort: str
    """Title of the column that is sorted by …"""
    rising: bool = False
    """… from its lowest value on."""
    width: int = 12
    least: float | None = None

    def _custom(self) -> Json:
        return {"align": "auto", "cellOptions": {"type": "auto"}, "filterable": True, "inspect": False}

    def _options(self) -> Json:
        return {"showHeader": True, "cellHeight": "sm", "sortBy": [{"displayName": self.sort, "desc": not self.rising}]}

    def _overrides(self) -> list[Json]:
        return [
            {"matcher": {"id": "byName", "options": column.title}, "properties": properties}
            for column in self.columns
            if (properties := _properties(column))
        ]

    def _more(self) -> Json:
        shown = {column.field for column in self.columns}
        answers = {f"Value #{letter(at)}" for at in range(len(self.queries))}
        # A lone query's values have no letter.
        one = {"Value #A": "Value"} if len(self.queries) == 1 else {}
        fields = {one.get(column.field, column.field): column.title for column in self.columns}
        organize = {
            "excludeByName": dict.fromkeys(sorted({"Time"} | {one.get(name, name) for name in answers - shown}), True),
            "indexByName": {field: at for at, field in enumerate(fields)},
            "renameByName": fields,
        }
        merge: list[Json] = [{"id": "merge", "options": {}}] if len(self.queries) > 1 else []
        return {"transformations": [*merge, {"id": "organize", "options": organize}]}


def _properties(column: Column) -> list[Json]:
    properties: Json = {}
    if column.unit:
        properties["unit"] = column.unit
    if column.width is not None:
        properties["custom.width"] = column.width
    if column.link:
        properties["links"] = [{"title": f"{column.title}: more", "url": column.link}]
    if column.steps:
        properties["thresholds"] = thresholds(column.steps)
    if column.texts is not None:
        known = {
            text: {"text": text, "color": colour, "index": index} for index, (text, colour) in enumerate(column.texts.items())
        }
        other = {"pattern": "(.+)", "result": {"text": "$1", "color": "red", "index": len(known)}}
        properties["mappings"] = [{"type": "value", "options": known}, {"type": "regex", "options": other}]
    if column.steps or column.texts is not None:
        properties["color"] = {"mode": "thresholds"}
        properties["custom.cellOptions"] = {"type": "color-background", "mode": "basic"}
    return [{"id": name, "value": value} for name, value in properties.items()]


def thresholds(steps: Steps) -> Json:
    """Grafana's model of ``steps``; the first has no value there."""
    return {
        "mode": "absolute",
        "steps": [{"color": colour, "value": None if at == 0 else value} for at, (value, colour) in enumerate(steps)],
    }


def letter(at: int) -> str:
    """Of a query."""
    return chr(ord("A") + at)


def identifier(title: str) -> int:
    """A panel's id. It is made of the title, so that links to a panel hold when another one comes before it."""
    return crc32(title.encode()) % 1_000_000 + 1
