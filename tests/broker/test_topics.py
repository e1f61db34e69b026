"""How topics are made, and what is said of those that others made."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace

import pytest
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from aiokafka.errors import BrokerResponseError, NotControllerError, RequestTimedOutError, TopicAuthorizationFailedError

from rtchart.broker import admin
from rtchart.broker.admin import ensure_topics
from rtchart.broker.cluster import Cluster
from rtchart.broker.topics import KLINES, SYMBOLS, TOPICS, Making
from rtchart.core.errors import Unavailable, UserError
from tests.corners import make_topics
from tests.waiting import wait_until


@pytest.fixture
def cluster(kafka: str, topic_prefix: str) -> Cluster:
    return Cluster(kafka, topic_prefix)


def with_making(cluster: Cluster, **making: object) -> Cluster:
    return replace(cluster, making=Making(**making))  # type: ignore[arg-type]


async def make(cluster: Cluster, name: str, partitions: int, **settings: str) -> None:
    """As somebody else does."""
    async with cluster.admin() as admin:
        topic = NewTopic(name, partitions, 1, topic_configs={key.replace("_", "."): value for key, value in settings.items()})
        await make_topics(admin, topic)


async def settings_of(cluster: Cluster, name: str) -> dict[str, str]:
    async with cluster.admin() as admin:
        (answer,) = await admin.describe_configs([ConfigResource(ConfigResourceType.TOPIC, name)])
        return {entry[0]: entry[1] for entry in answer.resources[0][4]}


def test_each_topic_says_what_becomes_of_old_records() -> None:
    assert {topic.cleanup_policy for topic in TOPICS} == {"compact", "delete"}


@pytest.mark.parametrize("factor", [1, -1])
async def test_replicas_are_as_many_as_asked_for_or_as_the_brokers_make(cluster: Cluster, factor: int) -> None:
    await ensure_topics(with_making(cluster, replication_factor=factor, min_insync_replicas=1), (SYMBOLS,))
    async with cluster.admin() as admin:
        (described,) = await admin.describe_topics([cluster.name(SYMBOLS)])
    assert [len(partition["replicas"]) for partition in described["partitions"]] == [1]
    assert (await settings_of(cluster, cluster.name(SYMBOLS)))["min.insync.replicas"] == "1"


async def test_more_replicas_than_brokers_are_waited_for(cluster: Cluster) -> None:
    with pytest.raises(Unavailable, match=r"with 3 replicas: .* lower --replication-factor"):
        await ensure_topics(with_making(cluster, replication_factor=3), (SYMBOLS,))


class Answering:
    """A cluster's admin client whose broker answers what it is told to instead of making and setting."""

    def __init__(self, code: int) -> None:
        self.code = code

    async def create_topics(self, topics: list[NewTopic]) -> SimpleNamespace:
        return SimpleNamespace(topic_errors=[(topic.name, self.code, None) for topic in topics])

    async def alter_configs(self, resources: list[ConfigResource]) -> list[SimpleNamespace]:
        return [SimpleNamespace(resources=[(self.code, None, 2, resource.name)]) for resource in resources]


@pytest.mark.parametrize("error", [NotControllerError, RequestTimedOutError, TopicAuthorizationFailedError])
async def test_what_passes_is_waited_for_and_what_stays_is_said(
    cluster: Cluster, monkeypatch: pytest.MonkeyPatch, error: type[BrokerResponseError]
) -> None:
    passes = error is not TopicAuthorizationFailedError
    answering = Answering(error.errno)
    await make(cluster, cluster.name(KLINES), KLINES.partitions, retention_ms="60000")
    monkeypatch.setattr(AIOKafkaAdminClient, "create_topics", answering.create_topics)
    monkeypatch.setattr(AIOKafkaAdminClient, "alter_configs", answering.alter_configs)
    for topic, doing, remedy in ((SYMBOLS, "make", "--manage-topics false"), (KLINES, "set .*retention.ms.* of", "by hand")):
        name = f"{cluster.name(topic)}: {error.__name__}; {'try again' if passes else ''}"
        with pytest.raises(UserError, match=rf"does not {doing} the topic {name}") as refusal:
            await ensure_topics(cluster, (topic,))
        assert (isinstance(refusal.value, Unavailable), remedy in str(refusal.value)) == (passes, not passes)


