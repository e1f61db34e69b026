"""Pipeline: what each service does, how far it is behind, and what it runs on."""

from __future__ import annotations

from scripts.dashboards.alerted import good_until
from scripts.dashboards.dashboard import NAMESPACES, Dashboard, Row
from scripts.dashboards.machines import MACHINES, OPERATOR
from scripts.dashboards.panels import Query, Stat, Timeseries, good_below
from scripts.dashboards.promql import per_minute, rate, series
from scripts.dashboards.queries import each_instance, quantiles

from rtchart.core.interval import SECOND
from rtchart_operator.verdicts import BEHIND as CANDLES_BEHIND

BEHIND = CANDLES_BEHIND / SECOND
"""Seconds that candles may be behind seconds. From there on Symbols say AggregatorBehind, and RtchartAggregatorLate is due."""


def _now(name: str) -> str:
    """Of each release: while its operator is replaced, there are two who tell of it."""
    return f"max by (namespace) ({series(name)})"


_RUN_AGE = f"time() - {_now('rtchart_aggregation_last_run_timestamp_seconds')}"
_TOOK = _now("rtchart_aggregation_last_run_duration_seconds")
_FAILED = _now("rtchart_aggregation_last_run_failed")

_RATES = Row(
    "Rates",
    (
        Timeseries(
            title="Klines in",
            description="Klines that Kafka acknowledged, a second and by where they are from. Good: as many from the stream "
            "as symbols are streamed (times the producers of an exchange), and repaired ones only after a disturbance.",
            unit="cps",
            queries=[Query(rate("rtchart_producer_klines_total", "source"), "{{source}}")],
        ),
        Timeseries(
            title="Rows inserted",
            description="Klines by what became of them at the database, a second. Good: inserted ones as many as klines come "
            "in; with two producers as many again are unchanged. Changed ones are the exchange's corrections. Dropped: too "
            "old, or of a Symbol that was deleted.",
            unit="cps",
            queries=[Query(rate("rtchart_inserter_rows_total", "result"), "{{result}}")],
        ),
        Timeseries(
            title="Candles folded",
            description="What an aggregator folds, a second: minutes from their seconds, candles of all intervals, and those "
            "of them that were new or had changed. Good: in step with the klines. One that is a CronJob ends before it could "
            "be asked: see its runs.",
            unit="cps",
            queries=[
                Query(rate("rtchart_aggregator_minute_folds_total"), "minutes"),
                Query(rate("rtchart_aggregator_candles_total"), "candles"),
                Query(rate("rtchart_aggregator_revisions_total"), "revisions"),
            ],
        ),
        Timeseries(
            title="Records that the web reads",
            description="Records read from Kafka, a second and by topic, of all web servers together. Good: as many klines "
            "as come in, times the web servers, as each reads everything.",
            unit="cps",
            queries=[Query(rate("rtchart_web_records_total", "topic"), "{{topic}}")],
        ),
        Timeseries(
            title="Sent to browsers",
            description="Frames, and the messages in them as often as they had receivers, a second. Good: both follow the "
            "sockets that are open, and the more messages in a frame, the cheaper.",
            unit="cps",
            queries=[
                Query(rate("rtchart_web_frames_total"), "frames"),
                Query(rate("rtchart_web_deliveries_total"), "deliveries"),
            ],
        ),
        Timeseries(
            title="Left out on the way to Kafka",
            description="Klines and records that a producer did not bring to Kafka at first, a second. Good: none dropped "
            "and none lost: both mean that Kafka took nothing, and are made again. Ignored klines are no closed seconds, and "
            "may come.",
            unit="cps",
            queries=[
                Query(rate("rtchart_producer_klines_dropped_total"), "dropped"),
                Query(rate("rtchart_producer_records_lost_total"), "lost"),
                Query(rate("rtchart_producer_klines_ignored_total"), "ignored"),
            ],
        ),
    ),
)

