"""What a tag becomes: images and a chart that names them. The workflow itself runs where a registry is."""

from __future__ import annotations

import re
import subprocess
from typing import Any

import yaml

from rtchart import __version__
from tests.chart.rendering import ROOT, helm

WORKFLOW: dict[str, Any] = yaml.safe_load((ROOT / ".github/workflows/release.yaml").read_text(encoding="utf-8"))


def make(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(("make", "--no-print-directory", *arguments), cwd=ROOT, capture_output=True, text=True, check=False)


def test_every_image_of_ours_is_released() -> None:
    (services,) = re.findall(r"^SERVICES := (.*)$", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE)
    assert set(WORKFLOW["jobs"]["image"]["strategy"]["matrix"]["service"]) == set(services.split())


def test_a_tag_is_of_the_version_it_is_put_on() -> None:
    assert make("version", f"TAG=v{__version__}").stdout.strip() == __version__
    refused = make("version", "TAG=v99.0.0")
    assert refused.returncode and f"v99.0.0 is no tag of version {__version__}" in refused.stderr


def test_the_package_takes_its_images_from_the_registry() -> None:
    assert helm("version").returncode == 0  # or the test is left out
    packed = make("package", "REGISTRY=registry.example.org/team/")
    assert packed.returncode == 0, packed.stderr
    rendered = helm("template", "rtchart", str(ROOT / f"build/rtchart-{__version__}.tgz")).stdout
    ours = set(re.findall(r"image: (\S*rtchart/\S+)", rendered))
    assert ours and all(image.startswith("registry.example.org/team/rtchart/") for image in ours)
    assert all(image.endswith(f":{__version__}") for image in ours)
