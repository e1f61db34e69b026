"""What a dead letter gives back to the pipeline, and why some give nothing.

It may be done at any time, twice, and while the symbol streams, because a second's version decides, and a replayed one keeps
its own: the exchange's event time. Where the second is missing, it is stored; where the same one is stored, nothing changes;
where a later correction is, that has the higher version and stays. Whoever folds keeps a map of open time to kline, so a second
that comes late or again is counted once. What the exchange lacks is settled by the seconds that are stored. Only a gap has no
version: it is announced again while nothing else is known of it, or the web would show it until each of its seconds came again.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import aclosing
from typing import NamedTuple

import msgspec

from rtchart.broker.dead_letters import hand_on, is_cut, require
from rtchart.broker.on_demand import NotPublished, OnDemandProducer
from rtchart.broker.table import Table
from rtchart.broker.topics import BACKFILL, KLINES, SYMBOLS
from rtchart.core.errors import UserError
from rtchart.core.kline import Identity, InvalidKline, Kline
from rtchart.core.messages import DeadLetter, GapOpened, KlineMessage, UnreadableRecord, encode, read_kline_message
from rtchart.core.symbol import DesiredSymbol
from rtchart.exchange.base import BadFrame
from rtchart.exchange.clock import MAX_LEAP
from rtchart.exchange.venues import VENUES, read_again
from rtchart.process.clock import now_us
from rtchart.tools.dead_letters.letters import PAGE, Extent, Letter, LetterId, Letters, Place

PATIENCE = 15.0
"""Seconds that Kafka has for a page of letters."""


class Outcome(NamedTuple):
    """What became of a letter: of whom it told, or why it stays as it is."""

    letter: Letter
    identity: Identity | None = None
    problem: str = ""


class Refused(Exception):
    """A letter gives nothing back; the text says why."""


class Given(NamedTuple):
    """A record for ``rtchart.klines``: its message, and its value."""

    message: KlineMessage
    value: bytes


async def replay(letters: Letters, which: Sequence[Letter] | Mapping[Place, Extent], now: int) -> AsyncGenerator[Outcome]:
    """Replay these letters, or all of these places, at the time ``now`` (ms); what became of each, when it has.

    One of the inserter's is deleted when Kafka acknowledged its record. Raises `UserError`: Kafka, a topic or the database is
    not there (any more). The letters that were not told of by then stay.
    """
    cluster = letters.cluster
    await require(cluster, KLINES, SYMBOLS)
    wanted = await Table(cluster, SYMBOLS, DesiredSymbol).snapshot()
    async with OnDemandProducer(cluster, patience=PATIENCE) as client, aclosing(_pages(letters, which)) as pages:
        async for page in pages:
            try:
                outcomes = await _hand_on(letters, page, client, wanted, now)
            except NotPublished as error:
                raise UserError(f"{error}; letters that were not told of stay, replay them again") from None
            stored = [letter.id.number for letter, _, problem in outcomes if not problem and letter.id.place == "db"]
            if stored:
                await letters.drop(stored)
            for outcome in outcomes:
                yield outcome


async def _pages(letters: Letters, which: Sequence[Letter] | Mapping[Place, Extent]) -> AsyncGenerator[Sequence[Letter]]:
    if isinstance(which, Mapping):
        async with aclosing(letters.all(which)) as pages:
            async for page in pages:
                yield page
    else:
        for start in range(0, len(which), PAGE):
            yield which[start : start + PAGE]


async def _hand_on(
    letters: Letters, page: Sequence[Letter], client: OnDemandProducer, wanted: Mapping[str, DesiredSymbol], now: int
) -> list[Outcome]:
    cluster = letters.cluster
    given: dict[LetterId, Given] = {}
    problems: dict[LetterId, str] = {}
    for id, content in page:
        try:
            given[id] = give(content, cluster.name(KLINES), wanted, now)
        except Refused as refusal:
            problems[id] = str(refusal)
    if gaps := {id: one.message for id, one in given.items() if isinstance(one.message, GapOpened)}:
        for id in await letters.overtaken(gaps):
            del given[id]
            problems[id] = "some of the seconds that it announces as missing came since, or are in the ledger of gaps; drop it"
    if given:
        answers = await hand_on(client, cluster, [(str(one.message.identity).encode(), one.value) for one in given.values()])
        problems |= {id: f"Kafka refused it ({why})" for id, why in zip(given, answers, strict=True) if why}
    return [
        Outcome(letter, given[letter.id].message.identity if letter.id in given else None, problems.get(letter.id, ""))
        for letter in page
    ]


def give(content: DeadLetter, topic: str, wanted: Mapping[str, DesiredSymbol], now: int) -> Given:
    """What a letter gives back to ``topic``. Raises `Refused`."""
    return _record(content, topic, wanted, now) if content.stage == "inserter" else _frame(content, wanted, now)


def _record(content: DeadLetter, topic: str, wanted: Mapping[str, DesiredSymbol], now: int) -> Given:
    """The inserter's record, exactly as it was."""
    if content.topic is not None and content.topic.endswith(BACKFILL.name):
        raise Refused(
            "its record is of older history; `rtchart backfill` fetches that time again, and the letter can be dropped"
        )
    if content.topic != topic:
        raise Refused(f"its record is of the topic {content.topic}, and here it would come to {topic}; correct --topic-prefix")
    # What was no UTF-8 appears with a \x in the payload, which no JSON has: so what can be read is what it was.
    value = content.payload.encode()
    message = _read(value)
    desired = _asked_for(message.identity, wanted)
    if message.epoch < desired.epoch:
        raise Refused(f"{message.identity} was deleted and asked for again since, and what is of its life before is dropped")
    if isinstance(message, Kline):
        _is_kept(message, desired, now)
    return Given(message, value)