_LAG = Row(
    "Lag",
    (
        Timeseries(
            title="Inserter's lag by partition",
            description="Records in Kafka that are not in the database. Good: below what comes in a few seconds, in each "
            "partition. One that rises alone has no inserter; all that rise are the database. Kafka keeps them for a day.",
            unit="short",
            queries=[
                Query(
                    f"max by (namespace, partition) ({series('rtchart_inserter_lag_records')})",
                    "{{partition}} {{namespace}}",
                )
            ],
        ),
        Timeseries(
            title="Web's lag",
            description="Records on Kafka that a web server has not read. Good: near zero. One that stays behind has no "
            "processor to itself, or too many clients.",
            unit="short",
            queries=[each_instance("rtchart_web_consumed_lag_records")],
        ),
        Timeseries(
            title="Watermark's lag",
            description="How far the last watermark of all symbols that stream is behind the exchange. Good: a few seconds. "
            "It grows while a single gap is open, and so says how long ago everything was whole.",
            unit="s",
            queries=[each_instance("rtchart_producer_watermark_lag_seconds")],
        ),
        Timeseries(
            title="Records in flight",
            description="Records handed to Kafka's client and not acknowledged. Good: some at each second's end, and none "
            "between. What stays is a Kafka that does not answer.",
            unit="short",
            queries=[each_instance("rtchart_producer_records_in_flight")],
        ),
        Timeseries(
            title="Inserters that wait",
            description="1 while an inserter fetches nothing because the database does not take what was. Good: 0.",
            unit="short",
            queries=[each_instance("rtchart_inserter_paused")],
            most=1,
        ),
        Timeseries(
            title="Batches and offsets lost",
            description="Batches that were dropped because another inserter had stored their records, and times that Kafka's "
            "log was cut off before it was read, a minute. Good: none. Some fenced ones when partitions move are harmless; "
            "after a cut the gap is asked for again.",
            unit="cpm",
            queries=[
                Query(per_minute("rtchart_inserter_fenced_total"), "fenced"),
                Query(per_minute("rtchart_inserter_offsets_lost_total"), "offsets lost"),
            ],
        ),
    ),
)

_BATCHES = Row(
    "Batches",
    (
        Timeseries(
            title="Rows of a batch",
            description="Records that are stored in one transaction. Good: about what comes in between two batches. Those "
            "that grow are what waited: the database is slow, or it catches up.",
            unit="short",
            queries=quantiles("rtchart_inserter_batch_rows"),
            width=12,
        ),
        Timeseries(
            title="Seconds of a batch",
            description="Time to store a batch, waiting for the database included. Good: a small part of a second. The "
            "dashed line is the goal for the whole way from the exchange to the row.",
            unit="s",
            queries=quantiles("rtchart_inserter_batch_seconds"),
            width=12,
            steps=good_below(2),
            logarithmic=True,
        ),
    ),
)

_AGGREGATION = Row(
    "Aggregation",
    (
        Stat(
            title="Age of the newest run",
            description="Time since the aggregator's newest run began, of the release where it is longest ago. Good: below two "
            f"minutes; a CronJob begins each minute. At {BEHIND:g} s candles are behind, which is alerted on.",
            unit="s",
            queries=[Query(f"max({_RUN_AGE})")],
            width=4,
            steps=[(float("-inf"), "green"), (BEHIND, "orange")],
        ),
        Stat(
            title="Newest run took",
            description="How long the aggregator's newest run took that ended. Good: far below a minute, or it cannot keep up.",
            unit="s",
            queries=[Query(f"max({_TOOK})")],
            width=4,
            steps=good_below(30, 60),
        ),
        Stat(
            title="Newest run",
            description="Whether the aggregator's newest run failed. Good: it did not. The condition Aggregating of each "
            "Symbol says why.",
            unit="short",
            queries=[Query(f"max({_FAILED})")],
            width=4,
            steps=good_below(1),
            texts={"0": "done", "1": "failed"},
        ),
        Timeseries(
            title="Age and duration of runs",
            description="Time since the newest run began, and time that the newest one took that ended. Good: the age is a "
            "sawtooth below two minutes, the duration far below one. An age that rises is an aggregator that does not run, "
            "or that is in one long run.",
            unit="s",
            queries=[
                Query(_RUN_AGE, "age {{namespace}}"),
                Query(_TOOK, "duration {{namespace}}"),
                Query(_FAILED, "failed (1) {{namespace}}"),
            ],
            width=12,
        ),
        Timeseries(
            title="Runs of an aggregator that stays",
            description="Time of a run of an aggregator that is a Deployment. Good: below a second for a minute of all "
            "symbols.",
            unit="s",
            queries=quantiles("rtchart_aggregator_run_seconds"),
            width=12,
            logarithmic=True,
        ),
        Timeseries(
            title="What waits for the aggregator and for Kafka",
            description="Checkpoints of minutes that are to be folded (also of those that are not over), and revisions that "
            "Kafka has not acknowledged, after each run of an aggregator that is a Deployment. Good: about as many "
            "checkpoints as symbols, and no revisions.",
            unit="short",
            queries=[
                Query(_now("rtchart_aggregator_checkpoints_pending"), "checkpoints {{namespace}}"),
                Query(_now("rtchart_aggregator_outbox_pending"), "revisions {{namespace}}"),
            ],
            width=12,
        ),
    ),
)

