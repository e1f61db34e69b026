"""A whole pipeline beside an exchange that misbehaves, and what is stored compared with what the exchange published."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, NamedTuple

from rtchart.core.gap import Range, count, normal, seconds_of, subtract
from rtchart.core.interval import MINUTE, SECOND
from rtchart.sim.catalogue import fault
from rtchart.sim.exchange import Address, Config, Exchange
from rtchart.sim.script import Director
from tests.pipeline.running import Pipeline, stored_seconds
from tests.pipeline.together import RATE, fast_clock, first_second
from tests.waiting import wait_until

SYMBOLS = ("BTCUSDT", "ETHUSDT", "SOLUSDT", "币安人生USDT")
"""One of them not in ASCII, as the exchange has some."""

SETTLED_WITHIN = 60.0
"""Seconds: two answers a minute of the market apart, a fold, and what a busy machine adds."""


class Comparison(NamedTuple):
    """The exchange's own record of some time against what is stored. All but ``compared`` and ``absent`` is to be 0."""

    compared: int
    """Seconds that the exchange published."""
    lost: int
    different: int
    extra: int
    """Stored seconds that the exchange does not have."""
    doubled: int
    absent: int
    """Seconds that the exchange itself lacks."""
    unrecorded: int
    """Of these, those that the ledger does not have as absent."""
    open_gaps: int
    candles: int
    """Whole minutes that are folded."""
    candles_wrong: int
    """Minutes whose candle is missing, or is not the fold of its seconds, or whole and not the exchange's own 1m kline."""

    @property
    def whole(self) -> bool:
        """Whether nothing is wrong."""
        return not any(
            (self.lost, self.different, self.extra, self.doubled, self.unrecorded, self.open_gaps, self.candles_wrong)
        )


