"""What travels on Kafka, topic by topic, and the one way it is written and read.

Values are JSON that any client can read; the structs are the schema (`json_schemas`). Keys are the identity as text, so that
the order holds per symbol: ``binance:BTCUSDT``, for `StreamState` ``binance:BTCUSDT/INSTANCE``, and on ``rtchart.repairs``
``binance:BTCUSDT/START-END``.
"""

from __future__ import annotations

from typing import Any, Literal, TypeVar

import msgspec

from rtchart.core.candle import Candle
from rtchart.core.errors import UNDECODABLE
from rtchart.core.gap import GapReason, Range
from rtchart.core.interval import SECOND
from rtchart.core.kline import Identity, Kline, VenueKline, check
from rtchart.core.symbol import DesiredSymbol


class GapOpened(msgspec.Struct, frozen=True, tag_field="type", tag="gap"):
    """On ``rtchart.klines``: seconds ``[start, end)`` (ms) did not come. What fills them follows on the same partition.

    On ``rtchart.repairs``: they were lost from Kafka before they were stored (or are stored, and not as the exchange has them,
    with the reason ``verify``), and somebody is to ask the exchange for them.
    """

    exchange: str
    symbol: str
    start: int
    end: int
    reason: GapReason
    at: int
    """When it was noticed (ms)."""
    epoch: int = 0

    @property
    def identity(self) -> Identity:
        return Identity(self.exchange, self.symbol)


class Absent(msgspec.Struct, frozen=True, tag_field="type", tag="absent"):
    """On ``rtchart.klines``: the exchange itself has no seconds ``[start, end)`` (ms).

    Sent after two answers that agree, a minute apart; ``asked_at`` (ms) is the time of the second.

    On ``rtchart.backfill``: it has no minutes there. One answer about what is long past is enough, and so is an archive file.
    """

    exchange: str
    symbol: str
    start: int
    end: int
    asked_at: int
    epoch: int = 0

    @property
    def identity(self) -> Identity:
        return Identity(self.exchange, self.symbol)


class Listing(msgspec.Struct, frozen=True, tag_field="type", tag="listing"):
    """On ``rtchart.klines``: what the exchange says of a symbol that candles and screens need. Sent when it is subscribed."""

    exchange: str
    symbol: str
    listed_day: int
    """UTC day (ms) of its first trade at the exchange, from which its 3d candles count (`Interval.of`)."""
    tick_size: str
    """Smallest step of its price, a decimal string."""
    at: int
    """When the exchange said so (ms)."""
    epoch: int = 0

    @property
    def identity(self) -> Identity:
        return Identity(self.exchange, self.symbol)


KlineMessage = Kline | GapOpened | Absent | Listing
"""A record of ``rtchart.klines``."""

BackfillMessage = VenueKline | Absent
"""A record of ``rtchart.backfill``."""


class Revision(msgspec.Struct, frozen=True):
    """On ``rtchart.candles``: a stored candle is new or has changed. Per candle the highest revision counts."""

    exchange: str
    symbol: str
    interval: str
    candle: Candle

    @property
    def identity(self) -> Identity:
        return Identity(self.exchange, self.symbol)


DeadLetterReason = Literal["malformed_frame", "unknown_message", "invalid_kline", "unreadable_record", "refused_row"]


class DeadLetter(msgspec.Struct, frozen=True, kw_only=True):
    """On ``rtchart.dead-letters``: what could not be used, with where and why. ``at`` is milliseconds."""

    at: int
    stage: Literal["producer", "inserter"]
    reason: DeadLetterReason
    detail: str
    payload: str
    """The frame, record or row as text; bytes that are no UTF-8 appear as ``\\xNN``.

    A long one is cut on the topic, and says so; the inserter's letters are whole in the table ``dead_letter``.
    """
    exchange: str | None = None
    symbol: str | None = None
    topic: str | None = None
    partition: int | None = None
    offset: int | None = None


StreamStatus = Literal["subscribing", "streaming", "stale", "refused", "halted", "suspended"]


FRESH = 30 * SECOND
"""Milliseconds for which a state counts; of what is older nobody knows whether its producer is there."""


