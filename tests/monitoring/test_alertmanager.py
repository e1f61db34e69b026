"""The configuration for Alertmanager: what it names is there, and what hides an alert has the labels by which it does."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

import pytest
import yaml
from scripts.alerts import ROOT

from tests.monitoring.test_alerts import TESTS, all_alerts

FILE = ROOT / "k8s" / "monitoring" / "alertmanager.yaml"
CONFIGURATION: dict[str, Any] = yaml.safe_load(FILE.read_text(encoding="utf-8"))
RULES: list[dict[str, Any]] = CONFIGURATION["inhibit_rules"]

Labels = Mapping[str, str]


def fired() -> list[Labels]:
    """The labels of all alerts that promtool had fire where series have a namespace, as in a cluster they do."""
    found = []
    for file in sorted(TESTS.iterdir()):
        for test in yaml.safe_load(file.read_text(encoding="utf-8"))["tests"]:
            for case in test.get("alert_rule_test", ()):
                found += [{"alertname": case["alertname"], **one["exp_labels"]} for one in case["exp_alerts"]]
    return [labels for labels in found if "namespace" in labels]


FIRED = fired()


def matcher(text: str) -> tuple[str, str, str]:
    """Label, operator and value."""
    found = re.fullmatch(r'(\w+) (=~|=) "([^"]+)"', text)
    assert found, text
    label, operator, value = found.groups()
    return label, operator, value


def matched(matchers: Iterable[str]) -> list[Labels]:
    """Of what fired, what they match."""
    left = FIRED
    for label, operator, value in map(matcher, matchers):
        pattern = value if operator == "=~" else re.escape(value)
        left = [labels for labels in left if re.fullmatch(pattern, labels.get(label, ""))]
    return left


def of_routes(route: Mapping[str, Any]) -> Iterable[Mapping[str, Any]]:
    yield route
    for one in route.get("routes", ()):
        yield from of_routes(one)


def test_what_is_matched_is_there() -> None:
    matchers = [text for route in of_routes(CONFIGURATION["route"]) for text in route.get("matchers", ())]
    matchers += [text for rule in RULES for text in (*rule["source_matchers"], *rule["target_matchers"])]
    for label, operator, value in map(matcher, matchers):
        for one in value.split("|") if operator == "=~" else [value]:
            assert matched([f'{label} {operator} "{one}"']), f"nothing that fires has {label} {one}"


def test_every_alert_has_its_way_to_a_receiver() -> None:
    names = {receiver["name"] for receiver in CONFIGURATION["receivers"]}
    top, *routes = of_routes(CONFIGURATION["route"])
    assert {route["receiver"] for route in (top, *routes) if "receiver" in route} <= names
    assert matched(routes[0]["matchers"]) == FIRED
    assert {labels["alertname"] for labels in FIRED} == {alert.name for alert in all_alerts()}
    assert set(routes[0]["group_by"]) <= set[str]().union(*FIRED)


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule["source_matchers"][0])
def test_what_is_hidden_is_told_by_what_hides_it(rule: Mapping[str, Any]) -> None:
    """Two alerts that both lack a label are equal in it, so one that it is to be told by must be there."""
    sources, targets = matched(rule["source_matchers"]), matched(rule["target_matchers"])
    assert sources and targets and not [labels for labels in sources if labels in targets]
    equal = set(rule["equal"])
    if "alertname" not in equal:
        assert all(equal <= labels.keys() for labels in (*sources, *targets))
        return
    twice = {labels["alertname"] for labels in sources} & {labels["alertname"] for labels in targets}
    assert len(twice) > 3
    for labels in (*sources, *targets):
        if labels["alertname"] in twice:
            assert labels.keys() - {"severity"} <= equal, "it would hide that of another thing"
