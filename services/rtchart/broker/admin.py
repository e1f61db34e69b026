"""Making topics, and keeping their settings what `rtchart.broker.topics` says."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Iterable

from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from aiokafka.errors import (
    BrokerResponseError,
    InvalidReplicationFactorError,
    NoError,
    TopicAlreadyExistsError,
    TopicAuthorizationFailedError,
    for_code,
)

from rtchart.broker.cluster import Cluster
from rtchart.broker.topics import TOPICS, Making, Topic
from rtchart.core.errors import Unavailable, UserError
from rtchart.process.logs import fields

_SET_ON_TOPIC = 1  # DescribeConfigs v1+, ConfigSource DYNAMIC_TOPIC_CONFIG

KNOWN_WITHIN = 15.0
"""Seconds that a broker may take to know a topic that was made."""

log = logging.getLogger(__name__)


async def ensure_topics(cluster: Cluster, topics: tuple[Topic, ...] = TOPICS) -> list[str]:
    """Make the topics that are missing, as ``cluster.making`` says; the names of those made.

    A topic that is there is left as it is, but for settings of ours that differ: these are set. When it returns, every broker
    that answers knows the topics. Raises `Unavailable` when there is no broker, or when a topic is missing that is not ours to
    make, and `UserError` when a topic has another number of partitions than its writers count on, or when the cluster refuses.
    """
    if cluster.making.manage and (wrong := _contradiction(cluster.making)):
        raise UserError(wrong)
    async with cluster.admin() as admin:
        there = set(await admin.list_topics())
        missing = [topic for topic in topics if cluster.name(topic) not in there]
        if not cluster.making.manage:
            if missing:
                raise Unavailable(_to_be_made(cluster, missing))
            for topic in topics:
                await _look(cluster, admin, topic)
            return []
        made = await _make(cluster, admin, [_new(cluster, topic) for topic in missing])
        for topic in topics:
            await _keep(cluster, admin, topic)
        return made


async def missing_topics(cluster: Cluster, topics: Iterable[Topic]) -> list[str]:
    """Which of the topics are not there, by their names on the cluster. Makes none. Raises `Unavailable`."""
    async with cluster.admin() as admin:
        there = set(await admin.list_topics())
    return [cluster.name(topic) for topic in topics if cluster.name(topic) not in there]


def _contradiction(making: Making) -> str | None:
    replicas, least = making.replication_factor, making.min_insync_replicas
    if replicas == 0:
        return "--replication-factor is 0; a topic needs one replica, or -1: the brokers' default"
    if least is not None and 0 < replicas < least:
        return f"--min-insync-replicas {least} can never be met by --replication-factor {replicas}; raise that, or lower this"
    return None


def _to_be_made(cluster: Cluster, topics: list[Topic]) -> str:
    wanted = "; ".join(
        f"{cluster.name(topic)} with {topic.partitions} partition{'s' if topic.partitions > 1 else ''} and "
        f"cleanup.policy={topic.cleanup_policy}"
        for topic in topics
    )
    return (
        f"topics are missing at {cluster.bootstrap}, or this user may not see them, and --manage-topics is false; make {wanted}"
    )


def _new(cluster: Cluster, topic: Topic) -> NewTopic:
    making = cluster.making
    safety = {} if making.min_insync_replicas is None else {"min.insync.replicas": str(making.min_insync_replicas)}
    new = NewTopic(cluster.name(topic), topic.partitions, 1, topic_configs={**safety, **making.config(topic)})
    # Not given to the constructor, which refuses -1; Kafka does not (KIP-464).
    new.replication_factor = making.replication_factor
    return new


async def _make(cluster: Cluster, admin: AIOKafkaAdminClient, topics: list[NewTopic]) -> list[str]:
    made: list[str] = []
    if not topics:
        return made
    for name, code, message in (await admin.create_topics(topics)).topic_errors:
        error = for_code(code)
        if error is NoError:
            made.append(name)
        elif error is InvalidReplicationFactorError:  # which is right when more brokers have started
            raise Unavailable(
                f"Kafka at {cluster.bootstrap} cannot make the topic {name} with {cluster.making.replication_factor} replicas: "
                f"{message or 'too few brokers'}; start more brokers, or lower --replication-factor"
            )
        elif error is not TopicAlreadyExistsError:  # somebody else was first: as good
            raise _refusal(
                f"Kafka at {cluster.bootstrap} does not make the topic {name}: {message or error.__name__}",
                error,
                "make the topics by hand with the settings of rtchart/broker/topics.py and say --manage-topics false, or give "
                "this user the right to",
            )
    log.info("made topics", extra=fields(topics=",".join(made)))
    return made


async def _check_partitions(cluster: Cluster, admin: AIOKafkaAdminClient, topic: Topic) -> None:
    name = cluster.name(topic)
    partitions = await _partitions(cluster, admin, name)
    if partitions != topic.partitions:
        raise UserError(
            f"topic {name} at {cluster.bootstrap} has {partitions} partitions and must have {topic.partitions}, because a "
            "symbol's partition follows from their number; make it anew, or use another --topic-prefix"
        )


async def _look(cluster: Cluster, admin: AIOKafkaAdminClient, topic: Topic) -> None:
    """Whether a topic that is not ours to make can be used. Raises `UserError`."""
    await _check_partitions(cluster, admin, topic)
    name = cluster.name(topic)
    (answer,) = await admin.describe_configs([ConfigResource(ConfigResourceType.TOPIC, name)])
    code, _, _, _, entries = answer.resources[0]
    if for_code(code) is TopicAuthorizationFailedError:
        log.info("the topic's settings may not be read, and were not checked", extra=fields(topic=name))
        return
    policy = {entry[0]: entry[1] for entry in entries}.get("cleanup.policy")
    if policy is not None and policy != topic.cleanup_policy:
        raise UserError(
            f"topic {name} at {cluster.bootstrap} has cleanup.policy={policy} and must have {topic.cleanup_policy}, or its "
            "records are lost or pile up; set it, or allow that with --manage-topics true"
        )


async def _keep(cluster: Cluster, admin: AIOKafkaAdminClient, topic: Topic) -> None:
    """Set what differs of the settings of a topic that is ours to make. Raises `UserError`."""
    await _check_partitions(cluster, admin, topic)
    name = cluster.name(topic)
    (answer,) = await admin.describe_configs([ConfigResource(ConfigResourceType.TOPIC, name)])
    entries = answer.resources[0][4]
    current = {entry[0]: entry[1] for entry in entries}
    # The request replaces all that was set on the topic, so what others set there is sent back with ours.
    set_on_topic = {entry[0]: entry[1] for entry in entries if entry[3] == _SET_ON_TOPIC}
    wanted = cluster.making.config(topic)
    wrong = {key: value for key, value in wanted.items() if current.get(key) != value}
    if wrong:
        log.info("setting what differs", extra=fields(topic=name, settings=wrong))
        settings = ConfigResource(ConfigResourceType.TOPIC, name, configs={**set_on_topic, **wanted})
        (altered,) = await admin.alter_configs([settings])
        code, message, *_ = altered.resources[0]
        error = for_code(code)
        if error is not NoError:
            raise _refusal(
                f"Kafka at {cluster.bootstrap} does not set {', '.join(wrong)} of the topic {name}: "
                f"{message or error.__name__}",
                error,
                "set them by hand as rtchart/broker/topics.py has them",
            )


def _refusal(what: str, error: type[BrokerResponseError], remedy: str) -> UserError:
    """What to raise of a broker's answer: one that passes (a new controller, a broker too slow) is waited for."""
    return Unavailable(f"{what}; try again") if error.retriable else UserError(f"{what}; {remedy}")


async def _partitions(cluster: Cluster, admin: AIOKafkaAdminClient, name: str) -> int:
    """How many partitions the topic has. A topic just made takes a moment to be known to the broker that is asked.

    Raises `Unavailable` when it stays unknown, which it is too to a user who may not describe it.
    """
    deadline = time.monotonic() + KNOWN_WITHIN
    while True:
        (described,) = await admin.describe_topics([name])
        error = for_code(described["error_code"])
        if error is NoError and described["partitions"]:
            return len(described["partitions"])
        if time.monotonic() > deadline:
            raise Unavailable(
                f"Kafka at {cluster.bootstrap} tells nothing of the topic {name} for {KNOWN_WITHIN:g} s ({error.__name__}); "
                "see the broker's log, or give this user the right to describe it"
            )
        await asyncio.sleep(0.05)
