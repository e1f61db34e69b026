"""Latency: how long a second takes from the exchange to the eye, and whether the measurement can be trusted."""

from __future__ import annotations

from typing import NamedTuple

from scripts.dashboards.alerted import good_until
from scripts.dashboards.dashboard import EXCHANGES, NAMESPACES, SYMBOLS, Choice, Dashboard, Row
from scripts.dashboards.panels import Column, Heatmap, Panel, Query, Stat, Table, Timeseries, good_below
from scripts.dashboards.promql import EACH_SYMBOL, NAME, per_minute, per_symbol, quantile, rate, worst
from scripts.dashboards.queries import each_instance, quantiles

HISTOGRAM = "rtchart_stage_latency_seconds"


class Stage(NamedTuple):
    """A stage of `rtchart.process.metrics.STAGES`; 99 in 100 are to be within ``goal`` (s), which is an edge of its buckets."""

    name: str
    goal: float
    meaning: str

    @property
    def where(self) -> tuple[str, ...]:
        return (f'stage="{self.name}"',)


TO_THE_EYE = (
    Stage("exchange_to_received", 0.25, "From the exchange's event to its frame at the producer: mostly the network."),
    Stage("received_to_published", 0.025, "From the frame at the producer until it is handed to Kafka's client."),
    Stage(
        "published_to_consumed",
        0.05,
        "From Kafka to the web server's read. While a server catches up it measures nothing: see its lag on Pipeline.",
    ),
    Stage("consumed_to_sent", 0.025, "From the web server's read to the frame on a browser's socket."),
    Stage("sent_to_painted", 0.05, "From the frame's sending to its paint, as browsers report it."),
)
TO_THE_DATABASE = (
    Stage("exchange_to_inserted", 2, "From the exchange's event to its row in the database."),
    Stage(
        "minute_close_to_candle",
        2,
        "From the end of a minute to its stored candle. An aggregator that is a CronJob ends before anybody could ask it, "
        "and is not here: its runs are on Pipeline.",
    ),
)
STAGES = TO_THE_EYE + TO_THE_DATABASE

P99 = "rtchart_symbol_latency_p99_seconds"
P50 = "rtchart_symbol_latency_p50_seconds"
TO_KAFKA = round(sum(stage.goal for stage in TO_THE_EYE[:2]), 3)
"""What a symbol's own latencies go to: from the exchange's event to Kafka."""


def _now(stage: Stage) -> Panel:
    return Stat(
        title=f"{stage.name}, p99 now",
        description=f"{stage.meaning} Good is green: 99 in 100 are within the goal of {stage.goal:g} s.",
        unit="s",
        queries=[Query(quantile(0.99, HISTOGRAM, where=stage.where))],
        width=6,
        steps=good_below(stage.goal),
        nothing="none measured",
    )


def _over_time(stage: Stage) -> Panel:
    return Timeseries(
        title=stage.name,
        description=f"{stage.meaning} Good: the p99 is below the dashed line, the goal of {stage.goal:g} s.",
        unit="s",
        queries=quantiles(HISTOGRAM, where=stage.where),
        width=6,
        steps=good_below(stage.goal),
        logarithmic=True,
    )


def _within(stage: Stage) -> Query:
    edge = f"{stage.goal:g}"
    # A whole number's edge is written with a fraction or without, by the client and by Prometheus' version.
    le = f'le=~"{edge}|{edge}.0"' if stage.goal == int(stage.goal) else f'le="{edge}"'
    within = rate(f"{HISTOGRAM}_bucket", "stage", where=(*stage.where, le))
    return Query(f"{within} / {rate(f'{HISTOGRAM}_count', 'stage', where=stage.where)}", stage.name)


_NOW = Row(
    "Now",
    (
        *map(_now, TO_THE_EYE),
        Stat(
            title="The way to the eye, medians now",
            description="The medians of the five stages to the eye, added. Good: a few tenths of a second at most, and most "
            "of it exchange_to_received. There is none while no browser reports.",
            unit="s",
            queries=[Query(" + ".join(f"({quantile(0.5, HISTOGRAM, where=stage.where)})" for stage in TO_THE_EYE))],
            width=6,
            steps=good_below(round(sum(stage.goal for stage in TO_THE_EYE), 3)),
            nothing="no browser reports",
        ),
        *map(_now, TO_THE_DATABASE),
    ),
)

