"""Write docs/metrics.md from the code: ``python scripts/metrics.py``; ``--check`` only looks."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator, Sequence
from importlib import import_module
from pathlib import Path
from typing import NamedTuple

from prometheus_client.core import Metric
from prometheus_client.metrics import MetricWrapperBase

from rtchart.process.metrics import BUCKETS, STAGES
from rtchart.store.history import Run
from rtchart_operator.metrics import Known, SymbolMetrics
from rtchart_operator.storage import Books

FILE = Path(__file__).parent.parent / "docs" / "metrics.md"
HEAD = f"""\
<!-- Made from the code by scripts/metrics.py, and held to it by `make check`. -->

# Metrics

Each service answers Prometheus at `/metrics` on its admin port (`--admin-port`; in the chart its port `admin`), which is not
the public one. Those of single symbols are the operator's alone: in every service they would be too many. All services have
`prometheus_client`'s of the process and of Python too (`process_*`, `python_*`).

`rtchart_stage_latency_seconds` is told by `stage`:
{", ".join(f"`{stage}`" for stage in STAGES[:4])},
{", ".join(f"`{stage}`" for stage in STAGES[4:])}. Its buckets end at
{", ".join(f"{edge:g}" for edge in BUCKETS)} seconds.
"""
SERVICES = {
    "Every service": "rtchart.process.metrics",
    "Producer": "rtchart.producer.metrics",
    "Inserter": "rtchart.inserter.metrics",
    "Aggregator": "rtchart.aggregator.run",
    "Web": "rtchart.web.metrics",
    "Operator": "rtchart_operator.metrics",
}
"""Titles, and the modules that make their metrics."""


class Row(NamedTuple):
    """A metric as a scrape has it."""

    name: str
    kind: str
    labels: tuple[str, ...]
    meaning: str

    def __str__(self) -> str:
        labels = ", ".join(f"`{label}`" for label in self.labels)
        return f"| `{self.name}` | {self.kind} | {labels} | {self.meaning} |"


def main(arguments: Sequence[str]) -> int:
    """The exit code."""
    if "--check" in arguments:
        if not FILE.exists() or FILE.read_text() != text():
            print(f"{FILE} is not what the code says; write it with: python scripts/metrics.py", file=sys.stderr)
            return 1
        return 0
    FILE.write_text(text())
    return 0


def text() -> str:
    """What is in the file."""
    whole = HEAD
    for title, module in SERVICES.items():
        rows = sorted({*_made(module), *(_of_symbols() if title == "Operator" else ())})
        whole += "\n".join(["", f"## {title}", "", "| metric | type | labels | |", "|---|---|---|---|", *map(str, rows), ""])
    return whole


def symbol_metrics() -> SymbolMetrics:
    """What the operator makes at each scrape, of no symbol; in no registry."""
    yes, books, run = (lambda: True), (lambda: Books(bytes=1)), (lambda: Run(0, 1, 0, 0, None))
    metrics = SymbolMetrics(Known(tuple, tuple, dict, books, run, yes, yes, tuple, capacity=1))
    metrics.close()
    return metrics


def _made(module: str) -> Iterator[Row]:
    """Of the metrics that a module makes when it is imported."""
    for made in vars(import_module(module)).values():
        if isinstance(made, MetricWrapperBase):
            (family,) = made.describe()
            yield _row(family, made._labelnames)


def _of_symbols() -> Iterator[Row]:
    """Of those that the operator makes at each scrape."""
    for family in symbol_metrics().collect():
        yield _row(family, getattr(family, "_labelnames", ()))


def _row(family: Metric, labels: Iterable[str]) -> Row:
    name = f"{family.name}_total" if family.type == "counter" else family.name
    return Row(name, family.type, tuple(labels), family.documentation)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
