"""The span of a traced kline that ends in the database."""

from __future__ import annotations

from rtchart.core.kline import Kline
from rtchart.core.messages import KlineMessage
from rtchart.inserter.batch import Batch
from rtchart.inserter.plan import Plan
from rtchart.process.tracing import Traces, of_kline, of_record


def stored(traces: Traces, batch: Batch[KlineMessage], work: Plan, topic: str, at_us: int) -> None:
    """A batch is committed: what is traced of it came to its row. ``at_us``: when.

    Not what was dropped or is a dead letter, and of several klines of a second the one alone that was kept.
    """
    for record, message in zip(batch.records, batch.messages, strict=True):
        if not record.headers or not isinstance(message, Kline):
            continue
        place = work.places.get((message.exchange, message.symbol))
        if place is None or place[2].get(message.open_time) is not message:
            continue
        attributes = {**of_kline(message), **of_record(topic, record.partition, record.offset)}
        attributes["messaging.batch.message_count"] = len(batch)
        span = traces.follow(record.headers, "published_to_inserted", message.published_us, attributes)
        if span is not None:
            span.end(at_us)
