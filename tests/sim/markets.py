"""What the simulator's tests share: a moment, rows as klines, and an exchange whose time stands still."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from typing import Any

import httpx

from rtchart.core.kline import Kline, check
from rtchart.sim.clock import ManualClock
from rtchart.sim.exchange import Address, Config, Exchange

NOW = 1_753_446_896_250
"""2025-07-25 12:34:56.250 UTC, a Friday: not the edge of anything."""


def klines(rows: Iterable[list[Any]], symbol: str = "BTCUSDT") -> list[Kline]:
    """REST rows of 1s as klines, each of them plausible."""
    return [
        check(
            Kline(
                exchange="sim",
                symbol=symbol,
                open_time=row[0],
                open=row[1],
                high=row[2],
                low=row[3],
                close=row[4],
                volume=row[5],
                quote_volume=row[7],
                trades=row[8],
                taker_buy_volume=row[9],
                taker_buy_quote_volume=row[10],
                version=row[6],
            )
        )
        for row in rows
    ]


class Market:
    """A running exchange, its hand-moved clock and a REST client."""

    def __init__(self, exchange: Exchange, clock: ManualClock, address: Address, rest: httpx.AsyncClient) -> None:
        self.exchange = exchange
        self.clock = clock
        self.address = address
        self.rest = rest

    async def get(self, path: str, **parameters: Any) -> Any:
        """The JSON of a GET that is answered."""
        response = await self.rest.get(f"/api/v3/{path}", params=parameters)
        assert response.status_code == 200, response.text
        return response.json()


@asynccontextmanager
async def market(now: int = NOW, **config: Any) -> AsyncIterator[Market]:
    """An exchange at the time ``now``, both its clocks standing still."""
    clock = ManualClock(now)
    exchange = Exchange(Config(**config), clock=clock, wall=clock.now)
    async with exchange.serve() as address, httpx.AsyncClient(base_url=address.rest) as rest:
        yield Market(exchange, clock, address, rest)
