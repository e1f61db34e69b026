"""What holds for every object and every pod, whatever the values."""

from __future__ import annotations

import json
import re

import pytest

from tests.chart.combinations import MATRIX
from tests.chart.rendering import NAMESPACE, ROOT, Manifests, render

LABELS = {
    "app.kubernetes.io/name",
    "app.kubernetes.io/instance",
    "app.kubernetes.io/component",
    "app.kubernetes.io/version",
    "app.kubernetes.io/part-of",
    "app.kubernetes.io/managed-by",
    "helm.sh/chart",
}
OF_THE_CLUSTER = {"ClusterRole", "ClusterRoleBinding"}
SPEAK_TO_KUBERNETES = {"operator", "hooks"}
"""Components; `helm test` is of the hooks too, and speaks to the web alone."""


@pytest.fixture(params=MATRIX)
def manifests(request: pytest.FixtureRequest) -> Manifests:
    return render(MATRIX[request.param])


def test_it_has_the_seven_labels_a_place_and_a_name_that_fits(manifests: Manifests) -> None:
    titles = [Manifests.title(each) for each in manifests.objects]
    assert len(titles) == len(set(titles)), "two objects of one name"
    for each in manifests.objects:
        metadata = each["metadata"]
        assert metadata["labels"].keys() >= LABELS, Manifests.title(each)
        assert metadata.get("namespace") == (None if each["kind"] in OF_THE_CLUSTER else NAMESPACE), Manifests.title(each)
        assert len(metadata["name"]) <= 52, "a CronJob's name has room for its Jobs' numbers"
        assert all(len(value) <= 63 for value in metadata["labels"].values())
    assert all(
        pod.labels.keys() >= LABELS - {"app.kubernetes.io/version", "app.kubernetes.io/managed-by", "helm.sh/chart"}
        for pod in manifests.pods()
    )


def test_labels_annotations_and_node_selectors_are_strings(manifests: Manifests) -> None:
    """Kubernetes takes no others."""
    for each in manifests.objects:
        metadata = each["metadata"]
        told = [*metadata["labels"].items(), *metadata.get("annotations", {}).items()]
        assert not [pair for pair in told if not isinstance(pair[1], str)], Manifests.title(each)
    for pod in manifests.pods():
        told = [*pod.labels.items(), *pod.annotations.items(), *pod.spec.get("nodeSelector", {}).items()]
        assert not [pair for pair in told if not isinstance(pair[1], str)], pod.owner


def test_every_pod_keeps_to_the_restricted_profile(manifests: Manifests) -> None:
    """Kubernetes, Pod Security Standards; and a root file system that is read only."""
    for pod in manifests.pods():
        security = pod.spec["securityContext"]
        assert security["runAsNonRoot"] is True and security["runAsUser"] > 0, pod.owner
        assert security["seccompProfile"] == {"type": "RuntimeDefault"}, pod.owner
        assert not pod.spec.keys() & {"hostNetwork", "hostPID", "hostIPC", "initContainers"}, pod.owner
        assert pod.container["securityContext"] == {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        }, pod.owner
        allowed = {"configMap", "emptyDir", "secret", "persistentVolumeClaim"}
        assert all(volume.keys() - {"name"} <= allowed for volume in pod.spec.get("volumes", ())), pod.owner


def test_a_pod_says_what_it_takes_and_who_it_is(manifests: Manifests) -> None:
    accounts = {each["metadata"]["name"] for each in manifests.of("ServiceAccount")}
    for pod in manifests.pods():
        assert pod.spec["enableServiceLinks"] is False, pod.owner
        resources = pod.container["resources"]
        assert resources["requests"].keys() == {"cpu", "memory"} and "memory" in resources["limits"], pod.owner
        speaks = pod.labels["app.kubernetes.io/component"] in SPEAK_TO_KUBERNETES and not pod.owner.startswith("Pod/")
        assert pod.spec["automountServiceAccountToken"] is speaks, pod.owner
        name = pod.spec.get("serviceAccountName", "default")
        assert name in accounts | {"default"}, f"{pod.owner} has the account {name}, which nobody makes"
        assert not pod.container["image"].endswith((":latest", ":")), pod.owner


def test_what_a_pod_mounts_is_a_volume_of_it(manifests: Manifests) -> None:
    for pod in manifests.pods():
        volumes = [each["name"] for each in pod.spec.get("volumes", ())]
        assert len(volumes) == len(set(volumes)), pod.owner
        mounts = {each["name"] for each in pod.container.get("volumeMounts", ())}
        assert mounts - {"data"} <= set(volumes), pod.owner
        assert set(volumes) <= mounts, f"{pod.owner} has a volume that nobody mounts"


def test_every_selector_finds_the_pods_of_one_workload(manifests: Manifests) -> None:
    pods = list(manifests.pods())

    def found(selector: dict[str, str]) -> set[str]:
        return {pod.owner for pod in pods if selector.items() <= pod.labels.items()}

    for kind in ("Deployment", "StatefulSet"):
        for each in manifests.of(kind):
            assert found(each["spec"]["selector"]["matchLabels"]) == {Manifests.title(each)}
    for each in manifests.of("Service"):
        assert len(found(each["spec"]["selector"])) == 1, Manifests.title(each)
        (owner,) = found(each["spec"]["selector"])
        offered = {port["name"] for port in manifests.pod(owner).container["ports"]}
        assert {port["targetPort"] for port in each["spec"]["ports"]} <= offered, Manifests.title(each)
    for each in manifests.of("PodDisruptionBudget"):
        assert len(found(each["spec"]["selector"]["matchLabels"])) == 1, Manifests.title(each)
    for each in manifests.of("NetworkPolicy"):
        assert found(each["spec"]["podSelector"]["matchLabels"]), f"{Manifests.title(each)} is for nobody"


def test_no_services_name_becomes_a_setting_of_kafkas_image(manifests: Manifests) -> None:
    """The image takes every variable KAFKA_… for one, and the kubelet makes them of Services' names."""
    assert "kafka" not in {each["metadata"]["name"] for each in manifests.of("Service")}


def test_every_option_that_is_given_exists(manifests: Manifests) -> None:
    known = set(re.findall(r"RTCHART_[A-Z_]+", (ROOT / "docs/configuration.md").read_text(encoding="utf-8")))
    # Not an option: the owner's name, of which the address is made.
    known.add("RTCHART_DATABASE_USER")
    for pod in manifests.pods():
        names = [each["name"] for each in pod.container.get("env", ()) if each["name"].startswith("RTCHART_")]
        assert set(names) <= known, pod.owner
        assert len(names) == len(set(names)), f"{pod.owner} is told something twice"


def test_a_number_is_written_out(manifests: Manifests) -> None:
    """Helm's are floats: 1000000 would become 1e+06, which no option takes."""
    for each in manifests.objects:
        assert not re.search(r"\d[eE]\+\d", json.dumps({key: value for key, value in each.items() if key != "data"})), (
            Manifests.title(each)
        )
