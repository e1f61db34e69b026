"""Which klines are traced, and their spans from the exchange to Kafka."""

from __future__ import annotations

import random

from rtchart.core.kline import Kline
from rtchart.process.tracing import Headers, Span, Traces, of_kline, of_record


class Sampled:
    """Begins a trace for one in ``one_in`` klines of the stream; called for each as it goes to Kafka.

    At random distances: at a fixed one it would ever be the same symbols, as they come in the same order each second.
    """

    def __init__(self, traces: Traces, one_in: int, topic: str) -> None:
        self._traces = traces
        self._one_in = one_in
        self._topic = topic
        self._left = self._distance()

    def __call__(self, kline: Kline, published_us: int, partition: int) -> Sent | None:
        """The trace that this kline begins, if it is one."""
        if kline.source != "stream":  # what is repaired is late by nature
            return None
        self._left -= 1
        if self._left > 0:
            return None
        self._left = self._distance()
        event_us = kline.version * 1000
        whole = self._traces.span("kline", event_us, attributes=of_kline(kline))
        whole.child("exchange_to_received", event_us).end(kline.received_us)
        whole.child("received_to_published", kline.received_us).end(published_us)
        send = whole.child(f"send {self._topic}", published_us, "producer", of_record(self._topic, partition))
        return Sent(whole, send)

    def _distance(self) -> int:
        return random.randint(1, 2 * self._one_in - 1)


class Sent:
    """A kline that is on its way to Kafka."""

    def __init__(self, whole: Span, send: Span) -> None:
        self._spans = (send, whole)
        self.headers: Headers = send.headers

    def end(self, at_us: int, error: str = "") -> None:
        """Kafka has acknowledged it, or it failed."""
        for span in self._spans:
            span.end(at_us, error)
