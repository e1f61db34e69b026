"""Symbols: how fresh, fast and whole each of them is. All of it is the operator's, but for what the producer says of gaps."""

from __future__ import annotations

from scripts.dashboards.alerted import good_unless_lacking, good_until, limits
from scripts.dashboards.dashboard import EXCHANGES, NAMESPACES, SYMBOLS, Dashboard, Row
from scripts.dashboards.latency import P50, P99, TO_KAFKA
from scripts.dashboards.panels import Column, Query, Stat, Table, Timeseries, good_below
from scripts.dashboards.promql import EACH_SYMBOL, NAME, of_symbols, per_minute, per_symbol, rate, series, worst
from scripts.dashboards.queries import each_instance

from rtchart.core.interval import SECOND
from rtchart.producer.ledger import Patience
from rtchart_operator.verdicts import LAG as LAG_ALLOWED

CONDITION = "rtchart_symbol_condition"

_LAST = of_symbols("rtchart_symbol_last_kline_timestamp_seconds")
AGE = f"min by ({EACH_SYMBOL}) (timestamp({_LAST}) - {_LAST})"
"""Seconds from the opening of the newest second to the scrape that told of it. Up to now instead, it would swing by the time
between two scrapes, which is longer than what is looked for."""
SILENT = Patience().silence / SECOND
"""Seconds without a kline after which a gap is opened."""

_MEANT_TO_REST = per_symbol(CONDITION, 'condition="Streaming"', 'reason=~"Suspended|NotTrading"')
AGE_OF_LIVE = f"({AGE} unless on ({EACH_SYMBOL}) {_MEANT_TO_REST})"
COMPLETENESS = per_symbol("rtchart_symbol_completeness_ratio")
LAG = per_symbol("rtchart_symbol_lag_seconds")
COMPLETE = good_unless_lacking("RtchartIncomplete")
BEHIND = LAG_ALLOWED / SECOND
"""Seconds of lag from which on the operator calls it Lagging."""

REASONS = {
    **dict.fromkeys(("Ready", "Streaming"), "green"),
    **dict.fromkeys(("Pending", "Subscribing", "Deleting", "Suspended", "NotTrading"), "blue"),
    **dict.fromkeys(("KafkaUnavailable", "DatabaseUnavailable", "ExchangeUnreachable"), "orange"),
}
"""Colours of reasons (docs/operator.md): good, meant or passing, not known. All others are red."""

IS_READY = per_symbol(CONDITION, 'condition="Ready"')
NOT_TRUE = series("rtchart_operator_symbols", 'status!="True"')
IS_STALE = per_symbol(CONDITION, 'condition="Streaming"', 'reason="Stale"')


def _count(expression: str) -> str:
    """How many series there are, also when it is none."""
    return f"count({expression}) or vector(0)"


def _gaps(state: str) -> str:
    return per_symbol("rtchart_symbol_gaps", f'state="{state}"')


def _reason(condition: str, column: str) -> str:
    """The reason of a condition as a label of that name, so that a table can have it beside another's."""
    told = of_symbols(CONDITION, f'condition="{condition}"')
    return f'max by ({EACH_SYMBOL}, {column}) (label_replace({told}, "{column}", "$1", "reason", "(.*)"))'


_TO_LATENCY = (
    "/d/rtchart-latency?var-namespace=${__data.fields.Namespace}&var-exchange=${__data.fields.Exchange}"
    "&var-symbol=${__value.text}&${__url_time_range}&${datasource:queryparam}"
)
"""Of the row's symbol alone. Where no series has a namespace the first is empty, which matches those that have none."""

