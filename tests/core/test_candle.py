"""The laws of the fold, and the fold of what was really recorded."""

from __future__ import annotations

from collections import defaultdict
from decimal import Decimal, localcontext
from fractions import Fraction

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rtchart.core.candle import Candle, Fold, fold, of_second
from rtchart.core.interval import DAY, INTERVALS, MINUTE, interval
from rtchart.core.kline import SOURCES
from tests.core.klines import DAY_START, archive_day, kline, recorded, seconds
from tests.klines import newest

HOURS = interval("1h")
NUMBERS = ("open", "high", "low", "close", "volume", "quote_volume", "taker_buy_volume", "taker_buy_quote_volume")


def values(candle: Candle) -> dict[str, object]:
    """Its content, numbers as numbers."""
    return {**msgspec.structs.asdict(candle), **{name: Decimal(getattr(candle, name)) for name in NUMBERS}}


def by_period(name: str, parts):
    groups = defaultdict(list)
    for part in parts:
        groups[interval(name).open_time(part.open_time)].append(part)
    return groups.values()


def through(names: list[str], parts) -> Candle:
    """The candle that folding level by level makes."""
    for name in names:
        parts = [fold(interval(name), group) for group in by_period(name, parts)]
    (only,) = parts
    return only


@given(seconds(), st.sampled_from([["1m", "1h"], ["1m", "5m", "15m", "1h"], ["1m", "3m", "1h"], ["1m", "30m", "1h"]]))
def test_folding_in_levels_is_folding_at_once(parts, names) -> None:
    assert values(through(names, parts)) == values(fold(HOURS, parts))


@given(seconds(within=86_400), st.sampled_from(["4h", "6h", "8h", "12h"]))
def test_a_day_by_any_way(parts, middle) -> None:
    assert values(through(["1m", "1h", middle, "1d"], parts)) == values(fold(interval("1d"), parts))


@given(seconds(), st.randoms())
def test_the_order_in_which_parts_come_does_not_matter(parts, chance) -> None:
    shuffled = list(parts)
    chance.shuffle(shuffled)
    assert fold(HOURS, shuffled) == fold(HOURS, parts)


@given(seconds())
def test_live_is_stored(parts) -> None:
    """What a screen extends second by second is what the aggregator makes of all of them."""
    running = Fold(HOURS, DAY_START)
    ordered = sorted(parts, key=lambda part: part.open_time)
    for number, part in enumerate(ordered, 1):
        running.append(part)
        assert running.candle() == fold(HOURS, ordered[:number])
    assert running.last == ordered[-1].open_time


@given(seconds())
def test_a_fold_is_what_it_says(parts) -> None:
    """Against an independent computation, in exact fractions."""
    candle = fold(HOURS, parts)
    ordered = sorted(parts, key=lambda part: part.open_time)
    traded = [part for part in ordered if part.trades] or ordered
    assert (candle.open, candle.close) == (traded[0].open, traded[-1].close)
    assert Fraction(candle.high) == max(Fraction(part.high) for part in traded)
    assert Fraction(candle.low) == min(Fraction(part.low) for part in traded)
    for name in ("volume", "quote_volume", "taker_buy_volume", "taker_buy_quote_volume"):
        assert Fraction(getattr(candle, name)) == sum(Fraction(getattr(part, name)) for part in parts)
    assert candle.trades == sum(part.trades for part in parts)
    assert (candle.received, candle.expected) == (len(parts), 3600)
    assert SOURCES.index(candle.source) == max(SOURCES.index(part.source) for part in parts)


def test_the_prices_of_a_candle_are_those_of_its_trades() -> None:
    """Seconds without one stand at an older price, and count as received alone."""
    flat = dict.fromkeys(("open", "high", "low", "close"), "9") | dict.fromkeys(("volume", "quote_volume"), "0") | {"trades": 0}
    traded = {"open": "5", "high": "6", "low": "4", "close": "5.5", "trades": 3}
    candle = fold(HOURS, [kline(0, **flat), kline(1, **flat), kline(2, **traded), kline(3, **flat | {"close": "5.5"})])
    assert (candle.open, candle.low, candle.received) == ("5", "4", 4)
    minutes = [fold(interval("1m"), [kline(60 * n, **figures)]) for n, figures in enumerate((flat, traded))]
    opened = fold(HOURS, minutes)
    assert (opened.open, opened.high, opened.low, opened.close) == ("5", "6", "4", "5.5")
    quiet = fold(HOURS, [kline(0, **flat), kline(1, **flat)])
    assert (quiet.open, quiet.high, quiet.low, quiet.close) == ("9", "9", "9", "9")


def test_sums_are_exact_and_plain() -> None:
    huge, tiny = "99999999999999999999", "0.000000000000000001"
    with localcontext(prec=5):  # whatever the process is set to
        candle = fold(HOURS, [kline(0, volume=huge), *(kline(n, volume=tiny) for n in range(1, 60))])
    assert candle.volume == "99999999999999999999.000000000000000059"
    assert fold(HOURS, [kline(0, volume="0.00000000")]).volume == "0.00000000"


