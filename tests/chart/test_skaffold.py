"""skaffold.yaml against what it names: the Dockerfile's targets, the chart's values, the commands."""

from __future__ import annotations

import re
from typing import Any

import pytest
import yaml

from rtchart.cli import COMMANDS
from tests.chart.rendering import ROOT, Manifests, render

CONFIG = yaml.safe_load((ROOT / "skaffold.yaml").read_text(encoding="utf-8"))
TARGETS = set(re.findall(r"^FROM .* AS ([\w-]+)$", (ROOT / "Dockerfile").read_text(encoding="utf-8"), re.MULTILINE))
WAYS: dict[str, dict[str, Any]] = {"as released": CONFIG} | {each["name"]: each for each in CONFIG["profiles"]}


@pytest.fixture(params=WAYS)
def way(request: pytest.FixtureRequest) -> dict[str, Any]:
    return WAYS[request.param]


def rendered(way: dict[str, Any]) -> Manifests:
    """As skaffold has Helm render it, each image with the tag ``built``."""
    (release,) = way["deploy"]["helm"]["releases"]
    values: dict[str, Any] = dict(release.get("setValues", {}))
    for key, template in release["setValueTemplates"].items():
        image = re.fullmatch(r"\{\{\.IMAGE_(REPO|TAG)_rtchart_(\w+)\}\}", template)
        assert image, template
        values[key] = f"rtchart/{image[2]}" if image[1] == "REPO" else "built"
    return render(values, *(ROOT / file for file in release.get("valuesFiles", ())))


def test_every_image_is_built_from_a_target_and_runs_in_a_pod(way: dict[str, Any]) -> None:
    artifacts = {each["image"]: each["docker"] for each in way["build"]["artifacts"]}
    assert {docker["target"] for docker in artifacts.values()} <= TARGETS
    images = {pod.container["image"] for pod in rendered(way).pods()}
    ours = {image for image in images if image.startswith("rtchart/")}
    assert all(image.endswith(":built") for image in ours)
    assert {image.removesuffix(":built") for image in ours} <= artifacts.keys()


@pytest.mark.parametrize("name", ["dev", "live"])
def test_what_is_edited_is_synced_to_where_it_is_run(name: str) -> None:
    for artifact in WAYS[name]["build"]["artifacts"]:
        package, *command = artifact["docker"]["buildArgs"]["COMMAND"].split()
        assert package == "rtchart_operator" or (package == "rtchart" and command[0] in COMMANDS)
        for rule in artifact["sync"]["manual"]:
            assert list(ROOT.glob(rule["src"])) and rule["dest"] == "/src"
    for pod in rendered(WAYS[name]).pods():
        if pod.container["image"].startswith("rtchart/"):
            assert {"name": "sources", "mountPath": "/src"} in pod.container["volumeMounts"], pod.owner
