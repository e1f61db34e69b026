"""The topics, with the settings they are made with. This table is the only place that names them.

docs/architecture.md says who writes and who reads each.
"""

from __future__ import annotations

from dataclasses import dataclass, field

_MINUTE = 60_000
_HOUR = 60 * _MINUTE
_DAY = 24 * _HOUR

PARTITIONS = 12
"""Of the topics that carry every symbol's records: inserters scale to this number."""


@dataclass(frozen=True)
class Topic:
    """A topic's name without the prefix, its partitions and its settings (as Kafka names and writes them)."""

    name: str
    partitions: int = 1
    config: dict[str, str] = field(default_factory=dict)

    @property
    def cleanup_policy(self) -> str:
        """What becomes of old records: where this is wrong, records are lost, or pile up."""
        return self.config["cleanup.policy"]


@dataclass(frozen=True)
class Making:
    """How topics are made on a cluster."""

    manage: bool = True
    """False: somebody else makes them, and they are only checked."""
    replication_factor: int = 1
    """-1: the brokers' own default."""
    min_insync_replicas: int | None = None
    """None: the brokers' own default."""
    klines_bytes: int = 24 * 1024**3
    """That one copy of ``rtchart.klines`` may have before its oldest records go: of each partition its part, whose segments
    of an hour go as a whole."""

    def config(self, topic: Topic) -> dict[str, str]:
        """The topic's settings, as they are to be on this cluster."""
        if topic.name != KLINES.name:
            return topic.config
        return {**topic.config, "retention.bytes": str(self.klines_bytes // topic.partitions)}


_LOG = {"cleanup.policy": "delete"}
_STATE = {
    "cleanup.policy": "compact",
    # With the defaults the head is never compacted: a reader of 1,501 keys had to read 300,001 records.
    "segment.ms": str(10 * _MINUTE),
    "max.compaction.lag.ms": str(10 * _MINUTE),
    "min.cleanable.dirty.ratio": "0.1",
    "delete.retention.ms": str(_DAY),
}

KLINES = Topic(
    "rtchart.klines",
    PARTITIONS,
    # Besides, `Making.klines_bytes` bounds the disk that they take: 1,500 symbols write about 10 GB a day with zstd.
    {**_LOG, "retention.ms": str(_DAY), "segment.ms": str(_HOUR)},
)
CANDLES = Topic("rtchart.candles", PARTITIONS, {**_LOG, "retention.ms": str(_DAY), "segment.ms": str(_HOUR)})
BACKFILL = Topic(
    "rtchart.backfill",
    PARTITIONS,
    # By when they arrived: what is stamped a month ago would be gone at the first look at retention.
    {**_LOG, "retention.ms": str(7 * _DAY), "segment.ms": str(_DAY), "message.timestamp.type": "LogAppendTime"},
)
DEAD_LETTERS = Topic("rtchart.dead-letters", 1, {**_LOG, "retention.ms": str(7 * _DAY)})
SYMBOLS = Topic("rtchart.symbols", 1, _STATE)
STREAMS = Topic("rtchart.streams", 1, _STATE)
REPAIRS = Topic("rtchart.repairs", 1, _STATE)

TOPICS: tuple[Topic, ...] = (KLINES, CANDLES, BACKFILL, DEAD_LETTERS, SYMBOLS, STREAMS, REPAIRS)
