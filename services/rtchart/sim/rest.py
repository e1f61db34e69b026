"""The REST half: klines, exchangeInfo, time and ping, with the exchange's weights, limits and error codes; without I/O.

Binance, REST API: General API information, LIMITS, Market Data endpoints; Error codes.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple
from urllib.parse import parse_qsl, unquote, urlsplit

import msgspec

from rtchart.core.errors import UNDECODABLE
from rtchart.core.interval import INTERVALS
from rtchart.sim.clock import Clock
from rtchart.sim.faults import Faults
from rtchart.sim.info import exchange_info
from rtchart.sim.limits import Refusal, Weights
from rtchart.sim.listing import Listing
from rtchart.sim.tape import Tape
from rtchart.sim.wire import TimeUnit, in_unit, row

_SYMBOL = re.compile(r"[\w\-.]{1,50}")
_SYMBOL_RANGE = r"^[\\w\\-._&&[^a-z]]{1,50}$"
_NUMBER = re.compile(r"[0-9]{1,20}", re.ASCII)
_MICROSECONDS_FROM = 10**14
"""A time this large is in microseconds: as milliseconds it would be in the year 5138."""


@dataclass(frozen=True)
class Answer:
    """What a request gets."""

    status: int
    body: Any
    headers: dict[str, str] = field(default_factory=dict)

    def encoded(self) -> bytes:
        return msgspec.json.encode(self.body)


class _Problem(Exception):
    """A bad request, with the exchange's code for it."""

    def __init__(self, code: int, message: str) -> None:
        super().__init__(message)
        self.code = code


class _Request(NamedTuple):
    parameters: dict[str, str]
    unit: TimeUnit


class _Route(NamedTuple):
    weight: int
    parameters: frozenset[str]
    answer: Callable[[_Request], Any]


class Rest:
    """Answers GET requests. ``wall`` is the machine's time (ms), which the weights are counted in."""

    def __init__(
        self,
        listings: Mapping[str, Listing],
        tape: Tape,
        clock: Clock,
        faults: Faults,
        *,
        lists: Callable[[str], bool],
        wall: Callable[[], int],
        weight_limit: int = 6_000,
    ) -> None:
        self._listings = listings
        self._lists = lists
        self._tape = tape
        self._clock = clock
        self._faults = faults
        self._wall = wall
        self._weight_limit = weight_limit
        self._weights: dict[str, Weights] = {}
        self._routes = {
            "/api/v3/ping": _Route(1, frozenset(), lambda _: {}),
            "/api/v3/time": _Route(1, frozenset(), lambda asked: {"serverTime": in_unit(self._time(), asked.unit)}),
            "/api/v3/klines": _Route(
                2, frozenset(("symbol", "interval", "startTime", "endTime", "limit", "timeZone")), self._klines
            ),
            "/api/v3/exchangeInfo": _Route(
                20, frozenset(("symbol", "symbols", "permissions", "showPermissionSets", "symbolStatus")), self._exchange_info
            ),
        }

    def answer(self, target: str, headers: Mapping[str, str], address: str) -> Answer:
        """The answer to a GET of this target from this address."""
        url = urlsplit(target)
        route = self._routes.get(unquote(url.path))
        weights = self._weights.setdefault(address, Weights(self._weight_limit))
        # What is rejected counts too.
        refusal = None if route is None else weights.take(route.weight, self._wall())
        if refusal is not None:
            self._faults.violations["request weight"] += 1
        if (rejection := self._faults.rejection(self._wall())) is not None:
            wait = {} if rejection.retry_after is None else {"Retry-After": str(rejection.retry_after)}
            return Answer(
                rejection.status, {"code": -1003 if rejection.status in (418, 429) else -1000, "msg": "Rejected."}, wait
            )
        if route is None:
            return Answer(404, {"code": -1000, "msg": f"No such path: {url.path}"})
        used = {"X-MBX-USED-WEIGHT": str(weights.used), "X-MBX-USED-WEIGHT-1M": str(weights.used)}
        if refusal is not None:
            return Answer(refusal.status, self._too_much(refusal), used | {"Retry-After": str(refusal.retry_after)})
        try:
            return Answer(200, route.answer(_request(url.query, headers, route)), used)
        except _Problem as problem:
            return Answer(400, {"code": problem.code, "msg": str(problem)}, used)

    def _klines(self, request: _Request) -> list[list[Any]]:
        parameters = request.parameters
        symbol = _symbol(parameters)
        name = _mandatory(parameters, "interval")
        if name not in INTERVALS:
            raise _Problem(-1120, "Invalid interval.")
        interval = INTERVALS[name].of(self._tape.begin)
        if not self._lists(symbol):
            raise _Problem(-1121, "Invalid symbol.")
        limit = _number(parameters, "limit", "^[0-9]{1,20}$")
        if limit == 0:
            raise _Problem(-1130, "Data sent for parameter 'limit' is not valid.")
        start, end = _time(parameters, "startTime"), _time(parameters, "endTime")
        most = min(limit or 500, 1_000, *self._faults.fewest_rows)
        rows = self._tape.rows(symbol, interval, start, end, most, self._clock.now())
        return [row(time, interval, figures, request.unit) for time, figures in rows]

    def _exchange_info(self, request: _Request) -> dict[str, Any]:
        parameters = request.parameters
        if "symbol" in parameters and "symbols" in parameters:
            raise _Problem(-1128, "Combination of optional parameters invalid.")
        asked = [symbol for symbol in self._listings if not self._faults.delisted(symbol)]
        if "symbol" in parameters:
            asked = [_symbol(parameters)]
        elif "symbols" in parameters:
            asked = _symbols(parameters["symbols"])
        # All of them, also behind the first that is not listed: asked for all there is, the next answer has the others.
        if not all([self._lists(symbol) for symbol in asked]):
            raise _Problem(-1121, "Invalid symbol.")
        listed = [(self._listings[symbol], self._faults.status(symbol)) for symbol in asked]
        if (only := parameters.get("symbolStatus")) is not None:
            listed = [(listing, status) for listing, status in listed if status == only]
        return exchange_info(listed, server_time=in_unit(self._time(), request.unit), weight_limit=self._weight_limit)

    def _time(self) -> int:
        return self._clock.now() + self._faults.clock_offset

    def _too_much(self, refusal: Refusal) -> dict[str, Any]:
        if refusal.status == 418:
            text = f"Way too much request weight used; IP banned until {refusal.until}. "
            text += "Please use WebSocket Streams for live updates to avoid bans."
        else:
            text = f"Too much request weight used; current limit is {self._weight_limit} request weight per 1 MINUTE. "
            text += "Please use WebSocket Streams for live updates to avoid polling the API."
        return {"code": -1003, "msg": text}


