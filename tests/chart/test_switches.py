"""What each switch of the values changes."""

from __future__ import annotations

from typing import Any

import pytest

from tests.chart.combinations import KAFKA, MATRIX, POSTGRESQL, SASL, SIM
from tests.chart.rendering import Pod, render

OURS = (
    "Deployment/rtchart-producer-binance",
    "Deployment/rtchart-inserter",
    "CronJob/rtchart-aggregator",
    "Deployment/rtchart-web",
    "Deployment/rtchart-operator",
)


def test_as_it_comes_it_is_all_there_and_no_more() -> None:
    manifests = render()
    assert {pod.owner for pod in manifests.pods()} == {
        *OURS,
        "StatefulSet/rtchart-broker",
        "StatefulSet/rtchart-postgresql",
        "Job/rtchart-cleanup",
        "Pod/rtchart-fresh-candle",
    }
    kinds = {each["kind"] for each in manifests.objects}
    assert not kinds & {
        "Ingress",
        "HTTPRoute",
        "HorizontalPodAutoscaler",
        "ScaledObject",
        "NetworkPolicy",
        "ClusterRoleBinding",
        "PodMonitor",
        "PrometheusRule",
        "ConfigMap",
    }
    assert [each["spec"] for each in manifests.of("Symbol")] == [
        {"exchange": "binance", "symbol": "BTCUSDT"},
        {"exchange": "binance", "symbol": "ETHUSDT"},
    ]


def test_the_aggregator_is_a_cronjob() -> None:
    manifests = render()
    spec = manifests["CronJob/rtchart-aggregator"]["spec"]
    assert (spec["concurrencyPolicy"], spec["startingDeadlineSeconds"], spec["timeZone"]) == ("Forbid", 200, "Etc/UTC")
    assert spec["jobTemplate"]["spec"]["activeDeadlineSeconds"] == 50
    pod = manifests.pod("CronJob/rtchart-aggregator")
    assert pod.environment["RTCHART_ONCE"] == "true" and pod.environment["RTCHART_ADMIN_PORT"] == "0"
    assert pod.spec["restartPolicy"] == "Never" and "livenessProbe" not in pod.container


def test_the_aggregator_is_a_deployment() -> None:
    manifests = render({"aggregator.mode": "Deployment"})
    assert not manifests.of("CronJob")
    pod = manifests.pod("Deployment/rtchart-aggregator")
    assert "RTCHART_ONCE" not in pod.environment and "RTCHART_ADMIN_PORT" not in pod.environment
    assert pod.container["readinessProbe"]["httpGet"] == {"path": "/readyz", "port": "admin"}


def test_every_service_waits_and_is_asked_whether_it_lives() -> None:
    for title in OURS:
        pod = render().pod(title)
        assert pod.environment["RTCHART_WAIT"] == ("30" if title.startswith("CronJob") else "86400")
        if not title.startswith("CronJob"):
            probes = {
                name: pod.container[name]["httpGet"]["path"] for name in ("startupProbe", "livenessProbe", "readinessProbe")
            }
            assert probes == {"startupProbe": "/livez", "livenessProbe": "/livez", "readinessProbe": "/readyz"}


def test_the_simulated_exchange() -> None:
    manifests = render({**SIM, "exchange.sim.seed": 7, "exchange.sim.symbolsCount": 100})
    assert "Deployment/rtchart-producer-binance" not in manifests
    sim = manifests.pod("Deployment/rtchart-sim").environment
    assert (sim["RTCHART_SEED"], sim["RTCHART_SYMBOLS_COUNT"], sim["RTCHART_HISTORY_DAYS"]) == ("7", "100", "7")
    producer = manifests.pod("Deployment/rtchart-producer-sim").environment
    assert (producer["RTCHART_EXCHANGE"], producer["RTCHART_BACKFILL_SHARE"]) == ("sim", "0.25")
    assert producer["RTCHART_EXCHANGE_WS"] == "ws://rtchart-sim:9010"
    assert producer["RTCHART_EXCHANGE_REST"] == "http://rtchart-sim:9010"
    operator = manifests.pod("Deployment/rtchart-operator").environment
    assert operator["RTCHART_EXCHANGE_REST_SIM"] == "http://rtchart-sim:9010"
    assert {each["spec"]["exchange"] for each in manifests.of("Symbol")} == {"sim"}


