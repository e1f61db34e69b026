"""A batch of records as they came, and what they ask of the database. Pure.

A batch holds each partition's records without a hole, so any cut through it (`Batch.halves`) leaves two batches that can be
stored one after the other.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from itertools import islice, repeat
from typing import NamedTuple

import msgspec

from rtchart.broker.group import Record
from rtchart.core.errors import UNDECODABLE
from rtchart.core.interval import DAY
from rtchart.core.kline import Identity, InvalidKline, Kline
from rtchart.core.messages import (
    Absent,
    DeadLetter,
    DeadLetterReason,
    GapOpened,
    KlineMessage,
    Listing,
    UnreadableRecord,
    read_kline_message,
)
from rtchart.core.symbol import raw_floor
from rtchart.store.offsets import Move
from rtchart.store.symbols import SymbolRow

FUTURE = 7 * DAY
"""How far (ms) from now a second may open and be believed. Wide, because a simulated exchange's time may run faster."""

MAX_NAME = 64


class Refusal(NamedTuple):
    """Why a record cannot be used."""

    reason: DeadLetterReason
    detail: str


class Batch:
    """Records in the order they came, each with its message, or why it has none."""

    def __init__(self) -> None:
        self.records: list[Record] = []
        self.messages: list[KlineMessage | Refusal] = []
        self.moves: dict[int, Move] = {}
        self.lost: set[int] = set()
        """Partitions whose records before this batch were cut off the log before they could be read."""
        self.size = 0
        """Bytes of the records' values."""
        self.plan: Plan | None = None
        """What its first records ask for, as far as that was worked out ahead."""

    def __len__(self) -> int:
        return len(self.records)

    def add(self, records: Iterable[Record], positions: Mapping[int, int]) -> None:
        """Append records. ``positions`` holds the offset from which a partition that is new here was read."""
        for record in records:
            value = record.value or b""
            self._append(record, read(value), positions[record.partition])
            self.size += len(value)

    def _append(self, record: Record, message: KlineMessage | Refusal, read_from: int) -> None:
        self.records.append(record)
        self.messages.append(message)
        move = self.moves.get(record.partition)
        self.moves[record.partition] = Move(read_from if move is None else move.read_from, record.offset + 1)

    def without(self, partitions: frozenset[int]) -> Batch:
        """The same but for the records of these partitions."""
        rest = Batch()
        positions = {partition: move.read_from for partition, move in self.moves.items()}
        for record, message in zip(self.records, self.messages, strict=True):
            if record.partition not in partitions:
                rest._append(record, message, positions[record.partition])
                rest.size += len(record.value or b"")
        rest.lost = self.lost - partitions
        return rest

    def halves(self) -> tuple[Batch, Batch]:
        """The first half of it and the second, which continues where the first ends."""
        positions = {partition: move.read_from for partition, move in self.moves.items()}
        first, second = Batch(), Batch()
        middle = len(self) // 2
        for number, (record, message) in enumerate(zip(self.records, self.messages, strict=True)):
            (first if number < middle else second)._append(record, message, positions[record.partition])
            positions[record.partition] = record.offset + 1
        first.lost = self.lost.intersection(first.moves)
        second.lost = self.lost - first.lost
        return first, second

    def refused(self, reason: DeadLetterReason, detail: str) -> Batch:
        """The same records, none of which can be used."""
        batch = Batch()
        batch.records, batch.moves, batch.lost, batch.size = self.records, self.moves, self.lost, self.size
        batch.messages = list(repeat(Refusal(reason, detail), len(self.records)))
        return batch


def read(value: bytes) -> KlineMessage | Refusal:
    """A record's message, checked as far as it can be without knowing the symbol and the time."""
    try:
        return read_kline_message(value)
    except UnreadableRecord as error:
        return Refusal("unreadable_record", str(error))
    except InvalidKline as error:
        return Refusal("invalid_kline", str(error))


def name_is_sound(exchange: str, symbol: str) -> bool:
    """Whether these can be names: short, printable, without white space (exchanges list symbols that are not ASCII)."""
    name = exchange + symbol
    return bool(exchange and symbol) and len(name) <= MAX_NAME and name.isprintable() and not any(map(str.isspace, name))


