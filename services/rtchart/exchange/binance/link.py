"""One connection of a `BinanceStream`: what the protocol decides is done here, and what comes is handed on."""

from __future__ import annotations

import asyncio
import time
from typing import Protocol as Interface

from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidStatus

from rtchart.core.interval import SECOND
from rtchart.exchange.base import Sink
from rtchart.exchange.binance.attempts import Attempts
from rtchart.exchange.binance.protocol import KEEP, Protocol, Reconnect
from rtchart.exchange.binance.socket import BatchConnection, open_socket
from rtchart.exchange.clock import VenueClock

GOOD_AFTER = 60.0
"""Seconds of klines after which a connection was a good one, and its end is no failure."""

REFUSED = {403: 5.0, 418: 120.0, 429: 10.0}
"""Seconds to wait for after such an answer to a handshake, when it has no ``Retry-After``."""

LONGEST_BAN = 3 * 24 * 3600.0
"""Seconds (Binance, REST API, LIMITS: up to 3 days)."""


class Carrier(Interface):
    """What connections have in common: where they lead, and what becomes of what they bring."""

    url: str
    clock: VenueClock
    attempts: Attempts
    sink: Sink

    def protocol(self) -> Protocol:
        """The protocol of a connection that has just been opened."""


class _Unwell(Exception):
    """The protocol wants another connection; the text is its reason."""


class Link:
    """One connection, from the attempt to make it to its end."""

    def __init__(self, stream: Carrier, symbols: frozenset[str], *, doubted: bool) -> None:
        """``doubted``: the connection before it brought nothing of what there was."""
        self._stream = stream
        self._symbols = symbols
        self._doubted = doubted
        self._since: int | None = None
        """The venue's time (ms) from which on it should bring all."""
        self._socket: BatchConnection | None = None
        self._protocol: Protocol | None = None
        self.heard = asyncio.Event()
        """Set when its first kline came."""
        self.carrying = asyncio.Event()
        self.rotate = asyncio.Event()
        self.over = asyncio.Event()
        self.why = ""
        self._task = asyncio.create_task(self._run())

    @property
    def good(self) -> bool:
        """Whether it has carried for so long that a new one may be made at once."""
        since = None if self._protocol is None else self._protocol.first_kline_at
        return since is not None and time.monotonic() - since > GOOD_AFTER

    @property
    def well(self) -> bool:
        """Whether klines come by it, and it is not to be replaced."""
        return self.heard.is_set() and not (self.rotate.is_set() or self.over.is_set())

    @property
    def opened(self) -> bool:
        """Whether there was a connection at all."""
        return self._protocol is not None

    def want(self, symbols: frozenset[str]) -> None:
        """Carry exactly these from now on."""
        self._symbols = symbols
        if self._protocol is not None and self._socket is not None:
            self._protocol.want(symbols)
            self._socket.wake()

    @property
    def brings_nothing(self) -> bool:
        """Whether the venue had something that it did not bring."""
        return self._protocol is not None and self._protocol.brings_nothing

    def brought_since(self, time: float) -> bool:
        """Whether a kline came after this time (monotonic)."""
        return self.heard.is_set() and self._protocol is not None and self._protocol.last_kline_at > time

    def missed(self, symbol: str, open_time: int) -> None:
        """The venue has this second, and it did not come."""
        if self._protocol is None or self._socket is None or self._since is None or open_time < self._since:
            return  # of a time before it, which says nothing of it
        self._protocol.missed(symbol, time.monotonic())
        self._socket.wake()

    async def close(self) -> None:
        """End it, and wait until it has ended. Raises what it died of, if that was a defect of ours."""
        self._task.cancel()
        await asyncio.wait([self._task])
        if not self._task.cancelled() and (error := self._task.exception()):
            raise error

    async def _run(self) -> None:
        try:
            async with open_socket(self._stream.url) as socket:
                assert isinstance(socket, BatchConnection)
                protocol = self._stream.protocol()
                socket.on_pong = lambda: protocol.ponged(time.monotonic())
                self._socket, self._protocol = socket, protocol
                protocol.want(self._symbols)
                if self._doubted:
                    protocol.hurry()
                await self._carry(socket, protocol)
        except (ConnectionClosed, InvalidHandshake, OSError, TimeoutError, _Unwell) as error:
            self.why = str(error) or type(error).__name__
            if isinstance(error, InvalidStatus) and error.response.status_code in REFUSED:
                told = error.response.headers.get("Retry-After", "")
                wait = float(told) if told.isdecimal() else REFUSED[error.response.status_code]
                self._stream.attempts.block(min(wait, LONGEST_BAN))
        finally:
            self._socket = None
            self.over.set()

    async def _carry(self, socket: BatchConnection, protocol: Protocol) -> None:
        now = time.monotonic()
        while True:
            for message in protocol.outgoing(now):
                await socket.send(message)
            for read in await socket.read(protocol.due(now)):
                batch = protocol.receive(read.frames, read.received_us, time.monotonic())
                if batch.klines or batch.events or batch.ignored:
                    await self._stream.sink(batch)
            if not self.heard.is_set() and protocol.first_kline_at is not None:
                self.heard.set()
            now = time.monotonic()
            if self._since is None and protocol.subscribed and self._stream.clock.known:
                self._since = self._stream.clock.now() + SECOND
            verdict = protocol.verdict(now)
            if isinstance(verdict, Reconnect):
                raise _Unwell(verdict.why)
            if verdict is not KEEP and not self.rotate.is_set():
                self.why = verdict.why  # type: ignore[union-attr]
                self.rotate.set()
            if not self.carrying.is_set() and protocol.carrying(now):
                self.carrying.set()
