"""Candles: what is stored, as a chart, and what is missing in it. It asks the database, not Prometheus."""

from __future__ import annotations

from scripts.dashboards.dashboard import Dashboard, Row, Rows
from scripts.dashboards.panels import Candlestick, Column, Statement, Table, Timeseries

from rtchart.core.interval import CANDLE_INTERVALS, INTERVALS, SECOND

FROM, TO = (f"(extract(epoch FROM $__time{end}()::timestamptz) * {SECOND})::bigint" for end in ("From", "To"))
"""The ends of the range that is looked at, as times are stored: with those PostgreSQL finds the rows by the key."""

_SYMBOL = "s.exchange = '$exchange' AND s.symbol = '$symbol'"
_CANDLES = f"""FROM candle c JOIN symbol s USING (symbol_id)
WHERE {_SYMBOL} AND c.interval = '$interval' AND c.open_time BETWEEN {FROM} AND {TO}"""

_OPENED = f"to_timestamp(c.open_time / {SECOND}.0)"
_LENGTHS = "\n".join(
    f"      WHEN '{name}' THEN interval '{INTERVALS[name].length // SECOND} s'" for name in CANDLE_INTERVALS if name != "1M"
)
_LENGTH = f"""CASE c.interval
{_LENGTHS}
      ELSE ({_OPENED} AT TIME ZONE 'UTC' + interval '1 month') - {_OPENED} AT TIME ZONE 'UTC'
    END"""
"""Of a candle; a month has none of its own."""

REASONS = {"open": "orange", "repaired": "green", "absent": "blue"}
"""Colours of what became of a gap."""


def _time(column: str) -> str:
    return f"to_timestamp(g.{column} / {SECOND}.0)"


_CHART = Row(
    "Stored candles",
    (
        Candlestick(
            title="Candles",
            description="Candles of one symbol as they are stored, by the time at which they open, with their volume. The one "
            "that is under way is stored as far as it is folded. Good: none is missing up to a minute or two ago.",
            unit="none",
            queries=[
                Statement(
                    f"""SELECT {_OPENED} AS "time", c.open, c.high, c.low, c.close, c.volume
{_CANDLES}
ORDER BY c.open_time"""
                )
            ],
            width=24,
            height=14,
        ),
        Timeseries(
            title="Seconds received",
            description="Of how many of its seconds each candle is made whose time is over. Good: green, all of them. What is "
            "orange lacks some, which the table may know of; the exchange's own minutes (older history) count as whole.",
            unit="percentunit",
            queries=[
                Statement(
                    f"""SELECT "time", received / extract(epoch FROM length)::float AS received
FROM (
  SELECT {_OPENED} AS "time", c.received,
    {_LENGTH} AS length
  {_CANDLES}
) AS candles
WHERE "time" + length <= now()
ORDER BY 1"""
                )
            ],
            width=24,
            height=6,
            steps=[(float("-inf"), "orange"), (1, "green")],
            most=1,
            bars=True,
        ),
        Table(
            title="Gaps",
            description="Gaps of the symbol that touch this range, and what became of them. Good: none, or repaired. Absent "
            "are seconds that the exchange said twice it does not have; open ones are asked for again. The newest thousand.",
            unit="short",
            queries=[
                Statement(
                    f"""SELECT {_time("start_time")} AS "start", {_time("end_time")} AS "end",
  (g.end_time - g.start_time) / {SECOND} AS seconds, g.state, g.reason,
  {_time("opened_at")} AS opened, {_time("closed_at")} AS closed
FROM gap g JOIN symbol s USING (symbol_id)
WHERE {_SYMBOL} AND g.end_time > {FROM} AND g.start_time <= {TO}
ORDER BY g.start_time DESC
LIMIT 1000"""
                )
            ],
            columns=(
                Column("start", "From", "dateTimeAsIso"),
                Column("end", "Until", "dateTimeAsIso"),
                Column("seconds", "Seconds"),
                Column("state", "State", texts=REASONS),
                Column("reason", "Reason"),
                Column("opened", "Found", "dateTimeAsIso"),
                Column("closed", "Closed", "dateTimeAsIso"),
            ),
            sort="From",
            width=24,
            height=9,
        ),
    ),
)

CANDLES = Dashboard(
    name="candles",
    title="Candles",
    description="What is stored of a symbol, and what is missing in it",
    variables=(
        Rows("exchange", "SELECT DISTINCT exchange FROM symbol ORDER BY exchange"),
        Rows("symbol", "SELECT symbol FROM symbol WHERE exchange = '$exchange' ORDER BY symbol"),
        # Minutes are always stored: all others are folded from them.
        Rows("interval", f"SELECT unnest('{{1m}}' || array_remove(s.intervals, '1m')) FROM symbol s WHERE {_SYMBOL}"),
    ),
    minutes=360,
    database=True,
    rows=(_CHART,),
)