def _request(query: str, headers: Mapping[str, str], route: _Route) -> _Request:
    pairs = parse_qsl(query, keep_blank_values=True)
    parameters = dict(pairs)
    if len(parameters) < len(pairs):
        raise _Problem(-1101, "Duplicate values for a parameter detected.")
    if unread := len(parameters.keys() - route.parameters):
        read = len(parameters) - unread
        raise _Problem(
            -1104, f"Not all sent parameters were read; read '{read}' parameter(s) but was sent '{len(parameters)}'."
        )
    for name, value in parameters.items():
        if not value:
            raise _Problem(-1105, f"Parameter '{name}' was empty.")
    # Binance, REST API, General API information: in either case.
    unit = headers.get("X-MBX-TIME-UNIT", "").upper()
    return _Request(parameters, "MICROSECOND" if unit == "MICROSECOND" else "MILLISECOND")


def _mandatory(parameters: dict[str, str], name: str) -> str:
    if name not in parameters:
        raise _Problem(-1102, f"Mandatory parameter '{name}' was not sent, was empty/null, or malformed.")
    return parameters[name]


def _symbol(parameters: dict[str, str]) -> str:
    symbol = _mandatory(parameters, "symbol")
    if not _is_symbol(symbol):
        raise _Problem(-1100, f"Illegal characters found in parameter 'symbol'; legal range is '{_SYMBOL_RANGE}'.")
    return symbol


def _symbols(written: str) -> list[str]:
    try:
        symbols = msgspec.json.decode(written, type=list[str])
    except UNDECODABLE:
        symbols = []
    if not symbols or not all(map(_is_symbol, symbols)):
        raise _Problem(-1100, "Illegal characters found in parameter 'symbols'; legal range is a JSON array of symbols.")
    return list(dict.fromkeys(symbols))


def _is_symbol(text: str) -> bool:
    return _SYMBOL.fullmatch(text) is not None and re.search(r"[a-z]", text) is None


def _number(parameters: dict[str, str], name: str, legal: str) -> int | None:
    written = parameters.get(name)
    if written is None:
        return None
    if _NUMBER.fullmatch(written) is None:
        raise _Problem(-1100, f"Illegal characters found in parameter '{name}'; legal range is '{legal}'.")
    return int(written)


def _time(parameters: dict[str, str], name: str) -> int | None:
    time = _number(parameters, name, "^[0-9]{1,20}$")
    return time // 1_000 if time is not None and time >= _MICROSECONDS_FROM else time
