"""The 24 hours of a ticker against all of its seconds, and how much it keeps."""

from __future__ import annotations

from decimal import Decimal

from hypothesis import given, settings
from hypothesis import strategies as st

from rtchart.core.interval import MINUTE, SECOND
from rtchart.core.kline import Kline
from rtchart.store.history import Bucket
from rtchart.web.live import LATE, LiveSymbol
from rtchart.web.tickers import QUARTER, WINDOW, DayWindow, bucket_of, merged, ticker
from tests.web.klines import IDENTITY, kline

START = 1_763_769_600_000


@settings(deadline=None, max_examples=60)
@given(
    steps=st.lists(
        st.tuples(st.integers(1, 3 * 60 * 60), st.integers(1, 30), st.sampled_from(["0.1", "2", "0.00000001"])),
        min_size=1,
        max_size=60,
    )
)
def test_a_ticker_is_what_its_seconds_say(steps: list[tuple[int, int, str]]) -> None:
    live, window = LiveSymbol(IDENTITY), DayWindow()
    klines: list[Kline] = []
    time = START
    for step, price, volume in steps:
        time += step * SECOND
        klines.append(kline(time, close=str(price), volume=volume))
        live.add(klines[-1])
        for candle in live.seal(time):
            window.put_minute(bucket_of(candle))
    found = ticker(live, window)
    assert found is not None
    opens = (time - WINDOW) // QUARTER * QUARTER
    inside = [item for item in klines if item.open_time >= opens]
    assert (found.price, found.time) == (klines[-1].close, time)
    assert found.open == inside[0].open
    assert Decimal(found.high) == max(Decimal(item.high) for item in inside)
    assert Decimal(found.low) == min(Decimal(item.low) for item in inside)
    assert Decimal(found.volume) == sum(Decimal(item.volume) for item in inside)


def test_it_keeps_quarters_and_no_more_than_an_hour_of_minutes() -> None:
    live, window = LiveSymbol(IDENTITY), DayWindow()
    for minute in range(3 * 24 * 60):
        live.add(kline(START + minute * MINUTE))
        for candle in live.seal(START + minute * MINUTE + LATE):
            window.put_minute(bucket_of(candle))
        if minute % 60 == 0:
            ticker(live, window)
    assert len(window._quarters) <= 102
    assert len(window._minutes) <= 60


def test_stored_quarters_join_and_do_not_count_twice() -> None:
    live, window = LiveSymbol(IDENTITY), DayWindow()
    window.put_minute(Bucket(START, "5", "6", "4", "1"))
    window.put_quarters([Bucket(START, "9", "9", "9", "9"), Bucket(START - QUARTER, "2", "8", "1", "10")])
    live.add(kline(START + MINUTE, volume="0.5"))
    found = ticker(live, window)
    assert found is not None
    assert (found.open, found.high, found.low, found.volume) == ("2", "8", "1", "11.5")


def test_a_symbol_without_seconds_has_no_ticker() -> None:
    assert ticker(LiveSymbol(IDENTITY), DayWindow()) is None
    assert merged(0, []) is None
