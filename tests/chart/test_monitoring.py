"""What Prometheus and Grafana are given."""

from __future__ import annotations

import itertools
import json
from typing import Any

import pytest
import yaml

from tests.chart.combinations import ALL_WORKLOADS, POSTGRESQL
from tests.chart.rendering import CHART, ROOT, Pod, render

RULES = yaml.safe_load((ROOT / "k8s/monitoring/rtchart.rules.yaml").read_text())


def scraped(pod: Pod) -> bool:
    return any(port["name"] == "admin" for port in pod.container.get("ports", ()))


def test_pods_that_have_metrics_say_where() -> None:
    told = {"prometheus.io/scrape": "true", "prometheus.io/port": "9090", "prometheus.io/path": "/metrics"}
    for pod in render({"aggregator.mode": "Deployment", "exchange.sim.enabled": True}).pods():
        annotations = {key: value for key, value in pod.annotations.items() if key.startswith("prometheus.io/")}
        assert annotations == (told if scraped(pod) else {}), pod.owner


@pytest.mark.parametrize("annotated", [True, False])
@pytest.mark.parametrize("monitored", [True, False])
def test_they_do_not_where_they_are_found_otherwise(annotated: bool, monitored: bool) -> None:
    manifests = render({"monitoring.scrapeAnnotations": annotated, "monitoring.podMonitor.enabled": monitored})
    told = any(key.startswith("prometheus.io/") for pod in manifests.pods() for key in pod.annotations)
    assert (told, "PodMonitor/rtchart" in manifests) == (annotated and not monitored, monitored)


@pytest.mark.parametrize(
    ("said", "stands"), [("false", "false"), (False, "false"), ("", ""), (0, "0"), (1_000_000, "1000000"), (1e-7, "1e-7")]
)
@pytest.mark.parametrize("name", ALL_WORKLOADS)
def test_what_somebody_says_of_a_pod_stands(name: str, said: Any, stands: str) -> None:
    manifests = render(
        {
            "exchange.binance.enabled": False,
            "exchange.sim.enabled": True,
            "aggregator.mode": "Deployment",
            f"{name}.podAnnotations": {"prometheus.io/scrape": said},
        }
    )
    pods = {pod.labels["app.kubernetes.io/component"].split("-")[0]: pod for pod in manifests.pods() if scraped(pod)}
    assert pods.keys() == set(ALL_WORKLOADS)
    assert {each: pod.annotations["prometheus.io/scrape"] for each, pod in pods.items()} == {
        each: stands if each == name else "true" for each in ALL_WORKLOADS
    }
    assert pods[name].annotations["prometheus.io/port"] == "9090"


KINDS = {"podMonitor": "PodMonitor", "rules": "PrometheusRule", "dashboards": "ConfigMap"}


@pytest.mark.parametrize("names", [each for n in range(len(KINDS) + 1) for each in itertools.combinations(KINDS, n)])
def test_each_is_made_where_it_is_wanted(names: tuple[str, ...]) -> None:
    manifests = render({f"monitoring.{name}.enabled": True for name in names})
    assert {each["kind"] for each in manifests.objects} & set(KINDS.values()) == {KINDS[name] for name in names}


@pytest.mark.parametrize("values", [{}, {f"monitoring.{name}.enabled": True for name in KINDS}])
def test_the_kinds_that_a_cluster_knows_decide_nothing(values: dict[str, bool]) -> None:
    """`helm template`, as GitOps runs it, is not told of them: it must make what an install would."""
    kinds = "monitoring.coreos.com/v1", "monitoring.coreos.com/v1/PodMonitor", "monitoring.coreos.com/v1/PrometheusRule"
    known = render(values, api_versions=kinds)
    assert sorted(map(known.title, known.objects)) == sorted(map(known.title, render(values).objects))


@pytest.mark.parametrize("name", KINDS)
def test_its_labels_stand_before_those_of_all(name: str) -> None:
    def labels(values: dict[str, Any]) -> dict[str, str]:
        made = render({f"monitoring.{name}.enabled": True, **values}).of(KINDS[name])
        (found,) = {frozenset(each["metadata"]["labels"].items()) for each in made}
        return dict(found)

    of_all = {"release": "all", "team": "charts", "app.kubernetes.io/part-of": "desk", "app.kubernetes.io/name": "desk"}
    common = {"commonLabels": of_all}
    own = {f"monitoring.{name}.labels": {"release": "monitoring"}}
    assert labels(own)["release"] == "monitoring"
    both = labels(common | own)
    assert (both["release"], both["team"], both["app.kubernetes.io/part-of"]) == ("monitoring", "charts", "desk")
    assert both["app.kubernetes.io/name"] == "rtchart", "what selectors choose by is nobody's to change"
    assert labels(common)["release"] == "all"


