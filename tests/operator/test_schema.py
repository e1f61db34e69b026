"""The API server with our definition: what it refuses, and what it explains."""

from __future__ import annotations

from typing import Any

import pytest

from tests.operator.cluster import Kubectl, symbol

pytestmark = pytest.mark.cluster


@pytest.mark.parametrize(
    ("spec", "said"),
    [
        ({"symbol": "btcusdt"}, "in capitals, without spaces, / and @, such as BTCUSDT"),
        ({"symbol": "BTC USDT"}, "in capitals, without spaces, / and @, such as BTCUSDT"),
        ({"symbol": "B"}, "at least 2 chars"),
        ({"symbol": "X" * 33}, "Too long: may not be more than 32"),
        ({"exchange": "kraken"}, 'supported values: "binance", "sim"'),
        ({"intervals": ["1m", "7m"]}, 'Unsupported value: "7m"'),
        ({"intervals": ["1m", "1m"]}, 'Duplicate value: "1m"'),
        ({"intervals": []}, "at least 1 items"),
        ({"retention": {"klineHours": 72, "candleDays": 2}}, "seconds may not outlive the candles made of them"),
        ({"retention": {"klineHours": 0}}, "greater than or equal to 1"),
        ({"retention": {"klineHours": 8761}}, "less than or equal to 8760"),
        ({"retention": {"candleDays": -1}}, "greater than or equal to 0"),
        ({"retention": {"candleDays": 36501}}, "less than or equal to 36500"),
        ({"historyDays": -1}, "greater than or equal to 0"),
        ({"historyDays": 36501}, "less than or equal to 36500"),
        ({"symbol": None}, "spec.symbol: Required value"),
        ({"deletionPolicy": "Keep"}, 'supported values: "Retain", "Delete"'),
        ({"suspended": True}, 'unknown field "spec.suspended"'),
    ],
)
async def test_what_cannot_be_is_refused_in_words(kubectl: Kubectl, spec: dict[str, Any], said: str) -> None:
    assert said in await kubectl.apply(
        symbol("wrong", "BTCUSDT") | {"spec": {"symbol": "BTCUSDT", **spec}}, good=False, dry=True
    )


async def test_what_a_symbol_is_stays(kubectl: Kubectl) -> None:
    await kubectl.apply(symbol("one", "BTCUSDT"))
    assert "symbol cannot be changed" in await kubectl.apply(symbol("one", "ETHUSDT"), good=False)
    assert "exchange cannot be changed" in await kubectl.apply(symbol("one", "BTCUSDT", exchange="binance"), good=False)
    await kubectl.apply(symbol("one", "BTCUSDT", retention={"candleDays": 0}), symbol("two", "币安人生USDT"))
    assert (await kubectl.symbols())["one"]["spec"]["retention"] == {"klineHours": 48, "candleDays": 0}, (
        "with the other default"
    )


async def test_a_person_finds_what_there_is_to_know(kubectl: Kubectl) -> None:
    assert "Default: 48." in await kubectl.run("explain", "symbol.spec.retention.klineHours")
    await kubectl.apply(symbol("one", "BTCUSDT"), symbol("two", "ETHUSDT", exchange="binance"))
    head, *lines = (await kubectl.run("get", "rtchart")).splitlines()
    assert head.split() == ["NAME", "EXCHANGE", "SYMBOL", "READY", "REASON", "STREAMING", "PERSISTING", "AGE"]
    assert [line.split()[:3] for line in lines] == [["one", "sim", "BTCUSDT"], ["two", "binance", "ETHUSDT"]]
    only = await kubectl.run("get", "sym", "--field-selector", "spec.exchange=binance", "-o", "name")
    assert only.split() == ["symbol.rtchart.dev/two"]
