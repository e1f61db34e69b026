"""Frames and rows that could not be used, read once more."""

from __future__ import annotations

import msgspec
import pytest

from rtchart.core.errors import UserError
from rtchart.core.kline import Kline
from rtchart.exchange.base import BadFrame
from rtchart.exchange.binance.frames import FrameReader
from rtchart.exchange.venues import read_again
from tests.exchange import klines

ROW = [klines.OPEN_TIME, "2", "3", "1", "2.5", "4", klines.OPEN_TIME + 999, "8", 5, "1", "2", "0"]


def again(payload: object, symbol: str | None = None) -> Kline | BadFrame:
    text = payload if isinstance(payload, str) else msgspec.json.encode(payload).decode()
    return read_again("binance", text, symbol, 17)


def test_a_frame_is_what_it_would_be_live_but_for_how_it_came() -> None:
    live = FrameReader("binance", {}).read(klines.KLINE, 17)
    assert isinstance(live, Kline)
    assert again(klines.KLINE.decode()) == msgspec.structs.replace(live, source="repair")


@pytest.mark.parametrize("unit", [1, 1000])
def test_a_row_is_a_second_of_the_lowest_version_that_a_closed_one_can_have(unit: int) -> None:
    opened, *values, closed, quote, trades, taker, taker_quote, _ = ROW
    end = closed * unit + unit - 1  # type: ignore[operator]
    kline = again([opened * unit, *values, end, quote, trades, taker, taker_quote], "BTCUSDT")  # type: ignore[operator]
    assert kline == Kline(
        "binance",
        "BTCUSDT",
        klines.OPEN_TIME,
        "2",
        "3",
        "1",
        "2.5",
        "4",
        "8",
        5,
        "1",
        "2",
        klines.OPEN_TIME + 1000,
        "repair",
        0,
        17,
    )


@pytest.mark.parametrize(
    ("payload", "symbol", "reason", "detail"),
    [
        ("{", None, "malformed_frame", "truncated"),
        (ROW, None, "malformed_frame", "Expected `object`"),
        (ROW[:5], "BTCUSDT", "invalid_kline", "length"),
        ([ROW[0], "NaN", *ROW[2:]], "BTCUSDT", "invalid_kline", "open is 'NaN'"),
        (klines.frame(l="-1").decode(), "BTCUSDT", "invalid_kline", "low is '-1'"),
        (klines.frame(x=False).decode(), None, "unknown_message", "no closed second"),
        (klines.SHUTDOWN.decode(), None, "unknown_message", "no closed second"),
        ('{"id":3,"result":null}', None, "unknown_message", "no closed second"),
    ],
)
def test_what_still_is_no_second_says_why(payload: object, symbol: str | None, reason: str, detail: str) -> None:
    bad = again(payload, symbol)
    assert isinstance(bad, BadFrame)
    assert bad.reason == reason and detail in bad.detail


def test_an_exchange_that_is_not_known_is_refused() -> None:
    with pytest.raises(UserError, match="known are binance, sim"):
        read_again("kraken", "{}", None, 17)
