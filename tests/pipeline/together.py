"""One start of the services for the tests of a module, and what they wait for in the database."""

from __future__ import annotations

from typing import NamedTuple

from rtchart.process.clock import now_ms
from rtchart.sim.clock import MarketClock
from rtchart.sim.exchange import Address, Exchange
from tests.pipeline.running import Pipeline

RATE = 10
"""Seconds of the market in a second: what takes the market's time comes so much earlier."""


class Together(NamedTuple):
    """An exchange, and the services that store what it says."""

    exchange: Exchange
    address: Address
    running: Pipeline
    first: int
    """The first second from which on every symbol is stored."""


def fast_clock() -> MarketClock:
    """A market's clock at `RATE`, begun so far in the past that no test sees it reach the present."""
    return MarketClock(RATE, now_ms() - 3_600_000)


async def first_second(running: Pipeline, symbols: tuple[str, ...]) -> int | None:
    """The first second from which on every symbol is stored."""
    rows = await running.fetch("SELECT symbol_id, min(open_time) AS first FROM kline_1s GROUP BY symbol_id")
    return max(row["first"] for row in rows) if len(rows) == len(symbols) else None


async def stored_after(running: Pipeline, symbols: tuple[str, ...], time: int) -> bool:
    """Whether each symbol has a second that opened after ``time``."""
    rows = await running.fetch("SELECT symbol_id FROM kline_1s WHERE open_time > $1 GROUP BY symbol_id", time)
    return len(rows) == len(symbols)
