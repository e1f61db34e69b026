"""What a kline must be before it goes on, and the identity it belongs to."""

from __future__ import annotations

import re
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rtchart.core.candle import of_venue
from rtchart.core.kline import DECIMAL, Identity, InvalidKline, check, check_venue
from tests.core.klines import DAY_START, decimals, kline, seconds
from tests.klines import venue

DECIMAL_FIELDS = ["open", "high", "low", "close", "volume", "quote_volume", "taker_buy_volume", "taker_buy_quote_volume"]


@given(seconds(max_size=5))
def test_a_right_kline_passes_unchanged(some) -> None:
    assert [check(one) for one in some] == some


@pytest.mark.parametrize("field", DECIMAL_FIELDS)
@pytest.mark.parametrize(
    "value",
    [
        "",
        " ",
        "-1",
        "+1",
        "1e5",
        "NaN",
        "Infinity",
        ".5",
        "5.",
        "1,5",
        "0x1",
        "1 2",
        "1\n",
        "1_0",
        "1" * 21,
        "٣",
        "1." + "1" * 19,
    ],
)
def test_what_is_no_plain_decimal_is_refused_by_name(field, value) -> None:
    with pytest.raises(InvalidKline, match=rf"^{field} is {re.escape(repr(value))}, which is no decimal number$"):
        check(kline(**{field: value}))


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        ({"open_time": DAY_START + 1}, "no whole second"),
        ({"open_time": -1000}, "no whole second"),
        ({"trades": -1}, "trades is -1"),
        ({"version": 253_402_300_800_000}, "after the year 9999"),
        ({"version": DAY_START}, "is not after the second's open_time"),
    ],
)
def test_what_is_no_second_is_refused(changes, complaint) -> None:
    with pytest.raises(InvalidKline, match=complaint):
        check(kline(**changes))


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        ({"open_time": DAY_START + 1_000}, "no whole minute"),
        ({"open_time": -60_000}, "no whole minute"),
        ({"trades": -1}, "trades is -1"),
        ({"trades": 2**53 + 1}, "more than a minute can have"),
        ({"low": "1e5"}, "low is '1e5', which is no decimal number"),
    ],
)
def test_what_is_no_minute_of_the_exchange_is_refused(changes, complaint) -> None:
    with pytest.raises(InvalidKline, match=complaint):
        check_venue(venue(**{"open_time": DAY_START, **changes}))


def test_a_minute_of_the_exchange_is_a_whole_candle_that_says_where_it_is_from() -> None:
    candle = of_venue(check_venue(venue(DAY_START, high="3.50")))
    assert (candle.received, candle.expected, candle.source, candle.high) == (60, 60, "venue", "3.50")


@given(st.from_regex(rf"\A{DECIMAL}\Z", alphabet=st.characters(codec="ascii")))
def test_a_decimal_keeps_its_value_as_text(text) -> None:
    check(kline(volume=text))
    # Nothing is rounded, and nothing turns into 1E+5.
    assert format(Decimal(text), "f").lstrip("0") == text.lstrip("0")


@given(decimals, decimals)
def test_equal_content_has_nothing_to_do_with_how_it_came(price, volume) -> None:
    first = kline(open=price, volume=volume)
    again = kline(open=price, volume=volume, version=first.version + 9, source="repair", received_us=5, published_us=7, epoch=3)
    assert first.content == again.content
    assert kline(open=price, volume=volume, trades=6).content != first.content


@given(st.from_regex(r"\A[a-z]{1,8}\Z"), st.text(min_size=1, max_size=12))
def test_an_identity_is_its_key(exchange, symbol) -> None:
    assert Identity.parse(str(Identity(exchange, symbol))) == Identity(exchange, symbol)


@pytest.mark.parametrize("key", ["", ":", "binance", "binance:", ":BTCUSDT"])
def test_what_is_no_key_is_refused(key) -> None:
    with pytest.raises(ValueError, match="exchange:SYMBOL"):
        Identity.parse(key)
