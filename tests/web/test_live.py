"""The candles on screen are the fold of the seconds that came, in whatever order, how often and how late they came."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from rtchart.core.candle import Candle, fold
from rtchart.core.interval import DAY, HOUR, INTERVALS, MINUTE, MINUTES, SECOND, Interval
from rtchart.core.kline import Kline
from rtchart.web.live import GRACE, LATE, SETTLED, LiveSymbol, better
from tests.klines import newest
from tests.web.klines import IDENTITY, kline

START = 1_763_769_600_000  # 2025-11-22T00:00Z, a Saturday
assert START % DAY == 0


@st.composite
def deliveries(draw: st.DrawFn) -> list[Kline]:
    """Seconds of three minutes around an hour's turn, in any order, some twice, some corrected, some missing."""
    start = START + HOUR - MINUTE
    offsets = draw(st.lists(st.integers(0, 179), min_size=1, max_size=60))
    return [
        kline(start + offset * SECOND, close=str(draw(st.integers(1, 9))), version_after=1000 + draw(st.integers(0, 2)))
        for offset in offsets
    ]


@settings(deadline=None, max_examples=150)
@given(
    klines=deliveries(),
    pauses=st.sets(st.integers(0, 59)),
    name=st.sampled_from(["1m", "3m", "15m", "1h", "4h", "1d", "1w", "1M"]),
)
def test_live_candles_are_the_fold_of_the_newest_seconds(klines: list[Kline], pauses: set[int], name: str) -> None:
    interval = INTERVALS[name]
    live = LiveSymbol(IDENTITY)
    for index, item in enumerate(klines):
        live.add(item)
        if index in pauses:  # looked at in between, so that what is cached must be right
            live.candles(interval, 0, START)
    seconds = newest(klines).values()
    periods = sorted({interval.open_time(item.open_time) for item in seconds})
    expected = [
        fold(interval, [item for item in seconds if interval.open_time(item.open_time) == period]) for period in periods
    ]
    # Nothing closes by the clock at START; what the newest second closes is told by the flag alone.
    found = [_opened(candle) for candle in live.candles(interval, 0, START)]
    assert found == expected


@settings(deadline=None, max_examples=50)
@given(klines=deliveries(), name=st.sampled_from(["1m", "5m", "1h", "1d"]))
def test_sealing_changes_no_candle(klines: list[Kline], name: str) -> None:
    interval = INTERVALS[name]
    live = LiveSymbol(IDENTITY)
    live.load(INTERVALS["1d"], {}, ())
    for item in klines:
        live.add(item)
    now = START + 2 * HOUR
    before = live.candles(interval, 0, now)
    live.seal(START + HOUR + 2 * MINUTE + LATE)
    assert live.seconds() == []
    assert live.candles(interval, 0, now) == before


def test_a_candle_is_closed_by_its_last_second_or_by_the_clock() -> None:
    live = LiveSymbol(IDENTITY)
    live.add(kline(START + 58 * SECOND))
    end = START + MINUTE
    candles = [live.candle(MINUTES, START, now) for now in (end - SECOND, end + GRACE - 1, end + GRACE)]
    assert [candle is not None and candle.closed for candle in candles] == [False, False, True]
    live.add(kline(START + 59 * SECOND))
    assert _one(live, MINUTES, START).closed


def test_a_second_after_the_seal_changes_nothing() -> None:
    live = LiveSymbol(IDENTITY)
    live.add(kline(START))
    live.seal(START + MINUTE + LATE)
    assert not live.add(kline(START + SECOND))
    assert _one(live, MINUTES, START).received == 1


def test_a_whole_minute_is_sealed_early_and_stays_whole() -> None:
    live = LiveSymbol(IDENTITY)
    klines = [kline(START + index * SECOND) for index in range(60)]
    for item in klines:
        live.add(item)
    assert live.seal(START + MINUTE + SETTLED - 1) == []
    (candle,) = live.seal(START + MINUTE + SETTLED)
    assert candle.received == 60
    live.add(klines[7])  # delivered twice
    assert _one(live, MINUTES, START).received == 60
    assert [candle.received for candle in live.seal(START + MINUTE + LATE)] == [60]


def test_stored_minutes_join_the_forming_hour() -> None:
    live = LiveSymbol(IDENTITY)
    seconds = [kline(START + index * SECOND, volume="2") for index in range(185)]
    for item in seconds[130:]:  # the web was started in the middle of the third minute
        live.add(item)
    stored = [fold(MINUTES, seconds[:60]), fold(MINUTES, seconds[60:120])]
    live.load(INTERVALS["1h"], {"1m": [candle for candle in stored if candle]}, seconds[120:150])
    assert _opened(_one(live, INTERVALS["1h"], START)) == fold(INTERVALS["1h"], seconds)


