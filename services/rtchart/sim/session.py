"""One WebSocket connection's subscriptions, and the answers to its control messages; without I/O.

Binance, Web Socket Streams, Live Subscribing/Unsubscribing to streams. Where the documents and the exchange differ, this does
what was observed: errors come wrapped in an ``error`` object, and a SUBSCRIBE that is too long is never answered.
"""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

import msgspec

from rtchart.core.errors import UNDECODABLE
from rtchart.sim.wire import TimeUnit

MOST_STREAMS = 1_024
"""Of a connection."""

LONGEST_SUBSCRIBE = 4_088
"""Bytes. A longer one stalls silently (observed)."""

_METHODS = ("SUBSCRIBE", "UNSUBSCRIBE", "LIST_SUBSCRIPTIONS", "SET_PROPERTY", "GET_PROPERTY")
_ID = re.compile(r"[0-9A-Za-z]{1,36}")


class BadAddress(ValueError):
    """A path that is no stream endpoint, or parameters that it does not take."""


class _Refused(Exception):
    """A request that is answered with an error."""

    def __init__(self, code: int, message: str) -> None:
        super().__init__(message)
        self.code = code


class Session:
    """What a connection is subscribed to, and how it wants it written."""

    def __init__(self, streams: list[str], *, combined: bool, unit: TimeUnit) -> None:
        self.streams = dict.fromkeys(streams)
        self.combined = combined
        self.unit = unit

    @classmethod
    def of(cls, target: str) -> Session:
        """The session that a request target asks for: /ws, /ws/a/b, /stream, /stream?streams=a/b. Raises `BadAddress`."""
        url = urlsplit(target)
        parameters = dict(parse_qsl(url.query))
        unit = parameters.get("timeUnit", "MILLISECOND").upper()
        if unit not in ("MILLISECOND", "MICROSECOND"):
            raise BadAddress(f"timeUnit {unit!r} is neither MILLISECOND nor MICROSECOND")
        _, endpoint, *names = unquote(url.path).rstrip("/").split("/")
        if endpoint == "stream" and not names:
            streams = parameters.get("streams", "")
            session = cls([name for name in streams.split("/") if name], combined=True, unit=_unit(unit))
        elif endpoint == "ws":
            session = cls(names, combined=False, unit=_unit(unit))
        else:
            raise BadAddress(f"{url.path} is neither /ws nor /stream")
        if len(session.streams) > MOST_STREAMS:
            raise BadAddress(f"more than {MOST_STREAMS} streams")
        return session

    def answer(self, message: str | bytes, most: int = MOST_STREAMS) -> bytes | None:
        """Obey a control message; its reply, or `None` where the exchange stays silent.

        ``most`` bounds the streams that it may have then.
        """
        raw = message.encode() if isinstance(message, str) else message
        identifier: Any = None
        try:
            request = _parsed(raw)
            identifier = _identifier(request)
            method = _method(request)
            if method == "SUBSCRIBE" and len(raw) > LONGEST_SUBSCRIBE:
                return None
            result = self._obey(method, request, most)
        except _Refused as refused:
            return msgspec.json.encode({"error": {"code": refused.code, "msg": str(refused)}, "id": identifier})
        return msgspec.json.encode({"result": result, "id": identifier})

    def _obey(self, method: str, request: dict[str, Any], most: int) -> Any:
        if method == "LIST_SUBSCRIPTIONS":
            return list(self.streams)
        parameters = request.get("params")
        if not isinstance(parameters, list) or not parameters:
            raise _Refused(2, "Invalid request: missing field `params`")
        if method.endswith("PROPERTY"):
            return self._property(method, parameters)
        if not all(isinstance(name, str) for name in parameters):
            raise _Refused(2, "Invalid request: invalid type, expected a string")
        if method == "SUBSCRIBE":
            wanted = self.streams | dict.fromkeys(parameters)
            if len(wanted) > most:
                raise _Refused(4, "Too many subscriptions")
            self.streams = wanted
        else:
            self.streams = {name: None for name in self.streams if name not in parameters}
        return None

    def _property(self, method: str, parameters: list[Any]) -> bool | None:
        if not isinstance(parameters[0], str):
            raise _Refused(2, "Invalid request: property name must be a string")
        if parameters[0] != "combined":
            raise _Refused(0, "Unknown property")
        if len(parameters) > (2 if method == "SET_PROPERTY" else 1):
            raise _Refused(2, "Invalid request: too many parameters")
        if method == "GET_PROPERTY":
            return self.combined
        if len(parameters) < 2 or not isinstance(parameters[1], bool):
            raise _Refused(1, "Invalid value type: expected Boolean")
        self.combined = parameters[1]
        return None


def _unit(name: str) -> TimeUnit:
    return "MICROSECOND" if name == "MICROSECOND" else "MILLISECOND"


def _parsed(raw: bytes) -> dict[str, Any]:
    try:
        request = msgspec.json.decode(raw)
    except UNDECODABLE:
        raise _Refused(3, "Invalid JSON: expected value at line 1 column 1") from None
    if not isinstance(request, dict):
        raise _Refused(2, "Invalid request: expected an object")
    return request


def _identifier(request: dict[str, Any]) -> int | str | None:
    """The id, which answers carry: an int64, up to 36 letters and digits, or null."""
    identifier = request.get("id", False)
    if identifier is None:
        return None
    if isinstance(identifier, int) and not isinstance(identifier, bool) and -(2**63) <= identifier < 2**63:
        return identifier
    if isinstance(identifier, str) and _ID.fullmatch(identifier):
        return identifier
    raise _Refused(2, "Invalid request: request ID must be an unsigned integer")


def _method(request: dict[str, Any]) -> str:
    method = request.get("method")
    if not isinstance(method, str):
        raise _Refused(2, "Invalid request: missing field `method`")
    if method not in _METHODS:
        known = ", ".join(f"`{name}`" for name in _METHODS)
        raise _Refused(2, f"Invalid request: unknown variant `{method}`, expected one of {known}")
    return method