def _read(value: bytes) -> KlineMessage:
    try:
        return read_kline_message(value)
    except (UnreadableRecord, InvalidKline) as error:
        raise Refused(f"this version cannot use it either ({error})") from None


def _frame(content: DeadLetter, wanted: Mapping[str, DesiredSymbol], now: int) -> Given:
    if is_cut(content):
        raise Refused("its payload was cut for the topic, and only a whole frame can be read")
    kline = _kline(content)
    desired = _asked_for(kline.identity, wanted)
    _is_kept(kline, desired, now)
    if kline.open_time > now + MAX_LEAP:
        raise Refused(f"its open_time {kline.open_time} is still to come")
    kline = msgspec.structs.replace(kline, epoch=desired.epoch, published_us=now_us())
    return Given(kline, encode(kline))


def _kline(content: DeadLetter) -> Kline:
    if content.exchange not in VENUES:
        raise Refused(f"this version does not know its exchange, {content.exchange!r}")
    try:  # one that the producer had read already, and did not believe
        message = read_kline_message(content.payload.encode())
        if isinstance(message, Kline):
            return msgspec.structs.replace(message, source="repair")
    except (UnreadableRecord, InvalidKline):
        pass
    found = read_again(content.exchange, content.payload, content.symbol, content.at * 1000)
    if isinstance(found, BadFrame):
        raise Refused(f"this version cannot use it either ({found.detail})")
    return found


def _asked_for(identity: Identity, wanted: Mapping[str, DesiredSymbol]) -> DesiredSymbol:
    desired = wanted.get(str(identity))
    if desired is None:
        raise Refused(f"{identity} is not asked for any more; apply its Symbol, or drop the letter")
    return desired


def _is_kept(kline: Kline, desired: DesiredSymbol, now: int) -> None:
    if kline.open_time < desired.raw_floor(now):
        raise Refused(f"its second is older than the {desired.kline_hours} hours (klineHours) that {kline.identity} keeps")
