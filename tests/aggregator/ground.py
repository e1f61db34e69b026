"""A database as the inserter leaves it, for the aggregator to work on."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from decimal import Decimal
from itertools import groupby
from typing import Any

from rtchart.aggregator.run import Outcome, run
from rtchart.core.candle import Candle
from rtchart.core.interval import MINUTE, SECOND
from rtchart.core.kline import Kline
from rtchart.core.messages import Revision, encode
from rtchart.core.symbol import DesiredSymbol
from rtchart.store import candles, symbols
from rtchart.store.candles import Span
from rtchart.store.database import Connection

START = 1_795_305_600_000
"""2026-11-22T00:00Z, a Sunday."""


def second(number: int, *, price: str = "100.5", version: int = 0, **changes: Any) -> Kline:
    """A plausible second, ``number`` seconds after `START`."""
    values: dict[str, Any] = {
        "exchange": "sim",
        "symbol": "TEST",
        "open_time": START + number * SECOND,
        "open": price,
        "high": price,
        "low": price,
        "close": price,
        "volume": "0.25",
        "quote_volume": "25.125",
        "trades": 2,
        "taker_buy_volume": "0.1",
        "taker_buy_quote_volume": "10.05",
        "version": START + number * SECOND + 1020 + version,
    }
    return Kline(**{**values, **changes})


def minute(number: int, **changes: Any) -> list[Kline]:
    """All seconds of the minute ``number`` minutes after `START`."""
    return [second(60 * number + n, **changes) for n in range(60)]


class Collector:
    """A Kafka that takes everything: what was published, in order."""

    def __init__(self) -> None:
        self.revisions: list[Revision] = []

    async def publish(self, revisions: Sequence[Revision]) -> None:
        self.revisions += revisions


class Ground:
    """``owner`` writes as the inserter does; ``aggregator`` is a connection of the aggregator's own role."""

    def __init__(self, owner: Connection, aggregator: Connection) -> None:
        self.owner = owner
        self.aggregator = aggregator
        self.kafka = Collector()

    async def want(self, symbol: str = "TEST", *intervals: str, **settings: Any) -> int:
        """The symbol_id of a symbol that is wanted so."""
        if intervals:
            settings["intervals"] = intervals
        (row,) = await symbols.want(self.owner, [DesiredSymbol("sim", symbol, 1, **settings)])
        return row.symbol_id

    async def listed(self, symbol_id: int, day: int) -> None:
        await self.owner.execute("UPDATE symbol SET listed_day = $2 WHERE symbol_id = $1", symbol_id, day)

    async def put(self, symbol_id: int, seconds: Iterable[Kline], *, at: int = START) -> None:
        """Store seconds with their checkpoints."""
        rows = list(seconds)
        times = [kline.open_time for kline in rows]
        await self.owner.execute("SELECT ensure_kline_partitions($1, $2)", min(times), max(times) + SECOND)
        async with self.owner.transaction():
            changed = await self.owner.fetch(
                """INSERT INTO kline_1s AS k (symbol_id, open_time, version, open, high, low, close, volume, quote_volume,
                                              taker_buy_volume, taker_buy_quote_volume, trades, source)
                   SELECT $1, r.open_time, version, open, high, low, close, volume, quote_volume, taker_buy_volume,
                          taker_buy_quote_volume, trades, left(source, 1)::"char"
                   FROM json_to_recordset($2) AS r (open_time bigint, version bigint, open numeric, high numeric, low numeric,
                       close numeric, volume numeric, quote_volume numeric, taker_buy_volume numeric,
                       taker_buy_quote_volume numeric, trades integer, source text)
                   ON CONFLICT (symbol_id, open_time) DO UPDATE SET
                       version = excluded.version, open = excluded.open, high = excluded.high, low = excluded.low,
                       close = excluded.close, source = excluded.source
                   WHERE excluded.version > k.version
                     AND (k.open, k.high, k.low, k.close) <> (excluded.open, excluded.high, excluded.low, excluded.close)
                   RETURNING k.open_time""",
                symbol_id,
                encode(rows).decode(),
            )
            await self.owner.executemany(
                """INSERT INTO checkpoint (minute, symbol_ids, first_second, last_second, inserted_at)
                   VALUES ($1, $2, $3, $4, $5)""",
                [
                    (minute, [symbol_id], min(touched), max(touched), at)
                    for minute, group in groupby(sorted(row[0] for row in changed), lambda time: time - time % MINUTE)
                    for touched in [list(group)]
                ],
            )

    async def store_candles(self, symbol_id: int, interval: str, made: Iterable[Candle]) -> None:
        """Store candles as a fold of them would have."""
        await candles.write(self.owner, interval, [(symbol_id, candle) for candle in made])

    async def run(self, now: int, *, began: int | None = None) -> Outcome:
        """A run at this time, of an aggregator that began then, or earlier."""
        outcome = await run(self.aggregator, self.kafka, lambda: now, began=began)  # type: ignore[arg-type]
        assert outcome is not None, "another run is under way"
        return outcome

    async def candles(self, symbol_id: int, interval: str = "1m") -> dict[int, Candle]:
        """What is stored, by open time."""
        span = Span(symbol_id, interval, 0, 2**62)
        (found,) = await candles.read_candles(self.owner, [span])
        return {candle.open_time: candle for candle in found}

    async def rows(self) -> list[tuple[Any, ...]]:
        """The whole table, revisions included."""
        return [tuple(row) for row in await self.owner.fetch("SELECT * FROM candle ORDER BY 1, 2, 3")]

    async def revision(self, symbol_id: int, interval: str = "1m", open_time: int = START) -> int:
        return int(
            await self.owner.fetchval(
                "SELECT revision FROM candle WHERE (symbol_id, interval, open_time) = ($1, $2, $3)",
                symbol_id,
                interval,
                open_time,
            )
        )


OVER = START + 10 * MINUTE
"""A time at which the first minutes are over."""


def same(stored: Candle, made: Candle) -> bool:
    """Whether two candles are of equal content: numbers compare as numbers."""
    numbers = ["open", "high", "low", "close", "volume", "quote_volume", "taker_buy_volume", "taker_buy_quote_volume"]
    rest = ["open_time", "trades", "received", "source"]
    return all(Decimal(getattr(stored, n)) == Decimal(getattr(made, n)) for n in numbers) and all(
        getattr(stored, n) == getattr(made, n) for n in rest
    )
