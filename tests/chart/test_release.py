"""What a tag becomes: images and a chart that names them. The workflow itself runs where a registry is."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from rtchart import __version__
from tests.chart.rendering import ROOT, helm

WORKFLOW: dict[str, Any] = yaml.safe_load((ROOT / ".github/workflows/release.yaml").read_text(encoding="utf-8"))


def make(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """make, whatever make these tests may be run by."""
    outside = {key: value for key, value in os.environ.items() if key not in ("MAKEFLAGS", "MAKELEVEL", "TAG", "REGISTRY")}
    command = ("make", "--no-print-directory", *arguments)
    return subprocess.run(command, cwd=ROOT, env={**outside, **environment}, capture_output=True, text=True, check=False)


def test_every_image_of_ours_is_released() -> None:
    (services,) = re.findall(r"^SERVICES := (.*)$", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE)
    assert set(WORKFLOW["jobs"]["image"]["strategy"]["matrix"]["service"]) == set(services.split())


def test_nothing_is_released_that_was_not_tested() -> None:
    assert WORKFLOW["jobs"]["test"]["uses"] == "./.github/workflows/ci.yaml"
    assert "test" in WORKFLOW["jobs"]["image"]["needs"] and "image" in WORKFLOW["jobs"]["chart"]["needs"]


def test_a_tag_is_of_the_version_it_is_put_on() -> None:
    assert make("version").stdout.strip() == make("version", OF=f"v{__version__}").stdout.strip() == __version__
    refused = make("version", OF="v99.0.0; echo hello")
    assert refused.returncode and f"v99.0.0; echo hello is no tag of version {__version__}" in refused.stderr


@pytest.mark.parametrize(("tag", "wanted"), [("dev", __version__), ("2026-11", "2026-11")])
def test_the_package_takes_its_images_from_the_registry(tag: str, wanted: str, tmp_path: Path) -> None:
    assert helm("version").returncode == 0  # or the test is left out
    packed = make("package", "REGISTRY=registry.example.org/team/", f"TAG={tag}", f"PACKAGES={tmp_path}")
    assert packed.returncode == 0, packed.stderr
    rendered = helm("template", "rtchart", str(tmp_path / f"rtchart-{__version__}.tgz")).stdout
    ours = set(re.findall(r"image: (\S*rtchart/\S+)", rendered))
    assert ours and all(image.startswith("registry.example.org/team/rtchart/") for image in ours)
    assert all(image.endswith(f":{wanted}") for image in ours)