_EXCHANGE = Row(
    "Exchange",
    (
        Timeseries(
            title="Connections",
            description="Connections to the exchange that brought klines, and times that symbols had none left, a minute. "
            "Good: a few new ones a day, as each is replaced before the exchange ends it, and none lost: those are gaps.",
            unit="cpm",
            queries=[
                Query(per_minute("rtchart_producer_connections_total"), "new (rotations too)"),
                Query(per_minute("rtchart_producer_connections_lost_total"), "lost"),
            ],
            width=12,
        ),
        Timeseries(
            title="Rate limit used",
            description="Share of the exchange's REST limit that was used in the last minute. Good: below the dashed lines. "
            "A producer uses half of the limit at most, so what is above is others' at its address, and gaps wait for it.",
            unit="percentunit",
            queries=[each_instance("rtchart_producer_rate_limit_used_ratio")],
            width=12,
            steps=good_until("RtchartRateLimitNear"),
            most=1,
        ),
    ),
)

_BROWSERS = Row(
    "Browsers",
    (
        Timeseries(
            title="Sockets",
            description="Sockets that are open, in each web server. Good: about as many in each. Steps down in all of them "
            "at once are a network's or a load balancer's.",
            unit="short",
            queries=[each_instance("rtchart_web_sockets")],
        ),
        Timeseries(
            title="Subscriptions and symbols",
            description="Subscriptions to a symbol's candles in all web servers, and symbols with live state in the one that "
            "has most. Good: subscriptions follow the sockets, symbols are those that stream.",
            unit="short",
            queries=[
                Query(f"sum({series('rtchart_web_subscriptions')})", "subscriptions"),
                Query(f"max({series('rtchart_web_symbols')})", "symbols"),
            ],
        ),
        Timeseries(
            title="Slow clients",
            description="Updates that a newer one replaced before a slow client took them, subscriptions that were told to "
            "start again, and sockets closed because a frame was not taken, a minute. Good: few skips, hardly any resync, "
            "nothing stalled. A slow client skips updates and not time; many at once are a slow server.",
            unit="cpm",
            queries=[
                Query(per_minute("rtchart_web_mailbox_skips_total"), "skips"),
                Query(per_minute("rtchart_web_resyncs_total"), "resyncs"),
                Query(per_minute("rtchart_web_stalled_total"), "stalled"),
            ],
        ),
        Timeseries(
            title="Sockets refused",
            description="Handshakes that were refused, a minute and by reason. Good: none. Full: more web servers; address: "
            "one client with too many sockets; origin: a page that is not in web.allowOrigins.",
            unit="cpm",
            queries=[Query(per_minute("rtchart_web_sockets_refused_total", "reason"), "{{reason}}")],
        ),
        Timeseries(
            title="Sockets closed by the server",
            description="Sockets that the server closed, a minute and by WebSocket code. Good: none but 1001, when a server "
            "goes.",
            unit="cpm",
            queries=[Query(per_minute("rtchart_web_sockets_closed_total", "code"), "{{code}}")],
        ),
        Timeseries(
            title="Requests refused",
            description="Messages of clients that were refused, by code, and requests of the API whose address asked too "
            "often, a minute. Good: hardly any. They are a client's mistake, or somebody who tries.",
            unit="cpm",
            queries=[
                Query(per_minute("rtchart_web_bad_requests_total", "code"), "{{code}}"),
                Query(per_minute("rtchart_web_requests_limited_total"), "API: too often"),
            ],
        ),
    ),
)

_UNUSABLE = Row(
    "What could not be used",
    (
        Timeseries(
            title="Dead letters",
            description="Frames, rows and records that could not be used, a minute, by stage and reason. Good: none. Each is "
            "kept: rtchart dead-letters shows them.",
            unit="cpm",
            queries=[
                Query(per_minute("rtchart_producer_dead_letters_total", "reason"), "producer: {{reason}}"),
                Query(per_minute("rtchart_inserter_dead_letters_total", "reason"), "inserter: {{reason}}"),
            ],
            width=12,
        ),
        Timeseries(
            title="Records that the web could not read",
            description="Records on Kafka that a web server skipped, a minute and by topic. Good: none: they are of a newer "
            "version, or not rtchart's.",
            unit="cpm",
            queries=[Query(per_minute("rtchart_web_unreadable_records_total", "topic"), "{{topic}}")],
            width=12,
        ),
    ),
)

PIPELINE = Dashboard(
    name="pipeline",
    title="Pipeline",
    description="What each service does, how far it is behind, and what it runs on",
    variables=(NAMESPACES,),
    rows=(_RATES, _LAG, _BATCHES, _AGGREGATION, _EXCHANGE, _BROWSERS, _UNUSABLE, OPERATOR, MACHINES),
)
