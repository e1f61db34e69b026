"""What records of ``rtchart.backfill`` ask of the database, and storing it: the exchange's own minutes, and what it lacks.

All of a batch and its offsets in one transaction, or none of it. Which of two candles of a minute counts is the store's rule
(`rtchart.store.candles.write`), so records may come again, late, and in any order.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import msgspec

from rtchart.core.candle import Candle, of_venue
from rtchart.core.gap import Range, common, subtract
from rtchart.core.interval import MINUTE
from rtchart.core.kline import InvalidKline, VenueKline, check_venue
from rtchart.core.messages import Absent, BackfillMessage, DeadLetter, UnreadableRecord, decode_backfill_message
from rtchart.core.symbol import raw_floor
from rtchart.inserter import metrics, refused
from rtchart.inserter.batch import FUTURE, Batch, Feed, Refusal, letter, name_is_sound
from rtchart.inserter.ledger import settle
from rtchart.inserter.session import Session
from rtchart.inserter.symbols import Symbols
from rtchart.inserter.writer import Publish
from rtchart.process.clock import now_ms
from rtchart.store import dead_letters, gaps, offsets, venue
from rtchart.store.database import Connection
from rtchart.store.symbols import SymbolRow


def read(value: bytes) -> BackfillMessage | Refusal:
    """A record's message, checked as far as it can be without knowing the symbol and the time."""
    try:
        message = decode_backfill_message(value)
        if isinstance(message, VenueKline):
            return check_venue(message)
    except UnreadableRecord as error:
        return Refusal("unreadable_record", str(error))
    except InvalidKline as error:
        return Refusal("invalid_kline", str(error))
    if not 0 <= message.start < message.end or message.start % MINUTE or message.end % MINUTE:
        return Refusal("unreadable_record", f"[{message.start}, {message.end}) are no whole minutes in milliseconds since 1970")
    return message


@dataclass
class Plan:
    """What records ask of the database. Symbols appear by their id."""

    minutes: dict[int, dict[int, Candle]] = field(default_factory=dict)
    """By symbol and open time; none is empty."""
    absent: dict[int, list[Absent]] = field(default_factory=dict)
    letters: list[DeadLetter] = field(default_factory=list)
    unknown: dict[tuple[str, str], int] = field(default_factory=dict)
    """As in `rtchart.inserter.plan.Plan`."""
    dropped_epoch: int = 0


def plan(batch: Batch[BackfillMessage], symbols: Mapping[tuple[str, str], SymbolRow], *, now: int, topic: str) -> Plan:
    """Sort a batch's records."""
    out = Plan()
    for record, message in zip(batch.records, batch.messages, strict=True):
        if not isinstance(message, Refusal):
            refusal = _sort(out, message, symbols, now)
            if refusal is None:
                continue
            message = refusal
        out.letters.append(letter(record, message, topic, now))
    return out


def _sort(out: Plan, message: BackfillMessage, symbols: Mapping[tuple[str, str], SymbolRow], now: int) -> Refusal | None:
    name = (message.exchange, message.symbol)
    row = symbols.get(name)
    end = message.open_time + MINUTE if isinstance(message, VenueKline) else message.end
    if row is None and not name_is_sound(*name):
        return Refusal("invalid_kline", f"{message.exchange!r}, {message.symbol!r} cannot be an exchange and a symbol")
    if end > now + FUTURE:
        return Refusal("invalid_kline", f"it ends at {end}, more than a week after {now}")
    if row is None or message.epoch > row.epoch:
        out.unknown[name] = max(message.epoch, out.unknown.get(name, 0))
    elif message.epoch < row.epoch or row.deleted:
        out.dropped_epoch += 1
    elif isinstance(message, VenueKline):
        out.minutes.setdefault(row.symbol_id, {})[message.open_time] = of_venue(message)
    else:
        out.absent.setdefault(row.symbol_id, []).append(message)
    return None


