"""Messages: what is written is read back, what is not one is said to be none, and the schemas describe what is written."""

from __future__ import annotations

import json

import jsonschema
import pytest
from hypothesis import given

from rtchart.core.candle import fold
from rtchart.core.interval import interval
from rtchart.core.kline import Kline
from rtchart.core.messages import (
    Absent,
    DeadLetter,
    GapOpened,
    Listing,
    Revision,
    StreamState,
    UnreadableRecord,
    decode,
    decode_backfill_message,
    decode_kline_message,
    encode,
    json_schemas,
)
from rtchart.core.symbol import DesiredSymbol
from tests.core.klines import DAY_START, kline, seconds
from tests.klines import venue

CANDLE = fold(interval("1h"), [kline(1), kline(2)], closed=True)
assert CANDLE is not None

KLINE_MESSAGES = [
    kline(),
    GapOpened("binance", "BTCUSDT", DAY_START, DAY_START + 7000, "step", DAY_START + 8000, 3),
    Absent("binance", "BTCUSDT", DAY_START, DAY_START + 7000, DAY_START + 90_000, 3),
    Listing("binance", "币安人生USDT", 1_502_928_000_000, "0.01000000", DAY_START),
]
BACKFILL_MESSAGES = [venue(DAY_START, exchange="binance", epoch=3), KLINE_MESSAGES[2]]
OTHERS = [
    Revision("binance", "BTCUSDT", "1h", CANDLE),
    DeadLetter(
        at=DAY_START, stage="inserter", reason="invalid_kline", detail="low is 'x'", payload="{}", partition=3, offset=9
    ),
    DesiredSymbol("sim", "AAAUSDT", 5, "charts/aaa", ("1m", "1d")),
    StreamState(
        exchange="binance",
        symbol="BTCUSDT",
        instance="p-0",
        at=DAY_START,
        status="streaming",
        pending=((0, 1000), (5000, 9000)),
        minutes_from=0,
        minutes=((0, 60_000), (120_000, 180_000)),
    ),
]


def schema_of(message: object) -> dict:
    schemas = json_schemas()
    return {"$ref": f"#/$defs/{type(message).__name__}", "$defs": schemas}


@pytest.mark.parametrize("message", KLINE_MESSAGES, ids=lambda message: type(message).__name__)
def test_records_of_the_klines_topic_tell_what_they_are(message) -> None:
    assert decode_kline_message(encode(message)) == message
    assert decode_kline_message(encode(message)).identity == message.identity


@pytest.mark.parametrize("message", BACKFILL_MESSAGES, ids=lambda message: type(message).__name__)
def test_records_of_the_backfill_topic_tell_what_they_are(message) -> None:
    assert decode_backfill_message(encode(message)) == message
    with pytest.raises(UnreadableRecord):
        decode_backfill_message(encode(kline()))


def test_only_minutes_are_taken_from_the_exchange_as_they_are() -> None:
    with pytest.raises(UnreadableRecord, match="1h"):
        decode_backfill_message(encode(venue(DAY_START)).replace(b'"1m"', b'"1h"'))


@pytest.mark.parametrize("message", OTHERS, ids=lambda message: type(message).__name__)
def test_records_of_the_other_topics(message) -> None:
    assert decode(encode(message), type(message)) == message


@pytest.mark.parametrize("message", KLINE_MESSAGES + BACKFILL_MESSAGES[:1] + OTHERS, ids=lambda message: type(message).__name__)
def test_the_schema_describes_what_is_written(message) -> None:
    document = json.loads(encode(message))
    schema = schema_of(message)
    jsonschema.Draft202012Validator.check_schema(schema)
    jsonschema.validate(document, schema)
    for name in schema["$defs"][type(message).__name__]["required"]:
        with pytest.raises(jsonschema.ValidationError):
            jsonschema.validate({key: value for key, value in document.items() if key != name}, schema)


@given(seconds(max_size=5))
def test_decimals_travel_as_the_text_they_are(some) -> None:
    for one in some:
        read = decode_kline_message(encode(one))
        assert isinstance(read, Kline) and read == one
        assert json.loads(encode(one))["open"] == one.open


@pytest.mark.parametrize(
    "value",
    [
        b"",
        b"{",
        b"null",
        b"[]",
        b"\xff",
        b'{"type":"kline"}',
        b'{"type":"trade"}',
        b'{"exchange":"binance"}',
        encode(kline())[:-9],
        encode(kline())[:-1] + b',"vwap":' + b"[" * 5_000,
    ],
)
def test_what_is_no_message_is_said_to_be_none(value) -> None:
    with pytest.raises(UnreadableRecord):
        decode_kline_message(value)
    with pytest.raises(UnreadableRecord):
        decode(value, StreamState)


def test_a_reader_of_this_version_reads_records_of_a_later_one() -> None:
    later = json.loads(encode(kline())) | {"vwap": "2.1"}
    assert decode_kline_message(json.dumps(later).encode()) == kline()
