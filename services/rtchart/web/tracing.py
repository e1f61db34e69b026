"""The spans of a traced kline from Kafka to the first socket that is told of it."""

from __future__ import annotations

from rtchart.broker.tail import Record
from rtchart.core.kline import Kline
from rtchart.process.tracing import Attributes, Span, Traces, of_kline, of_record


class Telling:
    """A kline that was read, and is to be told."""

    def __init__(self, read: Span, which: Attributes, consumed_us: int) -> None:
        self._read = read
        self._which = which
        self._consumed_us = consumed_us
        self._told = False

    def sent(self, at_us: int) -> None:
        """A frame that tells it is handed to a socket; the first one counts."""
        if not self._told:
            self._told = True
            self._read.child("consumed_to_sent", self._consumed_us, attributes=self._which).end(at_us)


def consumed(traces: Traces, record: Record, kline: Kline, at_us: int) -> Telling | None:
    """A record with headers was read; None where it is of no trace."""
    attributes = {**of_kline(kline), **of_record(record.topic, record.partition, record.offset)}
    span = traces.follow(record.headers, "published_to_consumed", kline.published_us, attributes)
    if span is None:
        return None
    span.end(at_us)
    return Telling(span, of_kline(kline), at_us)
