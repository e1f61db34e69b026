"""The simulated exchange as a server: WebSocket and REST on one port."""

from __future__ import annotations

import asyncio
import logging
import os
from collections import Counter
from collections.abc import AsyncIterator, Callable, Collection, Iterable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from email.utils import formatdate
from http import HTTPStatus
from pathlib import Path
from typing import Any, NamedTuple

from websockets.asyncio.server import ServerConnection, serve
from websockets.datastructures import Headers
from websockets.exceptions import ConnectionClosed
from websockets.http11 import Request, Response

from rtchart.core.errors import UserError
from rtchart.core.interval import DAY, INTERVALS, MINUTE, SECOND
from rtchart.process.clock import now_ms
from rtchart.sim import replay
from rtchart.sim.clock import Clock, MarketClock
from rtchart.sim.connection import Connection
from rtchart.sim.faults import Faults
from rtchart.sim.hub import Hub
from rtchart.sim.limits import Rolling
from rtchart.sim.listing import KNOWN, Listing, is_pair, listing, named
from rtchart.sim.rest import Answer, Rest
from rtchart.sim.session import MOST_STREAMS, BadAddress, Session
from rtchart.sim.tape import Tape
from rtchart.sim.walk import Series, Walk
from rtchart.sim.wire import row

log = logging.getLogger(__name__)

_CONNECTION_ATTEMPTS = 300
_ATTEMPTS_WINDOW = 5 * MINUTE
_HANGING = 0.1
"""Seconds between looks at whether a request hangs still."""

_LONGEST_HANG = 600.0

_LONGEST_TARGET = 8_000
"""Characters of a request's path and query (observed)."""


class Address(NamedTuple):
    """Where an exchange listens."""

    host: str
    port: int

    @property
    def ws(self) -> str:
        """What a client is given as ``--exchange-ws``."""
        return f"ws://{self.host}:{self.port}"

    @property
    def rest(self) -> str:
        """What a client is given as ``--exchange-rest``."""
        return f"http://{self.host}:{self.port}"


@dataclass(frozen=True, kw_only=True)
class Config:
    """What the exchange is. Times in seconds, except ``start``."""

    symbols: tuple[str, ...] = tuple(KNOWN)
    """Generated symbols. One that the replay has too is replayed."""
    list_any: bool = False
    """List whatever is named like a pair (`is_pair`) as soon as it is asked for."""
    seed: int = 1
    history_days: int = 7
    """Days that there are before the day it starts in. A year's daily klines take about a second to compute the first time."""
    replay: Path | None = None
    """A CSV whose symbols are listed too; they have what it holds, and no past."""
    rate: float = 1
    """Market time runs this many times faster than the machine's, from the start on."""
    start: int | None = None
    """Market time (ms) at the start; default: the machine's."""
    host: str = "127.0.0.1"
    port: int = 0
    weight_limit: int = 6_000
    """Request weight a minute and address."""
    connection_attempts: int = _CONNECTION_ATTEMPTS
    """WebSocket connections that an address may open in five minutes."""
    ping_interval: float = 20
    pong_timeout: float = 60
    longest_connection: float = 24 * 3_600


