"""Dead letters from the two places that have them, under one kind of id.

The inserter's are whole in the database, ``db-17``; its copies on Kafka's topic are for who follows that, and not counted here.
The producer has no database: its letters are on the topic alone, ``kafka-42``, and perhaps cut.
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import AsyncGenerator, Collection, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, aclosing
from typing import Literal, NamedTuple

from rtchart.broker import dead_letters as topic
from rtchart.broker.cluster import Cluster
from rtchart.broker.topics import DEAD_LETTERS
from rtchart.core.errors import UserError
from rtchart.core.messages import DeadLetter, GapOpened
from rtchart.store import dead_letters as table
from rtchart.store.database import Connection

PAGE = 100
"""Letters that are in memory at once, where all of them are gone through."""

Place = Literal["db", "kafka"]

GONE = "there is no such letter (any more)"

_ID = re.compile(r"(db|kafka)-(\d{1,18})", re.ASCII)


class LetterId(NamedTuple):
    """Where a letter is, and its number there: the table's id, or the topic's offset."""

    place: Place
    number: int

    def __str__(self) -> str:
        return f"{self.place}-{self.number}"

    @classmethod
    def parse(cls, text: str) -> LetterId:
        """Raises `ValueError` for what is no id."""
        match = _ID.fullmatch(text)
        if match is None:
            raise ValueError(f"{text!r} is no letter's id; one is db-17 (the inserter's) or kafka-42 (the producer's)")
        return cls("db" if match[1] == "db" else "kafka", int(match[2]))


class Letter(NamedTuple):
    """A letter, and where it is."""

    id: LetterId
    content: DeadLetter


class Wish(NamedTuple):
    """Which letters are looked for: of a reason, of a symbol (with or without its exchange), from a time (ms) on."""

    reason: str | None = None
    symbol: str | None = None
    since: int = 0

    def fits(self, content: DeadLetter) -> bool:
        return (
            content.at >= self.since
            and self.reason in (None, content.reason)
            and self.symbol in (None, content.symbol, f"{content.exchange}:{content.symbol}")
        )


class Extent(NamedTuple):
    """All letters of a place at one moment: how many, and the last one's number."""

    letters: int
    last: int