def test_symbols_of_one_exchange_or_the_other() -> None:
    manifests = render(
        {
            "exchange.sim.enabled": True,
            "symbols": [
                "BTCUSDT",
                {"symbol": "ETHUSDT", "exchange": "sim", "intervals": ["1m"]},
                {"symbol": "币安人生USDT", "name": "life", "deletionPolicy": "Delete"},
            ],
        }
    )
    assert manifests["Symbol/binance-btcusdt"]["spec"] == {"exchange": "binance", "symbol": "BTCUSDT"}
    assert manifests["Symbol/sim-ethusdt"]["spec"] == {"exchange": "sim", "symbol": "ETHUSDT", "intervals": ["1m"]}
    assert manifests["Symbol/life"]["spec"] == {"exchange": "binance", "symbol": "币安人生USDT", "deletionPolicy": "Delete"}


def test_another_address_of_the_exchange() -> None:
    manifests = render({"exchange.binance.ws": "wss://a", "exchange.binance.rest": "https://b"})
    producer = manifests.pod("Deployment/rtchart-producer-binance").environment
    assert (producer["RTCHART_EXCHANGE_WS"], producer["RTCHART_EXCHANGE_REST"]) == ("wss://a", "https://b")
    assert manifests.pod("Deployment/rtchart-operator").environment["RTCHART_EXCHANGE_REST_BINANCE"] == "https://b"
    assert "RTCHART_EXCHANGE_REST" not in render().pod("Deployment/rtchart-producer-binance").environment


def kafka(**more: Any) -> tuple[Pod, dict[str, Any]]:
    """The inserter's pod and what it is told of Kafka, without the prefix."""
    pod = render({**SASL, **{f"externalKafka.{key}": value for key, value in more.items()}}).pod("Deployment/rtchart-inserter")
    found = {
        name.removeprefix("RTCHART_KAFKA"): value for name, value in pod.environment.items() if name.startswith("RTCHART_KAFKA")
    }
    assert found.pop("") == "a.example.org:9093,b.example.org:9094"
    return pod, found


PASSWORD = {"secretKeyRef": {"name": "kafka-user", "key": "password"}}


@pytest.mark.parametrize("sasl", ["scram-sha-512", "scram-sha-256", "plain"])
@pytest.mark.parametrize("security", ["sasl_plaintext", "sasl_ssl"])
def test_kafka_elsewhere_with_a_password(security: str, sasl: str) -> None:
    _, told = kafka(security=security, sasl=sasl)
    assert told == {"_SECURITY": security, "_SASL": sasl, "_USER": "rtchart", "_PASSWORD": PASSWORD}
    _, told = kafka(security=security, sasl=sasl, user="", userKey="username")
    assert told["_USER"] == {"secretKeyRef": {"name": "kafka-user", "key": "username"}}


@pytest.mark.parametrize("security", ["plaintext", "ssl"])
def test_kafka_elsewhere_without_a_password(security: str) -> None:
    assert kafka(security=security)[1] == {"_SECURITY": security}


@pytest.mark.parametrize("security", ["ssl", "sasl_ssl"])
def test_kafka_elsewhere_with_an_authority_of_its_own(security: str) -> None:
    pod, told = kafka(security=security, caSecret="authority", caKey="ca.pem")
    assert told["_CA"] == "/etc/rtchart/kafka-ca/ca.pem"
    assert mounted(pod)["/etc/rtchart/kafka-ca"]["secretName"] == "authority"


def test_kafka_elsewhere_with_a_certificate() -> None:
    pod, told = kafka(security="ssl", certKey="user.crt", keyKey="user.key")
    assert told == {
        "_SECURITY": "ssl",
        "_CERT": "/etc/rtchart/kafka-user/user.crt",
        "_KEY": "/etc/rtchart/kafka-user/user.key",
    }
    assert mounted(pod)["/etc/rtchart/kafka-user"]["secretName"] == "kafka-user"


