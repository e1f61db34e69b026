"""What klines, and what else is said beside them, ask of the database. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import islice

import msgspec

from rtchart.core.kline import InvalidKline, Kline
from rtchart.core.messages import Absent, DeadLetter, GapOpened, KlineMessage, Listing, UnreadableRecord, read_kline_message
from rtchart.core.symbol import raw_floor
from rtchart.inserter.batch import FUTURE, Batch, Refusal, letter, name_is_sound
from rtchart.store.symbols import SymbolRow


def read(value: bytes) -> KlineMessage | Refusal:
    """A record's message, checked as far as it can be without knowing the symbol and the time."""
    try:
        return read_kline_message(value)
    except UnreadableRecord as error:
        return Refusal("unreadable_record", str(error))
    except InvalidKline as error:
        return Refusal("invalid_kline", str(error))


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


def extend(out: Plan, batch: Batch[KlineMessage], symbols: Mapping[tuple[str, str], SymbolRow], topic: str) -> None:
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
