"""What pods are told by their environment: of Kafka's topics, of who may look, and that a password in it changed."""

from __future__ import annotations

from typing import Any

import pytest

from tests.chart.combinations import KAFKA, SASL
from tests.chart.rendering import render
from tests.chart.test_switches import OURS

MAKE_TOPICS = tuple(title for title in OURS if title != "CronJob/rtchart-aggregator")
"""Whose commands have the options of it (docs/configuration.md)."""


@pytest.mark.parametrize("title", MAKE_TOPICS)
def test_how_topics_are_made(title: str) -> None:
    values = {"kafka.manageTopics": False, "kafka.replicationFactor": -1, "kafka.minInsyncReplicas": 2}
    told = render(values).pod(title).environment
    assert told["RTCHART_MANAGE_TOPICS"] == "false"
    assert (told["RTCHART_REPLICATION_FACTOR"], told["RTCHART_MIN_INSYNC_REPLICAS"]) == ("-1", "2")
    assert "RTCHART_MIN_INSYNC_REPLICAS" not in render().pod(title).environment
    assert "RTCHART_MANAGE_TOPICS" not in render(values).pod("CronJob/rtchart-aggregator").environment


@pytest.mark.parametrize(
    ("values", "told"),
    [({}, str(5 * 1024**3)), (KAFKA, None), ({**KAFKA, "kafka.klinesBytes": 9_000_000_000}, "9000000000")],
    ids=["the chart's own Kafka", "another", "chosen"],
)
def test_klines_leave_room_on_kafkas_volume(values: dict[str, Any], told: str | None) -> None:
    for title in MAKE_TOPICS:
        assert render(values).pod(title).environment.get("RTCHART_KLINES_BYTES") == told


def test_a_changed_password_starts_anew_who_has_it_in_the_environment() -> None:
    marked = {pod.owner for pod in render().pods() if "checksum/environment" in pod.annotations}
    assert marked == set(OURS) - {"Deployment/rtchart-producer-binance"}
    with_sasl = render(SASL | {"externalKafka.security": "sasl_ssl"})
    marked = {pod.owner for pod in with_sasl.pods() if "checksum/environment" in pod.annotations}
    assert marked == set(OURS), "a producer has Kafka's"
    producer = render(KAFKA).pod("Deployment/rtchart-producer-binance")
    assert "checksum/environment" not in producer.annotations


def test_what_the_web_lets_one_address_have() -> None:
    def told(values: dict[str, Any]) -> list[str | None]:
        environment = render(values).pod("Deployment/rtchart-web").environment
        limits = [environment.get(f"RTCHART_MAX_{what}_PER_ADDRESS") for what in ("SOCKETS", "SUBSCRIPTIONS", "REQUESTS")]
        return [*limits, environment.get("RTCHART_TRUSTED_PROXIES")]

    assert told({}) == ["0", "0", "0", None], "behind an ingress all viewers have one address"
    limits = {"web.perAddress.sockets": 100, "web.perAddress.subscriptions": 1000, "web.perAddress.requests": 50}
    assert told({**limits, "web.trustedProxies": ["10.0.0.0/8", "::1"]}) == ["100", "1000", "50", "10.0.0.0/8,::1"]


def test_the_web_has_its_tokens_from_a_secret() -> None:
    assert "RTCHART_TOKEN_FILE" not in render().pod("Deployment/rtchart-web").environment
    manifests = render({"web.auth.existingSecret": "viewers", "web.auth.key": "all"})
    pod = manifests.pod("Deployment/rtchart-web")
    folder, _, file = pod.environment["RTCHART_TOKEN_FILE"].rpartition("/")
    assert {"name": "tokens", "mountPath": folder, "readOnly": True} in pod.container["volumeMounts"]
    secret = {"secretName": "viewers", "items": [{"key": "all", "path": file}]}
    assert {"name": "tokens", "secret": secret} in pod.spec["volumes"]
    viewer = manifests.pod("Pod/rtchart-fresh-candle").environment["TOKENS"]
    assert viewer == {"secretKeyRef": {"name": "viewers", "key": "all"}}, "`helm test` is one too"
    before = render().pod("Deployment/rtchart-web").annotations["checksum/environment"]
    assert manifests.pod("Deployment/rtchart-web").annotations["checksum/environment"] != before
