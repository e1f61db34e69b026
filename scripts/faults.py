"""Write docs/faults.md from the catalogue: ``python scripts/faults.py``; ``--check`` only looks."""

from __future__ import annotations

import inspect
import sys
from pathlib import Path

import msgspec

from rtchart.sim.catalogue import SECTIONS
from rtchart.sim.catalogue.fault import Fault

FILE = Path(__file__).parent.parent / "docs" / "faults.md"
HEAD = """\
<!-- Made from services/rtchart/sim/catalogue by scripts/faults.py, and held to it by `make check`. -->

# A simulated exchange that misbehaves

`rtchart exchange` speaks Binance's protocol over a market that is a pure function of its seed, and misbehaves when it is told
to, in the ways that exchanges, networks and machines have shown. rtchart is tried against all of them
([reliability.md](reliability.md)), and so can be any other client.

    rtchart exchange --script faults.yaml

```yaml
faults:
  - {at: 60, fault: disconnect}                                       # a minute after the start, once
  - {at: 120, for: 30, fault: mute, symbols: [BTCUSDT]}               # for half a minute
  - {at: 300, for: 10, every: 600, fault: rest_status, status: 503}   # and again every ten minutes
```

`at`, `for` and `every` are seconds of the market, counted from the start (with `--rate 10` they pass ten times as fast). A
fault without `for` lasts until the end, if it is one that lasts; several may go on at once (two of one kind about the same
symbol are one: the first end ends both). The same script does the same at every run: what is drawn is drawn by the symbol and
the second.

Both options are environment variables too, and `rtchart up` hands them on:

    RTCHART_SCRIPT=faults.yaml RTCHART_CONTROL_PORT=9011 rtchart up --exchange sim

While it runs, `--control-port 9011` takes and gives the same:

    curl -X POST localhost:9011/faults -d '{"fault": "mute", "symbols": ["BTCUSDT"], "for": 30}'
    curl localhost:9011/faults
    curl -X DELETE localhost:9011/faults

What was never streamed is in REST's answers all the same, unless the fault says otherwise: the exchange's own record is what
REST says, and the measure for what a client has.

| faults | |
|---|---|
"""


def main() -> int:
    """The exit code."""
    lines, parts = [HEAD], []
    for title, kinds in SECTIONS.items():
        names = ", ".join(f"[`{_name(kind)}`](#{_name(kind)})" for kind in kinds)
        lines.append(f"| {title} | {names} |\n")
        parts += [f"\n## {title}\n", *map(_section, kinds)]
    text = "".join(lines + parts)
    if "--check" in sys.argv:
        if FILE.read_text() != text:
            print(f"{FILE} is not what the catalogue says; write it with: python scripts/faults.py", file=sys.stderr)
            return 1
        return 0
    FILE.write_text(text)
    return 0


def _name(kind: type[Fault]) -> str:
    return str(kind.__struct_config__.tag)


def _section(kind: type[Fault]) -> str:
    fields = [field for field in msgspec.structs.fields(kind) if field.encode_name != "fault"]
    rows = [f"| `{field.encode_name}` | {_type(kind, field.encode_name)} | {_default(field)} |" for field in fields]
    table = ["", "| | | default |", "|---|---|---|", *rows] if rows else []
    what = " ".join((inspect.getdoc(kind) or "").split())
    seen = " ".join(kind.SEEN.split())
    return "\n".join(["", f"### {_name(kind)}", "", what, *table, "", f"Seen: {seen}", ""])


def _type(kind: type[Fault], name: str) -> str:
    """In words for people, from the JSON Schema."""
    _, components = msgspec.json.schema_components([kind], ref_template="{name}")
    return _words(components[kind.__name__]["properties"][name])


def _words(schema: dict[str, object]) -> str:
    if "anyOf" in schema:
        return " or ".join(_words(one) for one in schema["anyOf"])  # type: ignore[attr-defined]
    if "enum" in schema:
        return ", ".join(f"`{value}`" for value in schema["enum"])  # type: ignore[attr-defined]
    name = {"array": "list of names", "null": "nothing", "string": "text", "integer": "whole number"}.get(
        str(schema.get("type")), str(schema.get("type"))
    )
    low = schema.get("minimum", schema.get("exclusiveMinimum"))
    high = schema.get("maximum")
    over = "over" if "exclusiveMinimum" in schema else "from"
    return name + (f" {over} {low:g}" if low is not None else "") + (f" to {high:g}" if high is not None else "")


def _default(field: msgspec.structs.FieldInfo) -> str:
    if field.default in (None, (), ""):
        return {"()": "all", "None": "none", "": "empty"}[str(field.default)]
    return f"`{field.default:g}`" if isinstance(field.default, float) else f"`{field.default}`"


if __name__ == "__main__":
    sys.exit(main())
