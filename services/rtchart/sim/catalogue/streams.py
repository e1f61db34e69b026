"""What happens to the seconds that are streamed."""

from __future__ import annotations

from typing import Literal

from rtchart.core.interval import SECOND
from rtchart.sim import disturbance
from rtchart.sim.catalogue.fault import (
    Fault,
    Later,
    OfSymbols,
    Seconds,
    Share,
    nothing,
)
from rtchart.sim.faults import Faults, Undo


class Mute(OfSymbols, tag="mute"):
    """Nothing of the symbols is streamed. REST goes on."""

    SEEN = """One symbol of many falls silent: a watchdog per connection does not see it, and one that trips on quiet pairs is
    no better (tardis-dev/tardis-node#48)."""

    def begin(self, faults: Faults, later: Later) -> Undo:
        return faults.disturb(disturbance.left_out(1.0), self.symbols)


class Skip(OfSymbols, tag="skip"):
    """So large a part of the seconds is not streamed. REST has them."""

    SEEN = "6 klines in 15 s; 992 of 86,400 seconds of a recorded day (observed)."
    share: Share = 0.3

    def begin(self, faults: Faults, later: Later) -> Undo:
        return faults.disturb(disturbance.left_out(self.share), self.symbols)


class Late(OfSymbols, tag="late"):
    """Klines come so many seconds late."""

    SEEN = "30 s in fast markets (observed)."
    by: Seconds = 30.0

    def begin(self, faults: Faults, later: Later) -> Undo:
        return faults.disturb(disturbance.late(round(self.by * SECOND)), self.symbols)


class Double(OfSymbols, tag="double"):
    """So large a part of the klines comes twice."""

    SEEN = "Two connections that overlap, which make-before-break brings about."
    share: Share = 1.0

    def begin(self, faults: Faults, later: Later) -> Undo:
        return faults.disturb(disturbance.doubled(self.share), self.symbols)


class Shuffle(OfSymbols, tag="shuffle"):
    """Klines come up to so many seconds late, each by another time, so out of order."""

    SEEN = "Streams of several servers behind one address, after a reconnect."
    within: Seconds = 3.0

    def begin(self, faults: Faults, later: Later) -> Undo:
        return faults.disturb(disturbance.shuffled(round(self.within * SECOND)), self.symbols)


class Correct(OfSymbols, tag="correct"):
    """Klines come with wrong numbers, and again with the right ones so many seconds later."""

    SEEN = "A closed kline that comes once more with a later event time and other numbers."
    after: Seconds = 2.0

    def begin(self, faults: Faults, later: Later) -> Undo:
        return faults.disturb(disturbance.corrected(round(self.after * SECOND)), self.symbols)


class Garble(OfSymbols, tag="garble"):
    """So large a part of the klines is written in another way: no JSON, fields of other types, fields missing, microseconds."""

    SEEN = """A batch lost for one bad row: bmoscon/cryptofeed's Postgres backend. Times became microseconds in the public
    archive in 2025."""
    how: Literal["malformed", "wrong_types", "missing_fields", "microseconds"] = "malformed"
    share: Share = 1.0

    def begin(self, faults: Faults, later: Later) -> Undo:
        return faults.disturb(disturbance.garbled(getattr(disturbance, self.how), self.share), self.symbols)


class Inject(Fault, tag="inject"):
    """A text is sent as it is to every open connection, once."""

    ONCE = True
    SEEN = "Frames of streams that nobody subscribed to, and of events that are not documented yet."
    text: str = "{"

    def begin(self, faults: Faults, later: Later) -> Undo:
        faults.inject(self.text)
        return nothing
