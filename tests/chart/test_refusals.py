"""Values that cannot be: Helm refuses them, and names the key or says what is missing."""

from __future__ import annotations

from typing import Any

import pytest

from tests.chart.combinations import KAFKA, POSTGRESQL
from tests.chart.rendering import refusal, render


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"wbe.replicas": 3}, "'wbe'"),
        ({"web.replica": 3}, "at '/web': additional properties 'replica'"),
        ({"web.image.name": "x"}, "at '/web/image': additional properties 'name'"),
        ({"web.replicas": "3"}, "/web/replicas"),
        ({"web.replicas": -1}, "/web/replicas"),
        ({"web.service.type": "External"}, "/web/service/type"),
        ({"web.service.nodePort": 70000}, "/web/service/nodePort"),
        ({"web.allowOrigins": ["example.org"]}, "/web/allowOrigins/0"),
        ({"web.frameAncestors": ["https://example.org; script-src *"]}, "/web/frameAncestors/0"),
        ({"web.trustedProxies": ["ingress-nginx"]}, "/web/trustedProxies/0"),
        ({"web.perAddress.sockets": -1}, "/web/perAddress/sockets"),
        ({"web.autoscaling.targetCPU": 0}, "/web/autoscaling/targetCPU"),
        ({"web.image.digest": "sha256:short"}, "/web/image/digest"),
        ({"image.pullPolicy": "Sometimes"}, "/image/pullPolicy"),
        ({"aggregator.mode": "Daemon"}, "/aggregator/mode"),
        ({"exchange.kraken.enabled": True}, "'kraken'"),
        ({"exchange.sim.symbolsCount": 5000}, "/exchange/sim/symbolsCount"),
        ({"kafka.replicationFactor": -2}, "/kafka/replicationFactor"),
        ({"externalKafka.security": "tls"}, "/externalKafka/security"),
        ({"externalKafka.sasl": "gssapi"}, "/externalKafka/sasl"),
        ({"externalPostgresql.sslMode": "on"}, "/externalPostgresql/sslMode"),
        ({"postgresql.settings": {"max_connections": 100}}, "/postgresql/settings/max_connections"),
        ({"symbols": [{"intervals": ["1m"]}]}, "/symbols/0"),
        ({"symbols": [{"symbol": "BTCUSDT", "interval": "1m"}]}, "/symbols/0"),
        ({"symbols": [{"symbol": "BTCUSDT", "retention": {"days": 1}}]}, "/symbols/0"),
        ({"imagePullSecrets": [{"name": "registry"}]}, "/imagePullSecrets/0"),
        ({"postgresql.persistence.size": "8GB"}, "/postgresql/persistence/size"),
        ({"postgresql.persistence.size": 0}, "/postgresql/persistence/size"),
        ({"kafka.persistence.size": ""}, "/kafka/persistence/size"),
        ({"kafka.persistence.size": "-8Gi"}, "/kafka/persistence/size"),
        ({"database.capacity": "as large as needed"}, "/database/capacity"),
        ({"web.podAnnotations": {"prometheus.io": {"scrape": False}}}, "at '/web/podAnnotations/prometheus.io': got object"),
        ({"commonLabels": {"teams": ["charts"]}}, "at '/commonLabels/teams': got array"),
        ({"monitoring.rules.labels": ["monitoring"]}, "at '/monitoring/rules/labels': got array"),
        ({"monitoring.annotations": False}, "at '/monitoring': additional properties 'annotations'"),
        ({"monitoring.podMonitor.interval": "often"}, "/monitoring/podMonitor/interval"),
        ({"monitoring.podMonitor.scrapeTimeout": "10"}, "/monitoring/podMonitor/scrapeTimeout"),
        ({"monitoring.podMonitor.relabelings": ["drop"]}, "/monitoring/podMonitor/relabelings/0"),
    ],
)
def test_the_schema_names_the_key(values: dict[str, Any], said: str) -> None:
    assert said in refusal(values)


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"exchange.binance.enabled": False}, "exchange.binance.enabled and exchange.sim.enabled are both false"),
        ({"kafka.enabled": False}, "externalKafka.bootstrap has to say where Kafka is"),
        ({**KAFKA, "externalKafka.security": "sasl_ssl"}, "externalKafka.existingSecret has to name a Secret"),
        (
            {**KAFKA, "externalKafka.security": "sasl_ssl", "externalKafka.existingSecret": "kafka"},
            "externalKafka: user or userKey is needed",
        ),
        (
            {
                **KAFKA,
                "externalKafka.security": "ssl",
                "externalKafka.certKey": "user.crt",
                "externalKafka.existingSecret": "kafka",
            },
            "externalKafka.certKey needs keyKey",
        ),
        (
            {**KAFKA, "externalKafka.security": "ssl", "externalKafka.certKey": "user.crt", "externalKafka.keyKey": "user.key"},
            "externalKafka.certKey needs existingSecret",
        ),
        ({"postgresql.enabled": False}, "externalPostgresql.host has to say where PostgreSQL is"),
        ({**POSTGRESQL, "externalPostgresql.existingSecret": ""}, "externalPostgresql.existingSecret has to name a Secret"),
        ({**POSTGRESQL, "externalPostgresql.owner": ""}, "externalPostgresql: owner or userKey is needed"),
        ({"web.httpRoute.enabled": True}, "web.httpRoute.enabled needs web.httpRoute.parentRefs"),
    ],
)
def test_what_is_missing_is_said(values: dict[str, Any], said: str) -> None:
    assert said in refusal(values)


def test_a_parent_chart_may_say_what_it_says_to_all() -> None:
    assert render({"global": {"imageRegistry": "ghcr.io"}, "enabled": True}).objects
