"""Making topics, and keeping their settings what `rtchart.broker.topics` says."""

from __future__ import annotations

import asyncio
import logging
import time

from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from aiokafka.errors import NoError, TopicAlreadyExistsError, for_code

from rtchart.broker.cluster import Cluster
from rtchart.broker.topics import TOPICS, Topic
from rtchart.core.errors import UserError
from rtchart.process.logs import fields

_SET_ON_TOPIC = 1  # DescribeConfigs v1+, ConfigSource DYNAMIC_TOPIC_CONFIG

KNOWN_WITHIN = 15.0
"""Seconds that a broker may take to know a topic that was made."""

log = logging.getLogger(__name__)


async def ensure_topics(
    cluster: Cluster, topics: tuple[Topic, ...] = TOPICS, *, replication_factor: int = 1, min_insync_replicas: int = 1
) -> list[str]:
    """Make the topics that are missing, with their settings; the names of those made.

    A topic that is there is left as it is, but for settings of ours that differ: these are set. When it returns, every broker
    that answers knows the topics. Raises `UserError` when a topic has another number of partitions than its writers count
    on, or when the cluster refuses.
    """
    async with cluster.admin() as admin:
        there = set(await admin.list_topics())
        made = await _make(
            cluster,
            admin,
            [
                NewTopic(
                    cluster.name(topic),
                    topic.partitions,
                    replication_factor,
                    topic_configs={"min.insync.replicas": str(min_insync_replicas), **topic.config},
                )
                for topic in topics
                if cluster.name(topic) not in there
            ],
        )
        for topic in topics:
            await _check(cluster, admin, topic)
        return made


async def _make(cluster: Cluster, admin: AIOKafkaAdminClient, topics: list[NewTopic]) -> list[str]:
    made: list[str] = []
    if not topics:
        return made
    for name, code, message in (await admin.create_topics(topics)).topic_errors:
        error = for_code(code)
        if error is NoError:
            made.append(name)
        elif error is not TopicAlreadyExistsError:  # somebody else was first: as good
            raise UserError(
                f"Kafka at {cluster.bootstrap} refuses to make the topic {name}: {message or error.__name__}; "
                "make the topics by hand with the settings of rtchart/broker/topics.py, or give this user the right to"
            )
    log.info("made topics", extra=fields(topics=",".join(made)))
    return made


async def _check(cluster: Cluster, admin: AIOKafkaAdminClient, topic: Topic) -> None:
    name = cluster.name(topic)
    partitions = await _partitions(cluster, admin, name)
    if partitions != topic.partitions:
        raise UserError(
            f"topic {name} at {cluster.bootstrap} has {partitions} partitions and must have {topic.partitions}, because a "
            "symbol's partition follows from their number; make it anew, or use another --topic-prefix"
        )
    (answer,) = await admin.describe_configs([ConfigResource(ConfigResourceType.TOPIC, name)])
    entries = answer.resources[0][4]
    current = {entry[0]: entry[1] for entry in entries}
    # The request replaces all that was set on the topic, so what others set there is sent back with ours.
    set_on_topic = {entry[0]: entry[1] for entry in entries if entry[3] == _SET_ON_TOPIC}
    wrong = {key: value for key, value in topic.config.items() if current.get(key) != value}
    if wrong:
        log.info("setting what differs", extra=fields(topic=name, settings=wrong))
        settings = ConfigResource(ConfigResourceType.TOPIC, name, configs={**set_on_topic, **topic.config})
        (altered,) = await admin.alter_configs([settings])
        code, message, *_ = altered.resources[0]
        if code:
            raise UserError(
                f"Kafka at {cluster.bootstrap} refuses to set {', '.join(wrong)} of the topic {name}: "
                f"{message or for_code(code).__name__}; set them by hand as rtchart/broker/topics.py has them"
            )


async def _partitions(cluster: Cluster, admin: AIOKafkaAdminClient, name: str) -> int:
    """How many partitions the topic has. A topic just made takes a moment to be known to the broker that is asked."""
    deadline = time.monotonic() + KNOWN_WITHIN
    while True:
        (described,) = await admin.describe_topics([name])
        error = for_code(described["error_code"])
        if error is NoError and described["partitions"]:
            return len(described["partitions"])
        if time.monotonic() > deadline:
            raise UserError(
                f"Kafka at {cluster.bootstrap} made the topic {name} but does not know it after {KNOWN_WITHIN:g} s "
                f"({error.__name__}); see the broker's log"
            )
        await asyncio.sleep(0.05)
