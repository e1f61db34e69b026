"""Metrics of single symbols."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import cast

import pytest
from prometheus_client import REGISTRY, generate_latest
from prometheus_client.parser import text_string_to_metric_families

from rtchart.broker.cluster import Cluster
from rtchart.broker.tail import Record
from rtchart.core.interval import SECOND
from rtchart.core.kline import Identity
from rtchart.core.messages import encode
from rtchart.store.history import Run
from rtchart.store.overview import Ends
from rtchart_operator.conditions import Condition
from rtchart_operator.latency import KEPT, Speed, Speeds
from rtchart_operator.metrics import Known, SymbolMetrics
from rtchart_operator.storage import Books
from tests.core.klines import kline

RUN = ("timestamp_seconds", "duration_seconds", "failed")
BTC, ETH = Identity("binance", "BTCUSDT"), Identity("binance", "ETHUSDT")


@dataclass
class Value:
    """The one part of a record that is read."""

    value: bytes


def samples() -> dict[tuple[str, ...], float]:
    """Values by name and the values of labels, in the order of the labels' names."""
    families = text_string_to_metric_families(generate_latest(REGISTRY).decode())
    return {
        (one.name, *one.labels.values()): one.value
        for family in families
        for one in family.samples
        if one.name.startswith(("rtchart_symbol_", "rtchart_aggregation_", "rtchart_database_"))
    }


def test_they_say_what_is_known_and_only_of_what_there_is() -> None:
    speeds = Speeds(Cluster("127.0.0.1:9"), lambda: 0)
    books = Books(gaps={BTC: Counter(open=1, repaired=4)}, open_since={BTC: 7_000}, completeness={BTC: 0.75}, bytes=10**9)
    told = [
        Condition("Ready", "False", "", "Stale", ""),
        Condition("Streaming", "Unknown", "", "Subscribing", ""),
        Condition("Validated", "True", "", "Listed", ""),
    ]
    metrics = SymbolMetrics(
        Known(
            speeds=speeds.speeds,
            conditions=lambda: [(BTC, told)],
            ends=lambda: {BTC: Ends((KEPT + 90) * SECOND, None), ETH: Ends(1, 1)},
            books=lambda: books,
            run=lambda: Run(1_000, 3_500, 1, 1, None),
            is_current=lambda: True,
            books_are_current=lambda: True,
            reaches=lambda: [(BTC, 86_400_000)],
            capacity=8 * 10**9,
        )
    )
    try:
        for second in range(KEPT + 100):
            version = second * SECOND + 1_010
            published_us = version * 1_000 + (5_000 if second % 50 else 80_000)
            message = kline(open_time=second * SECOND, version=version, published_us=published_us)
            speeds.take(cast(Record, Value(encode(message))))
        late = kline(open_time=0, version=10**9, published_us=10**13, source="repair")
        speeds.take(cast(Record, Value(encode(late))))
        speeds.take(cast(Record, Value(b"no kline")))
        metrics.closed({BTC: Counter(repaired=2)})
        metrics.closed({BTC: Counter(repaired=1, absent=1)})
        assert samples() == pytest.approx(
            {
                ("rtchart_symbol_last_kline_timestamp_seconds", "binance", "BTCUSDT"): KEPT + 99,
                ("rtchart_symbol_latency_p50_seconds", "binance", "BTCUSDT"): 0.005,
                ("rtchart_symbol_latency_p99_seconds", "binance", "BTCUSDT"): 0.08,
                ("rtchart_symbol_lag_seconds", "binance", "BTCUSDT"): 9,
                ("rtchart_symbol_condition", "Ready", "binance", "Stale", "BTCUSDT"): 0,
                ("rtchart_symbol_condition", "Streaming", "binance", "Subscribing", "BTCUSDT"): -1,
                ("rtchart_symbol_condition", "Validated", "binance", "Listed", "BTCUSDT"): 1,
                ("rtchart_symbol_oldest_gap_timestamp_seconds", "binance", "BTCUSDT"): 7,
                ("rtchart_database_bytes",): 10**9,
                ("rtchart_database_capacity_bytes",): 8 * 10**9,
                ("rtchart_symbol_completeness_ratio", "binance", "BTCUSDT"): 0.75,
                ("rtchart_symbol_history_reach_timestamp_seconds", "binance", "BTCUSDT"): 86_400,
                ("rtchart_symbol_gaps", "binance", "open", "BTCUSDT"): 1,
                ("rtchart_symbol_gaps", "binance", "repaired", "BTCUSDT"): 4,
                ("rtchart_symbol_gaps", "binance", "absent", "BTCUSDT"): 0,
                ("rtchart_symbol_gaps", "binance", "open", "ETHUSDT"): 0,
                ("rtchart_symbol_gaps", "binance", "repaired", "ETHUSDT"): 0,
                ("rtchart_symbol_gaps", "binance", "absent", "ETHUSDT"): 0,
                ("rtchart_symbol_gaps_closed_total", "binance", "repaired", "ETHUSDT"): 0,
                ("rtchart_symbol_gaps_closed_total", "binance", "absent", "ETHUSDT"): 0,
                ("rtchart_symbol_gaps_closed_total", "binance", "repaired", "BTCUSDT"): 3,
                ("rtchart_symbol_gaps_closed_total", "binance", "absent", "BTCUSDT"): 1,
                ("rtchart_aggregation_last_run_timestamp_seconds",): 1.0,
                ("rtchart_aggregation_last_run_duration_seconds",): 2.5,
                ("rtchart_aggregation_last_run_failed",): 0,
            }
        )
        speeds.keep(set())
        metrics.keep(set())
        gone = ("rtchart_symbol_last", "rtchart_symbol_latency", "rtchart_symbol_lag")
        left = samples()
        assert not any(name[0].startswith(gone) for name in left)
        assert left["rtchart_symbol_gaps_closed_total", "binance", "repaired", "BTCUSDT"] == 0
    finally:
        metrics.close()


def test_what_the_database_said_before_it_was_away_is_not_told_for_now() -> None:
    of_database = {"rtchart_symbol_lag_seconds", *(f"rtchart_aggregation_last_run_{what}" for what in RUN)}
    of_books = {
        *("rtchart_symbol_gaps", "rtchart_symbol_oldest_gap_timestamp_seconds", "rtchart_symbol_completeness_ratio"),
        "rtchart_database_bytes",
    }
    current = {"database": True, "books": True}
    books = Books(gaps={BTC: Counter(open=1)}, open_since={BTC: 7_000}, completeness={BTC: 0.75}, bytes=10**9)
    metrics = SymbolMetrics(
        Known(
            speeds=lambda: [(BTC, Speed(9.0, 0.01, 0.02))],
            conditions=lambda: [(BTC, [Condition("Persisting", "Unknown", "", "DatabaseUnavailable", "")])],
            ends=lambda: {BTC: Ends(1, 1)},
            books=lambda: books,
            run=lambda: Run(1_000, 3_500, 1, 1, None),
            is_current=lambda: current["database"],
            books_are_current=lambda: current["books"],
            reaches=lambda: [(BTC, 86_400_000)],
            capacity=8 * 10**9,
        )
    )
    try:
        every = samples()
        assert {name for name, *_ in every} > of_database | of_books
        current["books"] = False
        assert samples() == {key: value for key, value in every.items() if key[0] not in of_books}, "the sweep fails"
        current["database"] = False
        left = {key: value for key, value in every.items() if key[0] not in of_books | of_database}
        assert samples() == left and left["rtchart_symbol_gaps_closed_total", "binance", "absent", "BTCUSDT"] == 0
    finally:
        metrics.close()
