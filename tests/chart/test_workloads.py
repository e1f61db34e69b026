"""Each workload's own: where it runs, its image, its account, its strings and its data."""

from __future__ import annotations

from typing import Any

import pytest

from tests.chart.combinations import ALL_WORKLOADS, EVERY_WORKLOAD, MATRIX
from tests.chart.rendering import render


@pytest.mark.parametrize("name", EVERY_WORKLOAD)
def test_where_and_how_each_workload_runs(name: str) -> None:
    manifests = render(MATRIX["a node of its own"])
    pods = [pod for pod in manifests.pods() if pod.labels.get("example.org/mark") == name]
    assert pods
    for pod in pods:
        assert pod.spec["nodeSelector"] == {"disk": "fast"}
        assert pod.spec["tolerations"] == [{"key": "charts", "operator": "Exists"}]
        assert pod.spec["priorityClassName"] == "system-cluster-critical"
        assert pod.annotations["example.org/note"] == name
        ours = {key for key in pod.annotations if not key.startswith("prometheus.io/")}
        assert ours <= {"example.org/note", "checksum/environment"}
        assert pod.environment["RTCHART_LOG_LEVEL"] == "debug"
        assert {"name": "more", "mountPath": "/more"} in pod.container["volumeMounts"]
        assert pod.spec["imagePullSecrets"] == [{"name": "another" if name == "web" else "registry"}]


@pytest.mark.parametrize("name", ALL_WORKLOADS)
def test_the_image_of_each_workload(name: str) -> None:
    def image(**values: Any) -> tuple[str, str]:
        common = {
            "exchange.sim.enabled": True,
            "image.registry": "ghcr.io/example/",
            "image.tag": "v2",
            "image.pullPolicy": "Always",
        }
        manifests = render(common | {f"{name}.image.{key}": value for key, value in values.items()})
        component = {"producer": "producer-sim"}.get(name, name)
        (pod,) = (pod for pod in manifests.pods() if pod.labels["app.kubernetes.io/component"] == component)
        return pod.container["image"], pod.container["imagePullPolicy"]

    digest = f"sha256:{'0' * 64}"
    assert image() == (f"ghcr.io/example/rtchart/{name}:v2", "Always")
    assert image(registry="localhost:5000", tag="v3", pullPolicy="Never") == (f"localhost:5000/rtchart/{name}:v3", "Never")
    assert image(repository="mine", digest=digest) == (f"ghcr.io/example/mine@{digest}", "Always")


@pytest.mark.parametrize("name", ALL_WORKLOADS)
def test_the_account_of_each_workload(name: str) -> None:
    def account(**values: Any) -> tuple[set[str], bool]:
        manifests = render(
            {"exchange.sim.enabled": True} | {f"{name}.serviceAccount.{key}": value for key, value in values.items()}
        )
        pods = [pod for pod in manifests.pods() if pod.labels["app.kubernetes.io/component"].split("-")[0] == name]
        used = {pod.spec["serviceAccountName"] for pod in pods}
        return used, all(f"ServiceAccount/{each}" in manifests for each in used)

    assert account(create=False) == ({"default"}, False)
    assert account(create=False, name="cloud") == ({"cloud"}, False)
    used, made = account(annotations={"cloud.example.org/role": "charts"})
    assert made and all(each.startswith(f"rtchart-{name}") for each in used)


def test_what_is_no_string_is_written_out() -> None:
    """Where Kubernetes takes strings alone: as annotations, labels, node selectors, and sizes."""
    manifests = render(MATRIX["no strings where there have to be"])
    ingress = manifests["Ingress/rtchart-web"]["metadata"]["annotations"]
    assert ingress == {"nginx.ingress.kubernetes.io/ssl-redirect": "false"}
    assert manifests["Service/rtchart-web"]["metadata"]["annotations"] == {"example.org/idle": "3600"}
    assert manifests["ServiceAccount/rtchart-web"]["metadata"]["annotations"] == {"example.org/workload": "true"}
    pod = manifests.pod("Deployment/rtchart-web")
    assert (pod.labels["tier"], pod.annotations["example.org/share"]) == ("1", "12345678.5")
    assert pod.spec["nodeSelector"] == {"gpu": "false"}
    sizes = [
        claim["spec"]["resources"]["requests"]["storage"]
        for each in manifests.of("StatefulSet")
        for claim in each["spec"]["volumeClaimTemplates"]
    ]
    assert sorted(sizes) == ["10000000000", "10e9"]
    assert manifests.pod("Deployment/rtchart-operator").environment["RTCHART_DATABASE_CAPACITY"] == "10000000000"


def test_affinity_stands_instead_of_the_spread() -> None:
    assert "topologySpreadConstraints" in render().pod("Deployment/rtchart-web").spec
    affinity = {"podAntiAffinity": {"preferredDuringSchedulingIgnoredDuringExecution": []}}
    spec = render({"web.affinity": affinity}).pod("Deployment/rtchart-web").spec
    assert spec["affinity"] == affinity and "topologySpreadConstraints" not in spec


def test_the_servers_beside_it_keep_their_data() -> None:
    manifests = render({"postgresql.persistence.size": "5Gi", "postgresql.persistence.storageClass": "fast"})
    (claim,) = manifests["StatefulSet/rtchart-postgresql"]["spec"]["volumeClaimTemplates"]
    assert claim["spec"]["resources"]["requests"]["storage"] == "5Gi" and claim["spec"]["storageClassName"] == "fast"
    mounts = {each["mountPath"] for each in manifests.pod("StatefulSet/rtchart-postgresql").container["volumeMounts"]}
    assert "/var/lib/postgresql" in mounts and "/var/lib/postgresql/data" not in mounts
    (claim,) = manifests["StatefulSet/rtchart-broker"]["spec"]["volumeClaimTemplates"]
    assert "storageClassName" not in claim["spec"]
