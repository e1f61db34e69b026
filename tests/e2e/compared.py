"""What the database holds, beside what the exchange itself says."""

from __future__ import annotations

from decimal import Decimal

import httpx

from rtchart.core.interval import HOUR, INTERVALS, MINUTE
from rtchart.process.clock import now_ms
from tests.e2e.release import HISTORY_HOURS, SYMBOLS, Release
from tests.pipeline.running import exchange_seconds, stored_seconds
from tests.waiting import wait_until

Figures = tuple[Decimal | int, ...]


async def seconds_are_equal(release: Release, symbol: str, start: int, end: int) -> bool:
    """Whether ``kline_1s`` holds exactly what the exchange says of ``[start, end)`` (ms); fails with what differs."""
    said = await exchange_seconds(release.exchange, symbol, start, end)  # type: ignore[arg-type]
    stored = await stored_seconds(release, symbol, start, end)  # type: ignore[arg-type]
    assert len(said) == (end - start) // 1000
    lacking = sorted(said.keys() - stored.keys())
    assert not lacking, f"{symbol}: {len(lacking)} seconds of {len(said)} are not stored, the first at {lacking[0]}"
    differing = [time for time in said if said[time] != stored[time]]
    assert not differing and stored.keys() == said.keys(), f"{symbol} differs at {differing[:3]}"
    return True


async def first_minute(release: Release) -> int:
    """The first whole minute that is stored of each of `SYMBOLS` (ms), as soon as their past is there."""
    return await wait_until(lambda: _first_minute(release), 120, every=1)


async def _first_minute(release: Release) -> int:
    rows = await release.fetch(
        "SELECT min(open_time) AS first FROM kline_1s JOIN symbol USING (symbol_id) WHERE symbol = ANY($1) GROUP BY symbol",
        list(SYMBOLS),
    )
    assert len(rows) == len(SYMBOLS)
    first = max((row["first"] + MINUTE - 1) // MINUTE * MINUTE for row in rows)
    assert first < now_ms() - HISTORY_HOURS * HOUR + 20 * MINUTE, "their past is not there yet"
    return int(first)


async def last_second(release: Release, *symbols: str) -> int:
    """The newest second that all of these symbols have (ms)."""
    rows = await release.fetch(
        "SELECT max(open_time) AS last FROM kline_1s JOIN symbol USING (symbol_id) WHERE symbol = ANY($1) GROUP BY symbol",
        list(symbols),
    )
    assert len(rows) == len(symbols), f"stored are {len(rows)} of {', '.join(symbols)}"
    return min(row["last"] for row in rows)


async def stored_candles(release: Release, symbol: str, interval: str, start: int) -> dict[int, Figures]:
    """By open time: open, high, low, close, volume, trades, and the seconds that it is made of."""
    rows = await release.fetch(
        """SELECT open_time, open, high, low, close, volume, trades, received FROM candle JOIN symbol USING (symbol_id)
           WHERE symbol = $1 AND interval = $2 AND open_time >= $3 ORDER BY open_time""",
        symbol,
        interval,
        start,
    )
    return {row[0]: tuple(row)[1:] for row in rows}


async def exchange_candles(release: Release, symbol: str, interval: str, times: list[int]) -> dict[int, Figures]:
    """The same from the exchange, whose klines have every second of their time."""
    length = INTERVALS[interval].length
    async with httpx.AsyncClient(timeout=20) as client:
        query = {"symbol": symbol, "interval": interval, "startTime": times[0], "endTime": times[-1], "limit": 1000}
        rows = (await client.get(f"{release.exchange.rest}/api/v3/klines", params=query)).raise_for_status().json()
    return {row[0]: (*map(Decimal, row[1:6]), row[8], length // 1000) for row in rows}
