"""The messages of the socket ``/ws``, as structs: what a client may ask, and what it is told.

JSON text frames. A client sends single objects; the server sends a `Frame`, which holds what changed for this client since
the last one. ``docs/asyncapi.yaml`` is made from these structs.
"""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec
from msgspec import UNSET, Meta, UnsetType

from rtchart.core.candle import Candle
from rtchart.core.errors import UNDECODABLE
from rtchart.core.gap import Gap

MAX_MESSAGE = 4096
"""Bytes of a client's message; more closes the socket with 1009."""

MAX_LIMIT = 1000
DEFAULT_LIMIT = 500

RequestId = int | Annotated[str, Meta(max_length=64)]
MAX_NAME = 32
"""Characters of a symbol's or an exchange's name."""

SymbolName = Annotated[str, Meta(min_length=1, max_length=MAX_NAME)]
ExchangeName = Annotated[str, Meta(min_length=1, max_length=MAX_NAME)]
IntervalName = Annotated[str, Meta(min_length=2, max_length=3, description="1s, 1m, 3m … 1d, 3d, 1w, 1M")]
Limit = Annotated[int, Meta(ge=1, le=MAX_LIMIT, description="How many at most")]
Millis = Annotated[int, Meta(ge=0, le=253402300799999, description="Milliseconds since the epoch, UTC")]


class Subscribe(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag_field="op", tag="subscribe"):
    """Ask for a symbol's candles of one interval, or for a channel. Answered by `Snapshot` or `Tickers`.

    Subscribing again to what is subscribed gives a new snapshot.
    """

    id: RequestId | UnsetType = UNSET
    symbol: SymbolName | UnsetType = UNSET
    exchange: ExchangeName | UnsetType = UNSET
    """Needed where several exchanges have the symbol."""
    interval: IntervalName = "1m"
    limit: Limit = DEFAULT_LIMIT
    since: Millis | UnsetType = UNSET
    """Resume: the open time of the last candle that the client holds."""
    channel: Literal["tickers"] | UnsetType = UNSET


class Unsubscribe(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag_field="op", tag="unsubscribe"):
    """End a subscription. Answered by `Unsubscribed`."""

    id: RequestId | UnsetType = UNSET
    symbol: SymbolName | UnsetType = UNSET
    exchange: ExchangeName | UnsetType = UNSET
    interval: IntervalName = "1m"
    channel: Literal["tickers"] | UnsetType = UNSET


class Ping(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag_field="op", tag="ping"):
    """Ask for the server's clock. ``at_us``: the client's own, sent back."""

    id: RequestId | UnsetType = UNSET
    at_us: int | UnsetType = UNSET