def test_the_pod_monitor_finds_each_of_them_by_its_port() -> None:
    manifests = render(
        {
            "aggregator.mode": "Deployment",
            "monitoring.podMonitor.enabled": True,
            "monitoring.podMonitor.labels": {"release": "monitoring"},
            "monitoring.podMonitor.interval": "30s",
        }
    )
    monitor = manifests["PodMonitor/rtchart"]
    assert monitor["metadata"]["labels"]["release"] == "monitoring"
    assert monitor["spec"]["podMetricsEndpoints"] == [{"port": "admin", "path": "/metrics", "interval": "30s"}]
    wanted = monitor["spec"]["selector"]["matchLabels"].items()
    found = {pod.owner for pod in manifests.pods() if scraped(pod) and wanted <= pod.labels.items()}
    services = ("producer-binance", "inserter", "aggregator", "web", "operator")
    assert found == {f"Deployment/rtchart-{name}" for name in services}


def test_the_pod_monitor_says_how_they_are_asked() -> None:
    relabelings = [{"sourceLabels": ["__meta_kubernetes_pod_node_name"], "targetLabel": "node"}]
    dropped = [{"sourceLabels": ["__name__"], "regex": "python_.*", "action": "drop"}]
    manifests = render(
        {
            "monitoring.podMonitor.enabled": True,
            "monitoring.podMonitor.scrapeTimeout": "500ms",
            "monitoring.podMonitor.relabelings": relabelings,
            "monitoring.podMonitor.metricRelabelings": dropped,
        }
    )
    (endpoint,) = manifests["PodMonitor/rtchart"]["spec"]["podMetricsEndpoints"]
    assert (endpoint["interval"], endpoint["scrapeTimeout"]) == ("10s", "500ms")
    assert (endpoint["relabelings"], endpoint["metricRelabelings"]) == (relabelings, dropped)


def test_the_alerts_are_those_of_the_plain_file() -> None:
    manifests = render({"monitoring.rules.enabled": True, "monitoring.rules.labels": {"release": "monitoring"}})
    rule = manifests["PrometheusRule/rtchart"]
    assert rule["metadata"]["labels"]["release"] == "monitoring"
    assert rule["spec"] == RULES


def test_the_runbooks_may_be_elsewhere() -> None:
    where = "https://example.org/books/"
    manifests = render({"monitoring.rules.enabled": True, "monitoring.dashboards.enabled": True, "monitoring.runbooks": where})
    (group,) = manifests["PrometheusRule/rtchart"]["spec"]["groups"]
    urls = {rule["annotations"]["runbook_url"] for rule in group["rules"] if "alert" in rule}
    assert len(urls) > 10
    assert all(url.startswith(f"{where}Rtchart") for url in urls), urls
    for told in manifests.of("ConfigMap"):
        (text,) = told["data"].values()
        assert f"{where}README.md" in text and "docs/runbooks" not in text


def test_each_dashboard_is_a_config_map_that_the_sidecar_finds() -> None:
    manifests = render(
        {"monitoring.dashboards.enabled": True, "monitoring.dashboards.annotations": {"grafana_folder": "rtchart"}}
    )
    files = sorted(path.stem for path in (CHART / "dashboards").glob("*.json"))
    assert files == ["candles", "latency", "pipeline", "symbols"]
    for name in files:
        told = manifests[f"ConfigMap/rtchart-dashboard-{name}"]
        assert told["metadata"]["labels"]["grafana_dashboard"] == "1"
        assert told["metadata"]["annotations"] == {"grafana_folder": "rtchart"}
        ((key, text),) = told["data"].items()
        assert key == f"rtchart-{name}.json"
        assert json.loads(text) == json.loads((CHART / f"dashboards/{name}.json").read_text())


def test_the_operator_knows_how_large_the_databases_disk_is() -> None:
    def told(values: dict[str, object]) -> object:
        return render(values).pod("Deployment/rtchart-operator").environment.get("RTCHART_DATABASE_CAPACITY")

    assert told({}) == "8Gi"
    assert told({"postgresql.persistence.size": "20Gi"}) == "20Gi"
    assert told({"postgresql.persistence.size": "20Gi", "database.capacity": "40Gi"}) == "40Gi"
    assert told({"database.capacity": 40_000_000_000}) == "40000000000"
    assert told(POSTGRESQL) is None
    assert told({**POSTGRESQL, "postgresql.persistence.size": "20Gi"}) is None, "there is no such volume"
    assert told({**POSTGRESQL, "database.capacity": "1Ti"}) == "1Ti"


def test_a_volume_that_was_enlarged_is_told_to_the_operator_alone() -> None:
    """Claims of a StatefulSet are fixed: an upgrade that would change one is refused."""
    # With Secrets of somebody else's nothing is random.
    values = {"postgresql.existingSecret": "mine", "database.existingRolesSecret": "roles"}
    before, after = render(values), render({**values, "database.capacity": "16Gi"})
    changed = [before.title(old) for old, new in zip(before.objects, after.objects, strict=True) if old != new]
    assert changed == ["Deployment/rtchart-operator"]
    assert "StatefulSet/rtchart-postgresql" in after
