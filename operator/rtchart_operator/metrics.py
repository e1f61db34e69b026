"""The operator's metrics. Those of single symbols are here alone: in every service they would be too many."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import product
from typing import NamedTuple, get_args

from prometheus_client import Counter, Gauge, Histogram
from prometheus_client.core import REGISTRY, CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from rtchart.core.gap import GapState
from rtchart.core.kline import Identity
from rtchart.store.history import Run
from rtchart.store.overview import Counts, Ends
from rtchart_operator.conditions import Condition, Status
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
_VALUES: dict[Status, int] = {"True": 1, "False": 0, "Unknown": -1}


class Known(NamedTuple):
    """Where the metrics of single symbols come from; each is asked at every scrape, by a thread of its own."""

    speeds: Callable[[], Iterable[tuple[Identity, Speed]]]
    conditions: Callable[[], Iterable[tuple[Identity, Sequence[Condition]]]]
    ends: Callable[[], Mapping[Identity, Ends]]
    books: Callable[[], Books]
    run: Callable[[], Run | None]
    is_current: Callable[[], bool]
    """Whether ``ends`` and ``run`` are of now …"""
    books_are_current: Callable[[], bool]
    """… and whether ``books`` are: what once was is told to nobody, or it would look like trouble of today."""
    reaches: Callable[[], Iterable[tuple[Identity, int]]]
    """From when on (ms) the history is fetched of each symbol that is to have some."""
    capacity: int | None = None
    """Bytes of the database's disk, where that is known."""


class SymbolMetrics(Collector):
    """Asked at each scrape, so that a Symbol that is gone is gone here too."""

    def __init__(self, known: Known) -> None:
        self._known = known
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

    def keep(self, identities: set[Identity]) -> None:
        """Forget what was counted of all others: their Symbols are gone."""
        self._closed = {key: count for key, count in self._closed.items() if key[0] in identities}

    def describe(self) -> Iterable[Metric]:
        """Nothing: it is registered before there is anything to collect."""
        return ()

    def collect(self) -> Iterator[Metric]:
        yield from self._freshness()
        yield from self._conditions()
        yield self._closed_gaps()
        if self._known.books_are_current():
            yield from self._counted(self._known.books())
        yield _gauge(
            "rtchart_symbol_history_reach_timestamp_seconds",
            "From when on all that is wanted of its history (spec.historyDays) was fetched",
            ((identity, since / 1e3) for identity, since in self._known.reaches()),
        )
        if self._known.capacity is not None:
            yield GaugeMetricFamily(
                "rtchart_database_capacity_bytes", "Size of that disk (--database-capacity)", self._known.capacity
            )
        if self._known.is_current():
            yield from _aggregation(self._known.run())

    def _freshness(self) -> Iterator[Metric]:
        speeds, ends = dict(self._known.speeds()), self._known.ends() if self._known.is_current() else {}
        stored = {identity: one.last_second / 1e3 for identity, one in ends.items() if one.last_second is not None}
        yield _gauge(
            "rtchart_symbol_last_kline_timestamp_seconds",
            "Opening of the newest second that came of it",
            ((identity, speed.last_kline) for identity, speed in speeds.items()),
        )
        yield _gauge(
            "rtchart_symbol_latency_p50_seconds",
            "Median time from the exchange's event to Kafka, of the last minute",
            ((identity, speed.p50) for identity, speed in speeds.items()),
        )
        yield _gauge(
            "rtchart_symbol_latency_p99_seconds",
            "What 99 in 100 of these times are within",
            ((identity, speed.p99) for identity, speed in speeds.items()),
        )
        yield _gauge(
            "rtchart_symbol_lag_seconds",
            "Seconds of it that came to Kafka and are not stored yet: the inserter's lag, by symbol",
            (
                (identity, max(speed.last_kline - stored[identity], 0))
                for identity, speed in speeds.items()
                if identity in stored
            ),
        )

    def _conditions(self) -> Iterator[Metric]:
        conditions = GaugeMetricFamily(
            "rtchart_symbol_condition",
            "What a condition of its resource says: 1 True, 0 False, -1 Unknown",
            labels=(*_LABELS, "condition", "reason"),
        )
        for identity, told in self._known.conditions():
            for one in told:
                conditions.add_metric((identity.exchange, identity.symbol, one.type, one.reason), _VALUES[one.status])
        yield conditions

    def _symbols(self, books: Books) -> set[Identity]:
        """Of whom the ledger can say that there are none: once it was read, all that are stored."""
        return {*self._known.ends(), *books.gaps} if books.bytes is not None else set()

    def _closed_gaps(self) -> Metric:
        """Counted here, so that what is known of them stays true."""
        closed = CounterMetricFamily(
            "rtchart_symbol_gaps_closed", "Gaps that were closed since the operator started", labels=(*_LABELS, "outcome")
        )
        counts = dict(self._closed)
        for identity, outcome in {*product(self._symbols(self._known.books()), ("repaired", "absent")), *counts}:
            closed.add_metric((identity.exchange, identity.symbol, outcome), counts.get((identity, outcome), 0))
        return closed

    def _counted(self, books: Books) -> Iterator[Metric]:
        gaps = GaugeMetricFamily("rtchart_symbol_gaps", "Gaps in the ledger by what became of them", labels=(*_LABELS, "state"))
        for identity in self._symbols(books):
            states: Mapping[GapState, int] = books.gaps.get(identity, {})
            for state in get_args(GapState):
                gaps.add_metric((identity.exchange, identity.symbol, state), states.get(state, 0))
        yield gaps
        yield _gauge(
            "rtchart_symbol_oldest_gap_timestamp_seconds",
            "When its oldest gap that is still open was found",
            ((identity, since / 1e3) for identity, since in books.open_since.items()),
        )
        yield _gauge(
            "rtchart_symbol_completeness_ratio",
            "Share of the seconds of this hour and the 23 before it that are stored, from its first minute in them on",
            books.completeness.items(),
        )
        if books.bytes is not None:
            yield GaugeMetricFamily("rtchart_database_bytes", "What the database has on its disk", books.bytes)


def _gauge(name: str, meaning: str, values: Iterable[tuple[Identity, float]]) -> Metric:
    """A gauge of single symbols."""
    family = GaugeMetricFamily(name, meaning, labels=_LABELS)
    for identity, value in values:
        family.add_metric((identity.exchange, identity.symbol), value)
    return family


def _aggregation(run: Run | None) -> Iterator[Metric]:
    """The aggregator's newest run: as a CronJob it ends before anybody could scrape it."""
    if run is None:
        return
    yield GaugeMetricFamily(
        "rtchart_aggregation_last_run_timestamp_seconds", "Start of the aggregator's newest run", run.started_at / 1e3
    )
    yield GaugeMetricFamily(
        "rtchart_aggregation_last_run_failed", "Whether the aggregator's newest run failed", int(run.error is not None)
    )
    if run.finished_at is not None:
        yield GaugeMetricFamily(
            "rtchart_aggregation_last_run_duration_seconds",
            "How long the aggregator's newest run took",
            (run.finished_at - run.started_at) / 1e3,
        )