async def test_a_topic_that_may_not_be_described_is_told_so(cluster: Cluster, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also where nobody made it just now."""
    await ensure_topics(cluster, (SYMBOLS,))

    async def describe(_: object, names: list[str]) -> list[dict[str, object]]:
        return [{"error_code": TopicAuthorizationFailedError.errno, "partitions": []} for _ in names]

    monkeypatch.setattr(AIOKafkaAdminClient, "describe_topics", describe)
    monkeypatch.setattr(admin, "KNOWN_WITHIN", 0.0)
    with pytest.raises(Unavailable, match=r"TopicAuthorizationFailedError\); .* right to describe") as refusal:
        await ensure_topics(with_making(cluster, manage=False), (SYMBOLS,))
    assert "made the topic" not in str(refusal.value)


@pytest.mark.parametrize(
    ("making", "says"),
    [
        ({"replication_factor": 0}, "needs one replica"),
        ({"replication_factor": 2, "min_insync_replicas": 3}, "can never be met"),
    ],
)
async def test_what_cannot_be_is_refused(cluster: Cluster, making: dict[str, int], says: str) -> None:
    with pytest.raises(UserError, match=says) as refusal:
        await ensure_topics(with_making(cluster, **making), (SYMBOLS,))
    assert not isinstance(refusal.value, Unavailable)


async def test_topics_that_are_not_ours_to_make_are_waited_for(cluster: Cluster) -> None:
    theirs = with_making(cluster, manage=False)
    with pytest.raises(
        Unavailable, match=rf"--manage-topics is false; make {cluster.name(KLINES)} with 12 partitions and cleanup"
    ):
        await ensure_topics(theirs, (KLINES, SYMBOLS))
    async with cluster.admin() as admin:
        assert not [name for name in await admin.list_topics() if name.startswith(cluster.prefix)]
    await ensure_topics(cluster)
    assert await ensure_topics(theirs) == []


async def test_the_disk_of_klines_is_bounded_over_all_partitions(cluster: Cluster) -> None:
    name = cluster.name(KLINES)
    for each in (24 * 1024**3, 5 * 1024**3):  # at first, and when it is changed
        await ensure_topics(with_making(cluster, klines_bytes=each), (KLINES, SYMBOLS))

        async def bounded(wanted: str = str(each // KLINES.partitions)) -> bool:
            """A broker learns of a change a moment after the controller made it."""
            return (await settings_of(cluster, name))["retention.bytes"] == wanted

        await wait_until(bounded)
    assert (await settings_of(cluster, cluster.name(SYMBOLS)))["retention.bytes"] == "-1"


async def test_settings_of_topics_that_are_not_ours_are_left(cluster: Cluster) -> None:
    name = cluster.name(KLINES)
    await make(cluster, name, KLINES.partitions, retention_ms="60000")
    await ensure_topics(with_making(cluster, manage=False), (KLINES,))
    assert (await settings_of(cluster, name))["retention.ms"] == "60000"


@pytest.mark.parametrize("manage", [True, False])
async def test_too_few_partitions_are_told(cluster: Cluster, manage: bool) -> None:
    await make(cluster, cluster.name(KLINES), 3)
    with pytest.raises(UserError, match="has 3 partitions and must have 12"):
        await ensure_topics(with_making(cluster, manage=manage), (KLINES,))


async def test_a_policy_that_loses_records_is_told_or_set(cluster: Cluster) -> None:
    await make(cluster, cluster.name(KLINES), KLINES.partitions, cleanup_policy="compact")
    await make(cluster, cluster.name(SYMBOLS), 1)
    for topic, wrong in ((KLINES, "compact"), (SYMBOLS, "delete")):
        with pytest.raises(UserError, match=rf"{cluster.name(topic)} .* has cleanup.policy={wrong} and must have"):
            await ensure_topics(with_making(cluster, manage=False), (topic,))
    await ensure_topics(cluster, (KLINES, SYMBOLS))
    assert (await settings_of(cluster, cluster.name(SYMBOLS)))["cleanup.policy"] == "compact"
    assert (await settings_of(cluster, cluster.name(KLINES)))["cleanup.policy"] == "delete"
