"""The chart's README and values.schema.json, made from values.yaml: `python scripts/chart.py [--check]`.

Above each value stands its comment, ``# -- what it is``. What its default does not tell of its type stands in the line after
it, as JSON Schema: ``# @schema {"enum": ["a", "b"]}``, in which ``{"$symbol": true}`` is a Symbol's spec, by its definition,
with a name, ``{"$size": true}`` bytes as Kubernetes writes them, and ``{"$strings": true}`` labels or annotations. An object
with values in it is closed: a key that is not there is a mistake. An empty object or list takes whatever Kubernetes takes.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from rtchart_operator.quantity import PATTERN

CHART = Path(__file__).resolve().parent.parent / "charts" / "rtchart"
DEFINITION = CHART / "crds" / "symbols.rtchart.dev.yaml"
VALUES, SCHEMA, README = CHART / "values.yaml", CHART / "values.schema.json", CHART / "README.md"
BEGIN, END = "<!-- values: made by scripts/chart.py from values.yaml -->", "<!-- end of values -->"

_KEY = re.compile(r"^(?P<indent> *)(?P<key>[A-Za-z]\w*):")
_COMMENT = re.compile(r"^ *# ?(?P<text>.*)$")


class Wrong(ValueError):
    """values.yaml is not written as this needs it."""


@dataclass(frozen=True)
class Value:
    """One key of values.yaml: its path (``web.image.tag``), what its comment says of it, and its schema's refinement."""

    path: tuple[str, ...]
    comment: str
    refinement: dict[str, Any] | None
    default: Any


def read(text: str) -> Iterator[Value]:
    """The values that have a comment of their own, in their order. Raises `Wrong` for a leaf without one."""
    tree = yaml.safe_load(text)
    path: list[str] = []
    comment: list[str] = []
    refinement: dict[str, Any] | None = None
    described: list[tuple[str, ...]] = []
    for number, line in enumerate(text.splitlines(), 1):
        if found := _COMMENT.match(line):
            if found["text"].startswith("@schema "):
                refinement = json.loads(found["text"].removeprefix("@schema "), object_hook=_unfolded)
            elif found["text"].startswith("-- "):
                comment = [found["text"].removeprefix("-- ")]
            elif comment:
                comment.append(found["text"])
        elif found := _KEY.match(line):
            depth = len(found["indent"]) // 2
            path = [*path[:depth], found["key"]]
            inside = any(tuple(path[: len(above)]) == above for above in described)
            default = _at(tree, path)
            if comment:
                described.append(tuple(path))
                yield Value(tuple(path), " ".join(comment), refinement, default)
            elif not inside and not (isinstance(default, dict) and default):
                raise Wrong(f"values.yaml, line {number}: {'.'.join(path)} has no comment (# -- what it is)")
            comment, refinement = [], None
        elif not line.strip():
            comment, refinement = [], None


def _unfolded(part: dict[str, Any]) -> dict[str, Any]:
    """What a mark stands for, in its place."""
    match part:
        case {"$symbol": True}:
            return _symbol()
        case {"$size": True}:
            # A number is one of bytes: YAML has no quotes around 10737418240.
            return {"type": ["string", "integer"], "pattern": PATTERN, "minimum": 1}
        case {"$strings": True}:
            # What is no string yet the chart writes out, null it leaves out.
            return {"type": "object", "additionalProperties": {"type": ["string", "number", "boolean", "null"]}}
    return part


def _symbol() -> dict[str, Any]:
    """A Symbol's spec: which fields there are, and their types. The API server holds them to the rest."""
    version = yaml.safe_load(DEFINITION.read_text(encoding="utf-8"))["spec"]["versions"][0]
    spec = version["schema"]["openAPIV3Schema"]["properties"]["spec"]
    closed = _shape(spec)
    return {**closed, "properties": {"name": {"type": "string"}, **closed["properties"]}, "required": ["symbol"]}


def _shape(schema: dict[str, Any]) -> dict[str, Any]:
    if "properties" not in schema:
        return {"type": schema["type"]}
    return {**_closed(), "properties": {key: _shape(each) for key, each in schema["properties"].items()}}


def _at(tree: Any, path: list[str]) -> Any:
    for key in path:
        tree = tree[key]
    return tree


def schema(values: list[Value]) -> dict[str, Any]:
    """What values.yaml may hold, as JSON Schema."""
    root: dict[str, Any] = {
        "$schema": "http://json-schema.org/draft-07/schema#",
        "title": "Values of the chart rtchart",
        **_closed(),
    }
    for value in values:
        at = root
        for key in value.path[:-1]:
            at = at["properties"].setdefault(key, _closed())
        at["properties"][value.path[-1]] = {"description": value.comment, **_typed(value)}
    # Of a parent chart: whether this one is wanted at all.
    root["properties"]["enabled"] = {"type": "boolean"}
    return root


def _closed() -> dict[str, Any]:
    return {"type": "object", "additionalProperties": False, "properties": {}}


def _typed(value: Value) -> dict[str, Any]:
    if value.refinement is not None:
        return value.refinement
    match value.default:
        case bool():
            return {"type": "boolean"}
        case int():
            return {"type": "integer", "minimum": 0}
        case str():
            return {"type": "string"}
        case list():
            return {"type": "array"}
        case dict():
            return {"type": "object"}
    raise Wrong(f"values.yaml: {'.'.join(value.path)} has a default of no known type; say its # @schema")


def table(values: list[Value]) -> str:
    """The values as a table in Markdown."""
    rows = [f"| `{'.'.join(value.path)}` | {_cell(value.comment)} | `{_short(value.default)}` |" for value in values]
    return "\n".join(["| value | what it is | default |", "|---|---|---|", *rows])


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


def _short(default: Any) -> str:
    return json.dumps(default, ensure_ascii=False)


def main(arguments: list[str]) -> int:
    try:
        values = list(read(VALUES.read_text(encoding="utf-8")))
    except Wrong as error:
        print(error, file=sys.stderr)
        return 1
    readme = README.read_text(encoding="utf-8")
    before, _, rest = readme.partition(BEGIN)
    after = rest.partition(END)[2]
    wanted = {
        SCHEMA: json.dumps(schema(values), indent=2, ensure_ascii=False) + "\n",
        README: f"{before}{BEGIN}\n\n{table(values)}\n\n{END}{after}",
    }
    if arguments == ["--check"]:
        for path, text in wanted.items():
            if not path.exists() or path.read_text(encoding="utf-8") != text:
                print(f"{path.name} is not what values.yaml says; run: python scripts/chart.py", file=sys.stderr)
                return 1
        return 0
    for path, text in wanted.items():
        path.write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