_NOW = Row(
    "Now",
    (
        Stat(
            title="Ready",
            description="Symbols whose condition Ready is True: validated, streaming and stored. Good: all of them.",
            unit="short",
            queries=[Query(_count(f"{IS_READY} == 1"))],
            steps=[(float("-inf"), "red"), (1, "green")],
        ),
        Stat(
            title="Not ready",
            description="Symbols whose condition Ready is False. Good: none, but for those that are suspended or that the "
            "exchange does not trade. The table says why.",
            unit="short",
            queries=[Query(_count(f"{IS_READY} == 0"))],
            steps=good_below(1),
        ),
        Stat(
            title="Not known",
            description="Symbols whose condition Ready is Unknown: they are new, or the operator cannot ask Kafka, the "
            "database or the exchange. Good: none for longer than a minute.",
            unit="short",
            queries=[Query(_count(f"{IS_READY} == -1"))],
            steps=[(float("-inf"), "green"), (1, "orange")],
        ),
        Stat(
            title="Stale now",
            description=f"Symbols that are asked for, and of which no kline came for {SILENT:g} s. Good: none.",
            unit="short",
            queries=[Query(_count(IS_STALE))],
            steps=[(float("-inf"), "green"), (1, "orange")],
        ),
        Stat(
            title="Gaps open",
            description="Gaps that are not closed yet. Good: none, or a few for a few minutes: REST fills them, and what the "
            "exchange has nothing for is closed as absent when it has said so twice.",
            unit="short",
            queries=[Query(f"sum({_gaps('open')})")],
            steps=good_below(1, 10),
        ),
        Stat(
            title="Oldest open gap",
            description="How long ago the oldest gap was found that is still open. Good: none, or less than "
            f"{limits('RtchartGapOpen')['warning']:g} s. What is older was not repaired as it should be: see the producer, its "
            "rate limit and its log.",
            unit="s",
            queries=[Query(f"time() - min({per_symbol('rtchart_symbol_oldest_gap_timestamp_seconds')})")],
            steps=good_until("RtchartGapOpen"),
            nothing="none known",
        ),
        Stat(
            title="Worst completeness",
            description="Of the symbol that lacks most, the share of the last 24 hours' seconds that are stored. Good: the "
            "whole; orange is what is alerted on. Seconds that the exchange itself lacks are missing here too: the table has "
            "them as absent.",
            unit="percentunit",
            queries=[Query(f"min({COMPLETENESS})")],
            steps=COMPLETE,
            decimals=3,
        ),
        Stat(
            title="Worst lag",
            description="Of the symbol that waits longest, the seconds that came to Kafka and are not stored. Good: a few. "
            f"From {BEHIND:g} s on it is Lagging: see the inserter and the database. Kafka keeps what waits for a day.",
            unit="s",
            queries=[Query(f"max({LAG})")],
            steps=good_until("RtchartInserterLags"),
        ),
    ),
)

_EACH = Row(
    "Each symbol",
    (
        Table(
            title="Symbols",
            description="One row for each Symbol of each namespace. Good: all green. Age is that of its newest second when it "
            "was looked at, latencies are from the exchange's event to Kafka over its newest minute (one that streams no "
            "longer keeps its last), complete is the share of the last 24 hours' seconds that are stored, lag the seconds "
            "that wait in Kafka. Absent gaps are those that the exchange itself has nothing for. The reasons are those of "
            "kubectl get symbols.",
            unit="short",
            queries=[
                Query(AGE),
                Query(per_symbol(P50)),
                Query(per_symbol(P99)),
                Query(COMPLETENESS),
                Query(LAG),
                Query(_gaps("open")),
                Query(_gaps("repaired")),
                Query(_gaps("absent")),
                Query(_reason("Ready", "ready")),
                Query(_reason("Streaming", "streaming")),
            ],
            columns=(
                Column("namespace", "Namespace"),
                Column("exchange", "Exchange"),
                Column("symbol", "Symbol", link=_TO_LATENCY),
                Column("ready", "Ready", texts=REASONS),
                Column("streaming", "Streaming", texts=REASONS),
                Column("A", "Age", "s", good_below(SILENT, 30)),
                Column("B", "p50", "s", good_below(TO_KAFKA, 4 * TO_KAFKA)),
                Column("C", "p99", "s", good_below(TO_KAFKA, 4 * TO_KAFKA)),
                Column("D", "Complete", "percentunit", COMPLETE),
                Column("E", "Lag", "s", good_until("RtchartInserterLags")),
                Column("F", "Gaps open", "short", good_below(1, 10)),
                Column("G", "Repaired", "short"),
                Column("H", "Absent", "short"),
            ),
            sort="Gaps open",
            width=24,
            height=14,
        ),
    ),
)

_FRESH = Row(
    "Fresh",
    (
        Timeseries(
            title="Stalest symbols",
            description="Age of the newest second when it was looked at, of the ten symbols that were stalest at any time of "
            f"this range; those that are suspended or not traded are left out. Good: below the dashed line, {SILENT:g} s, "
            "where a gap is opened. All at once: the connection, or the exchange.",
            unit="s",
            queries=[Query(worst(AGE_OF_LIVE), NAME)],
            width=12,
            height=9,
            steps=good_below(SILENT),
        ),
        Timeseries(
            title="Longest lag",
            description="Seconds that came to Kafka and are not stored, of the ten symbols that waited longest at any time "
            f"of this range. Good: a few seconds. The dashed line, {BEHIND:g} s, makes a Symbol Lagging.",
            unit="s",
            queries=[Query(worst(LAG), NAME)],
            width=12,
            height=9,
            steps=good_until("RtchartInserterLags"),
        ),
        Timeseries(
            title="Conditions that are not True",
            description="Symbols by the conditions that are False or Unknown. Good: none. Unknown is not wrong, but nobody "
            "knows: many at once are Kafka, the database or the exchange that the operator cannot ask.",
            unit="short",
            queries=[Query(f"sum by (condition, status) ({NOT_TRUE})", "{{condition}} {{status}}")],
            width=12,
        ),
        Timeseries(
            title="Streams by status",
            description="What each producer says of the symbols that it is asked for. Good: all are streaming, in each "
            "producer.",
            unit="short",
            queries=[
                Query(
                    f"max by (namespace, instance, status) ({series('rtchart_producer_symbols')}) > 0",
                    "{{status}} {{instance}} {{namespace}}",
                )
            ],
            width=12,
        ),
    ),
)

