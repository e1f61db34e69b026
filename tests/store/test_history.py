"""Reading what is stored: of an exchange, and of many symbols at once."""

from __future__ import annotations

import asyncpg
import pytest

from rtchart.core.interval import HOUR, INTERVALS, MINUTE
from rtchart.core.symbol import DesiredSymbol
from rtchart.store import history, symbols
from rtchart.store.history import holds
from tests.counting import rows_read

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


async def test_closes_of_many_symbols_are_a_range_of_the_index_each(database: str) -> None:
    connection = await asyncpg.connect(database)
    await connection.execute(
        f"""INSERT INTO candle SELECT s, '1m', m * {MINUTE}, 1, 1, 1, m, 1, 1, 1, 1, 1, 60, 's', 1
            FROM generate_series(1, 200) s, generate_series(1, 500) m"""
    )
    await connection.execute("ANALYZE candle")
    for plan in ("force_custom_plan", "force_generic_plan"):
        await connection.execute(f"SET plan_cache_mode = {plan}")
        async with rows_read(connection, "candle") as read:
            found = await history.closes(connection, range(1, 101), INTERVALS["1m"], 400 * MINUTE, 460 * MINUTE)
        assert found.keys() == set(range(1, 101))
        assert [(time // MINUTE, float(row.close), row.received) for time, row in found[7].items()] == [
            (minute, minute, 60) for minute in range(400, 460)
        ]
        assert read == [6_000], "none but those"
    await connection.close()
