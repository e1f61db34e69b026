"""The operator's metrics. Those of single symbols are here alone: in every service they would be too many."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from prometheus_client import Counter, Gauge, Histogram
from prometheus_client.core import REGISTRY, CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from rtchart.core.kline import Identity
from rtchart.store.history import Run
from rtchart.store.overview import Counts
from rtchart_operator.latency import Speed
from rtchart_operator.storage import Books

RECONCILE = Histogram(
    "rtchart_operator_reconcile_seconds",
    "Time of one pass over all Symbols: publish (what is asked for), tell (conditions), sweep (a list of them all)",
    ["pass"],
    buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30),
)
SYMBOLS = Gauge("rtchart_operator_symbols", "Symbol resources by the status of a condition", ["condition", "status"])
STATUS_WRITES = Counter("rtchart_operator_status_writes_total", "Statuses of Symbols that were written")
EVENTS = Counter("rtchart_operator_events_total", "Kubernetes Events that were made of flips of conditions")
FAILURES = Counter("rtchart_operator_api_failures_total", "Calls to the Kubernetes API that failed, and were tried again")
WATCH_ENDS = Counter("rtchart_operator_watch_ends_total", "Watches over Symbols that ended, and were begun again")

_LABELS = ("exchange", "symbol")


class SymbolMetrics(Collector):
    """Asked at each scrape, so that a Symbol that is gone is gone here too."""

    def __init__(
        self,
        speeds: Callable[[], Iterable[tuple[Identity, Speed]]],
        books: Callable[[], Books],
        run: Callable[[], Run | None],
        reaches: Callable[[], Iterable[tuple[Identity, int]]],
    ) -> None:
        """``reaches``: from when on (ms) the history is fetched of each symbol that is to have some."""
        self._speeds = speeds
        self._reaches = reaches
        self._books = books
        self._run = run
        self._closed: dict[tuple[Identity, str], int] = {}
        REGISTRY.register(self)

    def close(self) -> None:
        """Take it out of /metrics."""
        REGISTRY.unregister(self)

    def closed(self, counts: Counts) -> None:
        """Count gaps that were closed since the last call."""
        for identity, outcomes in counts.items():
            for outcome, count in outcomes.items():
                self._closed[identity, outcome] = self._closed.get((identity, outcome), 0) + count

    def describe(self) -> Iterable[Metric]:
        """Nothing: it is registered before there is anything to collect."""
        return ()

    def collect(self) -> Iterator[Metric]:
        last = GaugeMetricFamily(
            "rtchart_symbol_last_kline_timestamp_seconds", "Opening of the newest second that came of it", labels=_LABELS
        )
        p50 = GaugeMetricFamily(
            "rtchart_symbol_latency_p50_seconds",
            "Median time from the exchange's event to Kafka, of the last 5 minutes",
            labels=_LABELS,
        )
        p99 = GaugeMetricFamily(
            "rtchart_symbol_latency_p99_seconds", "What 99 in 100 of these times are within", labels=_LABELS
        )
        for identity, speed in self._speeds():
            labels = (identity.exchange, identity.symbol)
            last.add_metric(labels, speed.last_kline)
            p50.add_metric(labels, speed.p50)
            p99.add_metric(labels, speed.p99)
        books = self._books()
        completeness = GaugeMetricFamily(
            "rtchart_symbol_completeness_ratio", "Share of the seconds that its newest 60 stored minutes have", labels=_LABELS
        )
        for identity, share in books.completeness.items():
            completeness.add_metric((identity.exchange, identity.symbol), share)
        gaps = GaugeMetricFamily("rtchart_symbol_gaps", "Gaps in the ledger by what became of them", labels=(*_LABELS, "state"))
        for identity, states in books.gaps.items():
            for state in ("open", "repaired", "absent"):
                gaps.add_metric((identity.exchange, identity.symbol, state), states[state])
        closed = CounterMetricFamily(
            "rtchart_symbol_gaps_closed", "Gaps that were closed since the operator started", labels=(*_LABELS, "outcome")
        )
        for (identity, outcome), count in list(self._closed.items()):
            closed.add_metric((identity.exchange, identity.symbol, outcome), count)
        reach = GaugeMetricFamily(
            "rtchart_symbol_history_reach_timestamp_seconds",
            "From when on all that is wanted of its history (spec.historyDays) was fetched",
            labels=_LABELS,
        )
        for identity, since in self._reaches():
            reach.add_metric((identity.exchange, identity.symbol), since / 1e3)
        yield from (last, p50, p99, completeness, gaps, closed, reach, *_aggregation(self._run()))


def _aggregation(run: Run | None) -> Iterator[Metric]:
    """The aggregator's newest run: as a CronJob it ends before anybody could scrape it."""
    if run is None:
        return
    started = GaugeMetricFamily("rtchart_aggregation_last_run_timestamp_seconds", "Start of the aggregator's newest run")
    started.add_metric((), run.started_at / 1e3)
    failed = GaugeMetricFamily("rtchart_aggregation_last_run_failed", "Whether the aggregator's newest run failed")
    failed.add_metric((), run.error is not None)
    yield from (started, failed)
    if run.finished_at is not None:
        took = GaugeMetricFamily("rtchart_aggregation_last_run_duration_seconds", "How long the aggregator's newest run took")
        took.add_metric((), (run.finished_at - run.started_at) / 1e3)
        yield took
