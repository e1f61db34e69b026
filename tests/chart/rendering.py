"""The chart as Helm renders it, and what tests look for in it."""

from __future__ import annotations

import functools
import json
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import yaml

ROOT = Path(__file__).parents[2]
CHART = ROOT / "charts/rtchart"
NAMESPACE = "market"

Object = Mapping[str, Any]


class _Strict(yaml.CSafeLoader):
    """YAML as Kubernetes takes it when it is strict: a key that is there twice is a mistake."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        keys = [self.construct_object(key) for key, _ in node.value]
        if len(keys) != len(set(keys)):
            twice = sorted({key for key in keys if keys.count(key) > 1})
            raise yaml.constructor.ConstructorError(None, None, f"{twice} is there twice", node.start_mark)
        return super().construct_mapping(node, deep)


class Pod(NamedTuple):
    """The pod of a workload, as a template or by itself."""

    owner: str
    """Kind and name, ``Deployment/rtchart-web``."""
    labels: Mapping[str, str]
    annotations: Mapping[str, str]
    spec: Mapping[str, Any]

    @property
    def container(self) -> Mapping[str, Any]:
        """Its only one."""
        (container,) = self.spec["containers"]
        return container

    @property
    def environment(self) -> dict[str, Any]:
        """Values by name; of those that come from elsewhere ``valueFrom``."""
        return {each["name"]: each.get("value", each.get("valueFrom")) for each in self.container.get("env", ())}


class Manifests:
    """What a release is made of."""

    def __init__(self, objects: list[Object]) -> None:
        self.objects = objects

    def __getitem__(self, title: str) -> Object:
        """The object of this kind and name, ``Deployment/rtchart-web``."""
        return {self.title(each): each for each in self.objects}[title]

    def __contains__(self, title: str) -> bool:
        return title in map(self.title, self.objects)

    @staticmethod
    def title(each: Object) -> str:
        return f"{each['kind']}/{each['metadata']['name']}"

    def of(self, kind: str) -> list[Object]:
        return [each for each in self.objects if each["kind"] == kind]

    def pods(self) -> Iterator[Pod]:
        """Of every workload, of Helm's own Jobs, and of `helm test`."""
        for each in self.objects:
            template: Mapping[str, Any] | None = None
            match each["kind"]:
                case "Pod":
                    template = each
                case "CronJob":
                    template = each["spec"]["jobTemplate"]["spec"]["template"]
                case "Deployment" | "StatefulSet" | "Job":
                    template = each["spec"]["template"]
            if template is not None:
                metadata = template["metadata"]
                yield Pod(self.title(each), metadata["labels"], metadata.get("annotations", {}), template["spec"])

    def pod(self, title: str) -> Pod:
        """The pod of the workload of this kind and name."""
        return {pod.owner: pod for pod in self.pods()}[title]


def helm(*arguments: str, stdin: str = "") -> subprocess.CompletedProcess[str]:
    """Run helm. Skips the test where there is none."""
    if shutil.which("helm") is None:
        pytest.skip('helm is not on the PATH (eval "$(scripts/cluster env)" puts it there, or install it)')
    return subprocess.run(("helm", *arguments), input=stdin, capture_output=True, text=True, check=False)


def render(values: Mapping[str, Any] | None = None, *files: Path, api_versions: tuple[str, ...] = ()) -> Manifests:
    """The release ``rtchart`` with these values, whose keys are paths: ``{"web.replicas": 3}``, where these kinds are known."""
    return _render(json.dumps(_nested(values or {})), files, api_versions)


@functools.cache
def _render(values: str, files: tuple[Path, ...], api_versions: tuple[str, ...]) -> Manifests:
    answer = _template(values, files, api_versions)
    assert answer.returncode == 0, answer.stderr
    return Manifests([each for each in yaml.load_all(answer.stdout, _Strict) if each])


def refusal(values: Mapping[str, Any]) -> str:
    """What Helm says of values that it does not take."""
    answer = _template(json.dumps(_nested(values)), ())
    assert answer.returncode != 0, f"{values} is taken"
    return answer.stderr


def _template(values: str, files: tuple[Path, ...], api_versions: tuple[str, ...] = ()) -> subprocess.CompletedProcess[str]:
    more = [*(f"--values={file}" for file in files), *(f"--api-versions={each}" for each in api_versions)]
    return helm("template", "rtchart", str(CHART), "--namespace", NAMESPACE, *more, "--values", "-", stdin=values)


def _nested(values: Mapping[str, Any]) -> dict[str, Any]:
    tree: dict[str, Any] = {}
    for path, value in values.items():
        *above, last = path.split(".")
        at = tree
        for key in above:
            at = at.setdefault(key, {})
        at[last] = value
    return tree