class MinuteWriter:
    """Stores batches of the topic, one after the other."""

    def __init__(
        self, session: Session, book: Symbols, feed: Feed, publish: Publish, *, clock: Callable[[], int] = now_ms
    ) -> None:
        """``publish`` is awaited with dead letters after they are stored."""
        self._session = session
        self._book = book
        self._feed = feed
        self._publish = publish
        self._clock = clock

    async def write(self, batch: Batch[BackfillMessage]) -> None:
        """As `rtchart.inserter.writer.Writer.write`."""
        await refused.store(batch, self._write, self._session, self._feed)

    async def _write(self, batch: Batch[BackfillMessage]) -> None:
        work, stored = await self._session.patiently(lambda connection: self._commit(connection, batch))
        given = sum(map(len, work.minutes.values()))
        metrics.VENUE_ROWS.labels("stored").inc(stored)
        metrics.VENUE_ROWS.labels("not_needed").inc(given - stored)
        metrics.VENUE_ROWS.labels("dropped_epoch").inc(work.dropped_epoch)
        for one in work.letters:
            metrics.DEAD_LETTERS.labels(one.reason).inc()
        if work.letters:
            await self._publish(work.letters)

    async def _commit(self, connection: Connection, batch: Batch[BackfillMessage]) -> tuple[Plan, int]:
        now, topic = self._clock(), self._feed.topic
        work = plan(batch, self._book.rows, now=now, topic=topic)
        if work.unknown:
            await self._book.ensure(connection, work.unknown)
            work = plan(batch, self._book.rows, now=now, topic=topic)
        async with connection.transaction():
            await offsets.advance(connection, self._feed.cluster, topic, batch.moves)
            if work.letters:
                await dead_letters.keep(connection, work.letters)
            minutes = [(symbol_id, candle) for symbol_id, of in work.minutes.items() for candle in of.values()]
            stored = await venue.write_minutes(connection, minutes) if minutes else 0
            await self._settle(connection, work, now)
        return work, stored

    async def _settle(self, connection: Connection, work: Plan, now: int) -> None:
        """Bring the gap ledger to what is stored now, below each symbol's raw floor: above it, seconds can still come."""
        floors = {row.symbol_id: raw_floor(row.kline_hours, now) for row in self._book.rows.values()}
        windows: dict[int, Range] = {}
        for symbol_id in {*work.minutes, *work.absent}:
            told = [(time, time + MINUTE) for time in work.minutes.get(symbol_id, ())]
            told += [(one.start, one.end) for one in work.absent.get(symbol_id, ())]
            start, end = min(told)[0], min(max(end for _, end in told), floors[symbol_id])
            if start < end:
                windows[symbol_id] = (start, end)
        if not windows:
            return
        known: dict[int, list[gaps.GapRow]] = {}
        for row in await gaps.unsettled(connection, windows):
            known.setdefault(row.symbol_id, []).append(row)
        for symbol_id in sorted({*known, *(work.absent.keys() & windows.keys())}):
            rows, floor = known.get(symbol_id, []), floors[symbol_id]
            await gaps.save(
                connection,
                settle(
                    symbol_id,
                    rows,
                    [],
                    await _lacking(connection, symbol_id, work.absent.get(symbol_id, ()), floor),
                    await _whole(connection, symbol_id, rows, floor),
                    floor=floor,
                    now=now,
                    unannounced="history",
                ),
            )


async def _lacking(connection: Connection, symbol_id: int, absent: Sequence[Absent], floor: int) -> list[Absent]:
    """Of what the exchange lacks, that of which nothing is stored either."""
    below = [one for one in absent if one.start < floor]
    there = await venue.minutes_there(connection, [(symbol_id, one.start, min(one.end, floor)) for one in below], whole=False)
    return [
        msgspec.structs.replace(one, start=start, end=end)
        for one in below
        for start, end in subtract([(one.start, min(one.end, floor))], there.get(symbol_id, ()))
    ]


async def _whole(connection: Connection, symbol_id: int, rows: Sequence[gaps.GapRow], floor: int) -> list[Range]:
    """The minutes below the raw floor in which gaps are settled by a whole candle.

    Of single seconds it stays said that the exchange lacks them.
    """
    wanted = [(symbol_id, row.start, row.end) for row in rows]
    whole = common((await venue.minutes_there(connection, wanted, whole=True)).get(symbol_id, []), [(0, floor)])
    return subtract(whole, [row.range for row in rows if row.state == "absent" and (row.start % MINUTE or row.end % MINUTE)])