_WAY = Row(
    "From the exchange to the eye",
    (
        Timeseries(
            title="The way to the eye, medians",
            description="Where the time goes: the medians of the five stages to the eye, one upon the other. Good: flat, and "
            "most of it is exchange_to_received, which is the network's.",
            unit="s",
            queries=[Query(quantile(0.5, HISTOGRAM, where=stage.where), stage.name) for stage in TO_THE_EYE],
            width=12,
            stacked=True,
        ),
        Timeseries(
            title="Share within the goal",
            description="Which share of each stage's times is within its goal. It is counted and not estimated, as each goal "
            "is the edge of a bucket. Good: above the dashed line, 99 in 100.",
            unit="percentunit",
            queries=[_within(stage) for stage in STAGES],
            width=12,
            steps=((float("-inf"), "red"), (0.99, "green")),
            least=None,
            most=1,
        ),
        *map(_over_time, STAGES),
    ),
)

_SLOWEST = Row(
    "Slowest symbols",
    (
        Table(
            title="Slowest symbols now",
            description="From the exchange's event to Kafka, over the newest minute of each symbol's klines. Good: all p99 "
            f"are green, below {TO_KAFKA:g} s. One symbol alone is slow at the exchange; all of them are slow here. A symbol "
            "that streams no longer keeps its last values.",
            unit="s",
            queries=[
                Query(f"topk(10, {per_symbol(P99)})"),
                Query(f"{per_symbol(P50)} and on ({EACH_SYMBOL}) topk(10, {per_symbol(P99)})"),
            ],
            columns=(
                Column("namespace", "Namespace"),
                Column("exchange", "Exchange"),
                Column("symbol", "Symbol"),
                Column("B", "p50", "s"),
                Column("A", "p99", "s", good_below(TO_KAFKA, 4 * TO_KAFKA)),
            ),
            sort="p99",
            width=10,
            height=11,
        ),
        Timeseries(
            title="Slowest symbols",
            description="The p99 from the exchange's event to Kafka, of the ten symbols that were slowest at any time of "
            f"this range. Good: below the dashed line, {TO_KAFKA:g} s.",
            unit="s",
            queries=[Query(worst(per_symbol(P99)), NAME)],
            width=14,
            height=11,
            steps=good_below(TO_KAFKA),
            logarithmic=True,
        ),
        Timeseries(
            title="All symbols",
            description="The p99 from the exchange's event to Kafka of the median symbol, and of the slowest one in a "
            "hundred. Good: the two are close. Where they part, some symbols are slow and not the way.",
            unit="s",
            queries=[
                Query(f"quantile(0.5, {per_symbol(P99)})", "median symbol"),
                Query(f"quantile(0.99, {per_symbol(P99)})", "slowest in a hundred"),
            ],
            width=24,
            height=7,
            logarithmic=True,
        ),
    ),
)

_BELIEF = Row(
    "Whether to believe it",
    (
        Timeseries(
            title="Latencies below zero",
            description="Times that came out negative and were taken for zero, a minute and by stage. Good: none. Otherwise "
            "two clocks disagree, and what is measured between these two machines is too low or too high by that much.",
            unit="cpm",
            queries=[Query(per_minute("rtchart_stage_latency_negative_total", "stage"), "{{stage}}")],
        ),
        Timeseries(
            title="Clock against the exchange's",
            description="How far the clock of each producer is ahead of the exchange's, the way from there included. Good: "
            "steady, and not below zero but by a little: less than nothing cannot be a way. Beyond the dashed line "
            "it is alerted on. A step is a clock that was set.",
            unit="s",
            queries=[each_instance("rtchart_producer_clock_offset_seconds")],
            steps=good_until("RtchartClockOff"),
            least=None,
        ),
        Timeseries(
            title="Latencies that browsers reported",
            description="What sent_to_painted is made of, a second and by what became of it. Good: most are taken. Clamped "
            "ones were too long to be believed, limited ones came too often. None at all: nobody looks at the page.",
            unit="cps",
            queries=[Query(rate("rtchart_web_reported_total", "outcome"), "{{outcome}}")],
        ),
    ),
)

_SPREAD = Row(
    "Spread",
    (
        Heatmap(
            title="Spread of $stage",
            description="How many times a second a latency fell between two edges. Good: one narrow band, low. Two bands are "
            "two ways, of which one is slow; what is rare and high is all that the p99 tells of.",
            unit="s",
            queries=[Query(rate(f"{HISTOGRAM}_bucket", "le", where=('stage=~"$stage"',)), "{{le}}")],
            width=6,
            repeat="stage",
        ),
    ),
)

LATENCY = Dashboard(
    name="latency",
    title="Latency",
    description="How long a second takes from the exchange to the eye",
    variables=(NAMESPACES, EXCHANGES, SYMBOLS, Choice("stage", tuple(stage.name for stage in STAGES))),
    # The last row grows by as many panels as stages are chosen.
    rows=(_NOW, _WAY, _SLOWEST, _BELIEF, _SPREAD),
)
