"""Making topics, and keeping their settings what `rtchart.broker.topics` says."""

from __future__ import annotations

import logging

from aiokafka.admin import NewTopic
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from aiokafka.errors import TopicAlreadyExistsError, for_code

from rtchart.broker.cluster import Cluster
from rtchart.broker.topics import TOPICS, Topic
from rtchart.core.errors import UserError
from rtchart.process.logs import fields

_SET_ON_TOPIC = 1  # DescribeConfigs v1+, ConfigSource DYNAMIC_TOPIC_CONFIG

log = logging.getLogger(__name__)


async def ensure_topics(
    cluster: Cluster, topics: tuple[Topic, ...] = TOPICS, *, replication_factor: int = 1, min_insync_replicas: int = 1
) -> list[str]:
    """Make the topics that are missing, with their settings; the names of those made.

    A topic that is there is left as it is, but for settings of ours that differ: these are set. Raises `UserError` when a
    topic has fewer partitions than its writers count on, or when the cluster refuses.
    """
    async with cluster.admin() as admin:
        there = set(await admin.list_topics())
        new = [topic for topic in topics if cluster.name(topic) not in there]
        made: list[str] = []
        if new:
            replicas = {"min.insync.replicas": str(min_insync_replicas)}
            answer = await admin.create_topics(
                [
                    NewTopic(cluster.name(t), t.partitions, replication_factor, topic_configs={**replicas, **t.config})
                    for t in new
                ]
            )
            for name, code, message in answer.topic_errors:
                error = for_code(code)
                if code == 0:
                    made.append(name)
                elif error is not TopicAlreadyExistsError:  # somebody else was first: as good
                    raise UserError(
                        f"Kafka at {cluster.bootstrap} refuses to make the topic {name}: {message or error.__name__}; "
                        "make the topics by hand (docs/operations.md lists them) or give this user the right to"
                    )
            log.info("made topics", extra=fields(topics=",".join(made)))
        for topic in topics:
            if topic not in new:
                await _check(cluster, admin, topic)
        return made


async def _check(cluster: Cluster, admin: object, topic: Topic) -> None:
    name = cluster.name(topic)
    (described,) = await admin.describe_topics([name])  # type: ignore[attr-defined]
    partitions = len(described["partitions"])
    if partitions != topic.partitions:
        raise UserError(
            f"topic {name} at {cluster.bootstrap} has {partitions} partitions and must have {topic.partitions}, because a "
            "symbol's partition follows from their number; make it anew, or use another --topic-prefix"
        )
    (answer,) = await admin.describe_configs([ConfigResource(ConfigResourceType.TOPIC, name)])  # type: ignore[attr-defined]
    entries = answer.resources[0][4]
    current = {entry[0]: entry[1] for entry in entries}
    # The request replaces all that was set on the topic, so what others set there is sent back with ours.
    set_on_topic = {entry[0]: entry[1] for entry in entries if entry[3] == _SET_ON_TOPIC}
    wrong = {key: value for key, value in topic.config.items() if current.get(key) != value}
    if wrong:
        log.info("settings differ", extra=fields(topic=name, settings=wrong))
        await admin.alter_configs([ConfigResource(ConfigResourceType.TOPIC, name, configs={**set_on_topic, **topic.config})])  # type: ignore[attr-defined]