class Letters:
    """The letters of one pipeline."""

    def __init__(self, cluster: Cluster, database: str | None) -> None:
        self.cluster = cluster
        self._database = database

    def table(self) -> AbstractAsyncContextManager[Connection]:
        """A connection for the inserter's letters. Raises `UserError`."""
        if self._database is None:
            raise UserError("their database is not known; give it with --database")
        return table.reach(self._database)

    async def newest(self, place: Place, most: int, wish: Wish) -> list[Letter]:
        """The newest letters of a place, the newest last. Raises `UserError`: it cannot be reached."""
        if place == "db":
            async with self.table() as connection:
                return _of_table(await table.newest(connection, most, **wish._asdict()))
        found: deque[Letter] = deque(maxlen=most)
        async with aclosing(self._on_topic(await topic.span(self.cluster), since=wish.since)) as letters:
            async for letter in letters:
                if wish.fits(letter.content):
                    found.append(letter)
        return list(found)

    async def find(self, ids: Collection[LetterId]) -> tuple[list[Letter], dict[LetterId, str]]:
        """Those of the letters that are there, in the order that they are asked for; of the others, why not."""
        found: dict[LetterId, Letter] = {}
        missing: dict[LetterId, str] = {}
        for place in ("db", "kafka"):
            here = dict.fromkeys(id for id in ids if id.place == place)
            if not here:
                continue
            try:
                found |= {letter.id: letter for letter in await (self._rows(here) if place == "db" else self._records(here))}
            except UserError as error:
                missing |= dict.fromkeys(here, str(error))
        for id in ids:
            if id not in found:
                missing.setdefault(id, GONE)
            elif found[id].content.stage == "inserter" and id.place == "kafka":
                del found[id]
                missing[id] = "it is a copy of one of the inserter's, which is in the database; `list` tells its id there"
        return [found[id] for id in dict.fromkeys(ids) if id in found], missing

    async def extent(self, place: Place) -> Extent:
        """How many letters a place has. Raises `UserError`: it cannot be reached."""
        if place == "db":
            async with self.table() as connection:
                return Extent(*await table.size(connection))
        part = await topic.span(self.cluster)
        async with aclosing(self._on_topic(part)) as letters:
            return Extent(sum([1 async for _ in letters]), part.end - 1)

    async def all(self, extents: Mapping[Place, Extent]) -> AsyncGenerator[list[Letter]]:
        """Every letter of these places up to their last, the oldest first, in pages. Those of a page may be removed."""
        if "db" in extents:
            after = 0
            while True:
                async with self.table() as connection:
                    rows = await table.following(connection, after, extents["db"].last, PAGE)
                if not rows:
                    break
                yield _of_table(rows)
                after = rows[-1].dead_letter_id
        if "kafka" in extents:
            page: list[Letter] = []
            part = await topic.span(self.cluster)
            async with aclosing(self._on_topic(part._replace(end=extents["kafka"].last + 1))) as letters:
                async for letter in letters:
                    page.append(letter)
                    if len(page) == PAGE:
                        yield page
                        page = []
            if page:
                yield page

    async def drop(self, ids: Collection[int]) -> set[int]:
        """Delete letters of the inserter; the ids of those that were there. Raises `UserError`."""
        async with self.table() as connection:
            return await table.remove(connection, ids)

    async def drop_all(self, extent: Extent) -> int:
        """Delete all letters of the inserter that there were then; how many were left of them. Raises `UserError`."""
        async with self.table() as connection:
            return await table.remove_through(connection, extent.last)

    async def overtaken(self, gaps: Mapping[LetterId, GapOpened]) -> set[LetterId]:
        """Those of the gaps of which something is known by now (`rtchart.store.dead_letters.overtaken`). Raises `UserError`."""
        async with self.table() as connection:
            return {id for id, gap in gaps.items() if await table.overtaken(connection, gap)}

    async def through(self, offset: int) -> tuple[int, int]:
        """How many of the producer's letters the topic has up to an offset, and how many copies of the inserter's.

        Raises `UserError`, also when the offset is none of the topic's.
        """
        part = await topic.span(self.cluster)
        if offset not in part:
            has = f"it has kafka-{part.start} to kafka-{part.end - 1}" if part.start < part.end else "it is empty"
            raise UserError(f"kafka-{offset} is not on the topic {self.cluster.name(DEAD_LETTERS)}; {has}")
        stages = [content.stage async for _, content in topic.read(self.cluster, part._replace(end=offset + 1))]
        return stages.count("producer"), stages.count("inserter")

    async def drop_through(self, offset: int) -> None:
        """Remove all from Kafka up to an offset, itself included. Raises `UserError`."""
        await topic.remove_through(self.cluster, offset)

    async def _rows(self, ids: Collection[LetterId]) -> list[Letter]:
        async with self.table() as connection:
            return _of_table(await table.find(connection, [id.number for id in ids]))

    async def _records(self, ids: Collection[LetterId]) -> list[Letter]:
        part, found = await topic.span(self.cluster), []
        for id in ids:
            if id.number in part:
                async for offset, content in topic.read(self.cluster, topic.Span(id.number, id.number + 1)):
                    found.append(Letter(LetterId("kafka", offset), content))
        return found

    async def _on_topic(self, part: topic.Span, *, since: int = 0) -> AsyncGenerator[Letter]:
        """The producer's."""
        async with aclosing(topic.read(self.cluster, part, since=since)) as records:
            async for offset, content in records:
                if content.stage == "producer":
                    yield Letter(LetterId("kafka", offset), content)


def _of_table(rows: Sequence[table.Row]) -> list[Letter]:
    return [Letter(LetterId("db", row.dead_letter_id), row.letter) for row in rows]