class StreamState(msgspec.Struct, frozen=True, kw_only=True):
    """On ``rtchart.streams``: what one producer instance sees of one symbol. Times are milliseconds.

    Written on change and every 10 s; readers ignore a record older than 30 s for what *is*, while ``watermark`` holds for
    ever: a starting producer refills from there.
    """

    exchange: str
    symbol: str
    instance: str
    at: int
    status: StreamStatus
    epoch: int = 0
    watermark: int | None = None
    """Every second before this time was acknowledged by Kafka, or is absent at the exchange. None before the first."""
    last_open_time: int | None = None
    pending: tuple[Range, ...] = ()
    """Gaps whose repair is not finished."""
    history: tuple[Range, ...] = ()
    """Of the past that a new symbol is to get, what was not fetched yet: no gap, and below the watermark."""
    minutes_from: int | None = None
    """Since when the exchange's own minutes are wanted (``spec.historyDays``), at its first trade at the earliest. None: none
    were asked for yet."""
    minutes: tuple[Range, ...] = ()
    """Of these, what was not fetched yet; it is fetched from the newest back."""
    venue_time: int | None = None
    """The exchange's time when this was written, None while it was not known: so long, at least, a ``suspended`` one was."""
    listed_day: int | None = None
    """As in `Listing`, so that the exchange is asked for it once. None until it said so."""
    detail: str = ""
    """For people: why it is stale, refused or halted."""

    @property
    def identity(self) -> Identity:
        return Identity(self.exchange, self.symbol)

    @property
    def minutes_reach(self) -> int | None:
        """From when on (ms) all wanted minutes of the past are on Kafka; None where none are wanted."""
        return self.minutes[-1][1] if self.minutes else self.minutes_from


_encoder = msgspec.json.Encoder()
_kline_messages: msgspec.json.Decoder[KlineMessage] = msgspec.json.Decoder(KlineMessage)
_backfill_messages: msgspec.json.Decoder[BackfillMessage] = msgspec.json.Decoder(BackfillMessage)

encode = _encoder.encode


class UnreadableRecord(ValueError):
    """Bytes that are no message of the type expected here; the text says what is wrong and where."""


def decode_kline_message(value: bytes) -> KlineMessage:
    """A record of ``rtchart.klines``. Raises `UnreadableRecord`."""
    try:
        return _kline_messages.decode(value)
    except UNDECODABLE as error:
        raise UnreadableRecord(str(error)) from None


def decode_backfill_message(value: bytes) -> BackfillMessage:
    """A record of ``rtchart.backfill``. Raises `UnreadableRecord`."""
    try:
        return _backfill_messages.decode(value)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise UnreadableRecord(str(error)) from None


def read_kline_message(value: bytes) -> KlineMessage:
    """A record of ``rtchart.klines``, checked as far as it can be without knowing the symbol and the time.

    Raises `UnreadableRecord`, and `InvalidKline` (`rtchart.core.kline`) for a kline that can be no second.
    """
    message = decode_kline_message(value)
    if isinstance(message, Kline):
        return check(message)
    if isinstance(message, Listing):
        return message
    if message.start >= message.end or message.start % SECOND or message.end % SECOND or message.start < 0:
        raise UnreadableRecord(f"[{message.start}, {message.end}) are no whole seconds in milliseconds since 1970")
    return message


M = TypeVar("M", Revision, DeadLetter, DesiredSymbol, StreamState, GapOpened)


def decode(value: bytes, message: type[M]) -> M:
    """A record of one of the other topics. Raises `UnreadableRecord`."""
    try:
        return msgspec.json.decode(value, type=message)
    except UNDECODABLE as error:
        raise UnreadableRecord(str(error)) from None


def json_schemas() -> dict[str, Any]:
    """A JSON Schema (2020-12) of every message, by name, with ``#/$defs/…`` references; made from the structs."""
    messages = (Kline, GapOpened, Absent, Listing, VenueKline, Revision, DeadLetter, DesiredSymbol, StreamState)
    _, components = msgspec.json.schema_components(messages, ref_template="#/$defs/{name}")
    return components
