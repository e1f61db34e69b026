"""Which klines are traced, and their spans from the exchange to Kafka."""

from __future__ import annotations

from rtchart.core.kline import Kline
from rtchart.process.metrics import Sample
from rtchart.process.tracing import Headers, Span, Traces, of_kline, of_record


class Sampled:
    """Begins a trace for one in ``one_in`` klines of the stream; called for each as it goes to Kafka."""

    def __init__(self, traces: Traces, one_in: int, topic: str) -> None:
        self._traces = traces
        self._sample = Sample(one_in)
        self._topic = topic

    def __call__(self, kline: Kline, published_us: int, partition: int) -> Sent | None:
        """The trace that this kline begins, if it is one."""
        if kline.source != "stream" or not self._sample.of(1):  # what is repaired is late by nature
            return None
        which, event_us = of_kline(kline), kline.version * 1000
        whole = self._traces.span("kline", event_us, attributes=which)
        whole.child("exchange_to_received", event_us, attributes=which).end(kline.received_us)
        whole.child("received_to_published", kline.received_us, attributes=which).end(published_us)
        place = {**which, **of_record(self._topic, partition)}
        return Sent(whole, whole.child(f"send {self._topic}", published_us, "producer", place))


class Sent:
    """A kline that is on its way to Kafka."""

    def __init__(self, whole: Span, send: Span) -> None:
        self._spans = (send, whole)
        self.headers: Headers = send.headers

    def end(self, at_us: int, error: str = "") -> None:
        """Kafka has acknowledged it, or it failed."""
        for span in self._spans:
            span.end(at_us, error)
