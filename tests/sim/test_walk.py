"""Laws of the generated market."""

from __future__ import annotations

from decimal import Decimal

from hypothesis import given, settings
from hypothesis import strategies as st

from rtchart.core.interval import DAY, HOUR, MINUTE, SECOND
from rtchart.sim.figures import Figures, flat, text, total
from rtchart.sim.listing import Listing, listing, listings
from rtchart.sim.walk import Walk

YEAR_2020, YEAR_2030 = 1_577_836_800, 1_893_456_000
seconds = st.integers(YEAR_2020, YEAR_2030).map(lambda second: second * SECOND)
some_listings = st.sampled_from([*listings(60), listing("AA"), listing("ЖЁUSDT")])
seeds = st.sampled_from([0, 1, 7, 2**40])
laws = settings(deadline=None, max_examples=60)


@laws
@given(some_listings, seeds, seconds)
def test_a_second_is_the_same_whenever_and_in_whatever_order_it_is_asked_for(traded: Listing, seed: int, time: int) -> None:
    forwards, backwards = Walk(traded, seed), Walk(traded, seed)
    times = range(time, time + 3 * MINUTE, 7 * SECOND)
    assert [forwards.second(at) for at in times] == [backwards.second(at) for at in reversed(times)][::-1]


@laws
@given(some_listings, seeds, seconds)
def test_each_second_opens_at_the_close_of_the_one_before(traded: Listing, seed: int, time: int) -> None:
    walk = Walk(traded, seed)
    # Over a minute's edge, and over an hour's.
    for start in (time, time // HOUR * HOUR - 5 * SECOND):
        run = [walk.second(at) for at in range(start, start + 70 * SECOND, SECOND)]
        assert [figures.open for figures in run[1:]] == [figures.close for figures in run[:-1]]


@laws
@given(some_listings, seeds, seconds)
def test_a_second_is_plausible(traded: Listing, seed: int, time: int) -> None:
    k = Walk(traded, seed).second(time)
    assert 0 < k.low <= min(k.open, k.close) <= max(k.open, k.close) <= k.high
    assert 0 <= k.taker_buy_volume <= k.volume
    assert k.low * k.volume <= k.quote_volume * 10**8 <= k.high * k.volume
    if k.trades:
        assert k.volume and k.last_trade - k.first_trade + 1 == k.trades
    else:
        assert k == flat(k.close)
    assert abs(k.close / (traded.price * 10 ** (8 - traded.price_decimals)) - 1) < 0.35


@laws
@given(some_listings, seeds, seconds)
def test_a_minute_equals_the_fold_of_its_seconds(traded: Listing, seed: int, time: int) -> None:
    walk = Walk(traded, seed)
    opens = time // MINUTE * MINUTE
    assert walk.minute(opens) == total(walk.second(at) for at in range(opens, opens + MINUTE, SECOND))


@settings(deadline=None, max_examples=8)
@given(some_listings, seeds, seconds, st.integers(1, 4 * 3_600))
def test_any_span_equals_the_fold_of_its_seconds(traded: Listing, seed: int, start: int, length: int) -> None:
    walk = Walk(traded, seed)
    end = start + length * SECOND
    assert walk.span(start, end) == total(walk.second(at) for at in range(start, end, SECOND))


def test_a_day_equals_the_fold_of_its_seconds() -> None:
    walk = Walk(listing("BTCUSDT"), 1)
    day = YEAR_2020 * SECOND
    assert walk.span(day - SECOND, day + DAY + SECOND) == total(
        walk.second(at) for at in range(day - SECOND, day + DAY + SECOND, SECOND)
    )


def test_another_seed_is_another_market() -> None:
    day = YEAR_2020 * SECOND
    assert Walk(listing("BTCUSDT"), 1).span(day, day + HOUR) != Walk(listing("BTCUSDT"), 2).span(day, day + HOUR)


def test_busy_and_calm_symbols_differ_in_how_many_seconds_have_a_trade() -> None:
    def calm(symbol: str) -> int:
        walk = Walk(listing(symbol), 1)
        return sum(walk.second(at).trades == 0 for at in range(0, HOUR, SECOND))

    assert 100 < calm("BTCUSDT") < 800
    assert 2_700 < calm("ATOMUSDT") < 3_400


def test_klines_are_published_2_to_49_ms_after_their_close() -> None:
    delays = {Walk(traded, 1).delay(at) for traded in listings(20) for at in range(0, MINUTE, SECOND)}
    assert (min(delays), max(delays)) == (2, 49)


def test_of_2000_listings_each_is_another_symbol_and_one_is_not_ascii() -> None:
    symbols = [traded.symbol for traded in listings(2_000)]
    assert len(set(symbols)) == 2_000
    assert symbols[:2] == ["BTCUSDT", "ETHUSDT"]
    assert any(not symbol.isascii() for symbol in symbols)


@given(st.integers(0, 10**20))
def test_text_writes_the_number_exactly(number: int) -> None:
    assert Decimal(text(number)) == Decimal(number).scaleb(-8)


def test_total_takes_the_trade_ids_from_those_that_have_trades() -> None:
    traded = Figures(5, 7, 4, 6, 2, 11, 3, 1, 5, 100, 102)
    assert total([flat(5), traded, flat(6)]) == traded
    assert total([flat(5), flat(5)]) == flat(5)
    assert total([]) is None
