"""What the simulated exchange is doing wrong now, as its other parts ask.

`rtchart.sim.catalogue` names the faults and says where each was seen; tests call what is here. All take effect at once and hold
until taken back; times are the market's (ms), ranges are half-open.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Sequence
from typing import NamedTuple, TypeVar

from websockets.protocol import State

from rtchart.core.gap import Range
from rtchart.core.interval import SECOND
from rtchart.sim.clock import Clock
from rtchart.sim.connection import Connection
from rtchart.sim.disturbance import Delivery, Disturbance
from rtchart.sim.listing import Status
from rtchart.sim.tape import Tape

T = TypeVar("T")

FOREVER = 2**53
"""A time that never comes."""


class Rejection(NamedTuple):
    """What a REST request gets in place of its answer. ``retry_after`` is seconds."""

    status: int
    retry_after: int | None


Undo = Callable[[], None]
"""Takes back what was begun; once is enough, twice does no harm."""

Rejects = Callable[[int], Rejection | None]
"""Whether a request at this time of the machine (ms) is rejected."""


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
        self._delisted: set[str] = set()
        self._rejection = Rejection(503, None)
        self._rejections = 0
        self._disturbances: list[tuple[frozenset[str], Disturbance]] = []
        self._rejecting: list[Rejects] = []
        self._greetings: list[Callable[[Connection], None]] = []
        self.violations: Counter[str] = Counter()
        """How often clients overstepped a limit, by its name: what a good client never does."""
        self.refused_handshakes: list[int | None] = []
        """Statuses that handshakes get while they are here, the last of them; None: cut off without a word."""
        self.silent_subscriptions = 0
        """While it is not 0, streams that are subscribed are acknowledged and never sent."""
        self.most_streams: list[int] = []
        """Bounds of a connection's subscriptions beside the usual one."""
        self.hanging = 0
        """While it is not 0, REST requests are not answered."""
        self.cut_bodies = 0
        """While it is not 0, the bodies of REST answers end half-way."""
        self.fewest_rows: list[int] = []
        """Bounds of the rows of an answer beside the usual one."""
        self.clock_offset = 0
        """That the exchange's clock is ahead of the market (ms), in event times and in what REST says its time is."""

    # What the stream does

    @property
    def calm(self) -> bool:
        """Whether every second is sent as it is."""
        return not (self._disturbances or self._muted or self._skipped or self._delisted)

    def disturb(self, disturbance: Disturbance, symbols: Collection[str] = ()) -> Undo:
        """Change how seconds are sent, of these symbols or of all. The one that began last comes last."""
        entry = frozenset(map(self._listed, symbols)), disturbance
        self._disturbances.append(entry)
        return lambda: _without(self._disturbances, entry)

    def deliveries(self, symbol: str, time: int, usual: int) -> Sequence[Delivery]:
        """How the second that opens at ``time`` is sent; ``usual`` is its delay (ms) otherwise."""
        if self.silent(symbol, time):
            return ()
        sent: Sequence[Delivery] = (Delivery(usual),)
        for symbols, disturbance in self._disturbances:
            if not symbols or symbol in symbols:
                sent = disturbance(symbol, time, sent)
        return sent

    def greet(self, change: Callable[[Connection], None]) -> Undo:
        """Do this to every connection that is open, and to each that is opened until it is taken back."""
        for connection in self._connections:
            change(connection)
        self._greetings.append(change)
        return lambda: _without(self._greetings, change)

    def opened(self, connection: Connection) -> None:
        """A connection was opened."""
        for change in self._greetings:
            change(connection)

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
        return (
            symbol in self._muted
            or symbol in self._delisted
            or any(start <= time < end for start, end in self._skipped.get(symbol, ()))
        )

    def inject(self, message: str) -> None:
        """Send a text as it is to every open connection, whatever it is subscribed to."""
        for connection in self._connections:
            connection.post(message.encode())
            connection.flush()

    def disconnect_all(self, code: int | None = None, reason: str = "", *, which: Collection[Connection] | None = None) -> int:
        """Close every connection (or these) with a code, or cut it off without a word (``None``); how many there were."""
        there = [connection for connection in self._connections if which is None or connection in which]
        for connection in there:
            if code is None:
                connection.abort()
            else:
                connection.close_soon(code, reason)
        return len(there)

    def shutdown_notice(self) -> list[Connection]:
        """Announce to every connection that the server will shut down (Binance, Web Socket Streams, serverShutdown).

        Which these are.
        """
        told = list(self._connections)
        for connection in told:
            unit = 1_000 if connection.session.unit == "MICROSECOND" else 1
            event = f'{{"e":"serverShutdown","E":{self._clock.now() * unit}}}'
            combined = f'{{"stream":"!serverShutdown","data":{event}}}'
            connection.post((combined if connection.session.combined else event).encode())
            connection.flush()
        return told

    def each_connection(self, change: Callable[[Connection], None]) -> None:
        """Do this to every open connection."""
        for connection in self._connections:
            change(connection)

    # What there is

    @property
    def symbols(self) -> tuple[str, ...]:
        """All that is listed."""
        return tuple(self._tape.series)

    def second(self) -> int:
        """Open time of the second under way."""
        now = self._clock.now()
        return now - now % SECOND

    def present(self, symbol: str, start: int, end: int) -> None:
        """Take back `absent` for these seconds."""
        self._tape.present(self._listed(symbol), start, end)

    def absent(self, symbol: str, start: int, end: int) -> None:
        """The seconds ``[start, end)`` are in neither stream nor REST, as in an outage of the exchange."""
        self._tape.absent(self._listed(symbol), start, end)

    def set_status(self, symbol: str, status: Status) -> None:
        """What exchangeInfo says of the symbol. While it is not TRADING, no seconds come to be."""
        self._statuses[self._listed(symbol)] = status
        if status == "TRADING":
            if (since := self._halted_at.pop(symbol, None)) is not None:
                self._tape.present(symbol, max(since, self.second()), FOREVER)
        elif symbol not in self._halted_at:
            self._halted_at[symbol] = self.second()
            self._tape.absent(symbol, self._halted_at[symbol], FOREVER)

    def status(self, symbol: str) -> Status:
        """What exchangeInfo says of the symbol."""
        return self._statuses.get(symbol, "TRADING")

    def delist(self, symbol: str) -> Undo:
        """The exchange knows the symbol no more: no stream, no rows, and no word of it in exchangeInfo."""
        self._delisted.add(self._listed(symbol))
        return lambda: self._delisted.discard(symbol)

    def delisted(self, symbol: str) -> bool:
        """Whether the symbol is known no more."""
        return symbol in self._delisted

    def _listed(self, symbol: str) -> str:
        if symbol not in self._tape.series:
            raise KeyError(f"{symbol} is not listed here")
        return symbol

    # What REST does

    def reject_rest(self, status: int, retry_after: int | None = None, requests: int = 1) -> None:
        """Answer the next so many requests with this status, and Retry-After (seconds)."""
        self._rejection, self._rejections = Rejection(status, retry_after), requests

    def reject(self, rejects: Rejects) -> Undo:
        """Ask this about each request."""
        self._rejecting.append(rejects)
        return lambda: _without(self._rejecting, rejects)

    def rejection(self, now: int) -> Rejection | None:
        """What the request that came ``now`` (ms of the machine) gets in place of its answer; counts it."""
        for rejects in self._rejecting:
            if (rejection := rejects(now)) is not None:
                return rejection
        if not self._rejections:
            return None
        self._rejections -= 1
        return self._rejection

    @property
    def connections(self) -> int:
        """How many connections are open."""
        return sum(connection.state is State.OPEN for connection in self._connections)


def _without(entries: list[T], entry: T) -> None:
    entries[:] = [other for other in entries if other is not entry]
