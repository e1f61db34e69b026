"""What comes over Binance's combined streams, frame by frame, and what it means.

Binance spot, Web Socket Streams: a kline frame is the fast path; all others are told apart one by one.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from rtchart.core.errors import UNDECODABLE
from rtchart.core.kline import InvalidKline, Kline, check
from rtchart.exchange.base import BadFrame

# Times are milliseconds, or microseconds with timeUnit=MICROSECOND. Milliseconds pass this in the year 5138.
_MICROSECONDS = 10**14

_KLINE_STREAM = "@kline_1s"


def stream_name(symbol: str) -> str:
    """The stream of a symbol's seconds: ``btcusdt@kline_1s``. Not every symbol is ASCII."""
    return symbol.lower() + _KLINE_STREAM


def milliseconds(time: int) -> int:
    """A time of the venue in milliseconds, whichever of its two units it came in."""
    return time // 1000 if time > _MICROSECONDS else time


class KlineData(msgspec.Struct, frozen=True, gc=False):
    """``k`` of a kline event. Fields that nobody needs (``T f L B``, some of them optional) are not decoded."""

    t: int
    """Open time (ms, or µs)."""
    s: str
    """Symbol."""
    i: str
    """Interval."""
    o: str
    """Open price."""
    h: str
    """High price."""
    l: str  # noqa: E741 - the venue's name
    """Low price."""
    c: str
    """Close price."""
    v: str
    """Volume, in the base asset."""
    q: str
    """Volume, in the quote asset."""
    n: int
    """Number of trades."""
    V: str
    """Volume of which the taker was the buyer, base asset."""
    Q: str
    """Volume of which the taker was the buyer, quote asset."""
    x: bool
    """Whether the period is over."""


class KlineEvent(msgspec.Struct, frozen=True, gc=False):
    """``data`` of a kline frame."""

    E: int
    """Event time (ms, or µs)."""
    k: KlineData


class KlineFrame(msgspec.Struct, frozen=True, gc=False):
    """A kline in the combined form."""

    data: KlineEvent


class Answer(msgspec.Struct, frozen=True):
    """The venue answered a request. ``error`` is empty when it did what was asked."""

    id: int | None
    result: Any = None
    code: int = 0
    error: str = ""


class Shutdown(msgspec.Struct, frozen=True):
    """The server will shut down soon; how soon is not promised."""


class Ignored(msgspec.Struct, frozen=True):
    """A kline that is no closed second."""


IGNORED = Ignored()
SHUTDOWN = Shutdown()


class _Any(msgspec.Struct):
    """Every field by which the other frames are told apart."""

    id: Any = None
    result: Any = msgspec.UNSET
    error: Any = None
    code: Any = None
    msg: Any = None
    e: Any = None
    stream: Any = None
    data: Any = None


_kline = msgspec.json.Decoder(KlineFrame)
_any = msgspec.json.Decoder(_Any)


class FrameReader:
    """Reads frames of one venue; klines get the epoch of their symbol."""

    def __init__(self, exchange: str, epochs: Mapping[str, int]) -> None:
        self._exchange = exchange
        self._epochs = epochs

    def read(self, frame: bytes, received_us: int) -> Kline | Ignored | Answer | Shutdown | BadFrame:
        """What a frame says. Never raises: what cannot be read is a `BadFrame`."""
        try:
            event = _kline.decode(frame).data
        except UNDECODABLE as error:
            return _other(frame, error)
        k = event.k
        if not k.x or k.i != "1s":
            return IGNORED
        open_time, version = k.t, event.E
        if open_time > _MICROSECONDS:
            open_time, version = milliseconds(open_time), milliseconds(version)
        try:
            return check(
                # By position: by keyword it costs twice as much, and this line runs for every second of every symbol.
                Kline(
                    self._exchange,
                    k.s,
                    open_time,
                    k.o,
                    k.h,
                    k.l,
                    k.c,
                    k.v,
                    k.q,
                    k.n,
                    k.V,
                    k.Q,
                    version,
                    "stream",
                    self._epochs.get(k.s, 0),
                    received_us,
                )
            )
        except InvalidKline as error:
            return BadFrame("invalid_kline", str(error), as_text(frame))


def _other(frame: bytes, no_kline: Exception) -> Answer | Shutdown | BadFrame:
    try:
        found = _any.decode(frame)
    except UNDECODABLE as error:
        return BadFrame("malformed_frame", str(error), as_text(frame))
    data = found.data if isinstance(found.data, dict) else {}
    if "serverShutdown" in (found.e, data.get("e")):
        return SHUTDOWN
    if data.get("e") == "kline":
        return BadFrame("malformed_frame", str(no_kline), as_text(frame))
    request = found.id if isinstance(found.id, int) else None
    # An error comes inside "error" (observed), and bare in the documents.
    refusal = found.error if isinstance(found.error, dict) else {"code": found.code, "msg": found.msg}
    if isinstance(refusal.get("code"), int):
        return Answer(request, code=refusal["code"], error=str(refusal.get("msg") or "no reason given"))
    if found.result is not msgspec.UNSET and request is not None:
        return Answer(request, found.result)
    return BadFrame("unknown_message", "neither a kline nor an answer nor an announcement", as_text(frame))


def as_text(frame: bytes) -> str:
    """A frame for people and dead letters."""
    return bytes(frame).decode(errors="backslashreplace")
