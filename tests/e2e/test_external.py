"""A release that brings neither Kafka nor PostgreSQL, with no more rights at either than it is said to need."""

from __future__ import annotations

from typing import Any

from rtchart.broker.topics import TOPICS
from tests.e2e.compared import last_second
from tests.e2e.release import NAME, SYMBOLS, Release, namespace
from tests.waiting import wait_until

PREFIX = "charts."
OWNER, PASSWORD, DATABASE = "charts", "not a secret", "market"
SERVER = "database"
VALUES: dict[str, Any] = {
    "kafka": {"enabled": False, "topicPrefix": PREFIX, "manageTopics": False},
    "externalKafka": {"bootstrap": f"{NAME}-broker:9092"},
    "postgresql": {"enabled": False},
    "externalPostgresql": {
        "host": SERVER,
        "database": DATABASE,
        "existingSecret": "owner",
        "userKey": "username",
        "sslMode": "disable",
    },
    "producer": {"historyHours": 0.1},
}


async def test_with_its_own_topics_made_before_and_an_owner_that_may_make_roles(
    release: Release, context: str, proxy: str
) -> None:
    async with namespace(context, proxy) as other:
        await make_topics(release)
        await other.kubectl.apply(*objects(release.namespace))
        await other.kubectl.run("wait", "--for=condition=Ready", f"pod/{SERVER}", "--timeout=120s")
        await psql(other, f"CREATE ROLE {OWNER} LOGIN CREATEROLE PASSWORD '{PASSWORD}'")
        await psql(other, f"CREATE DATABASE {DATABASE} OWNER {OWNER}")
        await other.install(VALUES)
        await other.kubectl.run("wait", "--for=condition=Ready", "symbol", "--all", "--timeout=120s")
        await other.helm("test", NAME, "--timeout", "3m")
        components = {pod["metadata"]["labels"]["app.kubernetes.io/component"] for pod in await other.pods()}
        assert "web" in components and not components & {"kafka", "postgresql"}
        stored = await psql(other, "SELECT DISTINCT symbol FROM kline_1s JOIN symbol USING (symbol_id)", database=DATABASE)
        assert set(stored.split()) == set(SYMBOLS)
        users = await psql(other, "SELECT DISTINCT usename FROM pg_stat_activity WHERE application_name LIKE 'rtchart-%'")
        assert (
            {"rtchart_inserter", "rtchart_aggregator", "rtchart_web", OWNER}
            >= set(users.split())
            >= {"rtchart_inserter", "rtchart_web"}
        )
    # Whose topics these are does not matter to the other release on the same Kafka.
    before = await last_second(release, *SYMBOLS)

    async def goes_on() -> bool:
        return await last_second(release, *SYMBOLS) > before

    await wait_until(goes_on, 30, every=1)


async def make_topics(release: Release) -> None:
    """As Kafka's owners would: with the partitions and the policy of each, as docs/asyncapi.yaml lists them."""
    create = "/opt/kafka/bin/kafka-topics.sh --bootstrap-server localhost:9092 --create --if-not-exists"
    commands = [
        f"{create} --topic {PREFIX}{topic.name} --partitions {topic.partitions} --config cleanup.policy={topic.cleanup_policy}"
        for topic in TOPICS
    ]
    await release.kubectl.run("exec", f"{NAME}-broker-0", "--", "sh", "-ec", "\n".join(commands))


async def psql(release: Release, sql: str, *, database: str = "postgres") -> str:
    """What PostgreSQL says to its superuser: the first column, a row a line."""
    command = ("psql", "--username=postgres", "--dbname", database, "--no-align", "--tuples-only", "--command", sql)
    return await release.kubectl.run("exec", SERVER, "--", *command)


def objects(elsewhere: str) -> list[dict[str, Any]]:
    """A PostgreSQL server and the Secret of its owner, and a way to the Kafka of the other namespace."""
    pod = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": SERVER, "labels": {"app": SERVER}},
        "spec": {
            "securityContext": {"runAsNonRoot": True, "runAsUser": 999, "seccompProfile": {"type": "RuntimeDefault"}},
            "containers": [
                {
                    "name": "postgresql",
                    "image": "postgres:18",
                    "imagePullPolicy": "IfNotPresent",
                    "env": [{"name": "POSTGRES_PASSWORD", "value": PASSWORD}],
                    "securityContext": {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}},
                    "readinessProbe": {"exec": {"command": ["pg_isready", "-h", "127.0.0.1"]}, "periodSeconds": 1},
                    "volumeMounts": [
                        {"name": "data", "mountPath": "/var/lib/postgresql"},
                        {"name": "run", "mountPath": "/var/run/postgresql"},
                    ],
                }
            ],
            "volumes": [{"name": "data", "emptyDir": {}}, {"name": "run", "emptyDir": {}}],
        },
    }
    services = [
        {"metadata": {"name": SERVER}, "spec": {"selector": {"app": SERVER}, "ports": [{"port": 5432}]}},
        # By the name under which its broker is known to itself.
        {
            "metadata": {"name": f"{NAME}-broker"},
            "spec": {"type": "ExternalName", "externalName": f"{NAME}-broker.{elsewhere}.svc.cluster.local"},
        },
    ]
    secret = {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": "owner"},
        "stringData": {"username": OWNER, "password": PASSWORD},
    }
    return [pod, secret, *({"apiVersion": "v1", "kind": "Service", **each} for each in services)]
