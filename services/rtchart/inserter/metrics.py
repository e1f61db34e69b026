"""What the inserter tells about itself, beside the stages' latencies (`rtchart.process.metrics`)."""

from __future__ import annotations

from typing import get_args

from prometheus_client import Counter, Gauge, Histogram

from rtchart.core.messages import DeadLetterReason
from rtchart.process.metrics import stages

ROWS = Counter("rtchart_inserter_rows_total", "Klines by what became of them", ["result"])
BATCH_ROWS = Histogram(
    "rtchart_inserter_batch_rows", "Records of a batch", buckets=(1, 10, 50, 100, 500, 1000, 2000, 5000, 10000, 20000, 50000)
)
BATCH_SECONDS = Histogram(
    "rtchart_inserter_batch_seconds",
    "Time to store a batch, waiting for the database included",
    buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60),
)
VENUE_ROWS = Counter("rtchart_inserter_venue_rows_total", "The exchange's own minutes by what became of them", ["result"])
BACKFILL_LAG = Gauge("rtchart_inserter_backfill_lag_records", "Records of rtchart.backfill that are not in the database")
DEAD_LETTERS = Counter("rtchart_inserter_dead_letters_total", "Records that could not be used", ["reason"])
LAG = Gauge("rtchart_inserter_lag_records", "Records of a partition in Kafka that are not in the database", ["partition"])
PAUSED = Gauge("rtchart_inserter_paused", "1 while nothing is fetched because the database does not take what was")
FENCED = Counter("rtchart_inserter_fenced_total", "Batches dropped because another inserter had stored their records")
OFFSETS_LOST = Counter("rtchart_inserter_offsets_lost_total", "Times that Kafka's log was cut off before it was read")

# There from the start, because Prometheus sees no increase in what appears with a value.
for reason in get_args(DeadLetterReason):
    DEAD_LETTERS.labels(reason)
for result in ("inserted", "changed", "unchanged", "dropped_old", "dropped_epoch"):
    ROWS.labels(result)
for result in ("stored", "not_needed", "dropped_epoch"):
    VENUE_ROWS.labels(result)
stages("exchange_to_inserted")
