"""Limits of alerts, as the colours of panels: orange is what a warning is about, red what is critical."""

from __future__ import annotations

import re
from functools import cache
from math import prod

import yaml
from scripts.alerts import ALERTS
from scripts.dashboards.panels import Steps

COLOURS = {"warning": "orange", "critical": "red"}


@cache
def limits(alert: str) -> dict[str, float]:
    """Above which value it is a warning, or critical: the first number that each of the alert's rules compares with."""
    rules = [rule for file in sorted(ALERTS.glob("*.yaml")) for rule in yaml.safe_load(file.read_text(encoding="utf-8"))]
    found = {rule["labels"]["severity"]: rule["expr"] for rule in rules if rule.get("alert") == alert}
    return {severity: _limit(found[severity]) for severity in COLOURS.keys() & found.keys()}


def _limit(expression: str) -> float:
    found = re.search(r"> ([\d.]+(?: \* [\d.]+)*)", expression)
    assert found, f"nothing is compared in {expression}"
    return prod(map(float, found[1].split(" * ")))


def good_until(alert: str) -> Steps:
    """Green, then the colours of the alert."""
    rising = sorted((value, COLOURS[severity]) for severity, value in limits(alert).items())
    return [(float("-inf"), "green"), *rising]


def good_unless_lacking(alert: str) -> Steps:
    """The same of a share, where the alert is about what is lacking to the whole."""
    (share,) = limits(alert).values()
    return [(float("-inf"), "orange"), (round(1 - share, 9), "green")]