class Latency(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One latency that the client measured, with the offset of its clock removed; ``ms`` may be a fraction."""

    stage: Literal["sent_to_painted"]
    ms: float


class Report(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag_field="op", tag="report"):
    """What people saw. At most one a second, of which two latencies a second are counted; not answered."""

    latency: Annotated[list[Latency], Meta(min_length=1, max_length=64)]
    id: RequestId | UnsetType = UNSET


Request = Subscribe | Unsubscribe | Ping | Report


class Snapshot(msgspec.Struct, frozen=True, tag_field="op", tag="snapshot"):
    """The newest candles of a subscription, oldest first, the forming one last; all changes follow."""

    exchange: str
    symbol: str
    interval: str
    candles: list[Candle]
    gaps: list[Gap]
    """Ranges of the snapshot's time that are missing, or were."""
    recovered: bool
    """The request had ``since``, and the candles are all that changed or came after it."""
    partial: bool = False
    """The database did not answer: this is what the server itself saw. `Resync` follows when it does again."""
    id: RequestId | UnsetType = UNSET


class Stamps(msgspec.Struct, frozen=True):
    """Where the second that made the change was, and when. 0: unknown."""

    event_ms: int
    """The exchange's event time."""
    received_us: int
    published_us: int
    consumed_us: int


class CandleUpdate(msgspec.Struct, frozen=True, tag_field="op", tag="candle"):
    """A candle as it is now: the forming one after a change, one that closed, one that got a late second."""

    exchange: str
    symbol: str
    interval: str
    candle: Candle
    stamps: Stamps


class RevisionUpdate(msgspec.Struct, frozen=True, tag_field="op", tag="revision"):
    """A stored candle that is new or changed. Take it if its revision is higher and it has not fewer received seconds."""

    exchange: str
    symbol: str
    interval: str
    candle: Candle


class GapUpdate(msgspec.Struct, frozen=True, tag_field="op", tag="gap"):
    """A gap of a subscribed symbol opened, or ended as repaired or absent.

    Candles from 1m up that it was in get a `RevisionUpdate`. Seconds that came later than 45 s after their minute are not sent:
    who shows seconds fetches the gap's range when it is repaired.
    """

    exchange: str
    symbol: str
    gap: Gap


class Ticker(msgspec.Struct, frozen=True):
    """A symbol's last price, and its last 24 hours. ``time``: the open time of its newest second (ms)."""

    exchange: str
    symbol: str
    price: str
    open: str
    high: str
    low: str
    volume: str
    time: int


class Tickers(msgspec.Struct, frozen=True, tag_field="op", tag="tickers"):
    """Of every symbol in the answer to `Subscribe`, which carries its ``id``; then of those that changed."""

    tickers: list[Ticker]
    id: RequestId | UnsetType = UNSET


Status = Literal["subscribing", "streaming", "stale", "refused", "halted", "suspended", "unknown"]


class SymbolInfo(msgspec.Struct, frozen=True):
    """A symbol that is asked for."""

    exchange: str
    symbol: str
    intervals: list[str]
    """Those that can be asked for, shortest first."""
    status: Status
    """What a producer said of it within the last 30 s."""
    detail: str = ""
    price: str | None = None
    """Of its newest second; None before the first."""
    tick_size: str | None = None
    """Smallest step of its price at the exchange, a decimal string."""


class Symbols(msgspec.Struct, frozen=True, tag_field="op", tag="symbols"):
    """On the channel ``tickers``: which symbols there are, whenever that changes."""

    symbols: list[SymbolInfo]


class Unsubscribed(msgspec.Struct, frozen=True, tag_field="op", tag="unsubscribed"):
    """The answer to `Unsubscribe`."""

    id: RequestId | UnsetType = UNSET


class Pong(msgspec.Struct, frozen=True, tag_field="op", tag="pong"):
    """The answer to `Ping`. ``server_us``: the server's clock."""

    server_us: int
    at_us: int | UnsetType = UNSET
    id: RequestId | UnsetType = UNSET


class Resync(msgspec.Struct, frozen=True, tag_field="op", tag="resync"):
    """This client was too slow, or the database is back: subscribe again (with ``since``) to be whole."""

    exchange: str
    symbol: str
    interval: str


ErrorCode = Literal[
    "bad_message",
    "unknown_symbol",
    "ambiguous_exchange",
    "unknown_interval",
    "interval_not_kept",
    "not_listed",
    "not_subscribed",
    "too_many_subscriptions",
    "rate_limited",
]


class Error(msgspec.Struct, frozen=True, tag_field="op", tag="error"):
    """A request that was refused, and why. The connection stays."""

    code: ErrorCode
    message: str
    id: RequestId | UnsetType = UNSET


Message = Snapshot | CandleUpdate | RevisionUpdate | GapUpdate | Tickers | Symbols | Unsubscribed | Pong | Resync | Error


class Frame(msgspec.Struct, frozen=True):
    """What the server sends. ``seq`` counts this connection's frames from 1; ``at_us`` is the server's clock at sending."""

    seq: int
    at_us: int
    messages: list[Message]


_encoder = msgspec.json.Encoder()
_requests: msgspec.json.Decoder[Request] = msgspec.json.Decoder(Request)


class _Loose(msgspec.Struct):
    id: RequestId | UnsetType = UNSET


class BadRequest(Exception):
    """A message that is no request. ``id`` is its id, if that much can be read."""

    def __init__(self, message: str, id: RequestId | UnsetType = UNSET) -> None:
        super().__init__(message)
        self.id = id


def encode(message: Message) -> str:
    """The message as the JSON text that goes into a frame."""
    return _encoder.encode(message).decode()


def decode_request(text: str | bytes) -> Request:
    """A client's message. Raises `BadRequest`."""
    try:
        return _requests.decode(text)
    except UNDECODABLE as error:
        try:
            loose = msgspec.json.decode(text, type=_Loose).id
        except UNDECODABLE:
            loose = UNSET
        raise BadRequest(str(error), loose) from None


def frame(seq: int, at_us: int, messages: list[str]) -> str:
    """The text of a `Frame` of messages that are encoded already: once, for all clients that share them."""
    return f'{{"seq":{seq},"at_us":{at_us},"messages":[{",".join(messages)}]}}'