@dataclass
class Plan:
    """What a batch asks of the database, made by `extend`. Symbols appear by their id."""

    at: int
    """The time (ms) that its floors are of."""
    edition: int = 0
    """Which edition of the symbols' rows it is made of (`rtchart.inserter.symbols.Symbols`)."""
    planned: int = 0
    """How many of the batch's records are in it."""
    seconds: dict[int, dict[int, Kline]] = field(default_factory=dict)
    """By symbol and open time; none is empty."""
    opened: dict[int, list[GapOpened]] = field(default_factory=dict)
    absent: dict[int, list[Absent]] = field(default_factory=dict)
    listings: dict[int, Listing] = field(default_factory=dict)
    letters: list[DeadLetter] = field(default_factory=list)
    unknown: dict[tuple[str, str], int] = field(default_factory=dict)
    """(exchange, symbol) without a row, or with one of an older epoch, and the newest epoch in the batch: the plan is good for
    nothing before these have their rows."""
    places: dict[tuple[str, str], tuple[int, int, dict[int, Kline]]] = field(default_factory=dict)
    """Of each (exchange, symbol) with seconds: its epoch, its raw floor and its part of ``seconds``."""
    dropped_old: int = 0
    """Klines below the raw floor: their seconds are not kept any more, their candles are not folded again."""
    dropped_epoch: int = 0
    """Klines of a life of the symbol that is over."""

    def times(self) -> set[int]:
        """The open times of ``seconds``."""
        return set().union(*self.seconds.values())


def extend(out: Plan, batch: Batch, symbols: Mapping[tuple[str, str], SymbolRow], topic: str) -> None:
    """Sort what the batch got since: of each second the newest version, without what is too old or of a dead epoch.

    ``symbols`` are the rows by (exchange, symbol).
    """
    places, latest = out.places, out.at + FUTURE
    for number, message in enumerate(islice(batch.messages, out.planned, None), out.planned):
        if isinstance(message, Refusal):
            refusal: Refusal | None = message
        else:
            # The common case, in as few steps as can be: a kline of a symbol that was met before.
            place = places.get((message.exchange, message.symbol))
            if place is not None and isinstance(message, Kline):
                epoch, floor, seconds = place
                open_time = message.open_time
                if message.epoch == epoch and floor <= open_time <= latest:
                    held = seconds.setdefault(open_time, message)
                    if held is not message:
                        seconds[open_time] = newer(held, message)
                    continue
            refusal = _sort(out, message, symbols)
        if refusal is not None:
            out.letters.append(letter(batch.records[number], refusal, topic, out.at))
    out.planned = len(batch)


def _sort(out: Plan, message: KlineMessage, symbols: Mapping[tuple[str, str], SymbolRow]) -> Refusal | None:
    """Put one message where it belongs; why it belongs nowhere."""
    name = (message.exchange, message.symbol)
    row = symbols.get(name)
    if row is None and not name_is_sound(*name):
        return Refusal("invalid_kline", f"{message.exchange!r}, {message.symbol!r} cannot be an exchange and a symbol")
    if row is None or message.epoch > row.epoch:
        out.unknown[name] = max(message.epoch, out.unknown.get(name, 0))
    elif message.epoch < row.epoch or row.deleted:
        out.dropped_epoch += isinstance(message, Kline)
    elif isinstance(message, Kline):
        floor = raw_floor(row.kline_hours, out.at)
        if message.open_time > out.at + FUTURE:
            return Refusal("invalid_kline", f"open_time {message.open_time} is more than a week after {out.at}")
        if message.open_time < floor:
            out.dropped_old += 1
        else:
            seconds = out.seconds.setdefault(row.symbol_id, {})
            seconds[message.open_time] = newer(seconds.get(message.open_time, message), message)
            out.places[name] = (row.epoch, floor, seconds)
    elif isinstance(message, Listing):
        out.listings[row.symbol_id] = message
    elif message.end > out.at + FUTURE:
        return Refusal("unreadable_record", f"[{message.start}, {message.end}) ends more than a week after {out.at}")
    elif isinstance(message, GapOpened):
        out.opened.setdefault(row.symbol_id, []).append(message)
    else:
        out.absent.setdefault(row.symbol_id, []).append(message)
    return None


def newer(held: Kline, come: Kline) -> Kline:
    """What is kept of two klines of one second: the higher version; with equal content, by the source it came by first."""
    if come.version <= held.version:
        return held
    if come.source != held.source and come.content == held.content:
        return msgspec.structs.replace(come, source=held.source)
    return come


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