def mounted(pod: Pod) -> dict[str, Any]:
    """The Secrets that a pod mounts, by their paths."""
    secrets = {each["name"]: each["secret"] for each in pod.spec["volumes"] if "secret" in each}
    return {each["mountPath"]: secrets[each["name"]] for each in pod.container["volumeMounts"] if each["name"] in secrets}


@pytest.mark.parametrize("title", [*OURS, "Deployment/rtchart-operator"])
def test_everyone_is_told_the_same_of_kafka(title: str) -> None:
    values = {**KAFKA, "externalKafka.security": "ssl", "kafka.topicPrefix": "charts."}
    told = render(values).pod(title).environment
    assert told["RTCHART_KAFKA_SECURITY"] == "ssl" and told["RTCHART_TOPIC_PREFIX"] == "charts."
    own = render().pod(title).environment
    assert own["RTCHART_KAFKA"] == "rtchart-broker:9092" and "RTCHART_KAFKA_SECURITY" not in own


ROLES = {
    "Deployment/rtchart-inserter": "rtchart_inserter",
    "CronJob/rtchart-aggregator": "rtchart_aggregator",
    "Deployment/rtchart-web": "rtchart_web",
}


def test_every_service_has_a_database_role_and_a_password_of_its_own() -> None:
    manifests = render()
    for title, role in ROLES.items():
        told = manifests.pod(title).environment
        assert told["RTCHART_DATABASE"] == f"postgresql://{role}@rtchart-postgresql:5432/rtchart?sslmode=disable"
        assert told["RTCHART_DATABASE_PASSWORD"] == {"secretKeyRef": {"name": "rtchart-database-roles", "key": role}}
    secret = manifests["Secret/rtchart-database-roles"]
    assert secret["data"].keys() == set(ROLES.values()) and len(set(secret["data"].values())) == len(ROLES)
    assert secret["metadata"]["annotations"]["helm.sh/resource-policy"] == "keep"
    operator = manifests.pod("Deployment/rtchart-operator")
    assert operator.environment["RTCHART_DATABASE"].startswith("postgresql://rtchart@")
    assert mounted(operator)[operator.environment["RTCHART_ROLE_PASSWORDS"]]["secretName"] == "rtchart-database-roles"
    assert "RTCHART_DATABASE" not in manifests.pod("Deployment/rtchart-producer-binance").environment


def test_postgresql_elsewhere() -> None:
    manifests = render(MATRIX["external PostgreSQL"])
    assert "StatefulSet/rtchart-postgresql" not in manifests and not manifests.of("Secret")
    at = "db.example.org:5432/rtchart?sslmode=verify-full&sslrootcert=/etc/rtchart/database-ca/ca.crt"
    for title, role in ROLES.items():
        pod = manifests.pod(title)
        assert pod.environment["RTCHART_DATABASE"] == f"postgresql://{role}@{at}"
        assert pod.environment["RTCHART_DATABASE_PASSWORD"]["secretKeyRef"]["name"] == "db-roles"
        assert mounted(pod)["/etc/rtchart/database-ca"]["secretName"] == "db-ca"
    operator = manifests.pod("Deployment/rtchart-operator").environment
    assert operator["RTCHART_DATABASE_USER"] == "charts"
    assert operator["RTCHART_DATABASE"] == f"postgresql://$(RTCHART_DATABASE_USER)@{at}"
    names = list(operator)
    assert names.index("RTCHART_DATABASE_USER") < names.index("RTCHART_DATABASE"), "only what stands before is put in"


@pytest.mark.parametrize("mode", ["disable", "prefer", "require", "verify-ca", "verify-full"])
def test_the_tls_of_postgresql_elsewhere(mode: str) -> None:
    manifests = render(
        {
            **POSTGRESQL,
            "externalPostgresql.sslMode": mode,
            "externalPostgresql.userKey": "username",
            "externalPostgresql.owner": "",
        }
    )
    assert manifests.pod("Deployment/rtchart-web").environment["RTCHART_DATABASE"].endswith(f"?sslmode={mode}")
    owner = manifests.pod("Deployment/rtchart-operator").environment["RTCHART_DATABASE_USER"]
    assert owner == {"secretKeyRef": {"name": "db-owner", "key": "username"}}


