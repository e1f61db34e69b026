"""What a letter gives back to the pipeline, and each reason for which it gives nothing."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from rtchart.broker.dead_letters import LONGEST
from rtchart.core.interval import DAY, HOUR, SECOND
from rtchart.core.kline import Identity, Kline
from rtchart.core.messages import Absent, DeadLetter, decode_kline_message, encode
from rtchart.core.symbol import DesiredSymbol
from rtchart.tools.dead_letters.replay import Refused, give
from tests.exchange import klines as frames
from tests.klines import kline

TOPIC = "rtchart.klines"
NOW = frames.OPEN_TIME + HOUR
SECOND_0 = kline(frames.OPEN_TIME, epoch=7)
WANTED = {"sim:BTCUSDT": DesiredSymbol("sim", "BTCUSDT", 7), "sim:币安人生USDT": DesiredSymbol("sim", "币安人生USDT", 8)}


def record(payload: bytes, **fields: Any) -> DeadLetter:
    """A letter of the inserter."""
    values = {"topic": TOPIC, "partition": 3, "offset": 42, **fields}
    return DeadLetter(
        at=NOW, stage="inserter", reason="refused_row", detail="", payload=payload.decode(errors="backslashreplace"), **values
    )


def frame(payload: bytes | str, **fields: Any) -> DeadLetter:
    """A letter of the producer."""
    text = payload if isinstance(payload, str) else payload.decode(errors="backslashreplace")
    values = {"exchange": "sim", "at": frames.OPEN_TIME + 1500, **fields}
    return DeadLetter(stage="producer", reason="malformed_frame", detail="", payload=text, **values)


def row(**changes: str) -> bytes:
    """A row of REST, as the producer keeps one."""
    values = {"open": "2", "high": "3", "low": "1", "close": "2.5", "volume": "4", **changes}
    time = frames.OPEN_TIME
    return msgspec.json.encode([time, *values.values(), time + 999, "8", 5, "1", "2", "0"])


@pytest.mark.parametrize(
    "message",
    [
        SECOND_0,
        msgspec.structs.replace(SECOND_0, epoch=8),  # which overtook its Symbol
        msgspec.structs.replace(SECOND_0, symbol="币安人生USDT", epoch=8),
        Absent("sim", "BTCUSDT", frames.OPEN_TIME, frames.OPEN_TIME + SECOND, NOW, epoch=7),
    ],
)
def test_a_record_is_given_back_exactly_as_it_was(message: Kline | Absent) -> None:
    assert give(record(encode(message)), TOPIC, WANTED, NOW) == (message, encode(message))


def test_fields_that_this_version_does_not_know_stay_in_the_record() -> None:
    newer = encode(SECOND_0)[:-1] + b',"mood":"good"}'
    assert give(record(newer), TOPIC, WANTED, NOW).value == newer


def test_a_frame_is_read_by_this_version_and_gets_the_epoch_of_now() -> None:
    message, value = give(frame(frames.frame("币安人生USDT")), TOPIC, WANTED, NOW)
    assert message.identity == Identity("sim", "币安人生USDT")
    found = decode_kline_message(value)
    assert found == message and isinstance(found, Kline)
    assert (found.epoch, found.open_time, found.version) == (8, frames.OPEN_TIME, frames.OPEN_TIME + 1006)
    assert found.source == "repair", "it is not live any more"
    assert found.received_us == (frames.OPEN_TIME + 1500) * 1000 and found.published_us > found.received_us


def test_a_row_gets_the_lowest_version_that_a_closed_second_can_have() -> None:
    found = decode_kline_message(give(frame(row(), symbol="BTCUSDT"), TOPIC, WANTED, NOW).value)
    assert isinstance(found, Kline)
    assert (found.open_time, found.version, found.epoch, found.source) == (
        frames.OPEN_TIME,
        frames.OPEN_TIME + 1000,
        7,
        "repair",
    )
    assert found.content == SECOND_0.content


def test_a_kline_that_was_too_far_ahead_is_believed_when_its_time_has_come() -> None:
    ahead = frame(encode(msgspec.structs.replace(SECOND_0, epoch=3)), symbol="BTCUSDT")
    found = decode_kline_message(give(ahead, TOPIC, WANTED, NOW).value)
    assert isinstance(found, Kline)
    assert (found.epoch, found.content, found.version) == (7, SECOND_0.content, SECOND_0.version)
    with pytest.raises(Refused, match="is still to come"):
        give(ahead, TOPIC, WANTED, frames.OPEN_TIME - HOUR)


@pytest.mark.parametrize(
    ("letter", "says"),
    [
        (record(b"{}"), "this version cannot use it either .*type"),
        (record(encode(SECOND_0).replace(b'"2"', b'"\xff"')), "this version cannot use it either"),
        (record(b""), "this version cannot use it either"),
        (record(encode(msgspec.structs.replace(SECOND_0, open="NaN"))), "cannot use it either .*open is 'NaN'"),
        (record(encode(SECOND_0), topic="other.klines"), "of the topic other.klines, .* correct --topic-prefix"),
        (record(encode(msgspec.structs.replace(SECOND_0, symbol="ETHUSDT"))), "sim:ETHUSDT is not asked for any more"),
        (record(encode(msgspec.structs.replace(SECOND_0, epoch=6))), "sim:BTCUSDT was deleted and asked for again since"),
        (record(encode(kline(frames.OPEN_TIME - 3 * DAY, epoch=7))), r"older than the 48 hours \(klineHours\)"),
        (frame("x" * LONGEST["payload"] + "… (of 70000 characters)"), "payload was cut"),
        (frame("{"), "this version cannot use it either .*truncated"),
        (frame(frames.frame(o="NaN")), "cannot use it either .*open is 'NaN'"),
        (frame(frames.frame(x=False)), "holds no closed second"),
        (frame(frames.SHUTDOWN), "holds no closed second"),
        (frame('{"id":1,"result":null}'), "holds no closed second"),
        (frame(row(open="NaN"), symbol="BTCUSDT"), "cannot use it either .*open is 'NaN'"),
        (frame("[1]", symbol="BTCUSDT"), "cannot use it either"),
        (frame(frames.frame("ETHUSDT")), "sim:ETHUSDT is not asked for any more; apply its Symbol, or drop the letter"),
        (frame(frames.frame(open_time=frames.OPEN_TIME - 3 * DAY)), r"older than the 48 hours \(klineHours\)"),
        (frame(frames.frame(), exchange="kraken"), "does not know its exchange, 'kraken'"),
        (frame(frames.frame(), exchange=None), "does not know its exchange"),
    ],
)
def test_what_gives_nothing_says_why(letter: DeadLetter, says: str) -> None:
    with pytest.raises(Refused, match=says):
        give(letter, TOPIC, WANTED, NOW)
