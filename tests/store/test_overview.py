"""What is stored of all symbols at once."""

from __future__ import annotations

from collections import Counter

import asyncpg
import pytest

from rtchart.core.interval import HOUR, MINUTE, SECOND
from rtchart.core.kline import Identity
from rtchart.core.symbol import DesiredSymbol
from rtchart.store import overview, symbols
from tests.counting import rows_read

BTC, ETH, NEW = (Identity("sim", symbol) for symbol in ("BTCUSDT", "ETHUSDT", "NEWUSDT"))
NOW = 500_000 * HOUR


async def ground(database: str) -> tuple[asyncpg.Connection, dict[Identity, int]]:
    """Three symbols: one with seconds and minutes, one with minutes that have holes, one with nothing."""
    connection = await asyncpg.connect(database)
    wanted = [DesiredSymbol(one.exchange, one.symbol, epoch=1, kline_hours=2) for one in (BTC, ETH, NEW)]
    ids = {row.identity: row.symbol_id for row in await symbols.want(connection, wanted)}
    await connection.execute("SELECT ensure_kline_partitions($1, $2)", NOW - HOUR, NOW)
    for second in range(3):
        await connection.execute(
            "INSERT INTO kline_1s VALUES ($1, $2, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 's')", ids[BTC], NOW - HOUR + second * SECOND
        )
    for identity, minutes in ((BTC, {-61: 0, -2: 60, -1: 60}), (ETH, {-4: 60, -1: 30})):
        for minute, received in minutes.items():
            await connection.execute(
                "INSERT INTO candle VALUES ($1, '1m', $2, 1, 1, 1, 1, 1, 1, 1, 1, 1, $3, 's', 1)",
                ids[identity],
                NOW + minute * MINUTE,
                received,
            )
    return connection, ids


async def test_how_far_and_how_whole_each_symbol_is(database: str) -> None:
    connection, _ = await ground(database)
    assert await overview.ends(connection) == {
        BTC: (NOW - HOUR + 2 * SECOND, NOW - MINUTE),
        ETH: (None, NOW - MINUTE),
        NEW: (None, None),
    }
    assert await overview.completeness(connection, NOW, hours=3) == {BTC: 120 / (61 * 60), ETH: 90 / 240}, "from the first on"
    assert await overview.completeness(connection, NOW + 10 * MINUTE, hours=3) == await overview.completeness(
        connection, NOW, hours=3
    ), "whole hours"
    assert await overview.completeness(connection, NOW + HOUR, hours=3) == {BTC: 1.0, ETH: 90 / 240}
    assert await overview.completeness(connection, NOW + 4 * HOUR, hours=3) == {}
    assert await overview.size(connection) > 1_000_000
    await symbols.unwant(connection, {BTC: 1}, at=NOW)
    assert BTC not in await overview.ends(connection)
    await connection.close()


async def test_completeness_is_the_same_from_hours_as_from_minutes(database: str) -> None:
    connection, ids = await ground(database)
    add = "INSERT INTO candle VALUES ($1, $2, $3, 1, 1, 1, 1, 1, 1, 1, 1, 1, $4, 's', 1)"
    of_minutes = await overview.completeness(connection, NOW)
    await connection.execute(add, ids[ETH], "1h", NOW - HOUR, 90)
    await connection.execute(add, ids[BTC], "1h", NOW - HOUR, 7)
    assert await overview.completeness(connection, NOW) == of_minutes | {BTC: 120 / (61 * 60)}, "not with an hour that lacks"
    await connection.execute(add, ids[BTC], "1h", NOW - 2 * HOUR, 0)
    assert await overview.completeness(connection, NOW) == of_minutes | {BTC: 7 / (61 * 60)}, "the hours are what is read"
    await connection.close()


async def test_minutes_that_wait_are_counted_when_they_are_too_old(database: str) -> None:
    connection, ids = await ground(database)
    for minute, waiting in ((NOW - 2 * HOUR - MINUTE, [BTC, ETH]), (NOW - 2 * HOUR - MINUTE, [BTC]), (NOW - 2 * HOUR, [BTC])):
        await connection.execute(
            "INSERT INTO checkpoint (minute, symbol_ids, first_second, last_second, inserted_at) VALUES ($1, $2, 0, 0, 0)",
            minute,
            [ids[one] for one in waiting],
        )
    assert await overview.unaggregated(connection, NOW) == {BTC: 1, ETH: 1}
    assert await overview.unaggregated(connection, NOW + HOUR - 1) == {BTC: 1, ETH: 1}, "whole hours, as the sweep's"
    assert await overview.unaggregated(connection, NOW + HOUR) == {BTC: 2, ETH: 1}
    await connection.close()