class World:
    """The exchange, its director, and the services that store what it says."""

    def __init__(self, exchange: Exchange, address: Address, director: Director, running: Pipeline) -> None:
        self.exchange = exchange
        self.address = address
        self.director = director
        self.running = running
        self.symbols = SYMBOLS

    def now(self) -> int:
        """Open time of the exchange's second under way."""
        return self.exchange.clock.now() // SECOND * SECOND

    async def passes(self, seconds: float) -> None:
        """Let so many seconds of the market pass: of a fault that lasts, or before a moment at random."""
        await self.exchange.clock.sleep_until(self.exchange.clock.now() + round(seconds * SECOND))

    async def have(self, lasts: float | None = None, **written: Any) -> None:
        """Have a fault, and wait until it is over."""
        number = self.director.begin(fault(written, "the test"), lasts)
        if lasts is not None:
            await wait_until(lambda: all(one.id != number for one in self.director.running), lasts / RATE + 30)

    async def live_again(self, symbols: Iterable[str] | None = None, *, within: float = 60.0) -> float:
        """Seconds from now until each symbol has a second stored that opened after now and came by the stream."""
        begun, since = time.monotonic(), self.now()
        wanted = set(self.symbols if symbols is None else symbols)

        async def streams() -> bool:
            rows = await self.running.fetch(
                """SELECT DISTINCT symbol FROM kline_1s JOIN symbol USING (symbol_id)
                   WHERE open_time > $1 AND source = 's'""",
                since,
            )
            return {row[0] for row in rows} >= wanted

        await wait_until(streams, within, every=0.1)
        return time.monotonic() - begun

    async def compare(self, since: int, until: int) -> Comparison:
        """What is stored of ``[since, until)`` against the exchange's own record."""
        lost = different = extra = absent = unrecorded = published = 0
        for symbol in self.symbols:
            record = self.record(symbol, since, until)
            stored = await stored_seconds(self.running, symbol, since, until)
            published += len(record)
            lost += len(record.keys() - stored.keys())
            extra += len(stored.keys() - record.keys())
            different += sum(record[time] != stored[time] for time in record.keys() & stored.keys())
            lacking = subtract([(since, until)], seconds_of(record))
            absent += count(lacking)
            unrecorded += count(subtract(lacking, await self.ledger(symbol, "absent")))
        candles, wrong = await self._candles(since, until)
        doubled = await self.running.fetch(
            "SELECT 1 FROM kline_1s WHERE open_time >= $1 AND open_time < $2 GROUP BY symbol_id, open_time HAVING count(*) > 1",
            since,
            until,
        )
        open_gaps = await self.running.fetch("SELECT 1 FROM gap WHERE state = 'open' AND start_time < $1", until)
        return Comparison(published, lost, different, extra, len(doubled), absent, unrecorded, len(open_gaps), candles, wrong)

    async def whole(self, since: int, *, within: float = SETTLED_WITHIN, until: int | None = None) -> Comparison:
        """The comparison from ``since`` until now, as soon as nothing is wrong with it; fails with it otherwise."""
        until = self.now() if until is None else until

        async def settled() -> Comparison | None:
            comparison = await self.compare(since, until)
            assert comparison.whole, comparison
            return comparison

        return await wait_until(settled, within, every=0.5)  # type: ignore[return-value]

    def record(self, symbol: str, start: int, end: int) -> dict[int, tuple[str, ...]]:
        """What the exchange has of the symbol: what its REST would say, without asking it as a client."""
        rows = self.exchange.record(symbol, "1s", start, end)
        return {row[0]: (*row[1:6], row[7], str(row[8]), row[9], row[10]) for row in rows}

    async def ledger(self, symbol: str, state: str) -> list[Range]:
        """The gaps of the symbol in this state."""
        rows = await self.running.fetch(
            "SELECT start_time, end_time FROM gap JOIN symbol USING (symbol_id) WHERE symbol = $1 AND state = $2", symbol, state
        )
        return normal((row[0], row[1]) for row in rows)

    async def repaired(self, since: int) -> int:
        """How many stored seconds from ``since`` on came by REST."""
        rows = await self.running.fetch("SELECT count(*) FROM kline_1s WHERE open_time >= $1 AND source <> 's'", since)
        return int(rows[0][0])

    async def _candles(self, since: int, until: int) -> tuple[int, int]:
        first, end = -(-since // MINUTE) * MINUTE, until // MINUTE * MINUTE
        rows = await self.running.fetch(_MINUTES, first, end)
        wrong = sum(not row["equal"] for row in rows)
        for row in rows:
            if row["received"] != 60:
                continue
            (theirs,) = self.exchange.record(row["symbol"], "1m", row["minute"], row["minute"] + MINUTE)
            ours = (row["open"], row["high"], row["low"], row["close"], row["volume"], row["quote_volume"])
            wrong += tuple(format(value, "f") for value in ours) != (*theirs[1:6], theirs[7])
        return len(rows), wrong


_MINUTES = """
SELECT symbol, minute, c.open, c.high, c.low, c.close, c.volume, c.quote_volume, c.received,
       coalesce((f.open, f.high, f.low, f.close, f.volume, f.quote_volume, f.taker_buy_volume, f.taker_buy_quote_volume,
                 f.trades, f.received)
              = (c.open, c.high, c.low, c.close, c.volume, c.quote_volume, c.taker_buy_volume, c.taker_buy_quote_volume,
                 c.trades, c.received), false) AS equal
FROM (SELECT symbol_id, open_time / 60000 * 60000 AS minute, (array_agg(open ORDER BY trades = 0, open_time))[1] AS open,
             coalesce(max(high) FILTER (WHERE trades > 0), max(high)) AS high,
             coalesce(min(low) FILTER (WHERE trades > 0), min(low)) AS low,
             (array_agg(close ORDER BY trades = 0, open_time DESC))[1] AS close,
             sum(volume) AS volume, sum(quote_volume) AS quote_volume, sum(taker_buy_volume) AS taker_buy_volume,
             sum(taker_buy_quote_volume) AS taker_buy_quote_volume, sum(trades) AS trades, count(*) AS received
      FROM kline_1s WHERE open_time >= $1 AND open_time < $2 GROUP BY 1, 2) f
JOIN symbol USING (symbol_id)
LEFT JOIN candle c ON c.symbol_id = f.symbol_id AND c.interval = '1m' AND c.open_time = f.minute
"""


@asynccontextmanager
async def world(folder: Path, *, kafka: str, prefix: str, database: str, config: Config | None = None) -> AsyncIterator[World]:
    """A pipeline that streams every symbol, and stops at the end."""
    exchange = Exchange(config or Config(symbols=SYMBOLS), clock=fast_clock())
    async with exchange.serve() as address, Director(exchange.faults, exchange.clock) as director:
        running = Pipeline(folder, kafka=kafka, prefix=prefix, database=database, exchange=address)
        try:
            await running.want(*SYMBOLS)
            await running.start()
            await running.web_is_ready()
            await wait_until(lambda: first_second(running, SYMBOLS), 60)
            yield World(exchange, address, director, running)
        finally:
            director.end_all()
            await running.stop()
