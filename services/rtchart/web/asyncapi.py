"""The AsyncAPI 3.0 document of the socket and of the Kafka topics, made from the structs.

``docs/asyncapi.yaml`` is its text; ``python scripts/asyncapi.py`` writes it, and a test holds the file to the structs.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import msgspec

from rtchart import __version__
from rtchart.broker import topics
from rtchart.broker.topics import Topic
from rtchart.core.kline import Kline, VenueKline
from rtchart.core.messages import Absent, DeadLetter, GapOpened, Listing, Revision, StreamState
from rtchart.core.symbol import DesiredSymbol
from rtchart.web import protocol

Struct = type[msgspec.Struct]

REQUESTS: tuple[Struct, ...] = (protocol.Subscribe, protocol.Unsubscribe, protocol.Ping, protocol.Report)
ANSWERS: tuple[Struct, ...] = (
    protocol.Snapshot,
    protocol.CandleUpdate,
    protocol.RevisionUpdate,
    protocol.GapUpdate,
    protocol.Tickers,
    protocol.Symbols,
    protocol.Unsubscribed,
    protocol.Pong,
    protocol.Resync,
    protocol.Error,
)
"""What a `Frame` holds."""

RECORDS: tuple[tuple[str, Topic, tuple[Struct, ...], str], ...] = (
    ("klines", topics.KLINES, (Kline, GapOpened, Absent, Listing), "identity: `binance:BTCUSDT`"),
    ("backfill", topics.BACKFILL, (VenueKline, Absent), "identity"),
    ("candles", topics.CANDLES, (Revision,), "identity"),
    ("deadLetters", topics.DEAD_LETTERS, (DeadLetter,), "identity, or none"),
    ("symbols", topics.SYMBOLS, (DesiredSymbol,), "identity; a null value ends it"),
    ("streams", topics.STREAMS, (StreamState,), "identity/instance"),
    ("repairs", topics.REPAIRS, (GapOpened,), "identity/start-end; a null value ends it"),
)
"""The topics: name here, topic, what is on it, and the key."""

_INFO = f"""\
Live candlesticks. Times are milliseconds since the epoch (UTC), names that end in `_us` are microseconds; prices and volumes
are decimal strings.

On the socket a client sends single JSON objects, each a text frame of at most \
{protocol.MAX_MESSAGE} bytes. The server sends frames: `seq`
counts them, `at_us` is its clock at sending, and `messages` is what changed for this client since the frame before. A slow
client skips updates of a candle but no candle. Where the server wants a token, offer the subprotocols `rtchart` and
`bearer.TOKEN`, or send `Authorization: Bearer TOKEN`. A handshake that is refused is answered in HTTP: 401 no good token, 403
the page's origin, 429 the address has too much, 503 the server is full or shuts down. Close codes: 1001 the server shuts down
(connect again, with jitter, and subscribe with `since`), 1008 frames are not taken or too many messages are sent, 1009 a
message is too long."""


def document() -> dict[str, Any]:
    """The whole document, as plain dicts and lists."""
    recorded: list[Struct] = list(dict.fromkeys(struct for _, _, structs, _ in RECORDS for struct in structs))
    sent: list[Struct] = [*REQUESTS, protocol.Frame]
    _, schemas = msgspec.json.schema_components([*sent, *ANSWERS, *recorded], ref_template="#/components/schemas/{name}")
    channels: dict[str, Any] = {
        "socket": {
            "address": "/ws",
            "title": "The live socket",
            "servers": [{"$ref": "#/servers/web"}],
            "messages": _references(sent, "#/components/messages"),
        }
    }
    operations: dict[str, Any] = {
        "request": _operation("receive", "socket", REQUESTS, "What a client asks"),
        "frame": _operation("send", "socket", [protocol.Frame], "What a client is told"),
    }
    for name, topic, structs, key in RECORDS:
        channels[name] = {
            "address": topic.name,
            "title": f"Records by {key}",
            "servers": [{"$ref": "#/servers/kafka"}],
            "messages": _references(structs, "#/components/messages"),
            "bindings": {"kafka": {"topic": topic.name, "partitions": topic.partitions, "bindingVersion": "0.5.0"}},
        }
        operations[f"{name}Record"] = _operation("send", name, structs, f"A record of {topic.name}")
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "rtchart",
            "version": __version__,
            "description": _INFO,
            "license": {"name": "Apache-2.0", "url": "https://www.apache.org/licenses/LICENSE-2.0"},
        },
        "defaultContentType": "application/json",
        "servers": {
            "web": {"host": "localhost:8000", "protocol": "ws", "description": "rtchart web"},
            "kafka": {"host": "localhost:9092", "protocol": "kafka", "description": "--kafka"},
        },
        "channels": channels,
        "operations": operations,
        "components": {
            "messages": {struct.__name__: _message(struct) for struct in [*sent, *recorded]},
            "schemas": {name: schemas[name] for name in sorted(schemas)},
        },
    }


def _references(structs: Iterable[Struct], base: str) -> dict[str, Any]:
    return {struct.__name__: {"$ref": f"{base}/{struct.__name__}"} for struct in structs}


def _operation(action: str, channel: str, structs: Iterable[Struct], summary: str) -> dict[str, Any]:
    return {
        "action": action,
        "channel": {"$ref": f"#/channels/{channel}"},
        "summary": summary,
        "messages": [{"$ref": f"#/channels/{channel}/messages/{struct.__name__}"} for struct in structs],
    }


def _message(struct: Struct) -> dict[str, Any]:
    summary = (struct.__doc__ or struct.__name__).strip().splitlines()[0]
    return {"name": struct.__name__, "summary": summary, "payload": {"$ref": f"#/components/schemas/{struct.__name__}"}}
