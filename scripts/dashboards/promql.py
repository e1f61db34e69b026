"""Expressions, from the pieces that all dashboards share.

Matchers hold where a label is not there: Grafana puts `.*` for "All", and ``=~".*"`` takes series without the label.
Counters are summed over replicas. Of a gauge about one symbol the largest counts: while an operator is replaced, there are two.
What is one in each release stays apart by namespace, or the worse of two releases could hide behind the better one.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

NAMESPACE = 'namespace=~"$namespace"'
SYMBOL = ('exchange=~"$exchange"', 'symbol=~"$symbol"')
ALL = ".*"
"""What "All" of a variable stands for in a matcher."""

EACH_SYMBOL = "namespace, exchange, symbol"
"""What tells a symbol from all others."""
NAME = "{{exchange}} {{symbol}} {{namespace}}"
"""… in a legend: the namespace at its end, where none leaves no hole."""

RANGES = {"__rate_interval": "5m", "__range": "1h"}
"""Windows that Grafana itself puts in, as they are outside of it."""


def series(name: str, *matchers: str) -> str:
    """A metric in the namespaces that are looked at."""
    return f"{name}{{{', '.join((NAMESPACE, *matchers))}}}"


def of_symbols(name: str, *matchers: str) -> str:
    """A metric of the symbols that are looked at."""
    return series(name, *SYMBOL, *matchers)


def per_symbol(name: str, *matchers: str) -> str:
    """A gauge of the symbols that are looked at, one series for each."""
    return f"max by ({EACH_SYMBOL}) ({of_symbols(name, *matchers)})"


def rate(name: str, *by: str, where: tuple[str, ...] = ()) -> str:
    """How much a counter rises in a second, in all replicas together."""
    grouped = f"sum by ({', '.join(by)})" if by else "sum"
    return f"{grouped} (rate({series(name, *where)}[$__rate_interval]))"


def per_minute(name: str, *by: str, where: tuple[str, ...] = ()) -> str:
    """… in a minute: for what is rare."""
    return f"60 * {rate(name, *by, where=where)}"


def quantile(share: float, histogram: str, *by: str, where: tuple[str, ...] = ()) -> str:
    """What so large a share of the observations is within; nothing where there are none."""
    return f"histogram_quantile({share:g}, {rate(f'{histogram}_bucket', 'le', *by, where=where)}) >= 0"


def worst(expression: str, *, lowest: bool = False, count: int = 10) -> str:
    """Of the ``count`` symbols that were worst at any time of the range: these lines, all along."""
    rank, ever = ("bottomk", "min_over_time") if lowest else ("topk", "max_over_time")
    return f"{expression} and on ({EACH_SYMBOL}) {rank}({count}, {ever}(({expression})[$__range:1m] @ end()))"


def of_services(aggregate: str, expression: str) -> str:
    """Of each process, by its service: what `process_…` does not say, ``rtchart_build_info`` of the same instance does."""
    named = f"max by (namespace, instance, service) ({series('rtchart_build_info')})"
    return f"{aggregate} by (namespace, service) ({expression} * on (namespace, instance) group_left (service) {named})"


def substitute(text: str, values: Mapping[str, str]) -> str:
    """``text`` with its ``$variables`` replaced; raises `KeyError` for one that has no value. ``$1`` is a group, and stays."""
    return re.sub(r"\$([a-z_]\w*)", lambda found: values[found[1]], text)
