"""The command line's options of Kafka. A command gets them as one argument, ``cluster``."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, get_args

import click

from rtchart.broker.cluster import Cluster
from rtchart.broker.security import Mechanism, Protocol, Security
from rtchart.broker.topics import Making
from rtchart.process.options import F, collected, option, password_of

_FILE = click.Path(path_type=Path)

kafka = option("--kafka", "127.0.0.1:9092", metavar="HOST:PORT[,…]", help="Bootstrap servers of Kafka.")
topic_prefix = option("--topic-prefix", "", metavar="TEXT", help="Put before every topic's name, for clusters that are shared.")

_security = (
    option("--kafka-security", "plaintext", type=click.Choice(get_args(Protocol)), help="How Kafka is spoken to."),
    option("--kafka-sasl", type=click.Choice(get_args(Mechanism)), help="The mechanism of SASL.  [default: scram-sha-512]"),
    option("--kafka-user", metavar="NAME", help="Of SASL."),
    option("--kafka-password", metavar="TEXT", help="Of SASL. On the command line everybody on the machine can read it."),
    option("--kafka-password-file", type=_FILE, metavar="FILE", help="A file that holds the password."),
    option("--kafka-ca", type=_FILE, metavar="FILE", help="Whom to trust, as PEM.  [default: whom this machine trusts]"),
    option("--kafka-cert", type=_FILE, metavar="FILE", help="A certificate for Kafka to know us by, as PEM."),
    option("--kafka-key", type=_FILE, metavar="FILE", help="The certificate's key, as PEM, if it is not in the same file."),
)

_making = (
    option("--manage-topics", True, type=bool, metavar="BOOL", help="Make topics and keep their settings; false: only check."),
    option(
        "--replication-factor", 1, type=click.IntRange(-1, 32767), help="Of topics that are made; -1: the brokers' default."
    ),
    option("--min-insync-replicas", type=click.IntRange(1, 32767), help="Of topics.  [default: as the brokers are set]"),
    option(
        "--klines-bytes",
        Making.klines_bytes,
        type=click.IntRange(min=1024**3),
        help="Disk that one copy of the topic of klines may take; beyond it the oldest go before their 24 hours are over.",
    ),
)


def cluster(client_id: str) -> Callable[[F], F]:
    """All options of Kafka, for a command that makes topics: it gets ``cluster``, a `Cluster`."""
    return collected("cluster", _cluster(client_id), kafka, topic_prefix, *_security, *_making)


def client(client_id: str) -> Callable[[F], F]:
    """… for a command that makes none."""
    return collected("cluster", _cluster(client_id), kafka, topic_prefix, *_security)


def _cluster(client_id: str) -> Callable[..., Cluster]:
    def make(
        *,
        kafka: str,
        topic_prefix: str,
        kafka_security: Protocol,
        kafka_sasl: Mechanism | None,
        kafka_user: str | None,
        kafka_password: str | None,
        kafka_password_file: Path | None,
        kafka_ca: Path | None,
        kafka_cert: Path | None,
        kafka_key: Path | None,
        **making: Any,
    ) -> Cluster:
        password = password_of(kafka_password, kafka_password_file, "--kafka-password")
        security = Security(kafka_security, kafka_sasl, kafka_user, password, kafka_ca, kafka_cert, kafka_key)
        made = Cluster(kafka, topic_prefix, client_id, security, _made(**making))
        made.settings()  # which says what is wrong with them
        return made

    return make


def _made(
    manage_topics: bool = True,
    replication_factor: int = 1,
    min_insync_replicas: int | None = None,
    klines_bytes: int = Making.klines_bytes,
) -> Making:
    return Making(manage_topics, replication_factor, min_insync_replicas, klines_bytes)
