"""What is published of a venue's answer about minutes."""

from __future__ import annotations

from rtchart.core.kline import venue_kline
from rtchart.core.messages import Absent, BackfillMessage
from rtchart.core.minutes import lacking
from rtchart.exchange.base import Page


def records(exchange: str, symbol: str, page: Page, *, epoch: int, listed_day: int) -> list[BackfillMessage]:
    """Records of ``rtchart.backfill``: the minutes of a page, and what the venue lacks between them.

    Of rows that are no klines nothing is said: the venue has something there.
    """
    there = [*page.bad, *(kline.open_time for kline in page.klines)]
    absent = lacking(page.start, page.end, there, listed_day=listed_day)
    return [
        *(venue_kline(kline, epoch=epoch) for kline in page.klines),
        *(Absent(exchange, symbol, start, end, page.asked_at, epoch) for start, end in absent),
    ]
