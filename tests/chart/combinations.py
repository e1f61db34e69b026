"""Values of many kinds, by name: what holds for every object and pod is looked for in each of them."""

from __future__ import annotations

from typing import Any

SIM = {"exchange.binance.enabled": False, "exchange.sim.enabled": True}

KAFKA = {"kafka.enabled": False, "externalKafka.bootstrap": "a.example.org:9093,b.example.org:9094"}
SASL = {**KAFKA, "externalKafka.existingSecret": "kafka-user", "externalKafka.user": "rtchart"}
POSTGRESQL = {
    "postgresql.enabled": False,
    "externalPostgresql.host": "db.example.org",
    "externalPostgresql.existingSecret": "db-owner",
    "externalPostgresql.owner": "charts",
}

ALL_WORKLOADS = ("producer", "inserter", "aggregator", "web", "operator", "sim")
"""Those whose images are ours."""
EVERY_WORKLOAD = (*ALL_WORKLOADS, "kafka", "postgresql")

MATRIX: dict[str, dict[str, Any]] = {
    "as it comes": {},
    "simulated exchange": SIM,
    "both exchanges": {"exchange.sim.enabled": True},
    "other names": {"fullnameOverride": "kafka", "nameOverride": "candles", "commonLabels": {"team": "charts"}},
    "aggregator as a Deployment": {"aggregator.mode": "Deployment"},
    "Kafka with TLS": {**KAFKA, "externalKafka.security": "ssl", "externalKafka.caSecret": "kafka-ca"},
    "Kafka with mutual TLS": {
        **KAFKA,
        "externalKafka.security": "ssl",
        "externalKafka.caSecret": "kafka-ca",
        "externalKafka.existingSecret": "kafka-user",
        "externalKafka.certKey": "user.crt",
        "externalKafka.keyKey": "user.key",
    },
    "Kafka with SASL": {**SASL, "externalKafka.security": "sasl_ssl", "externalKafka.sasl": "plain"},
    "external PostgreSQL": {
        **POSTGRESQL,
        "externalPostgresql.sslMode": "verify-full",
        "externalPostgresql.caSecret": "db-ca",
        "database.existingRolesSecret": "db-roles",
    },
    "nothing of its own": {**SIM, **KAFKA, **POSTGRESQL},
    "network policies": {"networkPolicy.enabled": True, "exchange.sim.enabled": True},
    "network policies to elsewhere": {"networkPolicy.enabled": True, **KAFKA, **POSTGRESQL},
    "all that is off": {
        "web.ingress.enabled": True,
        "web.ingress.className": "nginx",
        "web.ingress.tlsSecret": "page-tls",
        "web.httpRoute.enabled": True,
        "web.httpRoute.parentRefs": [{"name": "gateway"}],
        "web.autoscaling.enabled": True,
        "web.allowOrigins": ["https://example.org"],
        "web.frameAncestors": ["'self'", "https://*.example.org"],
        "web.trustedProxies": ["10.0.0.0/8", "2001:db8::/32"],
        "web.auth.existingSecret": "viewers",
        "inserter.keda.enabled": True,
        "crds.upgrade": True,
        "monitoring.podMonitor.enabled": True,
        "monitoring.podMonitor.labels": {"release": "monitoring"},
        "monitoring.podMonitor.scrapeTimeout": "5s",
        "monitoring.podMonitor.relabelings": [{"action": "labeldrop", "regex": "container"}],
        "monitoring.podMonitor.metricRelabelings": [{"action": "drop", "sourceLabels": ["__name__"], "regex": "python_.*"}],
        "monitoring.rules.enabled": True,
        "monitoring.dashboards.enabled": True,
        "networkPolicy.enabled": True,
        "tracing.endpoint": "http://collector.observability:4318",
    },
    "all that is on, off": {"podDisruptionBudget.enabled": False, "rbac.create": False, "symbols": []},
    "a node of its own": {
        "imagePullSecrets": ["registry"],
        "web.imagePullSecrets": ["another"],
        **{f"{name}.nodeSelector": {"disk": "fast"} for name in EVERY_WORKLOAD},
        **{f"{name}.tolerations": [{"key": "charts", "operator": "Exists"}] for name in EVERY_WORKLOAD},
        **{f"{name}.priorityClassName": "system-cluster-critical" for name in EVERY_WORKLOAD},
        **{f"{name}.podAnnotations": {"example.org/note": name} for name in EVERY_WORKLOAD},
        **{f"{name}.podLabels": {"example.org/mark": name} for name in EVERY_WORKLOAD},
        **{f"{name}.extraEnv": [{"name": "RTCHART_LOG_LEVEL", "value": "debug"}] for name in EVERY_WORKLOAD},
        **{f"{name}.extraVolumes": [{"name": "more", "emptyDir": {}}] for name in EVERY_WORKLOAD},
        **{f"{name}.extraVolumeMounts": [{"name": "more", "mountPath": "/more"}] for name in EVERY_WORKLOAD},
        "exchange.sim.enabled": True,
    },
    "labels that are said twice": {
        "nameOverride": "123",
        "commonLabels": {
            "app.kubernetes.io/part-of": "desk",
            "app.kubernetes.io/component": "all",
            "release": "all",
            "cost-centre": 4711,
        },
        **{f"{name}.podLabels": {"cost-centre": name, "app.kubernetes.io/name": name} for name in EVERY_WORKLOAD},
        "exchange.sim.enabled": True,
        "monitoring.podMonitor.enabled": True,
        "monitoring.podMonitor.labels": {"release": "monitoring"},
        "monitoring.rules.enabled": True,
        "monitoring.rules.labels": {"release": "monitoring"},
        "monitoring.dashboards.enabled": True,
        "monitoring.dashboards.labels": {"grafana_dashboard": 1, "release": "grafana"},
    },
    "no strings where there have to be": {
        "exchange.sim.enabled": True,
        "web.ingress.enabled": True,
        "web.ingress.annotations": {"nginx.ingress.kubernetes.io/ssl-redirect": False},
        "web.service.annotations": {"example.org/idle": 3600},
        "postgresql.persistence.size": 10**10,
        "kafka.persistence.size": "10e9",
        **{f"{name}.nodeSelector": {"gpu": False} for name in EVERY_WORKLOAD},
        **{f"{name}.podLabels": {"tier": 1} for name in EVERY_WORKLOAD},
        **{f"{name}.podAnnotations": {"example.org/share": 12345678.5} for name in EVERY_WORKLOAD},
        **{f"{name}.serviceAccount.annotations": {"example.org/workload": True} for name in EVERY_WORKLOAD},
    },
    "one account for all": {
        "exchange.sim.enabled": True,
        **{f"{name}.serviceAccount.name": "rtchart" for name in EVERY_WORKLOAD},
    },
    "large numbers": {
        "exchange.sim.enabled": True,
        "exchange.sim.seed": 12_345_678,
        "web.maxConnections": 1_000_000,
        "web.perAddress.sockets": 1_000_000,
        "web.perAddress.subscriptions": 50_000_000,
        "web.perAddress.requests": 1_000_000,
        "inserter.keda.enabled": True,
        "inserter.keda.lagThreshold": 5_000_000,
        "kafka.klinesBytes": 9_000_000_000,
    },
}
