"""`rtchart verify` on a database that the test has filled: what is old, deleted or suspended, and what begins in the middle."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import aclosing

import pytest

from rtchart.core.candle import of_second
from rtchart.core.interval import DAY, HOUR, INTERVALS, MINUTE, SECOND
from rtchart.core.kline import Identity, Kline
from rtchart.core.symbol import DesiredSymbol, raw_floor
from rtchart.exchange.clock import VenueClock
from rtchart.exchange.venues import connect_rest, venue
from rtchart.process.clock import now_ms
from rtchart.sim.exchange import Address, Config, Exchange
from rtchart.store import candles, klines, symbols
from rtchart.store.database import Connection, connect
from rtchart.tools.verify.candles import folded
from tests.tools.verifying import Said, begin, end, window

SYMBOL = "BTCUSDT"
NO_KAFKA = "127.0.0.1:1"


def settled(length: int = MINUTE) -> int:
    """The end of the last period of this length that the exchange has closed for longer than what is left out."""
    return (now_ms() - 20 * SECOND) // length * length


class Ground:
    """An exchange, and a database in which a symbol is kept for an hour."""

    def __init__(self, address: Address, connection: Connection, url: str, symbol_id: int) -> None:
        self.connection = connection
        self.symbol_id = symbol_id
        self.floor = raw_floor(1, now_ms())
        """Of the time of the test, or an hour before it."""
        self._address = address
        self._url = url

    async def have(self, start: int, end: int, *, seconds: bool = True) -> None:
        """Store the exchange's seconds ``[start, end)`` and their minutes, or these alone."""
        clock = VenueClock()
        rest = connect_rest(venue("sim", rest=self._address.rest), clock)
        there: list[Kline] = []
        async with aclosing(rest.klines(SYMBOL, start, end)) as pages:
            async for page in pages:
                there += page.klines
        await rest.aclose()
        if seconds:
            await klines.ensure_partitions(self.connection, {start // HOUR * HOUR, (end - 1) // HOUR * HOUR})
            async with self.connection.transaction():
                await klines.insert(self.connection, {self.symbol_id: {kline.open_time: kline for kline in there}})
        made = folded(INTERVALS["1m"], map(of_second, there)).values()
        await candles.write(self.connection, "1m", [(self.symbol_id, candle) for candle in made])

    async def verify(self, start: int, end_: int, *arguments: str) -> Said:
        return await end(
            await begin(
                *("--symbol", SYMBOL, "--json", *window(start, end_), *arguments),
                database=self._url,
                exchange=self._address,
                kafka=NO_KAFKA,
            )
        )


@pytest.fixture
async def ground(database: str) -> AsyncIterator[Ground]:
    connection = await connect(database, service="test")
    await klines.prepare(connection)
    (row,) = await symbols.want(connection, [DesiredSymbol("sim", SYMBOL, 1, intervals=("1m",), kline_hours=1)])
    async with Exchange(Config(symbols=(SYMBOL,))).serve() as address:
        yield Ground(address, connection, database, row.symbol_id)
    await connection.close()


async def gap(ground: Ground, start: int, end: int, state: str) -> None:
    await ground.connection.execute(
        """INSERT INTO gap (symbol_id, start_time, end_time, state, reason, opened_at, closed_at)
           VALUES ($1, $2, $3, $4::text, 'step', $3, CASE WHEN $4 = 'open' THEN NULL ELSE $3::bigint END)""",
        *(ground.symbol_id, start, end, state),
    )


async def test_of_what_is_older_than_the_raw_floor_only_candles_are_compared(ground: Ground) -> None:
    start, minutes = ground.floor - 2 * HOUR, 10
    end = start + minutes * MINUTE
    await ground.have(start, end, seconds=False)
    said = await ground.verify(start, end)
    (compared,) = said.objects
    assert (said.code, compared["seconds"], compared["candles_with_exchange"]) == (0, 0, {"1m": minutes})
    assert "no seconds are kept: of that only candles are compared" in compared["notes"][0]

    lacking = (
        "UPDATE candle SET received = 50, volume = volume - 1 WHERE symbol_id = $1 AND open_time = $2",
        *(ground.symbol_id, start + 2 * MINUTE),
    )
    await ground.connection.execute(*lacking)
    await gap(ground, start + 2 * MINUTE, start + 2 * MINUTE + 10 * SECOND, "absent")
    said = await ground.verify(start, end)
    assert said.found("incomplete") == [("1m", start + 2 * MINUTE, start + 3 * MINUTE, "10 s absent at the exchange")]
    assert said.code == 0

    await ground.connection.execute("UPDATE gap SET state = 'open', closed_at = NULL")
    said = await ground.verify(start, end)
    assert said.found("unexplained") == [("1m", start + 2 * MINUTE, start + 3 * MINUTE, "10 s in an open gap")]
    assert said.code == 1

    of = (ground.symbol_id, start + 5 * MINUTE)
    await ground.connection.execute("DELETE FROM candle WHERE symbol_id = $1 AND open_time = $2", *of)
    await ground.connection.execute("UPDATE candle SET close = close + 1 WHERE symbol_id = $1 AND open_time > $2", *of)
    said = await ground.verify(start, end, "--repair")
    assert ("1m", of[1], of[1] + MINUTE, "60 s for no known reason") in said.found("unexplained")
    assert said.found("candle") == [("1m", start + 6 * MINUTE, end, "")]
    assert said.code == 1
    assert "nothing of this can be mended" in said.err


async def test_a_symbol_that_begins_in_the_middle_is_compared_from_there(ground: Ground) -> None:
    now = settled()
    begins = now - 5 * MINUTE + 20 * SECOND
    await ground.have(begins, now)
    said = await ground.verify(now - 30 * MINUTE, now)
    *_, compared = said.objects
    assert (said.code, compared["seconds"]) == (0, 280)
    assert compared["notes"][0].endswith(": nothing is known of it before")
    assert said.found("incomplete") == [("1m", now - 5 * MINUTE, now - 4 * MINUTE, "20 s before its first second")]

    # Whoever deletes from the beginning moves it, but for what whole minutes tell of.
    await ground.connection.execute("DELETE FROM kline_1s WHERE open_time < $1", now - 3 * MINUTE)
    await ground.connection.execute("DELETE FROM candle WHERE open_time < $1", now - 4 * MINUTE)
    said = await ground.verify(now - 30 * MINUTE, now)
    assert (said.code, said.found("missing")) == (1, [("1s", now - 4 * MINUTE, now - 3 * MINUTE, "")])


async def test_what_is_suspended_or_deleted_is_compared_until_its_last_second(ground: Ground) -> None:
    now = settled()
    last = now - 3 * MINUTE
    await ground.have(now - 8 * MINUTE, last)
    assert (await ground.verify(now - 8 * MINUTE, now)).found("missing") == [("1s", last, now, "")]
    await symbols.want(ground.connection, [DesiredSymbol("sim", SYMBOL, 1, intervals=("1m",), kline_hours=1, suspend=True)])
    said = await ground.verify(now - 8 * MINUTE, now)
    *_, compared = said.objects
    assert (said.code, compared["seconds"]) == (0, 300)
    assert compared["notes"][0].startswith("it is suspended, and compared until its last stored second, ")
    await symbols.unwant(ground.connection, {Identity("sim", SYMBOL): 1}, at=now)
    said = await ground.verify(now - 8 * MINUTE, now)
    assert (said.code, said.objects[-1]["notes"][0][:13]) == (0, "it is deleted")


async def test_what_the_aggregator_has_not_done_for_long_is_told(ground: Ground) -> None:
    now = settled()
    start = now - 8 * MINUTE
    await ground.have(start, now)
    await ground.connection.execute("DELETE FROM candle WHERE open_time = $1", start)
    await ground.connection.execute("UPDATE candle SET close = close + 1 WHERE open_time = $1", start + MINUTE)
    for minute, waits in ((start, 10 * MINUTE), (start + MINUTE, MINUTE)):
        await klines.append_checkpoints(ground.connection, {ground.symbol_id: [minute]}, at=now_ms() - waits)
    said = await ground.verify(start, now)
    assert said.found("waiting") == [("1m", start, start + MINUTE, "seconds of it wait for the aggregator")]
    assert said.code == 1
    assert said.found("no_candle") == said.found("fold") == said.found("candle") == []
    await ground.connection.execute("DELETE FROM checkpoint")
    said = await ground.verify(start, now)
    assert said.found("no_candle") == [("1m", start, start + MINUTE, "60 s of it are stored")]
    assert said.found("fold") == said.found("candle") == [("1m", start + MINUTE, start + 2 * MINUTE, "")]


async def test_of_an_interval_that_is_being_filled_the_part_that_is_not_is_left_out(ground: Ground) -> None:
    now = settled(5 * MINUTE)
    start = now - 15 * MINUTE
    await symbols.want(ground.connection, [DesiredSymbol("sim", SYMBOL, 1, intervals=("1m", "5m"), kline_hours=1)])
    await ground.have(start, now)
    await ground.connection.execute("UPDATE candle_fill SET below = $1", start + 5 * MINUTE)
    said = await ground.verify(start, now)
    assert said.found("no_candle") == [("5m", start + 5 * MINUTE, now, "300 s of it are stored")]
    assert any("are being folded anew" in note for note in said.objects[-1]["notes"])


async def test_candles_that_are_kept_for_less_long_than_their_seconds_are_not_missing(ground: Ground) -> None:
    start = now_ms() // DAY * DAY - DAY - 10 * MINUTE
    wanted = DesiredSymbol("sim", SYMBOL, 1, intervals=("1m",), kline_hours=72, candle_days=1)
    await symbols.want(ground.connection, [wanted])
    await ground.have(start, start + 20 * MINUTE)
    await ground.connection.execute("DELETE FROM candle WHERE open_time < $1", start + 10 * MINUTE)
    (compared,) = (await ground.verify(start, start + 20 * MINUTE)).objects
    assert (compared["whole"], compared["seconds"], compared["candles_with_fold"]) == (True, 1200, {"1m": 10})


async def test_a_symbol_that_the_exchange_does_not_know_any_more_could_not_be_compared(ground: Ground) -> None:
    now = settled()
    await ground.have(now - 3 * MINUTE, now)
    async with Exchange(Config(symbols=("ETHUSDT",))).serve() as other:
        said = await ground.verify(now - 3 * MINUTE, now, "--exchange-rest", other.rest)
    assert said.code == 3
    assert said.objects[-1]["unchecked"] == "sim does not know the symbol (any more)"
