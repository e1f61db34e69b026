"""The span of a traced kline that ends in the database."""

from __future__ import annotations

from rtchart.core.kline import Kline
from rtchart.core.messages import KlineMessage
from rtchart.inserter.batch import Batch
from rtchart.process.tracing import Traces, of_kline, of_record


def stored(traces: Traces, batch: Batch[KlineMessage], topic: str, at_us: int) -> None:
    """A batch is committed: the klines in it that are traced came to their row. ``at_us``: when."""
    for record, message in zip(batch.records, batch.messages, strict=True):
        if not record.headers or not isinstance(message, Kline):
            continue
        place = {**of_kline(message), **of_record(topic, record.partition, record.offset)}
        size = {"messaging.batch.message_count": len(batch)}
        span = traces.follow(record.headers, "published_to_inserted", message.published_us, {**place, **size})
        if span is not None:
            span.end(at_us)
