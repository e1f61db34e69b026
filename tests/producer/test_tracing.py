"""Which klines are traced, and what their spans say."""

from __future__ import annotations

import random

import msgspec
import pytest

from rtchart.process.tracing import Traces, open_traces
from rtchart.producer.tracing import Sampled
from tests.collector import collector
from tests.klines import kline

TOPIC = "rtchart.klines"
SECOND = msgspec.structs.replace(kline(60_000, version=61_005), received_us=61_010_000)


def test_one_in_so_many_is_traced(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(random, "randint", random.Random(5).randint)
    with collector() as there, open_traces("producer", there.address) as traces:
        assert traces is not None
        begin_trace = Sampled(traces, 10, TOPIC)
        assert 180 < sum(begin_trace(SECOND, 1, 0) is not None for _ in range(2_000)) < 220


def test_each_is_traced_if_one_in_one_is() -> None:
    with collector() as there, open_traces("producer", there.address) as traces:
        assert traces is not None
        begin_trace = Sampled(traces, 1, TOPIC)
        assert all(begin_trace(SECOND, 1, 0) is not None for _ in range(5))


@pytest.mark.parametrize("source", ["repair", "backfill"])
def test_what_is_repaired_is_not_traced(source: str) -> None:
    with collector() as there, open_traces("producer", there.address) as traces:
        assert traces is not None
        assert Sampled(traces, 1, TOPIC)(kline(0, source=source), 1, 0) is None


def test_the_spans_are_the_stages_to_kafka() -> None:
    with collector() as there:
        with open_traces("producer", there.address) as traces:
            assert traces is not None
            _sent(traces)
        (trace,) = there.traces().values()
    assert {name: (span.start // 1000, span.end // 1000) for name, span in trace.items()} == {
        "kline": (61_005_000, 61_030_000),
        "exchange_to_received": (61_005_000, 61_010_000),
        "received_to_published": (61_010_000, 61_020_000),
        f"send {TOPIC}": (61_020_000, 61_030_000),
    }
    assert {span.attributes["rtchart.symbol"] for span in trace.values()} == {SECOND.symbol}
    assert {span.parent for span in trace.values() if span.parent} == {trace["kline"].id}


def _sent(traces: Traces) -> None:
    sent = Sampled(traces, 1, TOPIC)(SECOND, 61_020_000, 3)
    assert sent is not None
    sent.end(61_030_000)
