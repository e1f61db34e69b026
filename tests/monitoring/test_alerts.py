"""The chart's alerts: what Prometheus makes of them, what they are made of, and that each has its tests and its runbook."""

from __future__ import annotations

import functools
import json
import re
import subprocess
from collections import defaultdict
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import click
import pytest
import yaml
from scripts import alerts

from rtchart.cli import main
from rtchart.sim.script import step

TESTS = Path(__file__).parent / "alerts"
RUNBOOKS = alerts.ROOT / "docs" / "runbooks"
FILES = sorted(alerts.ALERTS.glob("*.yaml"))
SEVERITIES = ("critical", "warning", "info")
PARTS = ["What it means", "How to look", "What to do", "Try it"]
"""The sections of a runbook."""

Rule = Mapping[str, Any]


class Alert(NamedTuple):
    """Rules of one name, which may be several: of other severities, or of other services."""

    name: str
    file: Path
    rules: list[Rule]

    @property
    def severities(self) -> list[str]:
        return sorted({rule["labels"]["severity"] for rule in self.rules}, key=SEVERITIES.index)


def rules(file: Path) -> list[Rule]:
    found: list[Rule] = yaml.safe_load(file.read_text(encoding="utf-8"))
    return found


@functools.cache
def all_alerts() -> list[Alert]:
    found: dict[tuple[str, Path], list[Rule]] = defaultdict(list)
    for file in FILES:
        for rule in rules(file):
            if "alert" in rule:
                found[rule["alert"], file].append(rule)
    return [Alert(name, file, of) for (name, file), of in sorted(found.items())]


def unit_tests(file: Path) -> Path:
    """The file of unit tests of an alert's file."""
    return TESTS / f"{file.stem}.test.yaml"


def options(command: click.Command) -> Iterator[str]:
    """The names of a command's options; a group's are those of its commands."""
    for each in (command, *getattr(command, "commands", {}).values()):
        for parameter in each.params:
            yield from parameter.opts


each_file = pytest.mark.parametrize("file", FILES, ids=lambda path: path.stem)
each_alert = pytest.mark.parametrize("alert", all_alerts(), ids=lambda alert: alert.name)
each_runbook = pytest.mark.parametrize("page", sorted(RUNBOOKS.glob("*.md")), ids=lambda path: path.stem)


def run(*command: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, capture_output=True, text=True, check=False)


# ── What Prometheus makes of them ───────────────────────────────────────────────────────────────────────────────────────────


def test_the_plain_file_is_what_the_chart_has() -> None:
    assert alerts.main(["--check"]) == 0
    plain = yaml.safe_load(alerts.FILE.read_text(encoding="utf-8"))
    assert plain == {"groups": [{"name": "rtchart", "rules": [rule for file in FILES for rule in rules(file)]}]}


def test_prometheus_takes_the_rules(promtool: str) -> None:
    answer = run(promtool, "check", "rules", "--lint=all", "--lint-fatal", str(alerts.FILE))
    assert answer.returncode == 0, answer.stdout + answer.stderr


@pytest.mark.parametrize("file", sorted(TESTS.glob("*.yaml")), ids=lambda path: path.name.removesuffix(".test.yaml"))
def test_they_fire_when_they_must_and_at_no_other_time(promtool: str, file: Path) -> None:
    answer = run(promtool, "test", "rules", str(file))
    assert answer.returncode == 0, answer.stdout + answer.stderr


# ── What is there without Prometheus ────────────────────────────────────────────────────────────────────────────────────────


def test_no_file_of_tests_is_left_over() -> None:
    assert sorted(TESTS.iterdir()) == sorted(map(unit_tests, FILES))


@each_file
def test_a_file_is_named_as_an_alert_of_it(file: Path) -> None:
    names = [rule["alert"] for rule in rules(file) if "alert" in rule]
    assert "Rtchart" + "".join(map(str.capitalize, file.stem.split("-"))) in names


def test_an_alert_is_in_one_file() -> None:
    names = [alert.name for alert in all_alerts()]
    assert len(names) == len(set(names))


@each_alert
def test_an_alert_is_tested_both_ways(alert: Alert) -> None:
    tests = yaml.safe_load(unit_tests(alert.file).read_text(encoding="utf-8"))
    assert [(TESTS / path).resolve() for path in tests["rule_files"]] == [alerts.FILE]
    cases = [case for test in tests["tests"] for case in test.get("alert_rule_test", ()) if case["alertname"] == alert.name]
    assert any(not case["exp_alerts"] for case in cases), "there is no time at which it must not fire"
    fired = [expected["exp_labels"] for case in cases for expected in case["exp_alerts"]]
    for rule in alert.rules:
        assert any(rule["labels"].items() <= labels.items() for labels in fired), f"with {rule['labels']} it never fires"


@each_alert
def test_an_alert_says_what_it_is_and_where_to_read_on(alert: Alert) -> None:
    assert alert.name.startswith("Rtchart")
    for rule in alert.rules:
        assert rule.keys() <= {"alert", "expr", "for", "keep_firing_for", "labels", "annotations"} and rule["for"]
        assert rule["labels"]["severity"] in SEVERITIES
        assert rule["annotations"].keys() == {"summary", "description", "runbook_url"}
        assert all(text.endswith(".") for text in (rule["annotations"]["summary"], rule["annotations"]["description"]))
        assert rule["annotations"]["runbook_url"] == f"docs/runbooks/{alert.name}.md"
    runbook = (RUNBOOKS / f"{alert.name}.md").read_text(encoding="utf-8")
    assert runbook.startswith(f"# {alert.name}\n")
    assert re.findall(r"^## (.+)$", runbook, re.MULTILINE) == PARTS


