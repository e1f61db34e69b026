"""The next record to read of each partition of Kafka: the truth about what is in this database.

Offsets move in the transaction that stores what they stand for, and only from where the reader began (a fence): a reader
that lost its partition, and commits late, moves nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from rtchart.store.database import Connection


class Move(NamedTuple):
    """Of one partition: the records ``[read_from, next)`` are stored by this transaction."""

    read_from: int
    next: int


class NotOwner(Exception):
    """Somebody else moved the offsets of these partitions on: what was read of them is stale, and is read again."""

    def __init__(self, partitions: frozenset[int]) -> None:
        super().__init__(f"partitions {sorted(partitions)} were moved on by another reader")
        self.partitions = partitions


async def load(connection: Connection, cluster: str, topic: str) -> dict[int, int]:
    """The next record to read, by partition. ``cluster`` is Kafka's own id of itself."""
    rows = await connection.fetch("SELECT partition, next FROM kafka_offset WHERE cluster = $1 AND topic = $2", cluster, topic)
    return {row["partition"]: row["next"] for row in rows}


async def begin(connection: Connection, cluster: str, topic: str, starts: Mapping[int, int]) -> dict[int, int]:
    """`load`, after partitions that were never read got a row with the offset in ``starts``."""
    await connection.execute(
        """INSERT INTO kafka_offset (cluster, topic, partition, next)
           SELECT $1, $2, s.partition, s.next FROM unnest($3::integer[], $4::bigint[]) AS s (partition, next)
           ORDER BY s.partition ON CONFLICT DO NOTHING""",
        cluster,
        topic,
        list(starts),
        list(starts.values()),
    )
    return await load(connection, cluster, topic)


async def advance(connection: Connection, cluster: str, topic: str, moves: Mapping[int, Move]) -> None:
    """Move offsets on, and hold them until the transaction ends. Raises `NotOwner` when one is not where its reader began.

    Rows are locked in the order of partitions, so that two readers never wait for each other.
    """
    moved = await connection.fetch(
        """WITH move AS (
               SELECT * FROM unnest($3::integer[], $4::bigint[], $5::bigint[]) AS m (partition, read_from, next)
           ), held AS (
               SELECT o.partition FROM kafka_offset o JOIN move USING (partition)
               WHERE o.cluster = $1 AND o.topic = $2 ORDER BY o.partition FOR UPDATE OF o
           )
           UPDATE kafka_offset o SET next = move.next FROM move JOIN held USING (partition)
           WHERE o.cluster = $1 AND o.topic = $2 AND o.partition = move.partition AND o.next = move.read_from
           RETURNING o.partition""",
        cluster,
        topic,
        list(moves),
        [move.read_from for move in moves.values()],
        [move.next for move in moves.values()],
    )
    if len(moved) < len(moves):
        raise NotOwner(frozenset(moves) - {row["partition"] for row in moved})