def test_passwords_that_are_there_already() -> None:
    manifests = render({"postgresql.existingSecret": "mine", "database.existingRolesSecret": "roles"})
    assert not manifests.of("Secret")
    password = {"secretKeyRef": {"name": "mine", "key": "password"}}
    assert (
        manifests.pod("StatefulSet/rtchart-postgresql").environment["POSTGRES_PASSWORD"]["secretKeyRef"]
        == password["secretKeyRef"]
    )
    assert manifests.pod("Deployment/rtchart-operator").environment["RTCHART_DATABASE_PASSWORD"] == password


def test_scaling() -> None:
    manifests = render(MATRIX["all that is off"])
    for name, scaler in (("web", "HorizontalPodAutoscaler"), ("inserter", "ScaledObject")):
        assert "replicas" not in manifests[f"Deployment/rtchart-{name}"]["spec"], "somebody else says how many"
        assert manifests[f"{scaler}/rtchart-{name}"]["spec"]["scaleTargetRef"]["name"] == f"rtchart-{name}"
    (trigger,) = manifests["ScaledObject/rtchart-inserter"]["spec"]["triggers"]
    assert (trigger["metadata"]["consumerGroup"], trigger["metadata"]["topic"]) == ("rtchart-inserter", "rtchart.klines")
    manifests = render({"web.replicas": 3, "inserter.replicas": 2})
    assert manifests["Deployment/rtchart-web"]["spec"]["replicas"] == 3
    assert manifests["Deployment/rtchart-inserter"]["spec"]["replicas"] == 2


def test_ways_to_the_page() -> None:
    manifests = render(MATRIX["all that is off"] | {"web.service.port": 8080})
    ingress = manifests["Ingress/rtchart-web"]["spec"]
    assert ingress["ingressClassName"] == "nginx" and ingress["tls"] == [{"hosts": ["rtchart.local"], "secretName": "page-tls"}]
    assert ingress["rules"][0]["http"]["paths"][0]["backend"]["service"] == {"name": "rtchart-web", "port": {"name": "http"}}
    route = manifests["HTTPRoute/rtchart-web"]["spec"]
    assert route["parentRefs"] == [{"name": "gateway"}]
    assert route["rules"][0]["backendRefs"] == [{"name": "rtchart-web", "port": 8080}]
    environment = manifests.pod("Deployment/rtchart-web").environment
    assert environment["RTCHART_ALLOW_ORIGIN"] == "https://example.org"
    assert environment["RTCHART_FRAME_ANCESTORS"] == "'self' https://*.example.org"
    service = render({"web.service.type": "NodePort", "web.service.nodePort": 30080})["Service/rtchart-web"]["spec"]
    assert service["type"] == "NodePort" and service["ports"][0]["nodePort"] == 30080


def test_sockets_have_the_time_to_close() -> None:
    pod = render({"web.preStopSeconds": 7}).pod("Deployment/rtchart-web")
    assert pod.container["lifecycle"] == {"preStop": {"sleep": {"seconds": 7}}}
    assert pod.spec["terminationGracePeriodSeconds"] == 32


def test_network_policies_are_of_every_pod_and_let_through_what_is_needed() -> None:
    manifests = render(
        {"networkPolicy.enabled": True, "networkPolicy.webFrom": [{"namespaceSelector": {}}], "exchange.sim.enabled": True}
    )
    selected = [each["spec"]["podSelector"]["matchLabels"] for each in manifests.of("NetworkPolicy")]
    for pod in manifests.pods():
        assert any(labels.items() <= pod.labels.items() for labels in selected), f"{pod.owner} may speak to everyone"
    web = manifests["NetworkPolicy/rtchart-web"]["spec"]["ingress"]
    assert [rule["ports"] for rule in web] == [[{"port": 9090}], [{"port": 8000}]]
    assert {"namespaceSelector": {}} in web[1]["from"]
    producer = manifests["NetworkPolicy/rtchart-producer-binance"]["spec"]["egress"]
    assert {
        rule["to"][0]["podSelector"]["matchLabels"]["app.kubernetes.io/component"] for rule in producer if "to" in rule
    } == {"kafka"}
    elsewhere = render(MATRIX["network policies to elsewhere"])["NetworkPolicy/rtchart-web"]["spec"]["egress"]
    assert [{"port": 9093}, {"port": 9094}] in [rule["ports"] for rule in elsewhere]