@each_file
def test_helm_finds_no_template_of_its_own(file: Path) -> None:
    """The chart takes them as they are; all that is in braces is Prometheus's."""
    actions = re.findall(r"\{\{(.*?)\}\}", file.read_text(encoding="utf-8"), re.DOTALL)
    words = {word for action in actions for word in re.sub(r'"[^"]*"', "", action).split()}
    known = {"if", "else", "eq", "end", "printf", "with", ".", "humanizeDuration", "humanizePercentage", "$value"}
    assert {word for word in words - known if not re.fullmatch(r"\$labels\.[a-z]+", word)} == set()


@each_file
def test_what_is_recorded_is_used_in_the_same_file(file: Path) -> None:
    """So each file can be left out."""
    expressions = [(rule.get("record"), rule["expr"]) for rule in rules(file)]
    recorded = {name for name, _ in expressions if name}
    used = {name for _, expression in expressions for name in re.findall(r"\brtchart:[a-z0-9_:]+", expression)}
    assert used == recorded


@each_file
def test_every_metric_is_there(file: Path) -> None:
    described = (alerts.ROOT / "docs" / "metrics.md").read_text(encoding="utf-8")
    kinds = dict(re.findall(r"^\| `(rtchart_[a-z0-9_]+)` \| (\w+) \|", described, re.MULTILINE))
    there = (
        {"process_start_time_seconds"}
        | {name for name, kind in kinds.items() if kind != "histogram"}
        | {f"{name}_{part}" for name, kind in kinds.items() if kind == "histogram" for part in ("bucket", "sum", "count")}
    )
    for rule in rules(file):
        told = re.sub(r'"[^"]*"', "", rule["expr"])
        selected = set(re.findall(r"([A-Za-z_:][A-Za-z0-9_:]*)\s*[{\[]", told))
        named = set(re.findall(r"\brtchart[_:][a-z0-9_:]+", told))
        assert named and {name for name in named | selected if not name.startswith("rtchart:")} <= there, rule["expr"]


@each_file
def test_a_reason_is_one_that_a_condition_can_have(file: Path) -> None:
    told = (alerts.ROOT / "docs" / "operator.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\|(?: (\w+))? \| ([\w, ]+) \| (?:True|False|Unknown)", told, re.MULTILINE)
    reasons = {reason for _, some in rows for reason in some.split(", ")}
    conditions = {condition for condition, _ in rows}
    for rule in rules(file):
        for selector in re.findall(r"rtchart_symbol_condition\s*\{([^}]*)\}", rule["expr"]):
            values = dict(re.findall(r'(\w+)(?:=~|!~|=|!=)"([^"]*)"', selector))
            assert set(values["reason"].split("|")) <= reasons, selector
            assert set(values["condition"].split("|")) <= conditions, selector


def test_the_list_of_runbooks_has_every_alert() -> None:
    page = (RUNBOOKS / "README.md").read_text(encoding="utf-8")
    listed = re.findall(r"^\| \[(\w+)\]\((\w+)\.md\) \| ([a-z, ]+) \| .+ \|$", page, re.MULTILINE)
    assert listed == [(alert.name, alert.name, ", ".join(alert.severities)) for alert in all_alerts()]
    assert {path.stem for path in RUNBOOKS.glob("*.md")} == {"README", *(alert.name for alert in all_alerts())}


# ── What the runbooks tell people to type ───────────────────────────────────────────────────────────────────────────────────


@each_runbook
def test_what_is_provoked_is_a_fault_of_the_simulated_exchange(page: Path) -> None:
    for body in re.findall(r"curl -X POST localhost:9011/faults -d '(.+)'$", page.read_text(encoding="utf-8"), re.MULTILINE):
        when, _ = step(json.loads(body), body)
        assert not when.at and not when.every


@each_runbook
def test_a_command_of_ours_is_there_with_its_options(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    for name, rest in re.findall(r"(?:-- |`)rtchart ([a-z-]+)([^\n`]*)", text):
        command = main.get_command(click.Context(main), name)
        assert command is not None, name
        assert set(re.findall(r"--[a-z-]+", rest)) <= set(options(command)), rest


@each_runbook
def test_prometheus_can_be_asked_what_it_is_to_be_asked(page: Path, promtool: str, tmp_path: Path) -> None:
    code = re.findall(r"^ {4}(\S.*)$", page.read_text(encoding="utf-8"), re.MULTILINE)
    queries = [line for line in code if re.match(r"[\w ]+\(|rtchart[_:]|up ", line) and not line.endswith(":")]
    made = [{"record": f"asked:{number}", "expr": query} for number, query in enumerate(queries)]
    file = tmp_path / "rules.yaml"
    file.write_text(yaml.safe_dump({"groups": [{"name": "asked", "rules": made}]}), encoding="utf-8")
    answer = run(promtool, "check", "rules", str(file))
    assert answer.returncode == 0, answer.stdout + answer.stderr
