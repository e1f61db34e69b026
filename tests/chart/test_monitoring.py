"""What Prometheus and Grafana are given."""

from __future__ import annotations

import json

import pytest
import yaml

from tests.chart.combinations import POSTGRESQL
from tests.chart.rendering import CHART, ROOT, Pod, render

RULES = yaml.safe_load((ROOT / "k8s/monitoring/rtchart.rules.yaml").read_text())


def scraped(pod: Pod) -> bool:
    return any(port["name"] == "admin" for port in pod.container.get("ports", ()))


def test_pods_that_have_metrics_say_where() -> None:
    told = {"prometheus.io/scrape": "true", "prometheus.io/port": "9090", "prometheus.io/path": "/metrics"}
    for pod in render({"aggregator.mode": "Deployment", "exchange.sim.enabled": True}).pods():
        annotations = {key: value for key, value in pod.annotations.items() if key.startswith("prometheus.io/")}
        assert annotations == (told if scraped(pod) else {}), pod.owner


@pytest.mark.parametrize("values", [{"monitoring.annotations": False}, {"monitoring.podMonitor.enabled": True}])
def test_they_do_not_where_they_are_found_otherwise(values: dict[str, bool]) -> None:
    assert not [pod for pod in render(values).pods() if "prometheus.io/scrape" in pod.annotations]


def test_somebody_else_may_annotate_a_pod_otherwise() -> None:
    pod = render({"web.podAnnotations": {"prometheus.io/scrape": "false"}}).pod("Deployment/rtchart-web")
    assert pod.annotations["prometheus.io/scrape"] == "false"


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
    (endpoint,) = monitor["spec"]["podMetricsEndpoints"]
    assert (endpoint["port"], endpoint["path"], endpoint["interval"]) == ("admin", "/metrics", "30s")
    wanted = monitor["spec"]["selector"]["matchLabels"].items()
    found = {pod.owner for pod in manifests.pods() if scraped(pod) and wanted <= pod.labels.items()}
    services = ("producer-binance", "inserter", "aggregator", "web", "operator")
    assert found == {f"Deployment/rtchart-{name}" for name in services}


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
    assert told(POSTGRESQL) is None
    assert told({**POSTGRESQL, "externalPostgresql.capacity": "1Ti"}) == "1Ti"