async def test_gaps_are_counted_by_state_and_by_when_they_closed(database: str) -> None:
    connection, ids = await ground(database)
    for number, (state, closed_at) in enumerate([("open", None), ("repaired", 10), ("repaired", 20), ("absent", 20)]):
        await connection.execute(
            "INSERT INTO gap (symbol_id, start_time, end_time, state, reason, opened_at, closed_at)"
            " VALUES ($1, $2, $3, $4, 'step', 5, $5)",
            ids[BTC],
            number * SECOND,
            number * SECOND + SECOND,
            state,
            closed_at,
        )
    assert await overview.gaps(connection) == {BTC: Counter(open=1, repaired=2, absent=1)}
    assert await overview.open_since(connection, 2 * HOUR) == {BTC: 5}
    assert await overview.open_since(connection, 3 * HOUR) == {}, "its seconds are past their retention"
    assert await overview.gaps_closed(connection, 10, 20) == {BTC: Counter(repaired=1)}
    assert await overview.gaps_closed(connection, 20, 30) == {BTC: Counter(repaired=1, absent=1)}
    await symbols.unwant(connection, {BTC: 1}, at=NOW)
    assert not await overview.gaps(connection) and not await overview.open_since(connection, 0), "nobody asks for it any more"
    await connection.close()


async def test_gaps_of_late_are_those_that_overlap_the_time(database: str) -> None:
    connection, ids = await ground(database)
    rows = [
        (BTC, "repaired", -9, -8),
        (BTC, "repaired", -5, 3),
        (BTC, "open", 4, 6),
        (BTC, "absent", 6, 7),
        (BTC, "open", 9, 14),
    ]
    rows += [(BTC, "open", 10, 11), (ETH, "absent", -4, 2), (ETH, "repaired", 0, 1), (NEW, "open", -2, 0)]
    for identity, state, start, end in rows:
        await connection.execute(
            "INSERT INTO gap (symbol_id, start_time, end_time, state, reason, opened_at, closed_at)"
            " VALUES ($1, $2, $3, $4, 'step', 5, $5)",
            *(ids[identity], NOW + start * SECOND, NOW + end * SECOND, state, None if state == "open" else 5),
        )
    found = await overview.lately(connection, list(ids.values()), NOW, NOW + 10 * SECOND)
    assert found == {
        ids[BTC]: overview.Lately(open=2, repaired=1, absent=1, missing=2 + 1 + 1),
        ids[ETH]: overview.Lately(open=0, repaired=1, absent=1, missing=2),
    }
    assert (await overview.lately(connection, [ids[ETH]], NOW, NOW + 10 * SECOND)).keys() == {ids[ETH]}
    assert await overview.newest_seconds(connection, list(ids.values())) == {ids[BTC]: NOW - HOUR + 2 * SECOND}
    await connection.close()


@pytest.mark.parametrize("plan", ["force_custom_plan", "force_generic_plan"])
async def test_gaps_of_late_are_found_without_reading_the_ledger(database: str, plan: str) -> None:
    connection = await asyncpg.connect(database)
    hours = 500
    await connection.execute(
        f"""INSERT INTO gap (symbol_id, start_time, end_time, state, reason, opened_at, closed_at)
            SELECT s, h::bigint * {HOUR}, h::bigint * {HOUR} + {SECOND}, CASE h % 10 WHEN 0 THEN 'absent' ELSE 'repaired' END,
                   'step', 1, 1
            FROM generate_series(1, 100) s, generate_series(1, {hours}) h"""
    )
    await connection.execute("ANALYZE gap")
    await connection.execute(f"SET plan_cache_mode = {plan}")
    async with rows_read(connection, "gap") as read:
        found = await overview.lately(connection, range(1, 101), (hours - 24) * HOUR + 1, hours * HOUR)
    assert set(found.values()) == {overview.Lately(open=0, repaired=22, absent=2, missing=2)}
    assert read[0] < 100 * 24 * 1.3, "of fifty thousand"
    await connection.close()


async def test_a_symbol_is_gone_when_nothing_of_it_is_left_or_it_is_wanted_again(database: str) -> None:
    connection, _ = await ground(database)
    assert await overview.is_gone(connection, BTC), "it is wanted: its data is not to go"
    await symbols.unwant(connection, {BTC: 1, NEW: 1}, at=NOW)
    assert not await overview.is_gone(connection, BTC)
    assert await overview.is_gone(connection, NEW)
    assert await overview.is_gone(connection, Identity("sim", "NEVERUSDT"))
    await connection.close()
