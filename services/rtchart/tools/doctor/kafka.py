"""Kafka: whether it lets us in, whether the topics are what they are to be, and how far the inserters are behind."""

from __future__ import annotations

import asyncio
from typing import NamedTuple

from rtchart.broker.cluster import Cluster
from rtchart.broker.group import INSERTERS
from rtchart.broker.inspection import Layer, NotLetIn, SeenCluster, SeenTopic, Server, knock, lag, look, servers
from rtchart.broker.topics import KLINES, TOPICS, Topic
from rtchart.tools.doctor.findings import Figure, Finding, bounded, failed, ok, skipped, warning

MANY_BROKERS = 3
"""From so many on, a topic with one replica is an oversight."""

_LET_IN: dict[Layer, str] = {
    "tcp": "Start it, or correct --kafka; where it runs, see whether a firewall or NetworkPolicy lets this machine through.",
    "tls": "Correct --kafka-ca, --kafka-cert or --kafka-key, or --kafka-security if this listener speaks no TLS.",
    "kafka": "What listens there speaks another protocol, or hangs; correct --kafka-security or the port, or see its log.",
    "sasl": "Correct --kafka-user, --kafka-password or --kafka-sasl, or make the user at the broker.",
}
_SEE_LOG = "See the broker's log, and whether this user may describe the cluster, its topics and groups."


class Examined(NamedTuple):
    """What was found, and the cluster as it was seen; None: it was not."""

    findings: list[Finding]
    seen: SeenCluster | None

    def has(self, name: str) -> bool:
        """Whether the topic is there."""
        return self.seen is not None and name in self.seen.topics


async def examine(cluster: Cluster, *, patience: float) -> Examined:
    """Look at the bootstrap servers, and from there on at what they tell of."""
    places = servers(cluster)
    outcomes = await asyncio.gather(*(_knock(cluster, server, patience) for server in places))
    findings = doors(cluster, dict(zip(places, outcomes, strict=True)))
    if all(outcomes):
        return Examined(findings, None)
    seen: list[SeenCluster] = []

    async def see() -> list[Finding]:
        seen.append(await look(cluster, TOPICS))
        return []

    findings += await bounded("kafka cluster", see, patience=patience, advice=_SEE_LOG)
    if not seen:
        return Examined(findings, None)
    (it,) = seen
    brokers, behind = await asyncio.gather(
        _brokers(cluster, it, patience),
        bounded("kafka inserters' lag", lambda: _behind(cluster, it), patience=patience, advice=_SEE_LOG),
    )
    topics = [judge_topic(cluster, topic, it.topics.get(cluster.name(topic)), len(it.brokers)) for topic in TOPICS]
    return Examined([*findings, brokers, *topics, *behind], it)


def doors(cluster: Cluster, outcomes: dict[Server, NotLetIn | None]) -> list[Finding]:
    """Of the bootstrap servers, each of which is enough."""
    protocol = cluster.security.protocol
    findings = []
    for server, refusal in outcomes.items():
        what = f"kafka at {server}"
        if refusal is None:
            findings.append(ok(what, security=protocol))
        else:
            say = failed if all(outcomes.values()) else warning
            findings.append(say(what, f"{refusal.layer}: {refusal}", _LET_IN[refusal.layer], security=protocol))
    return findings


