"""OpenTelemetry traces of single klines, for who sets ``--otlp-endpoint``; without it none of OpenTelemetry is imported.

A trace is the way of one kline, and its spans are the stages of `rtchart.process.metrics`. They are made of the stamps that
ride with it, so tracing adds nothing to the way. Times are microseconds since 1970.
"""

from __future__ import annotations

import os
import socket
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Literal
from urllib.parse import urlsplit

from rtchart import __version__
from rtchart.core.errors import UserError
from rtchart.core.kline import Kline

if TYPE_CHECKING:
    from opentelemetry import trace
    from opentelemetry.context import Context
    from opentelemetry.sdk.trace.export import SpanExporter

Headers = Sequence[tuple[str, bytes]]
"""Of a record on Kafka."""
Attributes = Mapping[str, str | int]
Kind = Literal["internal", "producer", "consumer"]

PATH = "/v1/traces"
"""Where a collector takes traces by OTLP over HTTP, below its address."""
ANSWER = 2.0
"""Seconds that the collector has for an answer; what it does not take is told in the log and dropped."""
LAST_SPANS_WITHIN = 1.0
"""Seconds that the last spans have at the end of the process."""
LAST_SPANS = "last-spans"
"""The thread that sends them."""


class Span:
    """One end of a stage is known, or both are."""

    def __init__(self, of: Traces, span: trace.Span, start_us: int) -> None:
        self._of = of
        self._span = span
        self._start_us = start_us

    @property
    def headers(self) -> Headers:
        """What a record carries so that others go on from here: W3C's trace context."""
        from opentelemetry.trace import set_span_in_context
        from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

        carrier: dict[str, str] = {}
        TraceContextTextMapPropagator().inject(carrier, set_span_in_context(self._span))
        return [(name, value.encode()) for name, value in carrier.items()]

    def child(self, name: str, start_us: int, kind: Kind = "internal", attributes: Attributes | None = None) -> Span:
        """What follows from it."""
        from opentelemetry.trace import set_span_in_context

        return self._of.span(name, start_us, kind, attributes, set_span_in_context(self._span))

    def end(self, at_us: int, error: str = "") -> None:
        """It is over; with an ``error`` it failed. Two clocks that disagree may have it end before it began: then it takes no
        time, as in the metrics, and says by how much."""
        from opentelemetry.trace import Status, StatusCode

        if at_us < self._start_us:
            self._span.set_attribute("rtchart.below_zero_us", self._start_us - at_us)
            at_us = self._start_us
        if error:
            self._span.set_status(Status(StatusCode.ERROR, error))
        self._span.end(at_us * 1000)


class Traces:
    """The spans of this process, on their way to a collector. Made by `open_traces`."""

    def __init__(self, service: str, exporter: SpanExporter) -> None:
        from opentelemetry.sdk.resources import OTELResourceDetector, Resource
        from opentelemetry.sdk.trace import TracerProvider
        from opentelemetry.sdk.trace.export import BatchSpanProcessor

        # What OTEL_RESOURCE_ATTRIBUTES and OTEL_SERVICE_NAME say is added, or stands instead.
        ours = Resource.create(
            {
                "service.name": f"rtchart-{service}",
                "service.namespace": "rtchart",
                "service.version": __version__,
                "service.instance.id": socket.gethostname(),
            }
        )
        provider = TracerProvider(resource=ours.merge(OTELResourceDetector().detect()), shutdown_on_exit=False)
        provider.add_span_processor(BatchSpanProcessor(exporter))
        self._provider = provider
        self._tracer = provider.get_tracer("rtchart", __version__)

    def span(
        self,
        name: str,
        start_us: int,
        kind: Kind = "internal",
        attributes: Attributes | None = None,
        within: Context | None = None,
    ) -> Span:
        """The first one of a trace, or one ``within`` another."""
        from opentelemetry.context import Context
        from opentelemetry.trace import SpanKind

        context = Context() if within is None else within
        of = SpanKind[kind.upper()]
        span = self._tracer.start_span(name, context, kind=of, attributes=attributes, start_time=start_us * 1000)
        return Span(self, span, start_us)

    def follow(self, headers: Headers, name: str, start_us: int, attributes: Attributes | None = None) -> Span | None:
        """What a consumer does with a record, from ``start_us`` on; None where its headers, or its stamp, are not a
        producer's of ours."""
        from opentelemetry.trace import get_current_span
        from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

        if start_us <= 0:
            return None
        carrier = {key: value.decode("ascii", "replace") for key, value in headers if value is not None}
        context = TraceContextTextMapPropagator().extract(carrier)
        if not get_current_span(context).get_span_context().is_valid:
            return None
        return self.span(name, start_us, "consumer", attributes, context)

    def close(self) -> None:
        """Send what waits, for `LAST_SPANS_WITHIN` at most: a collector that is away shall not hold up the end."""
        ending = threading.Thread(target=self._provider.shutdown, name=LAST_SPANS, daemon=True)
        ending.start()
        ending.join(LAST_SPANS_WITHIN)


@contextmanager
def open_traces(service: str, endpoint: str | None) -> Iterator[Traces | None]:
    """Traces that go to a collector's address while the block lasts; None without one. Raises `UserError` for a wrong one.

    Everything else about the way there is OpenTelemetry's own: OTEL_EXPORTER_OTLP_HEADERS, …_TIMEOUT, OTEL_BSP_… and so on.
    """
    if not endpoint:
        yield None
        return
    if not _is_address(endpoint):
        raise UserError(f"--otlp-endpoint {endpoint!r} is no address of a collector; it is like http://collector:4318")
    try:
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
    except ImportError as error:
        raise UserError(
            f"traces need OpenTelemetry, which is not installed ({error}); pip install 'rtchart[tracing]'"
        ) from None
    address = endpoint.rstrip("/")
    said = any(f"OTEL_EXPORTER_OTLP_{name}" in os.environ for name in ("TIMEOUT", "TRACES_TIMEOUT"))
    exporter = OTLPSpanExporter(address if address.endswith(PATH) else address + PATH, timeout=None if said else ANSWER)
    made = Traces(service, exporter)
    try:
        yield made
    finally:
        made.close()


def _is_address(text: str) -> bool:
    try:
        parts = urlsplit(text)
        return parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        return False


def of_kline(kline: Kline) -> Attributes:
    """Which kline it is."""
    return {"rtchart.exchange": kline.exchange, "rtchart.symbol": kline.symbol, "rtchart.open_time": kline.open_time}


def of_record(topic: str, partition: int, offset: int | None = None) -> Attributes:
    """Where a record is, in OpenTelemetry's words."""
    place: dict[str, str | int] = {
        "messaging.system": "kafka",
        "messaging.destination.name": topic,
        "messaging.destination.partition.id": str(partition),
    }
    return place if offset is None else {**place, "messaging.kafka.offset": offset}
