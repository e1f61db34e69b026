"""The work of ``rtchart backfill``: what of a range is not stored yet goes to ``rtchart.backfill``, from the newest back.

It keeps no state of its own. Stopped or killed, it is run again and asks the database what is there; what was published and is
not stored yet is published again, which changes nothing.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import AsyncExitStack, aclosing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from rtchart.broker.admin import ensure_topics
from rtchart.broker.cluster import Cluster
from rtchart.broker.on_demand import NotPublished, OnDemandProducer
from rtchart.broker.publisher import Publisher
from rtchart.broker.table import Table
from rtchart.broker.topics import BACKFILL, SYMBOLS
from rtchart.core.errors import UserError
from rtchart.core.gap import Range, common, subtract
from rtchart.core.interval import DAY, MINUTE
from rtchart.core.kline import Identity
from rtchart.core.messages import Absent, BackfillMessage
from rtchart.core.minutes import Minutes
from rtchart.core.symbol import DesiredSymbol
from rtchart.exchange.base import Rest, RestError, Venue
from rtchart.exchange.binance import archive
from rtchart.exchange.clock import VenueClock
from rtchart.exchange.minutes import records
from rtchart.exchange.venues import connect_rest
from rtchart.process.clock import now_ms
from rtchart.store import history, venue
from rtchart.store.database import Connection, connect
from rtchart.store.migrate import require_schema

PATIENCE = 60.0
"""Seconds that Kafka has for taking what is published at once."""

SHOWN = 10
"""Lines of a file that are named at most when they cannot be used."""


class Progress(Protocol):
    """Whom is told how far it is."""

    def begin(self, title: str, minutes: int) -> None:
        """Of so many minutes of this."""

    def came(self, minutes: int, reach: int) -> None:
        """So many more are done, and all from ``reach`` (ms) on."""

    def say(self, text: str) -> None:
        """A line for the person."""


@dataclass(frozen=True)
class Asked:
    """What a person asked for. Times are milliseconds."""

    symbols: tuple[str, ...]
    start: int
    end: int
    share: float
    folder: Path | None = None


@dataclass
class Done:
    """What became of it."""

    published: int = 0
    wrong: int = 0
    """Files that were refused, and lines that were not taken."""
    stopped: bool = False


@dataclass
class _Symbol:
    """A symbol that is asked for, and what of the range is to be got."""

    identity: Identity
    epoch: int
    listed_day: int | None
    left: list[Range] = field(default_factory=list)


class Backfill:
    """One run of the command."""

    def __init__(
        self, asked: Asked, place: Venue, cluster: Cluster, database: str, progress: Progress, stopping: asyncio.Event
    ) -> None:
        self._asked = asked
        self._venue = place
        self._cluster = cluster
        self._database = database
        self._progress = progress
        self._stopping = stopping
        self._client = OnDemandProducer(cluster, patience=PATIENCE)
        self.done = Done()

    async def run(self) -> None:
        """Publish until all is, or ``stopping`` is set. Raises `UserError`."""
        await ensure_topics(self._cluster, (BACKFILL, SYMBOLS))
        wanted = await Table(self._cluster, SYMBOLS, DesiredSymbol).snapshot()
        async with AsyncExitStack() as stack:
            connection = await connect(self._database, service="backfill")
            stack.callback(connection.terminate)
            await require_schema(connection, self._database)
            await stack.enter_async_context(self._client)
            # One for all symbols: what was spent, and what the exchange said of waiting, holds for the next one too.
            whole = connect_rest(self._venue, VenueClock())
            stack.push_async_callback(whole.aclose)
            rest = whole.sharing(self._asked.share)
            stack.push_async_callback(rest.aclose)
            for name in self._asked.symbols:
                identity = Identity(self._venue.name, name)
                desired = wanted.get(str(identity))
                if desired is None:
                    raise UserError(
                        f"{name} of {self._venue.name} is not asked for, so nobody would store its history; add a Symbol of it "
                        "first"
                    )
                symbol = await self._look_up(connection, identity, desired)
                await (self._from_files(symbol, self._asked.folder) if self._asked.folder else self._from_rest(symbol, rest))
                self.done.stopped = self._stopping.is_set()
                if self.done.stopped:
                    return

    async def _look_up(self, connection: Connection, identity: Identity, desired: DesiredSymbol) -> _Symbol:
        start, end = self._asked.start, self._asked.end
        stored = next((one for one in await history.symbols(connection) if one.identity == identity), None)
        there: list[Range] = []
        if stored is not None:
            # What the exchange is said to lack, an archive may have after all.
            lacking = self._asked.folder is None
            there = await venue.settled(connection, stored.symbol_id, start, end, lacking=lacking)
        listed_day = None if stored is None else stored.listed_day
        return _Symbol(identity, desired.epoch, listed_day, subtract([(start, end)], there))

    async def _from_rest(self, symbol: _Symbol, rest: Rest) -> None:
        name = symbol.identity.symbol
        try:
            await rest.time()
            listed_day = await rest.listed_day(name)
            if listed_day is None:
                raise UserError(f"{self._venue.name} has no kline of {name} yet; ask again when it trades")
            minutes = Minutes(listed_day, subtract(symbol.left, [(0, listed_day)]))
            self._progress.begin(str(symbol.identity), _count(minutes.left))
            while (piece := minutes.next()) is not None and not self._stopping.is_set():
                spoken_for = False
                async with aclosing(rest.klines(name, *piece, interval="1m", source="backfill")) as pages:
                    async for page in pages:
                        out = records(self._venue.name, name, page, epoch=symbol.epoch, listed_day=listed_day)
                        await self._publish(out)
                        for bad in page.bad.values():
                            self._complain(f"{self._venue.name} sent a row that is no kline: {bad.detail}")
                        minutes.fetched(page.start, page.end)
                        self._progress.came((page.end - page.start) // MINUTE, page.start)
                        spoken_for = True
                if not spoken_for:
                    minutes.fetched(*piece)  # it is not over yet at the exchange
        except RestError as error:
            raise UserError(f"{error}; what was published stays: run it again to go on") from None

    async def _from_files(self, symbol: _Symbol, folder: Path) -> None:
        found = archive.files(folder, symbol.identity.symbol, self._asked.start, self._asked.end)
        if not found:
            raise UserError(
                f"{folder} holds no file of that time whose name begins with {symbol.identity.symbol}-1m- and ends in .csv or "
                ".zip, such as those of data.binance.vision; correct --archive, or fetch some"
            )
        covered = common([(file.start, file.end) for file in found], symbol.left)
        self._progress.begin(str(symbol.identity), _count(covered))
        left = symbol.left
        for file in found:
            wanted = common(left, [(file.start, file.end)])
            if self._stopping.is_set():
                return
            if not wanted:
                continue
            try:
                content = await asyncio.to_thread(
                    archive.read, file, symbol.identity.exchange, symbol.identity.symbol, epoch=symbol.epoch
                )
            except archive.Refused as error:
                self._complain(f"{file.path} is refused: {error}")
                continue
            self._say_of_lines(content.complaints)
            out: list[BackfillMessage] = [kline for kline in content.minutes if _within(kline.open_time, wanted)]
            first = content.minutes[0].open_time
            out += [
                Absent(symbol.identity.exchange, symbol.identity.symbol, start, end, now_ms(), symbol.epoch)
                for start, end in common(content.absent, wanted)
                # Before its first trade it lacked nothing.
                if start > first or (symbol.listed_day is not None and start >= symbol.listed_day + DAY)
            ]
            await self._publish(out)
            left = subtract(left, [(file.start, file.end)])
            self._progress.came(_count(wanted), max(file.start, self._asked.start))
        if rest := common(left, [(found[-1].start, found[0].end)]):
            self._progress.say(f"no file was taken for {_count(rest):,} of these minutes")

    async def _publish(self, messages: Sequence[BackfillMessage]) -> None:
        async def send(producer: object) -> None:
            async with Publisher(producer, self._cluster, BACKFILL) as publisher:
                await publisher.publish(messages)

        try:
            if messages:
                await self._client.send(send)
        except NotPublished as error:
            raise UserError(f"{error}; what was published before stays: run it again to go on") from None
        self.done.published += sum(not isinstance(message, Absent) for message in messages)

    def _say_of_lines(self, complaints: Sequence[str]) -> None:
        for complaint in complaints[:SHOWN]:
            self._complain(complaint)
        if more := complaints[SHOWN:]:
            self.done.wrong += len(more)
            self._progress.say(f"… and {len(more)} more lines of that file")

    def _complain(self, text: str) -> None:
        self.done.wrong += 1
        self._progress.say(text)


def _count(ranges: Sequence[Range]) -> int:
    return sum(end - start for start, end in ranges) // MINUTE


def _within(time: int, ranges: Sequence[Range]) -> bool:
    return any(start <= time < end for start, end in ranges)