class Exchange:
    """``async with Exchange(Config(…)).serve() as address:`` serves until the block ends. `faults` makes it misbehave."""

    def __init__(self, config: Config, *, clock: Clock | None = None, wall: Callable[[], int] = now_ms) -> None:
        """``clock`` is the market's, for tests; ``wall`` the machine's (ms). Raises `UserError` (symbols, replay)."""
        self.config = config
        self.clock = clock or MarketClock(config.rate, config.start)
        now = self.clock.now()
        recordings = {} if config.replay is None else replay.moved_to(replay.read(config.replay), now)
        self.listings: dict[str, Listing] = {one.symbol: one for one in named([*config.symbols, *recordings])}
        self._series: dict[str, Series] = {
            symbol: recordings.get(symbol) or Walk(one, config.seed) for symbol, one in self.listings.items()
        }
        self.tape = Tape(self._series, begin=(now // DAY - config.history_days) * DAY)
        self.connections: set[Connection] = set()
        self.faults = Faults(self.tape, self.clock, self.connections)
        self.hub = Hub(self.tape, self.clock, self.faults, lists=self.lists)
        self._rest = Rest(
            self.listings, self.tape, self.clock, self.faults, lists=self.lists, wall=wall, weight_limit=config.weight_limit
        )
        self._wall = wall
        self._attempts: dict[str, Rolling] = {}

    @property
    def violations(self) -> Counter[str]:
        """How often clients overstepped a limit, by its name."""
        return self.faults.violations

    def lists(self, symbol: str) -> bool:
        """Whether the symbol is listed; with ``list_any`` this lists it."""
        if symbol not in self.listings and self.config.list_any and is_pair(symbol):
            self.listings[symbol] = listing(symbol)
            self._series[symbol] = Walk(self.listings[symbol], self.config.seed)
        return symbol in self.listings and not self.faults.delisted(symbol)

    def record(self, symbol: str, interval: str, start: int, end: int) -> list[list[Any]]:
        """The rows that REST would answer for ``[start, end)``, without a page's limit: the measure for what a client has.

        The last one may be under way.
        """
        name = INTERVALS[interval].of(self.tape.begin)
        rows = self.tape.rows(symbol, name, start, end - 1, (end - start) // SECOND, self.clock.now())
        return [row(time, name, figures, "MILLISECOND") for time, figures in rows]

    def require(self, symbols: Iterable[str]) -> None:
        """See that these are listed. Raises `UserError`."""
        for symbol in symbols:
            if not self.lists(symbol):
                raise UserError(f"the script names {symbol}, which is not listed; list it with --symbol, or with --list-any")

    @asynccontextmanager
    async def serve(self) -> AsyncIterator[Address]:
        """Listen, and stream. Raises `UserError` when it cannot listen there."""
        config = self.config
        try:
            server = await serve(
                self._handle,
                config.host,
                config.port,
                create_connection=Connection,
                process_request=self._process_request,
                compression=None,
                open_timeout=_LONGEST_HANG,
                ping_interval=config.ping_interval,
                ping_timeout=config.pong_timeout,
                close_timeout=1,
                server_header="nginx",
                logger=logging.getLogger("websockets.sim"),
            )
        except OSError as error:
            # asyncio's own text repeats the address; a name that does not resolve has a negative number.
            why = os.strerror(error.errno) if error.errno is not None and error.errno > 0 else error.strerror
            raise UserError(
                f"cannot listen on {config.host}:{config.port} ({why}); free the port or choose another one with --port"
            ) from None
        streaming = asyncio.create_task(self.hub.run())
        streaming.add_done_callback(_report)
        try:
            yield Address(config.host, server.sockets[0].getsockname()[1])
        finally:
            streaming.cancel()
            server.close()
            await asyncio.gather(streaming, server.wait_closed(), return_exceptions=True)

    async def _handle(self, connection: ServerConnection) -> None:
        assert isinstance(connection, Connection)
        self.connections.add(connection)
        connection.on_flood = self._flooded
        self.faults.opened(connection)
        self._follow(connection)
        # Binance, Web Socket Streams, General Information: a connection is valid for 24 hours.
        aged = asyncio.get_running_loop().call_later(
            self.config.longest_connection, connection.close_soon, 1001, "24 hours are over"
        )
        try:
            with suppress(ConnectionClosed):
                async for message in connection:
                    had = set(connection.session.streams)
                    reply = connection.session.answer(message, min([MOST_STREAMS, *self.faults.most_streams]))
                    if reply is not None:
                        await connection.send(reply, text=True)
                    self._follow(connection, had)
        finally:
            aged.cancel()
            self.connections.discard(connection)
            self.hub.leave(connection)

    def _flooded(self) -> None:
        self.faults.violations["messages a second"] += 1

    def _follow(self, connection: Connection, had: Collection[str] = ()) -> None:
        if self.faults.silent_subscriptions:
            connection.unheard |= connection.session.streams.keys() - set(had)
        self.hub.follow(connection)

    async def _process_request(self, connection: ServerConnection, request: Request) -> Response | None:
        """Let a stream's handshake go on, and answer every other request as REST."""
        assert isinstance(connection, Connection)
        address = str(connection.remote_address[0])
        if len(request.path) > _LONGEST_TARGET:
            return _response(Answer(414, {"code": -1000, "msg": "URI Too Long"}))
        if not request.path.startswith(("/ws", "/stream")):
            if request.method != "GET":
                return _response(Answer(405, {"code": -1000, "msg": "Only GET is answered here."}, {"Allow": "GET"}))
            while self.faults.hanging:  # noqa: ASYNC110 - a test that waits for it sets a number
                await asyncio.sleep(_HANGING)
            return _response(self._rest.answer(request.path, request.headers, address), cut=bool(self.faults.cut_bodies))
        attempts = self._attempts.setdefault(address, Rolling(self.config.connection_attempts, _ATTEMPTS_WINDOW))
        if not attempts.allow(self._wall()):
            self.faults.violations["connection attempts"] += 1
            return _response(Answer(429, {"code": -1003, "msg": "Too many connection attempts."}))
        if self.faults.refused_handshakes:
            status = self.faults.refused_handshakes[-1]
            if status is None:
                connection.transport.abort()
            return _response(Answer(status or 503, {"code": -1000, "msg": "No connection is made now."}))
        try:
            connection.session = Session.of(request.path)
        except BadAddress as error:
            return _response(Answer(400, {"code": -1000, "msg": str(error)}))
        return None


def _report(streaming: asyncio.Task[None]) -> None:
    if not streaming.cancelled() and (error := streaming.exception()) is not None:
        log.critical("streaming ended; REST goes on", exc_info=error)


def _response(answer: Answer, *, cut: bool = False) -> Response:
    """As one HTTP response; the connection closes after it, which every client copes with. ``cut``: half of its body."""
    body = answer.encoded()
    headers = Headers(
        {
            "Date": formatdate(usegmt=True),
            "Connection": "close",
            "Content-Type": "application/json;charset=UTF-8",
            "Content-Length": str(len(body)),
            **answer.headers,
        }
    )
    return Response(answer.status, HTTPStatus(answer.status).phrase, headers, body[: len(body) // 2] if cut else body)
