"""What several panels ask, each of other metrics."""

from __future__ import annotations

from scripts.dashboards.panels import Query
from scripts.dashboards.promql import quantile, series

QUANTILES = (0.5, 0.95, 0.99)


def quantiles(histogram: str, *by: str, where: tuple[str, ...] = ()) -> list[Query]:
    """p50, p95 and p99, of each value of a label if one is named, and of what ``where`` matches."""
    of = "".join(f"{{{{{label}}}}} " for label in by)
    return [Query(quantile(share, histogram, *by, where=where), f"{of}p{share * 100:g}") for share in QUANTILES]


def each_instance(gauge: str, what: str = "") -> Query:
    """A gauge of each process: which one is where, their sum would hide. ``what`` it is, where others stand beside it."""
    legend = "{{instance}} {{namespace}}"
    return Query(f"max by (namespace, instance) ({series(gauge)})", f"{what} {legend}" if what else legend)
