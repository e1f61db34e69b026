"""The REST contract, over HTTP."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest

from rtchart.core import candle
from rtchart.core.interval import DAY, INTERVALS, MINUTE, SECOND
from tests.sim.markets import NOW, Market, klines, market

SYMBOLS = ("BTCUSDT", "ETHUSDT", "币安人生USDT")
CURRENT = NOW // SECOND * SECOND


@pytest.fixture
async def exchange() -> AsyncIterator[Market]:
    async with market(symbols=SYMBOLS) as running:
        yield running


async def test_ping_and_time(exchange: Market) -> None:
    assert await exchange.get("ping") == {}
    assert await exchange.get("time") == {"serverTime": NOW}


async def test_a_row_is_what_the_exchange_writes(exchange: Market) -> None:
    rows = await exchange.get("klines", symbol="BTCUSDT", interval="1s", limit=1_000)
    assert len(rows) == 1_000
    seconds = klines(rows)  # decimals, counts and times are plausible
    assert [second.open_time for second in seconds] == list(range(CURRENT - 999 * SECOND, CURRENT + 1, SECOND))
    for row in rows:
        assert [type(value) for value in row] == [int, *[str] * 5, int, str, int, str, str, str]
        assert row[6] == row[0] + 999
        assert row[11] == "0"
    assert rows[-1][6] > NOW  # under way: whoever wants whole seconds drops it


@pytest.mark.parametrize("name", ["1m", "3m", "5m", "15m"])
async def test_larger_klines_equal_the_fold_of_the_streamed_seconds(exchange: Market, name: str) -> None:
    interval = INTERVALS[name]
    opens = interval.open_time(NOW) - interval.length
    seconds = klines(await exchange.get("klines", symbol="BTCUSDT", interval="1s", startTime=opens, limit=interval.expected(0)))
    folded = candle.fold(interval, seconds, closed=True)
    (row,) = await exchange.get("klines", symbol="BTCUSDT", interval=name, startTime=opens, limit=1)
    assert folded is not None
    assert folded.received == folded.expected
    assert row == [
        opens,
        folded.open,
        folded.high,
        folded.low,
        folded.close,
        folded.volume,
        opens + interval.length - 1,
        folded.quote_volume,
        folded.trades,
        folded.taker_buy_volume,
        folded.taker_buy_quote_volume,
        "0",
    ]


async def test_every_interval_is_served_and_opens_where_it_should(exchange: Market) -> None:
    (first_day, *_), *_ = await exchange.get("klines", symbol="ETHUSDT", interval="1d", startTime=0, limit=1)
    for name, any_interval in INTERVALS.items():
        interval = any_interval.of(first_day)
        *_, row = await exchange.get("klines", symbol="ETHUSDT", interval=name)
        assert (row[0], row[6]) == (interval.open_time(NOW), interval.next_open(NOW) - 1)


@pytest.mark.parametrize(
    ("parameters", "count", "first"),
    [
        ({}, 500, CURRENT - 499 * SECOND),
        ({"limit": 2_000}, 1_000, CURRENT - 999 * SECOND),
        ({"startTime": 0}, 500, NOW // DAY * DAY - 7 * DAY),
        ({"startTime": NOW - 1_500, "endTime": NOW}, 2, CURRENT - SECOND),
        ({"endTime": CURRENT - SECOND, "limit": 2}, 2, CURRENT - 2 * SECOND),
        ({"startTime": NOW * 1_000 - 1_500_000}, 2, CURRENT - SECOND),  # microseconds
        ({"startTime": NOW, "endTime": NOW - 5_000}, 0, None),
    ],
)
async def test_which_rows_come(exchange: Market, parameters: dict[str, int], count: int, first: int | None) -> None:
    rows = await exchange.get("klines", symbol="BTCUSDT", interval="1s", **parameters)
    assert len(rows) == count
    assert (rows[0][0] if rows else None) == first


async def test_times_in_microseconds(exchange: Market) -> None:
    header = {"X-MBX-TIME-UNIT": "microsecond"}
    path = "/api/v3/klines?symbol=BTCUSDT&interval=1m&limit=1"
    ((opened, *_, close, _q, _n, _t, _u, _i),) = (await exchange.rest.get(path, headers=header)).json()
    assert (opened, close) == (NOW // MINUTE * MINUTE * 1_000, (NOW // MINUTE + 1) * MINUTE * 1_000 - 1)
    assert (await exchange.rest.get("/api/v3/time", headers=header)).json() == {"serverTime": NOW * 1_000}


@pytest.mark.parametrize(
    ("path", "parameters", "code", "text"),
    [
        ("klines", {"interval": "1m"}, -1102, "Mandatory parameter 'symbol' was not sent"),
        ("klines", {"symbol": "BTCUSDT"}, -1102, "Mandatory parameter 'interval' was not sent"),
        ("klines", {"symbol": "", "interval": "1m"}, -1105, "Parameter 'symbol' was empty."),
        ("klines", {"symbol": "XXUSDT", "interval": "1m"}, -1121, "Invalid symbol."),
        ("klines", {"symbol": "btcusdt", "interval": "1m"}, -1100, "Illegal characters found in parameter 'symbol'"),
        ("klines", {"symbol": "BTC/USDT", "interval": "1m"}, -1100, "Illegal characters found in parameter 'symbol'"),
        ("klines", {"symbol": "BTCUSDT", "interval": "2m"}, -1120, "Invalid interval."),
        ("klines", {"symbol": "BTCUSDT", "interval": "1m", "limit": "x"}, -1100, "parameter 'limit'"),
        ("klines", {"symbol": "BTCUSDT", "interval": "1m", "limit": -1}, -1100, "parameter 'limit'"),
        ("klines", {"symbol": "BTCUSDT", "interval": "1m", "limit": 0}, -1130, "'limit'"),
        ("klines", {"symbol": "BTCUSDT", "interval": "1m", "startTime": "1.5"}, -1100, "parameter 'startTime'"),
        ("klines", {"symbol": "BTCUSDT", "interval": "1m", "endTime": "now"}, -1100, "parameter 'endTime'"),
        ("klines", {"symbol": ["BTCUSDT", "ETHUSDT"], "interval": "1m"}, -1101, "Duplicate values"),
        ("klines", {"symbol": "BTCUSDT", "interval": "1m", "x": 1}, -1104, "read '2' parameter(s) but was sent '3'"),
        ("exchangeInfo", {"symbol": "XXUSDT"}, -1121, "Invalid symbol."),
        ("exchangeInfo", {"symbols": '["BTCUSDT","XXUSDT"]'}, -1121, "Invalid symbol."),
        ("exchangeInfo", {"symbols": "BTCUSDT"}, -1100, "parameter 'symbols'"),
        ("exchangeInfo", {"symbols": "[]"}, -1100, "parameter 'symbols'"),
        ("exchangeInfo", {"symbol": "BTCUSDT", "symbols": '["BTCUSDT"]'}, -1128, "Combination"),
        ("time", {"x": 1}, -1104, "read '0' parameter(s) but was sent '1'"),
    ],
)
async def test_a_bad_request_is_named(exchange: Market, path: str, parameters: dict[str, Any], code: int, text: str) -> None:
    response = await exchange.rest.get(f"/api/v3/{path}", params=parameters)
    assert response.status_code == 400
    assert response.json()["code"] == code
    assert text in response.json()["msg"]


async def test_exchange_info_of_all_of_one_and_of_some(exchange: Market) -> None:
    async def symbols(**asked: str) -> list[str]:
        return [symbol["symbol"] for symbol in (await exchange.get("exchangeInfo", **asked))["symbols"]]

    assert await symbols() == list(SYMBOLS)
    assert await symbols(symbol="币安人生USDT") == ["币安人生USDT"]
    assert await symbols(symbols='["ETHUSDT","BTCUSDT"]') == ["ETHUSDT", "BTCUSDT"]


async def test_prices_and_volumes_keep_to_the_filters(exchange: Market) -> None:
    (info,) = (await exchange.get("exchangeInfo", symbol="BTCUSDT"))["symbols"]
    assert (info["status"], info["baseAsset"], info["quoteAsset"]) == ("TRADING", "BTC", "USDT")
    assert info["isSpotTradingAllowed"] is True
    filters = {entry["filterType"]: entry for entry in info["filters"]}
    assert (filters["PRICE_FILTER"]["tickSize"], filters["LOT_SIZE"]["stepSize"]) == ("0.01000000", "0.00001000")
    for row in await exchange.get("klines", symbol="BTCUSDT", interval="1s"):
        assert all(price.endswith("000000") for price in row[1:5])
        assert row[5].endswith("000")


async def test_weights_add_up_and_the_minute_forgets_them(exchange: Market) -> None:
    async def used(path: str) -> str:
        return (await exchange.rest.get(f"/api/v3/{path}")).headers["X-MBX-USED-WEIGHT-1M"]

    assert await used("ping") == "1"
    assert await used("klines?symbol=BTCUSDT&interval=1m") == "3"
    assert await used("exchangeInfo") == "23"
    assert await used("klines?symbol=NOPE&interval=1m") == "25"
    exchange.clock.advance(MINUTE)
    assert await used("time") == "1"


async def test_too_much_weight_is_429_and_going_on_is_a_ban() -> None:
    async with market(symbols=SYMBOLS, weight_limit=20) as exchange:
        await exchange.get("exchangeInfo")
        refused = await exchange.rest.get("/api/v3/ping")
        assert refused.status_code == 429
        assert refused.headers["Retry-After"] == "4"  # the minute has 3.75 s left
        assert refused.json()["code"] == -1003
        assert "20 request weight per 1 MINUTE" in refused.json()["msg"]
        statuses = [(await exchange.rest.get("/api/v3/ping")).status_code for _ in range(10)]
        assert statuses == [429] * 9 + [418]
        exchange.clock.advance(MINUTE)
        banned = await exchange.rest.get("/api/v3/ping")
        assert (banned.status_code, banned.headers["Retry-After"]) == (418, "60")
        assert f"IP banned until {NOW + 2 * MINUTE}" in banned.json()["msg"]
        exchange.clock.advance(MINUTE)
        assert await exchange.get("ping") == {}


async def test_other_paths_and_methods_are_refused(exchange: Market) -> None:
    assert (await exchange.rest.get("/api/v3/depth")).status_code == 404
    assert (await exchange.rest.post("/api/v3/ping")).status_code == 405
    assert (await exchange.rest.get("/ws/btcusdt@kline_1s")).status_code == 426
    assert (await exchange.rest.get("/wsx")).status_code == 400


async def test_any_pair_is_listed_when_it_is_asked_for_and_a_slip_is_not() -> None:
    async with market(symbols=(), list_any=True) as exchange:
        asked = '["BTCUSTD","WIFUSDT"]'
        refused = await exchange.rest.get("/api/v3/exchangeInfo", params={"symbols": asked})
        assert (refused.status_code, refused.json()["code"]) == (400, -1121)
        info = await exchange.get("exchangeInfo")
        assert [(one["symbol"], one["baseAsset"], one["quoteAsset"]) for one in info["symbols"]] == [("WIFUSDT", "WIF", "USDT")]
        assert len(await exchange.get("klines", symbol="SOLBTC", interval="1s", limit=5)) == 5
        for slip in ("BTCUSTD", "USDT", "btcusdt"):
            assert (await exchange.rest.get(f"/api/v3/klines?symbol={slip}&interval=1s")).status_code == 400
