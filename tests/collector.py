"""A collector of OpenTelemetry traces in memory: OTLP over HTTP, as a real one takes it."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import NamedTuple

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest, ExportTraceServiceResponse
from opentelemetry.proto.trace.v1.trace_pb2 import Span as Message


class Span(NamedTuple):
    """One that was sent. Times are nanoseconds since 1970; ``parent`` is empty for the first of a trace."""

    service: str
    name: str
    kind: str
    trace: bytes
    id: bytes
    parent: bytes
    start: int
    end: int
    attributes: dict[str, str | int]
    error: str


class Collector:
    """What came to it."""

    def __init__(self) -> None:
        self.address = ""
        self.spans: list[Span] = []
        self.answers = threading.Event()
        """While it is cleared, an export is left without an answer."""
        self.answers.set()

    def traces(self) -> dict[bytes, dict[str, Span]]:
        """By trace, and in it by name."""
        found: dict[bytes, dict[str, Span]] = {}
        for span in list(self.spans):
            found.setdefault(span.trace, {})[span.name] = span
        return found

    def take(self, body: bytes) -> None:
        """An export."""
        for of_resource in ExportTraceServiceRequest.FromString(body).resource_spans:
            named = {each.key: each.value.string_value for each in of_resource.resource.attributes}
            for of_scope in of_resource.scope_spans:
                self.spans += [_span(named["service.name"], message) for message in of_scope.spans]


def _span(service: str, message: Message) -> Span:
    return Span(
        service,
        message.name,
        Message.SpanKind.Name(message.kind).removeprefix("SPAN_KIND_").lower(),
        message.trace_id,
        message.span_id,
        message.parent_span_id,
        message.start_time_unix_nano,
        message.end_time_unix_nano,
        {each.key: each.value.string_value or each.value.int_value for each in message.attributes},
        message.status.message,
    )


@contextmanager
def collector() -> Iterator[Collector]:
    """One that listens at ``address`` while the block lasts."""
    there = Collector()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            assert self.path == "/v1/traces" and self.headers["Content-Type"] == "application/x-protobuf"
            there.take(self.rfile.read(int(self.headers["Content-Length"])))
            there.answers.wait()
            body = ExportTraceServiceResponse().SerializeToString()
            self.send_response(200)
            self.send_header("Content-Type", "application/x-protobuf")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Nothing: the test says what is wrong."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    there.address = f"http://127.0.0.1:{server.server_port}"
    try:
        yield there
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
