"""Traces: what goes to a collector, and that one which is away or wrong is nobody's trouble but its own."""

from __future__ import annotations

import threading

import pytest

from rtchart.core.errors import UserError
from rtchart.process import tracing
from rtchart.process.tracing import of_record, open_traces
from tests.collector import collector


@pytest.fixture(autouse=True)
def patience(monkeypatch: pytest.MonkeyPatch) -> None:
    """The last spans come, also on a machine that is busy."""
    monkeypatch.setattr(tracing, "LAST_SPANS_WITHIN", 30)


def test_without_an_address_there_are_none() -> None:
    with open_traces("web", None) as traces:
        assert traces is None


@pytest.mark.parametrize(
    "wrong", ["collector:4318", "grpc://collector:4317", "http://", "/v1/traces", "http://:4318", "http://[::1", "http://a:b"]
)
def test_a_wrong_address_is_told(wrong: str) -> None:
    with pytest.raises(UserError, match="http://collector:4318"), open_traces("web", wrong):
        pass


@pytest.mark.parametrize("path", ["", "/", "/v1/traces"])
def test_a_span_comes_to_the_collector_with_its_times(path: str) -> None:
    with collector() as there:
        with open_traces("producer", there.address + path) as traces:
            assert traces is not None
            first = traces.span("kline", 1_000_000, attributes={"rtchart.symbol": "BTCUSDT", "rtchart.open_time": 1})
            first.child("send", 1_500_000, "producer", of_record("klines", 3)).end(1_750_000, "Kafka is away")
            first.end(2_000_000)
        (whole,) = [span for span in there.spans if not span.parent]
        (send,) = [span for span in there.spans if span.parent]
    assert whole.service == "rtchart-producer"
    assert (whole.name, whole.kind, whole.start, whole.end, whole.error) == ("kline", "internal", 10**9, 2 * 10**9, "")
    assert whole.attributes == {"rtchart.symbol": "BTCUSDT", "rtchart.open_time": 1}
    assert (send.trace, send.parent) == (whole.trace, whole.id)
    assert (send.kind, send.start, send.end) == ("producer", 1_500_000_000, 1_750_000_000)
    assert send.error == "Kafka is away"
    assert send.attributes == {
        "messaging.system": "kafka",
        "messaging.destination.name": "klines",
        "messaging.destination.partition.id": "3",
    }


def test_headers_carry_a_trace_to_another_process() -> None:
    with collector() as there:
        with open_traces("producer", there.address) as here, open_traces("web", there.address) as elsewhere:
            assert here is not None and elsewhere is not None
            first = here.span("kline", 1_000_000)
            next_one = elsewhere.follow(first.headers, "published_to_consumed", 2_000_000)
            assert next_one is not None
            next_one.end(3_000_000)
            first.end(2_000_000)
        (trace,) = there.traces().values()
    assert trace["published_to_consumed"].parent == trace["kline"].id
    assert trace["published_to_consumed"].kind == "consumer"
    assert {span.service for span in trace.values()} == {"rtchart-producer", "rtchart-web"}


@pytest.mark.parametrize(
    "headers",
    [
        [],
        [("traceparent", b"")],
        [("traceparent", b"00-zz-1-01")],
        [("traceparent", b"\xff\xfe")],
        [("traceparent", b"00-00000000000000000000000000000000-0000000000000000-01")],
        [("traceparent", None)],
        [("other", b"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01")],
    ],
)
def test_headers_of_others_begin_nothing(headers: list[tuple[str, bytes]]) -> None:
    with collector() as there:
        with open_traces("web", there.address) as traces:
            assert traces is not None
            assert traces.follow(headers, "published_to_consumed", 1) is None
        assert there.spans == []


def test_the_environment_can_name_the_service(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTEL_SERVICE_NAME", "charts")
    with collector() as there:
        with open_traces("web", there.address) as traces:
            assert traces is not None
            traces.span("kline", 1).end(2)
        assert [span.service for span in there.spans] == ["charts"]


def test_a_collector_that_does_not_answer_does_not_hold_up_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tracing, "LAST_SPANS_WITHIN", 0.1)
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_TIMEOUT", "20")
    with collector() as there:
        there.answers.clear()
        with open_traces("web", there.address) as traces:
            assert traces is not None
            traces.span("kline", 1).end(2)
        (ending,) = [thread for thread in threading.enumerate() if thread.name == tracing.LAST_SPANS]
        there.answers.set()
        # Nobody's thread goes on in the tests that follow.
        ending.join()


def test_a_span_that_ends_before_it_begins_takes_no_time() -> None:
    """Two clocks that disagree: collectors drop what takes less than no time."""
    with collector() as there:
        with open_traces("producer", there.address) as traces:
            assert traces is not None
            traces.span("exchange_to_received", 1_000_300).end(1_000_100)
        (span,) = there.spans
    assert (span.start, span.end) == (1_000_300_000, 1_000_300_000)
    assert span.attributes == {"rtchart.below_zero_us": 200}


@pytest.mark.parametrize("stamp", [0, -5])
def test_a_record_without_our_stamp_begins_nothing(stamp: int) -> None:
    with collector() as there, open_traces("web", there.address) as traces:
        assert traces is not None
        headers = traces.span("of another", 1).headers
        assert traces.follow(headers, "published_to_consumed", stamp) is None