def test_highest_and_lowest_are_told_apart_where_floats_are_equal() -> None:
    prices = [f"1000000000000000000{n}.000000000000000001" for n in (3, 1, 4, 2)]
    assert len({float(price) for price in prices}) == 1
    candle = fold(HOURS, [kline(n, high=price, low=price) for n, price in enumerate(prices)])
    assert (candle.high, candle.low) == (prices[2], prices[1])


@given(seconds(), st.integers(0, 39))
def test_a_part_that_comes_twice_is_refused(parts, which) -> None:
    twice = parts[which % len(parts)]
    with pytest.raises(ValueError, match="twice"):
        fold(HOURS, [*parts, twice])


@pytest.mark.parametrize("number", [-1, 3600])
def test_a_part_of_another_period_is_refused(number) -> None:
    with pytest.raises(ValueError, match="is not in the 1h period"):
        fold(HOURS, [kline(0), kline(number)] if number > 0 else [kline(number), kline(0)])


def test_nothing_is_no_candle() -> None:
    assert fold(HOURS, []) is None
    assert Fold(HOURS, DAY_START).candle() is None


def test_a_second_is_a_candle_of_itself() -> None:
    one = of_second(kline(7, source="repair"))
    assert values(one) == values(fold(interval("1s"), [kline(7, source="repair")], closed=True))


def test_the_recorded_minutes_come_out_exactly() -> None:
    """All whole minutes of the recording, against sums made here of its own digits."""
    rows = recorded()
    klines = [
        kline(
            symbol=row["symbol"],
            open_time=int(row["open_time"]),
            open=row["open"],
            high=row["high"],
            low=row["low"],
            close=row["close"],
            volume=row["volume"],
            quote_volume=row["quote_volume"],
            trades=int(row["trades"]),
            taker_buy_volume=row["taker_buy_base_volume"],
            taker_buy_quote_volume=row["taker_buy_quote_volume"],
            version=int(row["event_time"]),
        )
        for row in rows
    ]
    whole = 0
    for symbol in ("BTCUSDT", "ETHUSDT"):
        mine = newest(k for k in klines if k.symbol == symbol)
        for group in by_period("1m", mine.values()):
            if len(group) < 60:
                continue
            whole += 1
            candle = fold(interval("1m"), group)
            own = [r for r in rows if r["symbol"] == symbol and int(r["open_time"]) // MINUTE == candle.open_time // MINUTE]
            own.sort(key=lambda row: int(row["open_time"]))
            assert len(own) == 60 == candle.received == candle.expected
            traded = [row for row in own if int(row["trades"])]
            assert (candle.open, candle.close) == (traded[0]["open"], traded[-1]["close"])
            assert traded[-1]["close"] == own[-1]["close"], "nothing is missing, so a second without a trade says the same"
            # Units of 10^-8 as integers: no decimal arithmetic is shared with the fold.
            assert units(candle.high) == max(units(row["high"]) for row in traded)
            assert units(candle.low) == min(units(row["low"]) for row in traded)
            assert units(candle.volume) == sum(units(row["volume"]) for row in own)
            assert units(candle.quote_volume) == sum(units(row["quote_volume"]) for row in own)
            assert units(candle.taker_buy_volume) == sum(units(row["taker_buy_base_volume"]) for row in own)
            assert units(candle.taker_buy_quote_volume) == sum(units(row["taker_buy_quote_volume"]) for row in own)
            assert candle.trades == sum(int(row["trades"]) for row in own)
    assert whole == 12  # six of each symbol


def units(text: str) -> int:
    whole, _, rest = text.partition(".")
    assert len(rest) <= 8
    return int(whole) * 10**8 + int(rest.ljust(8, "0"))


@pytest.mark.parametrize("name", ["BTCUSDT-1m-2018-06-26.csv", "BTCUSDT-1m-2019-05-15.csv"])
def test_an_outage_is_shown_as_missing_minutes_and_never_as_flat_candles(name) -> None:
    minutes = archive_day(name)
    day_start = interval("1d").open_time(minutes[0].open_time)
    there = {candle.open_time for candle in minutes}
    assert len(there) == 840
    day = fold(interval("1d"), minutes)
    assert (day.expected - day.received) / 60 == 600
    for larger in ("5m", "15m", "1h", "4h"):
        own = INTERVALS[larger]
        made = {c.open_time: c for group in by_period(larger, minutes) if (c := fold(own, group))}
        lacking = 0
        for opened in range(day_start, day_start + DAY, own.length):
            absent = [t for t in range(opened, own.next_open(opened), MINUTE) if t not in there]
            if opened in made:
                assert made[opened].expected - made[opened].received == 60 * len(absent)
                lacking += len(absent)
            else:  # nothing came in the whole period: there is no candle at all
                assert len(absent) * MINUTE == own.length
                lacking += len(absent)
        assert lacking == 600
        assert values(through([larger, "1d"], minutes)) == values(day)
