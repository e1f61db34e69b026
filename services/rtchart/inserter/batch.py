"""A batch of records as they came.

It holds each partition's records without a hole, so any cut through it (`Batch.halves`) leaves two batches that can be
stored one after the other.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from itertools import repeat
from typing import Generic, NamedTuple, TypeVar

import msgspec

from rtchart.broker.group import Record
from rtchart.core.errors import UNDECODABLE
from rtchart.core.interval import DAY
from rtchart.core.kline import Identity
from rtchart.core.messages import DeadLetter, DeadLetterReason
from rtchart.store.offsets import Move

FUTURE = 7 * DAY
"""How far (ms) from now a second may open and be believed. Wide, because a simulated exchange's time may run faster."""

MAX_NAME = 64


@dataclass(frozen=True)
class Feed:
    """What a writer's offsets are of: Kafka's cluster id, the topic's whole name and how many partitions it has."""

    cluster: str
    topic: str
    partitions: int


class Refusal(NamedTuple):
    """Why a record cannot be used."""

    reason: DeadLetterReason
    detail: str


M = TypeVar("M")


class Batch(Generic[M]):
    """Records in the order they came, each with its message, or why it has none."""

    def __init__(self, read: Callable[[bytes], M | Refusal]) -> None:
        """``read`` makes a message of a record's value."""
        self._read = read
        self.records: list[Record] = []
        self.messages: list[M | Refusal] = []
        self.moves: dict[int, Move] = {}
        self.lost: set[int] = set()
        """Partitions whose records before this batch were cut off the log before they could be read."""
        self.size = 0
        """Bytes of the records' values."""

    def __len__(self) -> int:
        return len(self.records)

    def add(self, records: Iterable[Record], positions: Mapping[int, int]) -> None:
        """Append records. ``positions`` holds the offset from which a partition that is new here was read."""
        for record in records:
            value = record.value or b""
            self._append(record, self._read(value), positions[record.partition])
            self.size += len(value)

    def _append(self, record: Record, message: M | Refusal, read_from: int) -> None:
        self.records.append(record)
        self.messages.append(message)
        move = self.moves.get(record.partition)
        self.moves[record.partition] = Move(read_from if move is None else move.read_from, record.offset + 1)

    def without(self, partitions: frozenset[int]) -> Batch[M]:
        """The same but for the records of these partitions."""
        rest = Batch(self._read)
        positions = {partition: move.read_from for partition, move in self.moves.items()}
        for record, message in zip(self.records, self.messages, strict=True):
            if record.partition not in partitions:
                rest._append(record, message, positions[record.partition])
                rest.size += len(record.value or b"")
        rest.lost = self.lost - partitions
        return rest

    def halves(self) -> tuple[Batch[M], Batch[M]]:
        """The first half of it and the second, which continues where the first ends."""
        positions = {partition: move.read_from for partition, move in self.moves.items()}
        first, second = Batch(self._read), Batch(self._read)
        middle = len(self) // 2
        for number, (record, message) in enumerate(zip(self.records, self.messages, strict=True)):
            (first if number < middle else second)._append(record, message, positions[record.partition])
            positions[record.partition] = record.offset + 1
        first.lost = self.lost.intersection(first.moves)
        second.lost = self.lost - first.lost
        return first, second

    def refused(self, reason: DeadLetterReason, detail: str) -> Batch[M]:
        """The same records, none of which can be used."""
        batch = Batch(self._read)
        batch.records, batch.moves, batch.lost, batch.size = self.records, self.moves, self.lost, self.size
        batch.messages = list(repeat(Refusal(reason, detail), len(self.records)))
        return batch


def name_is_sound(exchange: str, symbol: str) -> bool:
    """Whether these can be names: short, printable, without white space (exchanges list symbols that are not ASCII)."""
    name = exchange + symbol
    return bool(exchange and symbol) and len(name) <= MAX_NAME and name.isprintable() and not any(map(str.isspace, name))


def letter(record: Record, refusal: Refusal, topic: str, now: int) -> DeadLetter:
    """A record that cannot be used, as a dead letter."""
    value = record.value or b""
    identity = _identity_of(value)
    return DeadLetter(
        at=now,
        stage="inserter",
        reason=refusal.reason,
        detail=refusal.detail,
        payload=value.decode(errors="backslashreplace"),
        exchange=identity.exchange if identity else None,
        symbol=identity.symbol if identity else None,
        topic=topic,
        partition=record.partition,
        offset=record.offset,
    )


def _identity_of(value: bytes) -> Identity | None:
    try:
        return msgspec.json.decode(value, type=Identity)
    except UNDECODABLE:
        return None
