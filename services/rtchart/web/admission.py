"""Who is let in: by origin, by address, by token, and while there is room; and who may show the page in a frame."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from quart import Response
from quart.wrappers import Request, Websocket

from rtchart.core.errors import UserError
from rtchart.web import closes, metrics
from rtchart.web.addresses import Addresses, Limits, Visitor
from rtchart.web.channel import Client
from rtchart.web.problems import problem
from rtchart.web.protocol import DEFAULT_LIMIT, MAX_LIMIT
from rtchart.web.tokens import SUBPROTOCOL, Tokens, of_header, of_subprotocols

API = "/api/"

_HISTORY = frozenset({"/api/v1/candles", "/api/v1/klines", "/api/v1/gaps"})


@dataclass(frozen=True)
class Origins:
    """Which pages of other origins may use the API and the socket: ``https://example.org``, or ``*`` for all."""

    allowed: frozenset[str] = frozenset()

    @classmethod
    def of(cls, origins: Iterable[str]) -> Origins:
        """Origins as people write them."""
        return cls(frozenset(origin.rstrip("/").lower() for origin in origins))

    def allows(self, origin: str | None, host: str) -> bool:
        """Whether a request with this header Origin is served; those without one do not come from a page."""
        if origin is None or "*" in self.allowed or origin.lower() in self.allowed:
            return True
        try:
            return urlsplit(origin).netloc.lower() == host.lower()
        except ValueError:  # `http://[`
            return False


_FRAMER = re.compile(r"'self'|\*|https?://(\*\.)?[a-z0-9-]+(\.[a-z0-9-]+)*(:[0-9]{1,5})?")


@dataclass(frozen=True)
class Framers:
    """Whose pages may show ``/embed`` in a frame: sources of the policy's ``frame-ancestors``."""

    sources: tuple[str, ...] = ()

    @classmethod
    def of(cls, frame_ancestors: Iterable[str]) -> Framers:
        """Sources as people write them: ``https://example.org``, ``https://*.example.org``, ``'self'``, ``*``.

        Raises `UserError` for all else: what is no source could end the directive and begin another one.
        """
        found: list[str] = []
        for text in frame_ancestors:
            # A shell takes the quotes away, and no host of ours is called self.
            source = text.rstrip("/").lower() if text != "self" else "'self'"
            if not _FRAMER.fullmatch(source):
                raise UserError(
                    f"--frame-ancestors {text!r} is no source of pages; write it like https://example.org, "
                    "https://*.example.org, 'self' or *, and leave it out for nobody"
                )
            found.append(source)
        return cls(tuple(dict.fromkeys(found)))

    @property
    def directive(self) -> str:
        """The value of ``frame-ancestors``."""
        return " ".join(self.sources) or "'none'"


@dataclass(frozen=True)
class Rules:
    """What a server lets in."""

    origins: Origins = field(default_factory=Origins)
    tokens: Tokens = field(default_factory=Tokens)
    limits: Limits = field(default_factory=Limits)
    max_connections: int = 5_000
    """Sockets, of all addresses."""
    framers: Framers = field(default_factory=Framers)


class Admission:
    """The rules, applied: a refusal is a response, None lets in."""

    def __init__(self, rules: Rules) -> None:
        self._rules = rules
        self._addresses = Addresses(rules.limits)
        self._sockets = 0

    def request(self, request: Request) -> Response | None:
        """A request of the API."""
        visitor = self._addresses.visitor(self._key(request))
        if wait := visitor.take(0 if request.method == "OPTIONS" else _rows(request)):
            metrics.limited.inc()
            return _wait("your address asks too often", wait)
        if request.method == "OPTIONS":  # a browser asks it before it sends a token
            return None
        return self._stranger(of_header(request.headers.get("Authorization")))

    def socket(self, websocket: Websocket, draining: bool) -> Response | None:
        """A handshake."""
        rules, visitor = self._rules, self._addresses.visitor(self._key(websocket))
        why: metrics.Refusal
        refusal: Response | None
        if not rules.origins.allows(websocket.headers.get("Origin"), websocket.host):
            why = "origin"
            refusal = problem(403, "pages of this origin may not use the socket; --allow-origin allows them")
        elif draining:
            why, refusal = "draining", problem(503, "the server shuts down; connect again")
        elif self._sockets >= rules.max_connections:
            why = "full"
            refusal = problem(503, f"all of the server's {rules.max_connections} sockets are taken; try again later")
        elif visitor.crowded:
            why = "address"
            refusal = problem(429, f"your address may have {rules.limits.sockets} sockets; close one first")
        elif wait := visitor.take():
            why, refusal = "rate", _wait("your address connects too often", wait)
        else:
            token = of_subprotocols(websocket.requested_subprotocols)
            why, refusal = "token", self._stranger(token or of_header(websocket.headers.get("Authorization")))
        if refusal is not None:
            metrics.refused.labels(why).inc()
        return refusal

    @contextmanager
    def admitted(self, websocket: Websocket, client: Client) -> Iterator[Visitor]:
        """The socket is there meanwhile. It counts before it is accepted, so that handshakes at once are not too many."""
        self._sockets += 1
        try:
            with self._addresses.socket(self._key(websocket), client) as visitor:
                yield visitor
        finally:
            self._sockets -= 1

    def _key(self, asked: Request | Websocket) -> str:
        client = asked.scope.get("client")
        return self._addresses.key(client[0] if client else None, asked.headers.getlist("X-Forwarded-For"))

    def _stranger(self, token: str | None) -> Response | None:
        if self._rules.tokens.allow(token):
            return None
        why = "a token is needed" if token is None else "the token is not one of the server's"
        refusal = problem(
            401, f"{why}; send one as `Authorization: Bearer TOKEN`, or to the socket as subprotocol bearer.TOKEN"
        )
        refusal.headers["WWW-Authenticate"] = 'Bearer realm="rtchart"' + ("" if token is None else ', error="invalid_token"')
        return refusal


def agreed(websocket: Websocket) -> str | None:
    """The subprotocol that the server agrees to speak."""
    return SUBPROTOCOL if SUBPROTOCOL in websocket.requested_subprotocols else None


def _wait(why: str, seconds: float) -> Response:
    whole = max(1, math.ceil(seconds))
    refusal = problem(429, f"{why}; ask again in {whole} s")
    refusal.headers["Retry-After"] = str(whole)
    return refusal


def _rows(request: Request) -> int:
    """Rows of history that it asks for, as far as that can be told before it is checked."""
    if request.path == closes.PATH:
        symbols = min(request.args.get("symbols", "").count(",") + 1, closes.MAX_SYMBOLS)
        return symbols * _limit(request, closes.MAX_PERIODS, closes.DEFAULT_PERIODS)
    return _limit(request, MAX_LIMIT, DEFAULT_LIMIT) if request.path in _HISTORY else 0


def _limit(request: Request, most: int, default: int) -> int:
    limit = request.args.get("limit", "")
    return min(int(limit), most) if limit.isascii() and limit.isdecimal() and len(limit) < 10 else default