def test_pending_seconds_of_sealed_minutes_join_too() -> None:
    live = LiveSymbol(IDENTITY)
    seconds = [kline(START + index * SECOND) for index in range(60)]
    for item in seconds[30:]:
        live.add(item)
    live.seal(START + MINUTE + LATE)
    live.load(MINUTES, {}, seconds)
    assert _one(live, MINUTES, START).received == 60


def test_a_revision_counts_when_it_is_higher_and_has_not_fewer_seconds() -> None:
    live = LiveSymbol(IDENTITY)
    live.load(MINUTES, {}, ())
    for index in range(60):
        live.add(kline(START + index * SECOND))
    whole = _one(live, MINUTES, START)
    less = _with(whole, received=59, revision=1, close="7")
    assert live.revise("1m", less)
    assert _one(live, MINUTES, START).close == whole.close  # the folded one has more
    more = _with(whole, revision=2, close="8")
    assert live.revise("1m", more)
    assert _one(live, MINUTES, START).close == "8"
    assert not live.revise("1m", _with(whole, revision=2, close="9"))
    assert not live.revise("1m", _with(whole, revision=3, received=10, close="9"))
    assert _one(live, MINUTES, START).close == "8"


def test_months_of_the_exchanges_own_minutes_are_not_kept_here() -> None:
    live = LiveSymbol(IDENTITY)
    live.load(INTERVALS["1M"], {}, ())
    for index in range(60):
        live.add(kline(START + index * SECOND))
    live.seal(START + 5 * MINUTE)
    whole = _one(live, MINUTES, START)
    for age in range(3, 300):
        old = _with(whole, open_time=START - age * HOUR, revision=1, source="venue")
        assert live.revise("1m", old)  # the charts that show it are told all the same
        assert live.is_past("1m", old)
    assert [candle.open_time for candle in live.candles(MINUTES, 0, START + 5 * MINUTE)] == [START]
    repaired = _with(whole, open_time=START - 3 * HOUR, revision=1, source="repair")
    assert live.revise("1m", repaired) and not live.is_past("1m", repaired)
    assert len(live.candles(MINUTES, 0, START + 5 * MINUTE)) == 2


def test_while_nobody_looks_minutes_are_kept_until_they_are_stored() -> None:
    live = LiveSymbol(IDENTITY)
    for minute, second in itertools.product(range(3), range(60)):
        live.add(kline(START + minute * MINUTE + second * SECOND))
    live.seal(START + HOUR)
    assert len(live.candles(MINUTES, 0, START)) == 3
    live.revise("1m", _with(_one(live, MINUTES, START), revision=1))
    assert [candle.open_time for candle in live.candles(MINUTES, 0, START)] == [START + MINUTE, START + 2 * MINUTE]


def test_hours_and_days_outlive_their_minutes() -> None:
    live = LiveSymbol(IDENTITY)
    live.load(INTERVALS["1d"], {}, ())
    for hour in range(50):
        for second in range(0, 120, 30):
            live.add(kline(START + hour * HOUR + second * SECOND, volume="1"))
        live.seal(START + hour * HOUR + 4 * MINUTE)
    days = live.candles(INTERVALS["1M"], 0, START)
    assert [(candle.received, candle.volume) for candle in days] == [(200, "200")]
    assert len(live.candles(MINUTES, 0, START)) == 4  # of this hour and the one before


def test_better_prefers_what_is_stored_between_equals() -> None:
    folded = fold(MINUTES, [kline(START)])
    assert folded is not None
    stored = _with(folded, revision=4)
    assert better(stored, folded) is stored
    assert better(None, folded) is folded
    assert better(_with(stored, received=0), folded) == _with(folded, revision=4)


@pytest.mark.parametrize("name", ["3d", "1w", "1M"])
def test_long_intervals_are_made_of_days(name: str) -> None:
    interval = INTERVALS[name].of(START - DAY) if name == "3d" else INTERVALS[name]
    live = LiveSymbol(IDENTITY)
    live.add(kline(START, volume="1"))
    day = fold(INTERVALS["1d"], [kline(START - DAY, volume="5")])
    assert day is not None
    live.load(INTERVALS["1d"], {"1d": [day]}, ())
    candle = _one(live, interval, interval.open_time(START))
    assert candle.volume == ("6" if interval.open_time(START) == interval.open_time(START - DAY) else "1")


def _one(live: LiveSymbol, interval: Interval, time: int) -> Candle:
    candle = live.candle(interval, interval.open_time(time), time)
    assert candle is not None
    return candle


def _opened(candle: Candle) -> Candle:
    return _with(candle, closed=False)


def _with(candle: Candle, **changes: object) -> Candle:
    return replace(candle, **changes)
