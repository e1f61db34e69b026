"""Retention on a real database: what is old goes, what is wanted or not aggregated stays."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest

from rtchart.core.interval import DAY, HOUR, MINUTE, SECOND
from rtchart.core.kline import Identity
from rtchart.core.symbol import DesiredSymbol
from rtchart.store import retention, symbols
from rtchart.store.database import Connection, connect
from rtchart.store.retention import delete_symbol_data, sweep
from rtchart.store.runs import alone

NOW = 1_795_305_600_000 + 13 * HOUR + 7 * MINUTE
"""2026-11-22T13:07Z."""
THIS_HOUR = NOW // HOUR * HOUR


@pytest.fixture
async def owner(database: str) -> AsyncIterator[Connection]:
    connection = await connect(database, service="test")
    yield connection
    await connection.close()


async def want(owner: Connection, symbol: str, **settings: Any) -> int:
    (row,) = await symbols.want(owner, [DesiredSymbol("sim", symbol, 1, **settings)])
    return row.symbol_id


async def put(owner: Connection, symbol_id: int, *times: int) -> None:
    """A second at each of the times."""
    for time in times:
        await owner.execute("SELECT ensure_kline_partitions($1, $2)", time, time + 1)
        await owner.execute(
            "INSERT INTO kline_1s VALUES ($1, $2::bigint, $2 + 1000, 1, 1, 1, 1, 1, 1, 1, 1, 1, 's')", symbol_id, time
        )


async def put_candles(owner: Connection, symbol_id: int, interval: str, *times: int) -> None:
    for time in times:
        await owner.execute(
            "INSERT INTO candle VALUES ($1, $2, $3, 1, 1, 1, 1, 1, 1, 1, 1, 1, 60, 's', 1)", symbol_id, interval, time
        )


async def checkpoint(owner: Connection, minute: int, *symbol_ids: int) -> None:
    await owner.execute(
        "INSERT INTO checkpoint (minute, symbol_ids, first_second, last_second, inserted_at) VALUES ($1, $2, $1, $1, $1)",
        minute,
        list(symbol_ids),
    )


async def seconds(owner: Connection, symbol_id: int) -> list[int]:
    rows = await owner.fetch("SELECT open_time FROM kline_1s WHERE symbol_id = $1 ORDER BY 1", symbol_id)
    return [row[0] for row in rows]


async def candles(owner: Connection, symbol_id: int) -> list[tuple[str, int]]:
    rows = await owner.fetch("SELECT interval, open_time FROM candle WHERE symbol_id = $1 ORDER BY 1, 2", symbol_id)
    return [tuple(row) for row in rows]


async def partitions(owner: Connection) -> list[str]:
    rows = await owner.fetch(
        "SELECT relname FROM pg_inherits JOIN pg_class ON oid = inhrelid WHERE inhparent = 'kline_1s'::regclass ORDER BY 1"
    )
    return [row[0] for row in rows]


async def test_partitions_are_made_ahead_and_dropped_when_no_symbol_keeps_them(owner: Connection) -> None:
    symbol_id = await want(owner, "A", kline_hours=24)
    await want(owner, "B", kline_hours=2)
    # The floor of the longest is 13:00 the day before: the partition from 12:00 holds it, the one before ends below it.
    await put(owner, symbol_id, THIS_HOUR - 2 * DAY, THIS_HOUR - DAY - 2 * HOUR, THIS_HOUR - DAY - SECOND, THIS_HOUR - DAY)
    swept = await sweep(owner, NOW)
    assert swept.partitions_dropped == ["kline_1s_2026_11_20_12", "kline_1s_2026_11_21_06"]
    assert swept.klines == 0  # its partition is not all past retention: the second goes with it
    assert await seconds(owner, symbol_id) == [THIS_HOUR - DAY - SECOND, THIS_HOUR - DAY]
    assert (await partitions(owner))[-1] == "kline_1s_2026_11_23_12"
    assert swept.partitions_made == 5
    again = await sweep(owner, NOW)
    assert (again.partitions_made, again.partitions_dropped, again.klines) == (0, [], 0)


async def test_a_symbol_with_shorter_retention_loses_its_own_seconds_only(owner: Connection) -> None:
    long, short = await want(owner, "LONG", kline_hours=48), await want(owner, "SHORT", kline_hours=1)
    times = (THIS_HOUR - 3 * HOUR, THIS_HOUR - HOUR - SECOND, THIS_HOUR - HOUR, THIS_HOUR)
    await put(owner, long, *times)
    await put(owner, short, *times)
    assert (await sweep(owner, NOW)).klines == 2
    assert await seconds(owner, long) == list(times)
    assert await seconds(owner, short) == list(times[2:])


async def test_what_is_not_aggregated_is_kept_and_reported(owner: Connection) -> None:
    short, other = await want(owner, "SHORT", kline_hours=1), await want(owner, "OTHER", kline_hours=1)
    await want(owner, "LONG", kline_hours=2)
    old = THIS_HOUR - 2 * DAY
    await put(owner, short, old, old + SECOND, old + MINUTE)
    await put(owner, other, old)
    await checkpoint(owner, old, short)
    swept = await sweep(owner, NOW)
    assert (swept.unaggregated, swept.partitions_dropped, swept.klines) == (1, [], 2)
    assert await seconds(owner, short) == [old, old + SECOND]
    assert await seconds(owner, other) == []
    await owner.execute("DELETE FROM checkpoint")  # as the aggregator does
    swept = await sweep(owner, NOW)
    assert (swept.unaggregated, swept.partitions_dropped) == (0, ["kline_1s_2026_11_20_12"])


async def test_deletes_are_bounded_and_go_on_in_the_next_sweep(owner: Connection, monkeypatch: pytest.MonkeyPatch) -> None:
    symbol_id = await want(owner, "SHORT", kline_hours=1)
    await want(owner, "LONG", kline_hours=48)
    old = THIS_HOUR - 3 * HOUR
    await put(owner, symbol_id, old)
    await owner.execute(
        "INSERT INTO kline_1s SELECT symbol_id, t, version, 1, 1, 1, 1, 1, 1, 1, 1, 1, 's' FROM kline_1s, "
        "generate_series(open_time + 1000, open_time + 3599000, 1000) t"
    )
    more = THIS_HOUR - 2 * HOUR
    await put(owner, symbol_id, more)
    monkeypatch.setattr(retention, "BATCHES", 1)
    monkeypatch.setattr(retention, "BATCH", 3000)
    first = await sweep(owner, NOW)
    second = await sweep(owner, NOW)
    assert (first.klines, second.klines) == (3000, 601)
    assert await seconds(owner, symbol_id) == []


async def test_candles_below_1h_go_after_candle_days_and_larger_ones_never(owner: Connection) -> None:
    some, ever = await want(owner, "SOME", candle_days=3), await want(owner, "EVER", candle_days=0)
    floor = NOW // DAY * DAY - 3 * DAY
    for symbol_id in (some, ever):
        for name in ("1m", "30m", "1h", "1d", "1M"):
            await put_candles(owner, symbol_id, name, floor - 300 * DAY, floor - MINUTE, floor)
    assert (await sweep(owner, NOW)).candles == 4
    left = await candles(owner, some)
    assert [time for name, time in left if name in ("1m", "30m")] == [floor, floor]
    assert len([name for name, _ in left if name in ("1h", "1d", "1M")]) == 9
    assert len(await candles(owner, ever)) == 15


async def test_old_records_go(owner: Connection) -> None:
    symbol_id = await want(owner, "A", candle_days=3)
    for at in (NOW - 8 * DAY, NOW - 6 * DAY):
        await owner.execute(
            "INSERT INTO dead_letter (at, stage, reason, detail, payload) VALUES ($1, 'inserter', 'refused_row', '', '')", at
        )
        await owner.execute("INSERT INTO aggregation_run (started_at, finished_at) VALUES ($1, $1)", at)
        for state, closed in (("open", None), ("repaired", at), ("absent", at)):
            await owner.execute(
                """INSERT INTO gap (symbol_id, start_time, end_time, state, reason, opened_at, closed_at)
                   VALUES ($1, $2, $3, $4, 'step', $2, $5)""",
                symbol_id,
                at,
                at + SECOND,
                state,
                closed,
            )
    await owner.execute("UPDATE gap SET end_time = $1 WHERE start_time = $2", NOW, NOW - 6 * DAY)
    swept = await sweep(owner, NOW)
    assert (swept.dead_letters, swept.runs, swept.gaps) == (1, 1, 3), "open gaps too, which nothing will close"
    assert await owner.fetchval("SELECT count(*) FROM gap WHERE start_time = $1", NOW - 6 * DAY) == 3
    assert await owner.fetchval("SELECT count(*) FROM dead_letter") == 1


async def test_an_empty_database_is_swept(owner: Connection) -> None:
    assert (await sweep(owner, NOW)).partitions_made == 5


async def test_the_data_of_a_deleted_symbol_goes_and_nothing_else(owner: Connection) -> None:
    gone, stays = await want(owner, "GONE"), await want(owner, "STAYS")
    for symbol_id in (gone, stays):
        await put(owner, symbol_id, THIS_HOUR, THIS_HOUR + SECOND)
        await put_candles(owner, symbol_id, "1d", 0)
        await owner.execute(
            "INSERT INTO gap (symbol_id, start_time, end_time, reason, opened_at) VALUES ($1, 0, 1000, 'step', 0)", symbol_id
        )
    await checkpoint(owner, THIS_HOUR, gone, stays)
    await checkpoint(owner, THIS_HOUR, gone)
    assert await delete_symbol_data(owner, Identity("sim", "GONE")) == 0  # it is wanted
    await symbols.unwant(owner, {Identity("sim", "GONE"): 1}, at=NOW)
    assert await delete_symbol_data(owner, Identity("sim", "GONE")) == 4
    assert (await seconds(owner, gone), await candles(owner, gone)) == ([], [])
    assert (len(await seconds(owner, stays)), len(await candles(owner, stays))) == (2, 1)
    assert [row[0] for row in await owner.fetch("SELECT symbol_ids FROM checkpoint")] == [[stays]]
    assert await owner.fetchval("SELECT count(*) FROM gap") == 1
    assert await owner.fetchval("SELECT epoch FROM symbol WHERE symbol = 'GONE'") == 1
    assert await delete_symbol_data(owner, Identity("sim", "NEVER")) == 0


async def test_data_of_a_symbol_stays_while_it_is_aggregated(owner: Connection, database: str) -> None:
    symbol_id = await want(owner, "GONE")
    await put(owner, symbol_id, THIS_HOUR)
    await symbols.unwant(owner, {Identity("sim", "GONE"): 1}, at=NOW)
    aggregator = await connect(database, service="test")
    async with alone(aggregator):
        assert await delete_symbol_data(owner, Identity("sim", "GONE")) is None
    await aggregator.close()
    assert await delete_symbol_data(owner, Identity("sim", "GONE")) == 1


async def test_data_of_a_symbol_that_is_wanted_again_stays(owner: Connection, monkeypatch: pytest.MonkeyPatch) -> None:
    """It comes back after the first batch of its seconds was deleted."""
    symbol_id = await want(owner, "BACK")
    await put(owner, symbol_id, THIS_HOUR, THIS_HOUR + SECOND, THIS_HOUR + 2 * SECOND)
    await put_candles(owner, symbol_id, "1d", 0)
    await symbols.unwant(owner, {Identity("sim", "BACK"): 1}, at=NOW)
    await owner.execute(
        """CREATE FUNCTION come_back() RETURNS trigger LANGUAGE plpgsql AS
           'BEGIN UPDATE symbol SET deleted_at = NULL; RETURN NULL; END';
           CREATE TRIGGER come_back AFTER DELETE ON kline_1s EXECUTE FUNCTION come_back()"""
    )
    monkeypatch.setattr(retention, "BATCH", 1)
    assert await delete_symbol_data(owner, Identity("sim", "BACK")) == 1
    assert (len(await seconds(owner, symbol_id)), len(await candles(owner, symbol_id))) == (2, 1)


async def test_a_sweep_deletes_the_data_of_symbols_that_ended_so_and_of_no_other(owner: Connection, database: str) -> None:
    gone = Identity("sim", "GONE")
    ids = {name: await want(owner, name, deletion_policy="Delete") for name in ("GONE", "BACK", "STAYS")}
    ids["KEPT"] = await want(owner, "KEPT")
    for symbol_id in ids.values():
        await put(owner, symbol_id, THIS_HOUR)
    await symbols.unwant(owner, {gone: 1, Identity("sim", "BACK"): 1, Identity("sim", "KEPT"): 1}, at=NOW)
    await want(owner, "BACK", deletion_policy="Delete")
    aggregator = await connect(database, service="test")
    async with alone(aggregator):
        swept = await sweep(owner, NOW)
        assert (swept.deleted, swept.deletions_wait) == ({}, True), "the aggregator is at work"
    await aggregator.close()
    swept = await sweep(owner, NOW)
    assert (swept.deleted, swept.deletions_wait) == ({gone: 1}, False)
    assert {name for name, symbol_id in ids.items() if await seconds(owner, symbol_id)} == {"BACK", "STAYS", "KEPT"}
    assert (await sweep(owner, NOW)).deleted == {}
    await put(owner, ids["GONE"], THIS_HOUR)  # of an inserter that had not heard of it
    assert (await sweep(owner, NOW)).deleted == {gone: 1}


async def test_a_deletion_that_was_stopped_is_finished_by_the_next_sweep(owner: Connection, database: str) -> None:
    symbol_id = await want(owner, "GONE", deletion_policy="Delete")
    await put(owner, symbol_id, THIS_HOUR, THIS_HOUR + SECOND)
    await put_candles(owner, symbol_id, "1d", 0)
    await symbols.unwant(owner, {Identity("sim", "GONE"): 1}, at=NOW)
    await owner.execute(
        """CREATE FUNCTION stop() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RAISE EXCEPTION ''stopped''; END';
           CREATE TRIGGER stop BEFORE DELETE ON candle EXECUTE FUNCTION stop()"""
    )
    with pytest.raises(Exception, match="stopped"):
        await sweep(owner, NOW)
    assert (await seconds(owner, symbol_id), len(await candles(owner, symbol_id))) == ([], 1)
    await owner.execute("DROP TRIGGER stop ON candle")
    another = await connect(database, service="test")
    assert (await sweep(another, NOW)).deleted == {Identity("sim", "GONE"): 1}
    await another.close()
    assert await candles(owner, symbol_id) == []


async def test_deletions_leave_the_aggregator_its_turn(owner: Connection, monkeypatch: pytest.MonkeyPatch) -> None:
    names = [Identity("sim", f"GONE{n}") for n in range(3)]
    for identity in names:
        await put(owner, await want(owner, identity.symbol, deletion_policy="Delete"), THIS_HOUR, THIS_HOUR + SECOND)
    await symbols.unwant(owner, dict.fromkeys(names, 1), at=NOW)
    monkeypatch.setattr(retention, "BATCH", 3)
    monkeypatch.setattr(retention, "BATCHES", 1)
    first = await sweep(owner, NOW)
    assert (len(first.deleted), first.deletions_wait) == (2, True)
    second = await sweep(owner, NOW)
    assert (len(second.deleted), second.deletions_wait) == (1, False)


async def test_a_deleted_symbol_without_seconds_keeps_nobodys(owner: Connection) -> None:
    await want(owner, "GONE", kline_hours=480)
    stays = await want(owner, "STAYS", kline_hours=2)
    await put(owner, stays, THIS_HOUR - 2 * DAY)
    assert (await sweep(owner, NOW)).partitions_dropped == [], "its partition is kept for the other"
    await put(owner, stays, THIS_HOUR - 2 * DAY)
    await symbols.unwant(owner, {Identity("sim", "GONE"): 1}, at=NOW)
    assert (await sweep(owner, NOW)).partitions_dropped == ["kline_1s_2026_11_20_12"]


async def test_a_partition_in_use_is_left_for_the_next_sweep(owner: Connection, database: str) -> None:
    symbol_id = await want(owner, "A", kline_hours=1)
    await put(owner, symbol_id, THIS_HOUR - 2 * DAY)
    reader = await connect(database, service="test")
    async with reader.transaction():
        await reader.fetchval("SELECT count(*) FROM kline_1s")
        swept = await sweep(owner, NOW)
        assert (swept.partitions_dropped, swept.partitions_busy) == ([], ["kline_1s_2026_11_20_12"])
    await reader.close()
    assert (await sweep(owner, NOW)).partitions_dropped == ["kline_1s_2026_11_20_12"]
