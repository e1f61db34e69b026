"""What comes with the chart: README and schema, examples, notes, and its place among the versions."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml
from scripts import chart
from scripts.dashboards import DASHBOARDS

from rtchart import __version__
from tests.chart.combinations import MATRIX
from tests.chart.rendering import CHART, NAMESPACE, helm, render

EXAMPLES = sorted((CHART / "examples").glob("*.yaml"))
MONITORING = CHART / "examples/kube-prometheus-stack.yaml"


def test_readme_and_schema_are_what_the_values_say() -> None:
    assert chart.main(["--check"]) == 0


def test_it_installs_the_version_it_lies_beside() -> None:
    description = yaml.safe_load((CHART / "Chart.yaml").read_text(encoding="utf-8"))
    assert description["appVersion"] == __version__


def test_helm_finds_nothing_wrong() -> None:
    answer = helm("lint", "--strict", str(CHART))
    assert answer.returncode == 0, answer.stdout


@pytest.mark.parametrize("example", [each for each in EXAMPLES if each != MONITORING], ids=lambda path: path.stem)
def test_an_example_is_for_production(example: Path) -> None:
    manifests = render(None, example)
    assert not manifests.of("StatefulSet")
    assert manifests["Deployment/rtchart-web"]["spec"]["replicas"] == 2
    environment = manifests.pod("Deployment/rtchart-operator").environment
    assert environment["RTCHART_REPLICATION_FACTOR"] == "3"
    assert environment["RTCHART_KAFKA_SECURITY"] in ("ssl", "sasl_ssl")
    assert "sslmode=verify-full" in environment["RTCHART_DATABASE"]
    assert environment["RTCHART_DATABASE_CAPACITY"] == "100Gi", "or nobody is told before the disk is full"


def test_an_example_is_for_prometheus_and_grafana() -> None:
    manifests = render(None, MONITORING)
    for title in ("PodMonitor/rtchart", "PrometheusRule/rtchart"):
        assert manifests[title]["metadata"]["labels"]["release"] == "monitoring"
    assert len(manifests.of("ConfigMap")) == len(DASHBOARDS)


def notes(**values: str) -> str:
    settings = [f"--set={key.replace('_', '.')}={value}" for key, value in values.items()]
    answer = helm("install", "rtchart", str(CHART), "--namespace", NAMESPACE, "--dry-run=client", *settings)
    assert answer.returncode == 0, answer.stderr
    return answer.stdout.partition("\nNOTES:\n")[2]


def test_the_notes_have_an_address_and_a_symbol_to_paste() -> None:
    said = notes()
    assert "port-forward service/rtchart-web 8000:80" in said and "For development:" in said
    pasted = re.search(r"<<END\n(.*?)\n *END\n", said, re.DOTALL)
    assert pasted
    symbol = yaml.safe_load(pasted[1])
    assert (symbol["kind"], symbol["spec"]) == ("Symbol", {"exchange": "binance", "symbol": "SOLUSDT"})
    assert "http://rtchart.local/" in notes(web_ingress_enabled="true")
    assert "get service rtchart-web" in notes(web_service_type="NodePort")
    assert "status.loadBalancer" in notes(web_service_type="LoadBalancer")
    route = {"web_httpRoute_enabled": "true", "web_httpRoute_parentRefs[0]_name": "gateway"}
    assert "http://charts.example.org/" in notes(**route, **{"web_httpRoute_hostnames[0]": r"charts\.example\.org"})


def test_the_notes_warn_of_one_address_for_all() -> None:
    behind = {"web_ingress_enabled": "true", "web_perAddress_sockets": "100"}
    assert "WARNING: web.perAddress" in notes(**behind)
    assert "WARNING" not in notes(**behind, **{"web_trustedProxies[0]": "10\\.0\\.0\\.0/8"})
    assert "WARNING" not in notes(web_ingress_enabled="true") + notes(web_perAddress_sockets="100")


def test_all_of_the_values_are_tried() -> None:
    """That the matrix names a value which is not there, Helm would say; this holds it to values of each section."""
    sections = {path.partition(".")[0] for values in MATRIX.values() for path in values}
    assert sections >= {"web", "inserter", "aggregator", "operator", "producer", "sim", "crds", "rbac", "networkPolicy"}
