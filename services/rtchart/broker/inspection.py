"""Looking at a cluster without changing anything of it: who lets us in, what the topics are, how far a group has read.

Nothing here names a topic that is not known to be there: brokers make one that is asked about, where they are set to.
"""

from __future__ import annotations

import asyncio
import os
import ssl
from typing import Any, Literal, NamedTuple
from urllib.parse import urlsplit

from aiokafka import TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from aiokafka.conn import create_conn
from aiokafka.errors import (
    AuthenticationFailedError,
    GroupCoordinatorNotAvailableError,
    IllegalSaslStateError,
    KafkaError,
    NoError,
    SaslAuthenticationFailed,
    UnsupportedSaslMechanismError,
    for_code,
)

from rtchart.broker.cluster import Cluster
from rtchart.broker.topics import Topic

DEFAULT_PORT = 9092

Layer = Literal["tcp", "tls", "kafka", "sasl"]
"""Of a connection, from below: what must hold for the next one to be spoken."""

_LOGIN = (AuthenticationFailedError, SaslAuthenticationFailed)


class Server(NamedTuple):
    """A broker's address."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


class NotLetIn(Exception):
    """A broker could not be spoken to; ``layer`` is the one that failed, the text says why."""

    def __init__(self, layer: Layer, why: str) -> None:
        super().__init__(why)
        self.layer: Layer = layer


class SeenTopic(NamedTuple):
    """A topic as it is there. Of replicas and those in sync the fewest that any partition has."""

    partitions: int
    replicas: int
    in_sync: int
    leaderless: int
    """Partitions that nobody can write or read now."""
    settings: dict[str, str] | None
    """As Kafka names and writes them; None: this user may not read them."""


class SeenCluster(NamedTuple):
    """A cluster as one of its brokers tells of it; ``topics`` by name, those that were asked about and are there."""

    cluster_id: str
    brokers: dict[int, Server]
    topics: dict[str, SeenTopic]


def servers(cluster: Cluster) -> list[Server]:
    """The bootstrap servers."""
    found = []
    for text in cluster.bootstrap.split(","):
        parts = urlsplit(f"//{text.strip()}")
        found.append(Server(parts.hostname or "", parts.port or DEFAULT_PORT))
    return found


async def knock(cluster: Cluster, server: Server, *, patience: float) -> None:
    """Connect and log in as the services do, within ``patience`` seconds. Raises `NotLetIn`."""
    settings = cluster.settings()
    del settings["bootstrap_servers"]
    layer: Layer = "tcp"
    try:
        async with asyncio.timeout(patience):
            _, writer = await asyncio.open_connection(server.host, server.port)
            writer.close()
            layer = "tls" if cluster.security.protocol.endswith("ssl") else "kafka"
            connection = await create_conn(server.host, server.port, **settings)
    except TimeoutError:
        raise NotLetIn(layer, f"no answer within {patience:g} s") from None
    except ssl.SSLError as error:
        why = error.verify_message if isinstance(error, ssl.SSLCertVerificationError) else error.reason
        raise NotLetIn("tls", (why or str(error)).replace("_", " ").lower()) from None
    except OSError as error:
        raise NotLetIn(layer, _why(error)) from None
    except IllegalSaslStateError:  # as the next one it brings no text for people
        raise NotLetIn("sasl", "this listener asks nobody who he is") from None
    except UnsupportedSaslMechanismError:
        raise NotLetIn("sasl", f"this listener has no {settings['sasl_mechanism']}") from None
    except _LOGIN as error:
        raise NotLetIn("sasl", _said(error)) from None
    except KafkaError as error:
        raise NotLetIn("kafka", _said(error)) from None
    await connection.close()


async def look(cluster: Cluster, topics: tuple[Topic, ...]) -> SeenCluster:
    """The cluster, and those of the topics that are there. Raises `Unavailable` and aiokafka's own errors."""
    async with cluster.admin() as admin:
        told = await admin.describe_cluster()
        # All there are: a question about one that is missing could make it.
        described = {each["topic"]: each for each in await admin.describe_topics()}
        names = [name for name in map(cluster.name, topics) if name in described]
        settings = await asyncio.gather(*(_settings(admin, name) for name in names))
    return SeenCluster(
        str(told["cluster_id"]),
        {each["node_id"]: Server(each["host"], each["port"]) for each in told["brokers"]},
        {name: _seen(described[name]["partitions"], its) for name, its in zip(names, settings, strict=True)},
    )


async def lag(cluster: Cluster, topic: Topic, group: str) -> dict[int, int]:
    """How many records each partition has after what the group committed; without those of which it committed nothing.

    The topic must be there. Asked about a group for the first time ever, Kafka makes its own topic of offsets. Raises
    `Unavailable` and aiokafka's own errors (no right to ask).
    """
    partitions = cluster.topic_partitions(topic, topic.partitions)
    async with cluster.admin() as admin, cluster.consumer() as consumer:
        try:
            committed: dict[TopicPartition, Any] = await admin.list_consumer_group_offsets(cluster.prefix + group)
        except GroupCoordinatorNotAvailableError:  # there was no group yet, and no topic for what groups commit
            return {}
        ends = await consumer.end_offsets([each for each in partitions if each in committed])
    return {each.partition: max(0, end - committed[each].offset) for each, end in ends.items() if committed[each].offset >= 0}


def _why(error: OSError) -> str:
    if error.errno is not None and error.errno > 0:  # asyncio's own text repeats the address
        return os.strerror(error.errno)
    # uvloop gives no text to a connection that was reset in the middle of a handshake.
    return error.strerror or str(error) or "the connection was reset"


def _said(error: KafkaError) -> str:
    return " ".join(map(str, error.args)) or type(error).__name__


async def _settings(admin: AIOKafkaAdminClient, name: str) -> dict[str, str] | None:
    (answer,) = await admin.describe_configs([ConfigResource(ConfigResourceType.TOPIC, name)])
    code, _, _, _, entries = answer.resources[0]
    return {entry[0]: entry[1] for entry in entries} if for_code(code) is NoError else None


def _seen(partitions: list[dict[str, Any]], settings: dict[str, str] | None) -> SeenTopic:
    return SeenTopic(
        len(partitions),
        min((len(each["replicas"]) for each in partitions), default=0),
        min((len(each["isr"]) for each in partitions), default=0),
        sum(each["leader"] < 0 for each in partitions),
        settings,
    )