_WHOLE = Row(
    "Whole",
    (
        Timeseries(
            title="Least complete symbols",
            description="Share of the last 24 hours' seconds that are stored, of the ten symbols that lacked most at any "
            "time of this range. Good: the whole, and not below the dashed line, where it is alerted on. A line that rises "
            "again is a gap that was repaired.",
            unit="percentunit",
            queries=[Query(worst(COMPLETENESS, lowest=True), NAME)],
            width=12,
            height=9,
            steps=COMPLETE,
            least=None,
            most=1,
            decimals=3,
        ),
        Timeseries(
            title="Gaps by what became of them",
            description="Gaps in the ledger, of all symbols that are chosen. Good: open ones are few and soon gone, repaired "
            "ones rise with each disturbance, absent ones only when the exchange itself had nothing.",
            unit="short",
            queries=[
                Query(f"sum by (state) (max by ({EACH_SYMBOL}, state) ({of_symbols('rtchart_symbol_gaps')}))", "{{state}}")
            ],
            width=12,
            height=9,
        ),
        Timeseries(
            title="Gaps opened",
            description="Gaps that the producers announced, a minute and by reason; two producers of one exchange announce "
            "each. Good: none, but for start and reconnect when something was started, and history for a new symbol. Silence "
            "and step are seconds that the stream did not bring.",
            unit="cpm",
            queries=[Query(per_minute("rtchart_producer_gaps_opened_total", "reason"), "{{reason}}")],
        ),
        Timeseries(
            title="Gaps closed",
            description="Gaps that were closed, a minute and by what became of them. Good: as many as were opened, and "
            "repaired.",
            unit="cpm",
            queries=[
                Query(
                    f"60 * sum by (outcome) (rate({of_symbols('rtchart_symbol_gaps_closed_total')}[$__rate_interval]))",
                    "{{outcome}}",
                )
            ],
        ),
        Timeseries(
            title="Seconds missing",
            description="Seconds in gaps that each producer has not closed yet. Good: zero, or falling. What does not fall "
            "waits for the exchange's REST: see the rate limit on Pipeline.",
            unit="short",
            queries=[each_instance("rtchart_producer_seconds_missing")],
        ),
        Timeseries(
            title="Seconds absent",
            description="Seconds that the exchange said twice it does not have, a minute. Good: none. They cannot be repaired.",
            unit="cpm",
            queries=[Query(per_minute("rtchart_producer_seconds_absent_total"), "absent")],
        ),
        Timeseries(
            title="What the stream did not bring",
            description="Answers of REST with seconds that the stream should have brought, a minute. Good: none while "
            "nothing was disturbed: otherwise a connection loses frames that nobody sees missing.",
            unit="cpm",
            queries=[Query(per_minute("rtchart_producer_stream_missed_total"), "answers")],
        ),
    ),
)

_HISTORY = Row(
    "Older history",
    (
        Timeseries(
            title="Reach of the history",
            description="How far back all is fetched that spec.historyDays asks for, of the ten symbols where that is least; "
            "symbols that ask for none are not here. Good: it rises to the days that were asked for, and stays.",
            unit="s",
            queries=[Query(f"bottomk(10, time() - {per_symbol('rtchart_symbol_history_reach_timestamp_seconds')})", NAME)],
        ),
        Timeseries(
            title="Minutes of history left",
            description="Minutes of older history that are wanted and not fetched yet, and records of them that wait to be "
            "stored. Good: zero, or falling.",
            unit="short",
            queries=[
                each_instance("rtchart_producer_venue_klines_left", "to fetch"),
                Query(f"max({series('rtchart_inserter_backfill_lag_records')})", "to store"),
            ],
        ),
        Timeseries(
            title="Minutes of history taken",
            description="The exchange's own minutes that Kafka took, and what became of them at the database, a second. "
            "Good: what is stored follows what is fetched; not needed are those that are whole already.",
            unit="cps",
            queries=[
                Query(rate("rtchart_producer_venue_klines_total"), "fetched"),
                Query(rate("rtchart_inserter_venue_rows_total", "result"), "{{result}}"),
            ],
        ),
    ),
)

SYMBOLS_DASHBOARD = Dashboard(
    name="symbols",
    title="Symbols",
    description="How fresh, fast and whole each symbol is",
    variables=(NAMESPACES, EXCHANGES, SYMBOLS),
    minutes=60,
    rows=(_NOW, _EACH, _FRESH, _WHOLE, _HISTORY),
)
