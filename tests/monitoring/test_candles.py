"""The dashboard of what is stored: its statements on a real PostgreSQL, as the role that docs/monitoring.md has for Grafana."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any

import asyncpg
import pytest
from scripts.dashboards.alerted import COLOURS
from scripts.dashboards.candles import CANDLES
from scripts.dashboards.dashboard import Rows
from scripts.dashboards.panels import Candlestick, Panel, Statement, Table

from rtchart.core.candle import Candle
from rtchart.core.interval import CANDLE_INTERVALS, DAY, HOUR, INTERVALS, MINUTE, SECOND
from rtchart.core.symbol import DesiredSymbol
from rtchart.process.clock import now_ms
from rtchart.store import candles, gaps, symbols
from rtchart.store.gaps import GapRow
from tests.test_docs import ROOT

PANELS = {panel.title: panel for panel in CANDLES.panels}
NOON = int(datetime(2024, 2, 10, 12, tzinfo=UTC).timestamp()) * SECOND
"""Of a February with 29 days."""
CHOSEN = {"exchange": "sim", "symbol": "BTCUSDT", "interval": "1m"}


def in_docs() -> str:
    """How docs/monitoring.md makes the role."""
    page = (ROOT / "docs" / "monitoring.md").read_text(encoding="utf-8")
    (block,) = re.findall(r"^```sql\n(.+?)^```", page, re.MULTILINE | re.DOTALL)
    return block


class Stored:
    """``owner`` stores as the services do, ``grafana`` asks as Grafana does."""

    def __init__(self, owner: asyncpg.Connection, grafana: asyncpg.Connection) -> None:
        self.owner = owner
        self.grafana = grafana

    async def want(self, symbol: str, *intervals: str) -> int:
        (row,) = await symbols.want(self.owner, [DesiredSymbol("sim", symbol, 1, intervals=intervals or ("1m",))])
        return row.symbol_id

    async def write(self, symbol_id: int, interval: str, received: dict[int, int]) -> None:
        made = [
            Candle(at, "100.5", "102", "99.25", "101", "12.5", "1250", 7, "1", "100", count, 0)
            for at, count in received.items()
        ]
        await candles.write(self.owner, interval, [(symbol_id, candle) for candle in made])

    async def ask(self, sql: str, start: int = 0, end: int = 0, **variables: str) -> list[asyncpg.Record]:
        """With what Grafana puts in for its macros and variables."""
        for macro, time in (("$__timeFrom()", start), ("$__timeTo()", end)):
            sql = sql.replace(macro, f"'{datetime.fromtimestamp(time / SECOND, UTC):%Y-%m-%dT%H:%M:%S.%fZ}'")
        for name, value in (CHOSEN | variables).items():
            sql = sql.replace(f"${name}", value.replace("'", "''"))
        assert "$" not in sql, sql
        return await self.grafana.fetch(sql)

    async def panel(self, title: str, start: int, end: int, **variables: str) -> list[asyncpg.Record]:
        (statement,) = PANELS[title].queries
        assert isinstance(statement, Statement)
        return await self.ask(statement.sql, start, end, **variables)


@pytest.fixture
async def stored(database: str) -> AsyncIterator[Stored]:
    owner = await asyncpg.connect(database)
    await owner.execute(in_docs())
    grafana = await asyncpg.connect(f"postgresql://grafana@{database.rpartition('@')[2]}")
    yield Stored(owner, grafana)
    await grafana.close()
    await owner.execute("DROP OWNED BY grafana; DROP ROLE grafana")
    await owner.close()


async def test_grafana_reads_three_tables_and_writes_none(stored: Stored) -> None:
    tables = await stored.owner.fetch(
        "SELECT relname FROM pg_class WHERE relnamespace = current_schema()::regnamespace AND relkind IN ('r', 'p', 'v')"
    )
    may = {right: set[str]() for right in ("SELECT", "INSERT", "UPDATE", "DELETE", "TRUNCATE")}
    for (table,) in tables:
        for right, of in may.items():
            if await stored.grafana.fetchval("SELECT has_table_privilege($1, $2)", table, right):
                of.add(table)
    assert may == {"SELECT": {"symbol", "candle", "gap"}, "INSERT": set(), "UPDATE": set(), "DELETE": set(), "TRUNCATE": set()}
    with pytest.raises(asyncpg.ReadOnlySQLTransactionError):
        await stored.grafana.execute("CREATE TEMPORARY TABLE mine ()")
    assert await stored.grafana.fetchval("SHOW statement_timeout") == "10s"


async def test_variables_offer_what_there_is(stored: Stored) -> None:
    await stored.want("ETHUSDT", "5m", "1h")
    await stored.want("BTCUSDT", "1m", "1d")
    offered = {one.name: one.sql for one in CANDLES.variables if isinstance(one, Rows)}

    async def options(name: str, **variables: str) -> list[Any]:
        return [value for (value,) in await stored.ask(offered[name], **variables)]

    assert await options("exchange") == ["sim"]
    assert await options("symbol") == ["BTCUSDT", "ETHUSDT"]
    assert await options("symbol", exchange="o'clock") == []
    assert await options("interval") == ["1m", "1d"]
    assert await options("interval", symbol="ETHUSDT") == ["1m", "5m", "1h"]


async def test_the_chart_has_the_candles_that_are_looked_at(stored: Stored) -> None:
    symbol_id, other = await stored.want("BTCUSDT"), await stored.want("ETHUSDT")
    await stored.write(symbol_id, "1m", {NOON + n * MINUTE: 60 for n in range(5)})
    await stored.write(symbol_id, "1h", {NOON: 300})
    await stored.write(other, "1m", {NOON + MINUTE: 60})
    rows = await stored.panel("Candles", NOON + MINUTE, NOON + 3 * MINUTE)
    assert [int(row["time"].timestamp()) * SECOND - NOON for row in rows] == [MINUTE, 2 * MINUTE, 3 * MINUTE]
    assert tuple(rows[0].keys()) == ("time", *Candlestick.CANDLE)
    assert [float(rows[0][name]) for name in Candlestick.CANDLE] == [100.5, 102, 99.25, 101, 12.5]
    assert isinstance(PANELS["Candles"], Candlestick)


@pytest.mark.parametrize("name", CANDLE_INTERVALS)
async def test_a_candle_that_lacks_seconds_is_marked(stored: Stored, name: str) -> None:
    interval = INTERVALS[name]
    symbol_id = await stored.want("BTCUSDT", name)
    first, second = interval.open_time(NOON), interval.next_open(NOON)
    whole, lacking = interval.expected(first), interval.expected(second) - 1
    await stored.write(symbol_id, name, {first: whole, second: lacking})
    rows = await stored.panel("Seconds received", first, second, interval=name)
    assert [row["received"] for row in rows] == [1, pytest.approx(lacking / (lacking + 1), abs=1e-12)]
    assert _colour(PANELS["Seconds received"], rows[0]["received"]) == "green"
    assert _colour(PANELS["Seconds received"], rows[1]["received"]) == COLOURS["warning"]


def _colour(panel: Panel, value: float) -> str:
    return [colour for least, colour in panel.steps if value >= least][-1]


async def test_a_candle_that_is_under_way_lacks_nothing_yet(stored: Stored) -> None:
    symbol_id = await stored.want("BTCUSDT")
    now = now_ms() // MINUTE * MINUTE
    await stored.write(symbol_id, "1m", {now - HOUR: 60, now + HOUR: 1})
    rows = await stored.panel("Seconds received", now - DAY, now + DAY)
    assert [row["received"] for row in rows] == [1]
    assert len(await stored.panel("Candles", now - DAY, now + DAY)) == 2


async def test_gaps_that_touch_the_range_are_listed(stored: Stored) -> None:
    symbol_id, other = await stored.want("BTCUSDT"), await stored.want("ETHUSDT")

    def gap(start: int, end: int, state: Any, of: int = symbol_id) -> GapRow:
        closed = None if state == "open" else NOON + HOUR
        return GapRow(None, of, NOON + start * SECOND, NOON + end * SECOND, state, "silence", NOON + HOUR, closed)

    await gaps.save(
        stored.owner,
        [
            *(gap(-20, -10, "open"), gap(-10, 5, "repaired"), gap(20, 22, "absent"), gap(30, 31, "open")),
            *(gap(70, 80, "open"), gap(20, 30, "open", other)),
        ],
    )
    rows = await stored.panel("Gaps", NOON, NOON + MINUTE)
    assert [(row["seconds"], row["state"]) for row in rows] == [(1, "open"), (2, "absent"), (15, "repaired")]
    table = PANELS["Gaps"]
    assert isinstance(table, Table)
    assert list(rows[0].keys()) == [column.source for column in table.columns]
    assert rows[2]["start"] == datetime.fromtimestamp(NOON / SECOND - 10, UTC)
    assert rows[2]["closed"] == rows[2]["opened"] == datetime.fromtimestamp((NOON + HOUR) / SECOND, UTC)
    assert rows[0]["closed"] is None and rows[0]["reason"] == "silence"
    (texts,) = (column.texts for column in table.columns if column.texts)
    assert texts.keys() == {"open", "repaired", "absent"}
