"""The exchange's own minutes in the database, set by set: candles, what is to be folded of them, and the gap ledger."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable

import asyncpg
import pytest

from rtchart.core.interval import HOUR, MINUTE, SECOND
from rtchart.core.messages import Absent, BackfillMessage, DeadLetter, GapOpened, encode
from rtchart.inserter.batch import Batch, Feed
from rtchart.inserter.session import Session
from rtchart.inserter.symbols import Symbols
from rtchart.inserter.venue import MinuteWriter, read
from rtchart.process.health import Health
from rtchart.store import offsets, symbols
from rtchart.store.offsets import NotOwner
from tests.inserter.material import NOW, FakeRecord, desired
from tests.inserter.table import Table
from tests.klines import venue

OLD = NOW // HOUR * HOUR - 100 * HOUR
"""Below the raw floor of 48 hours."""
FEED = Feed("cluster", "backfill", 12)


class Past:
    """A writer of the topic, the offset it is at in partition 0, and a connection to look with."""

    def __init__(self, database: str, connection: asyncpg.Connection) -> None:
        self.connection = connection
        self.session = Session(database, Health(), part="backfill")
        self.book = Symbols(clock=lambda: NOW)
        self.letters: list[DeadLetter] = []
        self.writer = MinuteWriter(self.session, self.book, FEED, self._publish, clock=lambda: NOW)
        self.next = 0

    async def _publish(self, letters: Iterable[DeadLetter]) -> None:
        self.letters += letters

    async def write(self, *messages: BackfillMessage | bytes) -> None:
        values = [message if isinstance(message, bytes) else encode(message) for message in messages]
        batch: Batch[BackfillMessage] = Batch(read)
        batch.add((FakeRecord(0, self.next + number, NOW, value) for number, value in enumerate(values)), {0: self.next})
        await self.writer.write(batch)
        self.next += len(values)

    async def minutes(self) -> list[tuple[int, int]]:
        """(minutes after `OLD`, received) of what is stored."""
        rows = await self.connection.fetch("SELECT open_time, received FROM candle WHERE interval = '1m' ORDER BY 1")
        return [((row[0] - OLD) // MINUTE, row[1]) for row in rows]

    async def waiting(self) -> list[tuple[int, int]]:
        rows = await self.connection.fetch("SELECT start_time, end_time FROM venue_checkpoint ORDER BY 1")
        return [((row[0] - OLD) // MINUTE, (row[1] - OLD) // MINUTE) for row in rows]

    async def ledger(self) -> list[tuple[int, int, str]]:
        """The gaps as (first second, end, state), counted from `OLD`."""
        rows = await self.connection.fetch("SELECT start_time, end_time, state FROM gap ORDER BY 1")
        return [((row[0] - OLD) // SECOND, (row[1] - OLD) // SECOND, row[2]) for row in rows]


@pytest.fixture
async def past(database: str, connection: asyncpg.Connection) -> AsyncIterator[Past]:
    past = Past(database, connection)
    await offsets.begin(connection, FEED.cluster, FEED.topic, {0: 0})
    yield past
    await past.session.close()


def own(number: int, **changes: object) -> BackfillMessage:
    return venue(**{"open_time": OLD + number * MINUTE, **changes})


async def test_minutes_become_candles_that_wait_to_be_folded(past: Past) -> None:
    await past.write(own(5), own(4), own(0), own(4))
    assert await past.minutes() == [(0, 60), (4, 60), (5, 60)]
    assert await past.waiting() == [(0, 1), (4, 6)]
    assert await past.connection.fetchval("SELECT count(*) FROM candle_outbox") == 0
    await past.write(own(4), own(5), own(6))
    assert await past.waiting() == [(0, 1), (4, 6), (6, 7)]


async def test_what_cannot_be_used_is_kept_as_what_it_is(past: Past) -> None:
    await past.write(
        b"{",
        own(1, open="1e5"),
        own(2, trades=-1),
        own(3, open_time=OLD + 1),
        own(4, open_time=NOW + 400 * HOUR // MINUTE * MINUTE),
        own(5, symbol="BTC USDT"),
        Absent("sim", "BTCUSDT", OLD, OLD + SECOND, NOW),
        own(6),
        own(7, trades=2**60),
    )
    assert await past.minutes() == [(6, 60)]
    assert [letter.offset for letter in past.letters] == [0, 1, 2, 3, 4, 5, 6, 8]
    assert [letter.reason for letter in past.letters].count("invalid_kline") == 6
    stored = await past.connection.fetch('SELECT topic, "offset", detail FROM dead_letter ORDER BY 2')
    assert {row["topic"] for row in stored} == {"backfill"}
    assert [row["detail"] for row in stored] == [letter.detail for letter in past.letters]


async def test_a_minute_that_the_database_refuses_stops_no_other(past: Past) -> None:
    await past.connection.execute("ALTER TABLE candle ADD CHECK (trades <> 13)")
    await past.write(*(own(number, trades=13 if number == 7 else 5) for number in range(20)))
    assert [number for number, _ in await past.minutes()] == [number for number in range(20) if number != 7]
    (letter,) = past.letters
    assert (letter.reason, letter.offset) == ("refused_row", 7)
    assert (await offsets.load(past.connection, FEED.cluster, FEED.topic))[0] == 20


async def test_what_is_refused_as_a_dead_letter_too_is_skipped(past: Past, caplog: pytest.LogCaptureFixture) -> None:
    await past.connection.execute("ALTER TABLE dead_letter ADD CHECK (reason = 'refused_row')")
    await past.write(own(0), b"{", own(1))
    assert await past.minutes() == [(0, 60), (1, 60)]
    assert (await offsets.load(past.connection, FEED.cluster, FEED.topic))[0] == 3
    assert past.letters == []
    assert "as a dead letter too" in caplog.text


async def test_what_another_inserter_has_stored_is_not_stored_again(past: Past) -> None:
    await past.write(own(0))
    past.next = 0
    with pytest.raises(NotOwner):
        await past.write(own(1))
    assert await past.minutes() == [(0, 60)]


async def test_a_life_of_the_symbol_that_is_over_gets_nothing(past: Past) -> None:
    await past.write(own(0, epoch=5))
    await past.write(own(1, epoch=4), Absent("sim", "BTCUSDT", OLD + HOUR, OLD + 2 * HOUR, NOW, 4))
    assert (await past.minutes(), await past.ledger()) == ([(0, 60)], [])
    await symbols.unwant(past.connection, {next(iter(past.book.rows.values())).identity: 5}, at=NOW)
    await past.book.load(past.connection)
    await past.write(own(2, epoch=5))
    assert await past.minutes() == [(0, 60)]


async def test_what_the_exchange_lacks_is_one_row_a_range_however_often_it_is_said(past: Past) -> None:
    lacks = Absent("sim", "BTCUSDT", OLD + 10 * MINUTE, OLD + 610 * MINUTE, NOW)
    await past.write(own(9), lacks, own(610))
    await past.write(lacks)
    assert await past.ledger() == [(600, 36_600, "absent")]
    assert await past.connection.fetchval("SELECT reason FROM gap") == "history"
    # Of what is stored it is not said.
    await past.write(own(900), own(901))
    await past.write(Absent("sim", "BTCUSDT", OLD + 890 * MINUTE, OLD + 910 * MINUTE, NOW))
    assert (await past.ledger())[1:] == [(890 * 60, 900 * 60, "absent"), (902 * 60, 910 * 60, "absent")]


async def test_an_old_gap_is_closed_by_whole_minutes_and_by_what_the_exchange_lacks(past: Past, table: Table) -> None:
    await symbols.want(past.connection, [desired(kline_hours=48, epoch=0)])
    await table.book.load(past.connection)
    await past.book.load(past.connection)
    await table.write(GapOpened("sim", "BTCUSDT", OLD + 30 * SECOND, OLD + 310 * SECOND, "start", NOW))
    await past.write(own(0), own(1), own(2))
    assert await past.ledger() == [(30, 310, "open")]  # short of a minute at least
    await past.write(own(4), Absent("sim", "BTCUSDT", OLD + 3 * MINUTE, OLD + 4 * MINUTE, NOW))
    assert await past.ledger() == [(30, 180, "repaired"), (180, 240, "absent"), (240, 310, "open")]
    await past.write(own(1), own(5))
    assert await past.ledger() == [(30, 180, "repaired"), (180, 240, "absent"), (240, 310, "repaired")]


async def test_a_gap_whose_seconds_can_still_come_stays_open(past: Past, table: Table) -> None:
    recent = NOW // MINUTE * MINUTE - HOUR
    await table.write(GapOpened("sim", "BTCUSDT", recent, recent + MINUTE, "step", NOW))
    await past.write(own(0, open_time=recent), Absent("sim", "BTCUSDT", recent + MINUTE, recent + 2 * MINUTE, NOW))
    assert [state for _, _, state in await past.ledger()] == ["open"]
    assert [received for _, received in await past.minutes()] == [60]
