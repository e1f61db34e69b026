"""What happens to connections."""

from __future__ import annotations

from typing import Annotated

import msgspec

from rtchart.core.interval import SECOND
from rtchart.sim.catalogue.fault import (
    CloseCode,
    Fault,
    HttpStatus,
    Later,
    ignore,
    lower,
    nothing,
    once,
)
from rtchart.sim.connection import Connection
from rtchart.sim.faults import Faults, Undo


class Disconnect(Fault, tag="disconnect"):
    """Every connection ends: cut off without a word (which a client sees as 1006), or closed with a code and a reason. While it
    lasts, so does each new one; without `for` it happens once.
    """

    ONCE = True
    SEEN = "1006 in ccxt/ccxt#26945, which refills nothing after it; 1008 `Too many requests` was observed."
    code: CloseCode | None = None
    reason: str = ""

    def begin(self, faults: Faults, later: Later) -> Undo:
        def end(connection: Connection) -> None:
            faults.disconnect_all(self.code, self.reason, which=(connection,))

        return faults.greet(end)


class RefuseHandshakes(Fault, tag="refuse_handshakes"):
    """No new connection is made: the handshake gets an HTTP status, or is cut off."""

    SEEN = "Resubscribing in a storm until banned: nautechsystems/nautilus_trader#5012."
    status: HttpStatus | None = None

    def begin(self, faults: Faults, later: Later) -> Undo:
        faults.refused_handshakes.append(self.status)
        return once(lambda: faults.refused_handshakes.remove(self.status))


class HalfOpen(Fault, tag="half_open"):
    """Connections carry nothing any more, in either direction, and nobody is told: no data, no pong, no close. Those that are
    open stay so for ever; while it lasts, each new one is too. Without `for` it happens once.
    """

    ONCE = True
    SEEN = "A watchdog that never fires when no first frame comes: bmoscon/cryptofeed."

    def begin(self, faults: Faults, later: Later) -> Undo:
        return faults.greet(Connection.break_off)


class PingsUnanswered(Fault, tag="pings_unanswered"):
    """A client's pings get no pong. Data flows."""

    SEEN = "Clients that end a good connection over it; the exchange asks for pongs and promises none (Web Socket Streams)."

    def begin(self, faults: Faults, later: Later) -> Undo:
        def ignore(connection: Connection) -> None:
            connection.ignores_pings = True

        undo = faults.greet(ignore)

        def heed() -> None:
            undo()
            faults.each_connection(lambda connection: setattr(connection, "ignores_pings", False))

        return heed


class Shutdown(Fault, tag="shutdown"):
    """The server announces that it will shut down, and closes what was open then with 1001, so many seconds later. New
    connections are served, as by its successor.
    """

    ONCE = True
    SEEN = (
        "Web Socket Streams, serverShutdown: how long before is not promised. Closing before the new connection carries data: \
binance/binance-connector-python."
    )
    notice: Annotated[float, msgspec.Meta(ge=0, le=600)] = 10.0

    def begin(self, faults: Faults, later: Later) -> Undo:
        told = faults.shutdown_notice()
        # Announced, it comes: to take it back would be another fault.
        later(round(self.notice * SECOND), lambda: ignore(faults.disconnect_all(1001, "the server shuts down", which=told)))
        return nothing


class Aging(Fault, tag="aging"):
    """A connection is closed when it is so old, as at 24 h: those open now, and those opened while it lasts."""

    SEEN = "Web Socket Streams, General Information: a connection is valid for 24 hours."
    lifetime: Annotated[float, msgspec.Meta(gt=0)] = 24 * 3600.0

    def begin(self, faults: Faults, later: Later) -> Undo:
        cancels: list[Undo] = []

        def age(connection: Connection) -> None:
            cancels.append(
                later(
                    round(self.lifetime * SECOND),
                    lambda: ignore(faults.disconnect_all(1001, "its time is over", which=(connection,))),
                )
            )

        undo = faults.greet(age)

        def live_on() -> None:
            undo()
            for cancel in cancels:
                cancel()

        return live_on


class SilentSubscriptions(Fault, tag="silent_subscriptions"):
    """A SUBSCRIBE is acknowledged, and nothing of its streams ever comes on that connection."""

    SEEN = "A SUBSCRIBE of an unknown symbol, or of over 4,088 bytes, is silent too (observed): an acknowledgement is not data."

    def begin(self, faults: Faults, later: Later) -> Undo:
        faults.silent_subscriptions += 1
        return once(lambda: lower(faults, "silent_subscriptions"))


class FewStreams(Fault, tag="few_streams"):
    """A connection may have no more streams than this; a SUBSCRIBE over it is refused with code 4."""

    SEEN = "`Too many subscriptions` (observed); 1,024 streams a connection in the documents."
    streams: Annotated[int, msgspec.Meta(ge=0, le=1024)] = 10

    def begin(self, faults: Faults, later: Later) -> Undo:
        faults.most_streams.append(self.streams)
        return once(lambda: faults.most_streams.remove(self.streams))
