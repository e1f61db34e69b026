"""The control protocol, message by message."""

from __future__ import annotations

import json
from typing import Any

import pytest

from rtchart.sim.session import LONGEST_SUBSCRIBE, BadAddress, Session

BTC, ETH = "btcusdt@kline_1s", "ethusdt@kline_1s"


def session(*streams: str) -> Session:
    return Session(list(streams), combined=False, unit="MILLISECOND")


def ask(asked: Session, message: Any) -> Any:
    answer = asked.answer(message if isinstance(message, str) else json.dumps(message))
    return None if answer is None else json.loads(answer)


@pytest.mark.parametrize(
    ("target", "streams", "combined", "unit"),
    [
        ("/ws", [], False, "MILLISECOND"),
        ("/ws/", [], False, "MILLISECOND"),
        (f"/ws/{BTC}", [BTC], False, "MILLISECOND"),
        (f"/ws/{BTC}/{ETH}", [BTC, ETH], False, "MILLISECOND"),
        ("/stream", [], True, "MILLISECOND"),
        (f"/stream?streams={BTC}/{ETH}/{BTC}", [BTC, ETH], True, "MILLISECOND"),
        (f"/stream?streams={BTC}&timeUnit=MICROSECOND", [BTC], True, "MICROSECOND"),
        (f"/ws/{BTC}?timeUnit=microsecond", [BTC], False, "MICROSECOND"),
        ("/ws/%E5%B8%81%E5%AE%89usdt%40kline_1s", ["币安usdt@kline_1s"], False, "MILLISECOND"),
        ("/stream?streams=%E5%B8%81%E5%AE%89usdt@kline_1s", ["币安usdt@kline_1s"], True, "MILLISECOND"),
    ],
)
def test_the_address_says_what_to_stream(target: str, streams: list[str], combined: bool, unit: str) -> None:
    asked = Session.of(target)
    assert (list(asked.streams), asked.combined, asked.unit) == (streams, combined, unit)


@pytest.mark.parametrize("target", ["/wsx", "/streams", "/stream/x", f"/ws/{BTC}?timeUnit=NANOSECOND"])
def test_other_addresses_are_refused(target: str) -> None:
    with pytest.raises(BadAddress):
        Session.of(target)


def test_subscribe_list_unsubscribe() -> None:
    asked = session()
    assert ask(asked, {"method": "SUBSCRIBE", "params": [BTC, ETH], "id": 1}) == {"result": None, "id": 1}
    assert ask(asked, {"method": "LIST_SUBSCRIPTIONS", "id": "a1"}) == {"result": [BTC, ETH], "id": "a1"}
    assert ask(asked, {"method": "UNSUBSCRIBE", "params": [BTC, "never@kline_1s"], "id": None}) == {"result": None, "id": None}
    assert list(asked.streams) == [ETH]


def test_an_unknown_symbol_is_subscribed_without_a_word() -> None:
    assert ask(session(), {"method": "SUBSCRIBE", "params": ["nope@kline_1s"], "id": 1}) == {"result": None, "id": 1}


@pytest.mark.parametrize(
    ("message", "code", "text", "identifier"),
    [
        ("{", 3, "Invalid JSON", None),
        ("[]", 2, "Invalid request", None),
        ({"method": "SUBSCRIBE", "params": [BTC]}, 2, "request ID", None),
        ({"method": "SUBSCRIBE", "params": [BTC], "id": 1.5}, 2, "request ID", None),
        ({"method": "SUBSCRIBE", "params": [BTC], "id": True}, 2, "request ID", None),
        ({"method": "SUBSCRIBE", "params": [BTC], "id": 2**63}, 2, "request ID", None),
        ({"method": "SUBSCRIBE", "params": [BTC], "id": "x" * 37}, 2, "request ID", None),
        ({"method": "SUBSCRIBE", "params": [BTC], "id": "a-b"}, 2, "request ID", None),
        ({"params": [BTC], "id": 4}, 2, "missing field `method`", 4),
        ({"method": "subscribe", "params": [BTC], "id": 4}, 2, "unknown variant `subscribe`", 4),
        ({"method": "SUBSCRIBE", "id": 4}, 2, "missing field `params`", 4),
        ({"method": "SUBSCRIBE", "params": [], "id": 4}, 2, "missing field `params`", 4),
        ({"method": "SUBSCRIBE", "params": [1], "id": 4}, 2, "expected a string", 4),
        ({"method": "GET_PROPERTY", "params": [1], "id": 4}, 2, "property name must be a string", 4),
        ({"method": "GET_PROPERTY", "params": ["x"], "id": 4}, 0, "Unknown property", 4),
        ({"method": "GET_PROPERTY", "params": ["combined", 1], "id": 4}, 2, "too many parameters", 4),
        ({"method": "SET_PROPERTY", "params": ["combined", 1], "id": 4}, 1, "expected Boolean", 4),
    ],
)
def test_what_is_wrong_is_said(message: Any, code: int, text: str, identifier: object) -> None:
    asked = session(ETH)
    answer = ask(asked, message)
    assert (answer["error"]["code"], answer["id"]) == (code, identifier)
    assert text in answer["error"]["msg"]
    assert list(asked.streams) == [ETH]


@pytest.mark.parametrize("identifier", [0, -(2**63), 2**63 - 1, "Z9", "x" * 36, None])
def test_ids_come_back_as_they_were(identifier: object) -> None:
    assert ask(session(), {"method": "LIST_SUBSCRIPTIONS", "id": identifier}) == {"result": [], "id": identifier}


def test_1024_streams_and_not_one_more() -> None:
    asked = session(*(f"s{number}@kline_1s" for number in range(1_023)))
    assert ask(asked, {"method": "SUBSCRIBE", "params": [BTC, ETH], "id": 7}) == {
        "error": {"code": 4, "msg": "Too many subscriptions"},
        "id": 7,
    }
    assert ask(asked, {"method": "SUBSCRIBE", "params": [BTC], "id": 8}) == {"result": None, "id": 8}
    assert len(asked.streams) == 1_024
    # One that it has already is none more.
    assert ask(asked, {"method": "SUBSCRIBE", "params": [BTC], "id": 9}) == {"result": None, "id": 9}


@pytest.mark.parametrize(("length", "obeyed"), [(LONGEST_SUBSCRIBE, True), (LONGEST_SUBSCRIBE + 1, False)])
def test_a_subscribe_that_is_too_long_stalls(length: int, obeyed: bool) -> None:
    asked = session()
    message = json.dumps({"method": "SUBSCRIBE", "params": [BTC], "id": 1}).ljust(length)
    assert (ask(asked, message) is not None) is obeyed
    assert (BTC in asked.streams) is obeyed


def test_combined_can_be_switched() -> None:
    asked = session()
    assert ask(asked, {"method": "GET_PROPERTY", "params": ["combined"], "id": 1}) == {"result": False, "id": 1}
    assert ask(asked, {"method": "SET_PROPERTY", "params": ["combined", True], "id": 2}) == {"result": None, "id": 2}
    assert ask(asked, {"method": "GET_PROPERTY", "params": ["combined"], "id": 3}) == {"result": True, "id": 3}