def test_traces_go_to_a_collector_if_there_is_one() -> None:
    of = {name: f"Deployment/rtchart-{name}" for name in ("producer-binance", "inserter", "web", "operator")}
    for title in of.values():
        assert not {"RTCHART_OTLP_ENDPOINT", "RTCHART_TRACE_ONE_IN"} & render().pod(title).environment.keys()
    there = {"tracing.endpoint": "http://collector.observability:4318", "tracing.oneIn": 20}
    environments = {name: render(there).pod(title).environment for name, title in of.items()}
    for name in ("producer-binance", "inserter", "web"):
        assert environments[name]["RTCHART_OTLP_ENDPOINT"] == "http://collector.observability:4318"
    assert environments["producer-binance"]["RTCHART_TRACE_ONE_IN"] == "20"
    assert "RTCHART_OTLP_ENDPOINT" not in environments["operator"]


@pytest.mark.parametrize(
    ("endpoint", "port"),
    [("http://collector:4318", 4318), ("https://collector.example.org/otlp", 443), ("http://[fd00::1]", 80)],
)
def test_a_network_policy_lets_traces_out(endpoint: str, port: int) -> None:
    manifests = render({"networkPolicy.enabled": True, "tracing.endpoint": endpoint})
    allowed = {
        each["metadata"]["name"].removeprefix("rtchart-")
        for each in manifests.of("NetworkPolicy")
        if {"ports": [{"port": port}]} in each["spec"]["egress"]
    }
    assert allowed == {"producer-binance", "inserter", "web"}


def test_the_operators_rights_end_at_its_namespace() -> None:
    manifests = render()
    (role,) = (each for each in manifests.of("Role") if each["metadata"]["name"] == "rtchart-operator")
    assert {resource for rule in role["rules"] for resource in rule["resources"]} == {"symbols", "symbols/status", "events"}
    assert not any("*" in rule[key] for rule in role["rules"] for key in ("apiGroups", "resources", "verbs"))
    assert {
        each["metadata"]["labels"].keys() >= {f"rbac.authorization.k8s.io/aggregate-to-{name}"}
        for name in ("view", "edit", "admin")
        for each in manifests.of("ClusterRole")
        if each["metadata"]["name"].endswith(name)
    } == {True}
    without = render({"rbac.create": False})
    assert not any(without.of(kind) for kind in ("ClusterRole", "Role", "RoleBinding"))
    everything = render({"rbac.create": False, "crds.upgrade": True})
    assert not any(everything.of(kind) for kind in ("ClusterRole", "ClusterRoleBinding", "Role", "RoleBinding"))


def test_the_definition_is_brought_up_to_date_by_a_job_if_wanted() -> None:
    assert "Job/rtchart-crds" not in render()
    manifests = render({"crds.upgrade": True})
    job = manifests["Job/rtchart-crds"]
    assert job["metadata"]["annotations"]["helm.sh/hook"] == "pre-upgrade"
    assert "kind: CustomResourceDefinition" in manifests["ConfigMap/rtchart-crds"]["data"]["symbols.yaml"]
    (rule,) = manifests["ClusterRole/market-rtchart-crds"]["rules"]
    assert rule["resourceNames"] == ["symbols.rtchart.dev"]
    needed = [
        manifests[title]["metadata"]["annotations"]["helm.sh/hook"]
        for title in ("ServiceAccount/rtchart-hooks", "ConfigMap/rtchart-crds", "ClusterRoleBinding/market-rtchart-crds")
    ]
    assert all("pre-upgrade" in each for each in needed)
