"""What the web measures of itself."""

from __future__ import annotations

from typing import Literal, get_args

from prometheus_client import Counter, Gauge

from rtchart.broker.topics import CANDLES, KLINES
from rtchart.process.metrics import stages
from rtchart.web.protocol import ErrorCode

Refusal = Literal["origin", "draining", "full", "address", "rate", "token"]
"""Why a handshake was."""
Outcome = Literal["taken", "clamped", "limited"]
"""What became of a latency that a browser reported."""

sockets = Gauge("rtchart_web_sockets", "Sockets that are open")
subscriptions = Gauge("rtchart_web_subscriptions", "Subscriptions to a symbol's candles")
refused = Counter("rtchart_web_sockets_refused_total", "Sockets refused at the handshake", ["reason"])
limited = Counter("rtchart_web_requests_limited_total", "Requests of the API refused, because their address asked too often")
closed = Counter("rtchart_web_sockets_closed_total", "Sockets closed by the server", ["code"])
frames = Counter("rtchart_web_frames_total", "Frames sent")
deliveries = Counter("rtchart_web_deliveries_total", "Messages sent, each as often as it had receivers")
skips = Counter("rtchart_web_mailbox_skips_total", "Updates replaced by a newer one before a slow client took them")
resyncs = Counter("rtchart_web_resyncs_total", "Subscriptions told to start again, because a client was too slow")
stalled = Counter("rtchart_web_stalled_total", "Sockets closed because a frame was not taken in time")
bad_requests = Counter("rtchart_web_bad_requests_total", "Messages of clients that were refused", ["code"])
records = Counter("rtchart_web_records_total", "Records read from Kafka", ["topic"])
unreadable = Counter("rtchart_web_unreadable_records_total", "Records that could not be read", ["topic"])
lag = Gauge("rtchart_web_consumed_lag_records", "Records on Kafka that were not read yet")
reported = Counter("rtchart_web_reported_total", "Latencies that browsers reported", ["outcome"])
symbols = Gauge("rtchart_web_symbols", "Symbols with live state")

# There from the start, because Prometheus sees no increase in what appears with a value.
for reason in get_args(Refusal):
    refused.labels(reason)
for code in (1001, 1008, 1009):
    closed.labels(code)
for error in get_args(ErrorCode):
    bad_requests.labels(error)
for outcome in get_args(Outcome):
    reported.labels(outcome)
for topic in (KLINES, CANDLES):
    unreadable.labels(topic.name)
stages("published_to_consumed", "consumed_to_sent", "sent_to_painted")
