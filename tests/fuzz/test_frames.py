"""What the exchange sends and what stands on Kafka: told apart or refused, and what passes as a kline can be stored."""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rtchart.core.kline import LATEST, Kline
from rtchart.core.messages import Absent, DeadLetter, GapOpened, Listing, Revision, StreamState, UnreadableRecord, decode
from rtchart.core.symbol import DesiredSymbol
from rtchart.exchange.base import BadFrame
from rtchart.exchange.binance.frames import Answer, FrameReader, Ignored, Shutdown
from rtchart.inserter.batch import Refusal
from rtchart.inserter.plan import read as read_record
from tests.core.klines import kline
from tests.fuzz.amount import fuzzed
from tests.fuzz.inputs import VALUES, changed, encoded, nested, torn

CAPTURED = json.loads((Path(__file__).parents[1] / "exchange" / "frames" / "kline.json").read_text(encoding="utf-8"))
ANY = st.binary() | encoded(VALUES) | nested('{"data":', "}") | nested("[") | nested('{"x":[')

FRAMES = (
    encoded(changed(CAPTURED))
    | torn(encoded(changed(CAPTURED)))
    | encoded(changed({"error": {"code": 2, "msg": "no"}, "id": 1, "result": None}))
    | ANY
)
RECORD = msgspec.json.decode(msgspec.json.encode(kline()))
DEEP = nested("[").map(lambda text: json.dumps(RECORD)[:-1].encode() + b',"x":' + text)
RECORDS = encoded(changed(RECORD)) | torn(encoded(changed(RECORD))) | DEEP | ANY

read_frame = FrameReader("binance", {"BTCUSDT": 41}).read


def can_be_stored(found: Kline) -> None:
    assert 0 <= found.open_time < found.version <= LATEST and found.open_time % 1000 == 0
    assert found.trades >= 0  # a number that no table holds is a dead letter of the inserter's
    decimals = found.open, found.high, found.low, found.close, found.volume, found.quote_volume
    assert all(Decimal(value).is_finite() and len(value) < 40 for value in decimals)


@fuzzed
@given(FRAMES)
def test_every_frame_is_told_apart(frame: bytes) -> None:
    found = read_frame(frame, 17)
    assert isinstance(found, Kline | Ignored | Answer | Shutdown | BadFrame)
    msgspec.json.encode(found)  # a dead letter, or a record
    if isinstance(found, BadFrame):
        assert found.reason and found.detail
    if isinstance(found, Kline):
        can_be_stored(found)


@fuzzed
@given(RECORDS)
def test_every_record_of_klines_is_read_or_refused(record: bytes) -> None:
    found = read_record(record)
    assert isinstance(found, Kline | GapOpened | Absent | Listing | Refusal)
    if isinstance(found, Kline):
        can_be_stored(found)


@pytest.mark.parametrize("message", [Revision, DeadLetter, DesiredSymbol, StreamState, GapOpened])
@fuzzed
@given(record=RECORDS)
def test_every_record_of_another_topic_is_read_or_refused(message: type, record: bytes) -> None:
    try:
        assert isinstance(decode(record, message), message)
    except UnreadableRecord as refusal:
        assert str(refusal)
