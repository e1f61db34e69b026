"""Symbol manifests: what is accepted, what is refused and how that is said, and the record they become."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rtchart.core.interval import CANDLE_INTERVALS, DAY, HOUR
from rtchart.core.symbol import DEFAULT_INTERVALS, InvalidManifest, candle_floor, desired, manifest, raw_floor

RIGHT: dict[str, Any] = {
    "apiVersion": "rtchart.dev/v1alpha1",
    "kind": "Symbol",
    "metadata": {"name": "btcusdt", "namespace": "charts", "labels": {"a": "b"}},
    "spec": {"symbol": "BTCUSDT"},
}


def changed(path: str, value: Any) -> dict[str, Any]:
    document = copy.deepcopy(RIGHT)
    *parents, last = path.split(".")
    at = document
    for key in parents:
        at = at.setdefault(key, {})
    at[last] = value
    return document


def test_defaults() -> None:
    spec = manifest(RIGHT).spec
    assert (spec.exchange, spec.intervals, spec.suspend, spec.history_days) == ("binance", DEFAULT_INTERVALS, False, 0)
    assert (spec.retention.kline_hours, spec.retention.candle_days, spec.deletion_policy) == (48, 365, "Retain")
    assert str(spec.identity) == "binance:BTCUSDT"


@pytest.mark.parametrize(
    ("path", "value", "complaint"),
    [
        ("apiVersion", "v1", "apiVersion"),
        ("kind", "Pod", "kind"),
        ("metadata", {}, "name"),
        ("metadata.name", "BTC/USDT", "metadata.name"),
        ("spec", {}, "symbol"),
        ("spec.symbol", "btcusdt", "spec.symbol"),
        ("spec.symbol", "BTC USDT", "spec.symbol"),
        ("spec.symbol", "A", "spec.symbol"),
        ("spec.symbol", "A" * 33, "spec.symbol"),
        ("spec.symbol", 5, "spec.symbol"),
        ("spec.exchange", "kraken", "spec.exchange"),
        ("spec.intervals", [], "spec.intervals"),
        ("spec.intervals", ["1m", "7m"], "spec.intervals"),
        ("spec.intervals", ["1s"], "spec.intervals"),
        ("spec.intervals", ["1m", "1m"], "twice"),
        ("spec.intervals", "1m", "spec.intervals"),
        ("spec.suspend", "yes", "spec.suspend"),
        ("spec.historyDays", -1, "spec.historyDays"),
        ("spec.retention.klineHours", 0, "klineHours"),
        ("spec.retention.klineHours", 8761, "klineHours"),
        ("spec.retention.candleDays", -1, "candleDays"),
        ("spec.retention", {"klineHours": 49, "candleDays": 2}, "klineHours <= candleDays"),
        ("spec.retention.kline_hours", 5, "kline_hours"),
        ("spec.deletionPolicy", "Purge", "deletionPolicy"),
        ("spec.interval", ["1m"], "interval"),
    ],
)
def test_what_is_wrong_is_refused_by_name(path, value, complaint) -> None:
    with pytest.raises(InvalidManifest, match=complaint):
        manifest(changed(path, value))


@pytest.mark.parametrize("document", [None, [], "Symbol", 5, {}])
def test_what_is_no_manifest_at_all_is_refused(document) -> None:
    with pytest.raises(InvalidManifest):
        manifest(document)


@pytest.mark.parametrize("symbol", ["BTCUSDT", "1000SATSUSDT", "币安人生USDT"])
def test_symbols_as_exchanges_list_them(symbol) -> None:
    assert manifest(changed("spec.symbol", symbol)).spec.symbol == symbol


def test_candles_for_ever_allow_any_seconds() -> None:
    assert manifest(changed("spec.retention", {"klineHours": 8760, "candleDays": 0})).spec.retention.candle_days == 0


@given(st.permutations(CANDLE_INTERVALS), st.integers(1, 15), st.integers(1, 8760))
def test_the_record_holds_what_the_spec_says(intervals, count, hours) -> None:
    document = changed("spec.intervals", list(intervals[:count]))
    document["spec"]["retention"] = {"klineHours": hours, "candleDays": 0}
    record = desired(manifest(document).spec, epoch=7, name="charts/btcusdt")
    assert record.intervals == tuple(sorted(intervals[:count], key=CANDLE_INTERVALS.index))
    assert (record.epoch, record.name, record.kline_hours, str(record.identity)) == (
        7,
        "charts/btcusdt",
        hours,
        "binance:BTCUSDT",
    )


@given(st.integers(0, 4_102_444_800_000), st.integers(1, 8760), st.integers(1, 36_500))
def test_floors_keep_at_least_what_was_asked_for(now, hours, days) -> None:
    floor = raw_floor(hours, now)
    assert floor % HOUR == 0
    assert now - hours * HOUR - HOUR < floor <= now - hours * HOUR
    record = desired(manifest(changed("spec.retention", {"klineHours": hours, "candleDays": 0})).spec, epoch=0, name="")
    assert record.raw_floor(now) == floor
    assert now - days * DAY - DAY < candle_floor(days, now) <= now - days * DAY
    assert candle_floor(0, now) == 0