def judge_topic(cluster: Cluster, topic: Topic, seen: SeenTopic | None, brokers: int) -> Finding:
    """A topic as it is against what it is to be."""
    name, making = cluster.name(topic), cluster.making
    what = f"topic {name}"
    if seen is None:
        return failed(
            what,
            "is missing, or this user may not see it",
            f"Start a service that makes it (--manage-topics true), or make it with {topic.partitions} partitions and "
            f"cleanup.policy={topic.cleanup_policy}.",
        )
    figures = {"partitions": seen.partitions, "replicas": seen.replicas}
    if seen.partitions != topic.partitions:
        return failed(
            what,
            f"is to have {topic.partitions} partitions: a symbol's partition follows from their number",
            "Make it anew, or use another --topic-prefix.",
            **figures,
        )
    if seen.leaderless:
        return failed(what, f"{seen.leaderless} partitions have no leader", "Start the brokers that hold them.", **figures)
    least = int((seen.settings or {}).get("min.insync.replicas", "1"))
    if seen.in_sync < least:
        return failed(
            what,
            f"{seen.in_sync} replicas are in sync and min.insync.replicas is {least}: it takes no records",
            "Start the brokers that lack, or lower min.insync.replicas." if least <= seen.replicas else "Lower it.",
            **figures,
        )
    if wrong := _differing(cluster, topic, seen):
        say = failed if "cleanup.policy" in wrong else warning
        mend = "Restart a service that keeps topics, or set" if making.manage else "Set"
        return say(
            what,
            "; ".join(f"{key} is {there} and is to be {wanted}" for key, (there, wanted) in wrong.items()),
            f"{mend} it with kafka-configs.sh --alter --entity-type topics --entity-name {name}"
            f"{'; or give --klines-bytes as the services have it' if 'retention.bytes' in wrong else ''}.",
            **figures,
        )
    if seen.in_sync < seen.replicas:
        return warning(what, f"only {seen.in_sync} replicas are in sync", "See why a broker is behind or down.", **figures)
    if 0 < seen.replicas < making.replication_factor or (seen.replicas == 1 and brokers >= MANY_BROKERS):
        return warning(
            what,
            f"has {seen.replicas} of {max(making.replication_factor, 2)} replicas or more, with {brokers} brokers",
            "Raise it with kafka-reassign-partitions.sh: --replication-factor counts only for topics that are made.",
            **figures,
        )
    return ok(what, "" if seen.settings is not None else "its settings may not be read", **figures)


def _differing(cluster: Cluster, topic: Topic, seen: SeenTopic) -> dict[str, tuple[str, str]]:
    if seen.settings is None:
        return {}
    wanted = cluster.making.config(topic)
    if cluster.making.min_insync_replicas is not None:
        wanted = {**wanted, "min.insync.replicas": str(cluster.making.min_insync_replicas)}
    return {key: (seen.settings.get(key, "not set"), value) for key, value in wanted.items() if seen.settings.get(key) != value}


def judge_brokers(seen: SeenCluster, refused: dict[int, NotLetIn]) -> Finding:
    """The brokers at the addresses that they tell clients."""
    figures: dict[str, Figure] = {"brokers": len(seen.brokers), "cluster": seen.cluster_id}
    if not refused:
        return ok("kafka cluster", **figures)
    found = ", ".join(f"broker {node} at {seen.brokers[node]} ({refusal})" for node, refusal in refused.items())
    return failed(
        "kafka cluster",
        f"cannot be reached: {found}",
        "Start it, or correct its advertised.listeners: clients go where a broker says that it is.",
        **figures,
    )


async def _brokers(cluster: Cluster, seen: SeenCluster, patience: float) -> Finding:
    outcomes = await asyncio.gather(*(_knock(cluster, server, patience) for server in seen.brokers.values()))
    return judge_brokers(seen, {node: no for node, no in zip(seen.brokers, outcomes, strict=True) if no is not None})


async def _knock(cluster: Cluster, server: Server, patience: float) -> NotLetIn | None:
    try:
        await knock(cluster, server, patience=patience)
    except NotLetIn as refusal:
        return refusal
    return None


async def _behind(cluster: Cluster, seen: SeenCluster) -> list[Finding]:
    name = cluster.name(KLINES)
    if name not in seen.topics or seen.topics[name].partitions != KLINES.partitions:
        return [skipped("kafka inserters' lag", f"there is no topic {name} as it is to be")]
    return [judge_lag(await lag(cluster, KLINES, INSERTERS))]


def judge_lag(behind: dict[int, int]) -> Finding:
    """A figure only: what is much depends on how many symbols there are, and an inserter that begins again has some."""
    if not behind:
        return ok("kafka inserters' lag", "no inserter has committed anything yet")
    return ok(
        "kafka inserters' lag", records=sum(behind.values()), partitions=[f"{key}:{behind[key]}" for key in sorted(behind)]
    )
