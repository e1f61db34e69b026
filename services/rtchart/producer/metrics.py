"""What the producer counts. Latencies are in `rtchart.process.metrics`."""

from __future__ import annotations

from typing import get_args

from prometheus_client import Counter, Gauge

from rtchart.core.gap import GapReason
from rtchart.core.messages import DeadLetterReason
from rtchart.process.metrics import stages

KLINES = Counter("rtchart_producer_klines_total", "Klines that Kafka acknowledged", ["source"])
IGNORED = Counter("rtchart_producer_klines_ignored_total", "Klines of the stream that are no closed seconds")
DROPPED = Counter("rtchart_producer_klines_dropped_total", "Klines left out while Kafka took none; REST brings them afterwards")
LOST = Counter("rtchart_producer_records_lost_total", "Records that Kafka did not acknowledge, and that are made again")
GAPS = Counter("rtchart_producer_gaps_opened_total", "Gaps announced", ["reason"])
VENUE_KLINES = Counter("rtchart_producer_venue_klines_total", "The exchange's own minutes that Kafka acknowledged")
VENUE_KLINES_LEFT = Gauge("rtchart_producer_venue_klines_left", "Minutes of older history that are wanted and not fetched yet")
ABSENT = Counter("rtchart_producer_seconds_absent_total", "Seconds that the exchange has said twice it does not have")
DEAD_LETTERS = Counter("rtchart_producer_dead_letters_total", "Frames and rows that could not be used", ["reason"])
MISSED = Counter("rtchart_producer_stream_missed_total", "Answers of REST with seconds that the stream should have brought")
CONNECTIONS = Counter("rtchart_producer_connections_total", "Connections to the exchange that brought klines")
CONNECTIONS_LOST = Counter("rtchart_producer_connections_lost_total", "Times that symbols had no connection left")
RATE_LIMIT_USED = Gauge("rtchart_producer_rate_limit_used_ratio", "Share of the exchange's REST limit used in the last minute")
CLOCK_OFFSET = Gauge(
    "rtchart_producer_clock_offset_seconds",
    "How far this machine's clock is ahead of the exchange's, the way from there included",
)
SYMBOLS = Gauge("rtchart_producer_symbols", "Symbols asked for", ["status"])
MISSING = Gauge("rtchart_producer_seconds_missing", "Seconds in gaps that are not closed yet")
IN_FLIGHT = Gauge("rtchart_producer_records_in_flight", "Records handed to Kafka's client and not acknowledged")
WATERMARK_LAG = Gauge(
    "rtchart_producer_watermark_lag_seconds", "How far the last watermark of all symbols that stream is behind the exchange"
)

# There from the start, because Prometheus sees no increase in what appears with a value.
KLINES_OF = {source: KLINES.labels(source) for source in ("stream", "repair")}
for gap_reason in get_args(GapReason):
    GAPS.labels(gap_reason)
for reason in get_args(DeadLetterReason):
    DEAD_LETTERS.labels(reason)
stages("exchange_to_received", "received_to_published")
