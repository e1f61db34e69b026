"""What each kind of frame is read as; `kline.json` is a captured one."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rtchart.core.kline import Kline
from rtchart.exchange.base import BadFrame
from rtchart.exchange.binance.frames import IGNORED, SHUTDOWN, Answer, FrameReader, stream_name
from tests.exchange import klines

read = FrameReader("binance", {"BTCUSDT": 41}).read

CAPTURED = Kline(
    exchange="binance",
    symbol="BTCUSDT",
    open_time=1733561823000,
    open="99512.02000000",
    high="99512.02000000",
    low="99512.01000000",
    close="99512.02000000",
    volume="0.00701000",
    quote_volume="697.57",
    trades=4,
    taker_buy_volume="0.00100000",
    taker_buy_quote_volume="99.51",
    version=1733561824006,
    source="stream",
    epoch=41,
    received_us=17,
)


def test_the_captured_frame_is_its_kline() -> None:
    assert read(klines.KLINE, 17) == CAPTURED


def test_microseconds_are_recognised() -> None:
    frame = klines.KLINE
    for time in (b"1733561824006", b"1733561823000"):
        frame = frame.replace(time, time + b"000")
    assert read(frame.replace(b"1733561823999", b"1733561823999999"), 17) == CAPTURED


def test_a_second_without_trades_and_without_the_last_field_is_a_second() -> None:
    frame = klines.frame(n=0, f=-1, L=-1, v="0.00000000", q="0.00000000", V="0.00000000", Q="0.00000000")
    kline = read(frame.replace(b',"B":"0"', b""), 17)
    assert isinstance(kline, Kline)
    assert (kline.trades, kline.volume) == (0, "0.00000000")


def test_symbols_need_not_be_ascii() -> None:
    kline = read(klines.frame("币安人生USDT"), 17)
    assert isinstance(kline, Kline)
    assert kline.symbol == "币安人生USDT"
    assert stream_name(kline.symbol) == "币安人生usdt@kline_1s"


@pytest.mark.parametrize("changes", [{"x": False}, {"i": "1m"}])
def test_what_is_no_closed_second_is_ignored(changes: dict[str, object]) -> None:
    assert read(klines.frame(**changes), 17) is IGNORED


def test_shutdown_is_announced_combined_and_raw() -> None:
    assert read(klines.SHUTDOWN, 17) is SHUTDOWN
    assert read(msgspec.json.encode(msgspec.json.decode(klines.SHUTDOWN)["data"]), 17) is SHUTDOWN


@pytest.mark.parametrize(
    ("frame", "answer"),
    [
        (b'{"result":null,"id":3}', Answer(3)),
        (b'{"result":["btcusdt@kline_1s"],"id":4}', Answer(4, ["btcusdt@kline_1s"])),
        (
            b'{"error":{"code":2,"msg":"Invalid request: no such method"},"id":4}',
            Answer(4, None, 2, "Invalid request: no such method"),
        ),
        (b'{"code":2,"msg":"Invalid request","id":"abc"}', Answer(None, None, 2, "Invalid request")),
        (b'{"code":0,"msg":"Unknown property"}', Answer(None, None, 0, "Unknown property")),
        (b'{"error":{"code":4}}', Answer(None, None, 4, "no reason given")),
    ],
)
def test_answers_in_every_shape(frame: bytes, answer: Answer) -> None:
    assert read(frame, 17) == answer


@pytest.mark.parametrize(
    ("frame", "reason", "detail"),
    [
        (b"", "malformed_frame", "truncated"),
        (b'{"stream":"btcusdt@kline_1s","data":{"e":"kl', "malformed_frame", "truncated"),
        (b"\xff\xfe", "malformed_frame", "malformed"),
        (b"[1,2]", "malformed_frame", "Expected `object`"),
        (klines.frame(t="soon"), "malformed_frame", "$.data.k.t"),
        (klines.frame(o=99512.02), "malformed_frame", "$.data.k.o"),
        (klines.frame(h="1e5"), "invalid_kline", "high"),
        (klines.frame(c="NaN"), "invalid_kline", "close"),
        (klines.frame(n=-1), "invalid_kline", "trades"),
        (klines.frame(t=klines.OPEN_TIME + 500), "invalid_kline", "open_time"),
        (klines.frame(late=-1000), "invalid_kline", "version"),
        (b'{"stream":"btcusdt@trade","data":{"e":"trade","p":"1.0"}}', "unknown_message", ""),
        (b"{}", "unknown_message", ""),
    ],
)
def test_what_cannot_be_used_says_why_and_keeps_the_frame(frame: bytes, reason: str, detail: str) -> None:
    bad = read(frame, 17)
    assert isinstance(bad, BadFrame)
    assert bad.reason == reason
    assert detail in bad.detail
    assert bad.payload == frame.decode(errors="backslashreplace")


@given(
    st.binary(max_size=60)
    | st.integers(0, len(klines.KLINE)).map(lambda end: klines.KLINE[:end])
    | st.tuples(st.integers(0, len(klines.KLINE) - 1), st.binary(max_size=2)).map(
        lambda at: klines.KLINE[: at[0]] + at[1] + klines.KLINE[at[0] + 1 :]
    )
)
def test_nothing_raises(frame: bytes) -> None:
    assert read(frame, 17) is not None


def test_deep_nesting_is_malformed() -> None:
    bad = read(b'{"data":' * 20_000, 17)
    assert isinstance(bad, BadFrame)
    assert bad.reason == "malformed_frame"
