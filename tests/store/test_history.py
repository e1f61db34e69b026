"""What is stored of an exchange."""

from __future__ import annotations

import asyncpg
import pytest

from rtchart.core.interval import HOUR
from rtchart.core.symbol import DesiredSymbol
from rtchart.store import symbols
from rtchart.store.history import holds

OPENS = 500_000 * HOUR


@pytest.mark.parametrize(
    "row",
    [
        "INSERT INTO kline_1s VALUES ($1, $2, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 's')",
        "INSERT INTO candle VALUES ($1, '1m', $2, 1, 1, 1, 1, 1, 1, 1, 1, 1, 60, 's', 1)",
    ],
    ids=["seconds", "candles alone"],
)
async def test_an_exchange_is_held_by_its_seconds_or_its_candles(database: str, row: str) -> None:
    connection = await asyncpg.connect(database)
    wanted = [DesiredSymbol(exchange, "BTCUSDT", epoch=1) for exchange in ("binance", "sim")]
    ids = {one.identity.exchange: one.symbol_id for one in await symbols.want(connection, wanted)}
    await connection.execute("SELECT ensure_kline_partitions($1, $2)", OPENS, OPENS + HOUR)
    await connection.execute(row, ids["sim"], OPENS)
    assert await holds(connection, "sim")
    assert not await holds(connection, "binance")
    await connection.execute(row, ids["binance"], OPENS)
    assert await holds(connection, "binance")
    await connection.close()
