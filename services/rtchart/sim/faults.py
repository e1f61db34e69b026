"""What the simulated exchange can be told to do wrong.

Each fault is one that the real exchange or the network has shown. All take effect at once and hold until taken back; times are
the market's (ms), ranges are half-open.
"""

from __future__ import annotations

from typing import NamedTuple

from websockets.protocol import State

from rtchart.core.gap import Range
from rtchart.core.interval import SECOND
from rtchart.sim.clock import Clock
from rtchart.sim.connection import Connection
from rtchart.sim.listing import Status
from rtchart.sim.tape import Tape

FOREVER = 2**53
"""A time that never comes."""


class Rejection(NamedTuple):
    """What a REST request gets in place of its answer."""

    status: int
    retry_after: int | None


class Faults:
    """Of one exchange. What it does to connections it does to those that are open now; new ones are served.

    A symbol that is not listed is a `KeyError`.
    """

    def __init__(self, tape: Tape, clock: Clock, connections: set[Connection]) -> None:
        self._tape = tape
        self._clock = clock
        self._connections = connections
        self._muted: set[str] = set()
        self._skipped: dict[str, list[Range]] = {}
        self._statuses: dict[str, Status] = {}
        self._halted_at: dict[str, int] = {}
        self._rejection = Rejection(503, None)
        self._rejections = 0

    # What the stream does

    def mute(self, symbol: str) -> None:
        """Stream nothing of the symbol. REST goes on."""
        self._muted.add(self._listed(symbol))

    def unmute(self, symbol: str) -> None:
        """Take back `mute`."""
        self._muted.discard(symbol)

    def skip_seconds(self, symbol: str, start: int, end: int) -> None:
        """Do not stream the seconds that open in ``[start, end)``. REST has them."""
        self._skipped.setdefault(self._listed(symbol), []).append((start, end))

    def silent(self, symbol: str, time: int) -> bool:
        """Whether the second that opens at ``time`` is not streamed."""
        return symbol in self._muted or any(start <= time < end for start, end in self._skipped.get(symbol, ()))

    def inject(self, message: str) -> None:
        """Send a text as it is to every open connection, whatever it is subscribed to."""
        for connection in self._connections:
            connection.post(message.encode())
            connection.flush()

    def disconnect_all(self, code: int | None = None, reason: str = "") -> int:
        """Close every connection with a code, or cut it off without a word (``None``); how many there were."""
        there = list(self._connections)
        for connection in there:
            if code is None:
                connection.abort()
            else:
                connection.close_soon(code, reason)
        return len(there)

    def shutdown_notice(self) -> None:
        """Announce to every connection that the server will shut down (Binance, Web Socket Streams, serverShutdown)."""
        for connection in self._connections:
            unit = 1_000 if connection.session.unit == "MICROSECOND" else 1
            event = f'{{"e":"serverShutdown","E":{self._clock.now() * unit}}}'
            combined = f'{{"stream":"!serverShutdown","data":{event}}}'
            connection.post((combined if connection.session.combined else event).encode())
            connection.flush()

    # What there is

    def absent(self, symbol: str, start: int, end: int) -> None:
        """The seconds ``[start, end)`` are in neither stream nor REST, as in an outage of the exchange."""
        self._tape.absent(self._listed(symbol), start, end)

    def set_status(self, symbol: str, status: Status) -> None:
        """What exchangeInfo says of the symbol. While it is not TRADING, no seconds come to be."""
        self._statuses[self._listed(symbol)] = status
        if status == "TRADING":
            if (since := self._halted_at.pop(symbol, None)) is not None:
                now = self._clock.now()
                self._tape.present(symbol, max(since, now - now % SECOND), FOREVER)
        elif symbol not in self._halted_at:
            now = self._clock.now()
            self._halted_at[symbol] = now - now % SECOND
            self._tape.absent(symbol, self._halted_at[symbol], FOREVER)

    def status(self, symbol: str) -> Status:
        """What exchangeInfo says of the symbol."""
        return self._statuses.get(symbol, "TRADING")

    def _listed(self, symbol: str) -> str:
        if symbol not in self._tape.series:
            raise KeyError(f"{symbol} is not listed here")
        return symbol

    # What REST does

    def reject_rest(self, status: int, retry_after: int | None = None, requests: int = 1) -> None:
        """Answer the next so many requests with this status, and Retry-After (seconds)."""
        self._rejection, self._rejections = Rejection(status, retry_after), requests

    def rejection(self) -> Rejection | None:
        """What the request that just came gets in place of its answer; counts it."""
        if not self._rejections:
            return None
        self._rejections -= 1
        return self._rejection

    @property
    def connections(self) -> int:
        """How many connections are open."""
        return sum(connection.state is State.OPEN for connection in self._connections)
