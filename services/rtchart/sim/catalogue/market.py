"""What happens to the market itself."""

from __future__ import annotations

from typing import Annotated

import msgspec

from rtchart.core.interval import SECOND
from rtchart.sim.catalogue.fault import (
    Fault,
    Later,
    OfSymbols,
    once,
)
from rtchart.sim.faults import FOREVER, Faults, Undo
from rtchart.sim.listing import Status


class Absent(OfSymbols, tag="absent"):
    """There are no seconds of the symbols, in the stream or by REST, and never will be: an outage of the exchange."""

    SEEN = "Ten hours of 2018-06-26, and of 2019-05-15, in the public archive."

    def begin(self, faults: Faults, later: Later) -> Undo:
        since = faults.second()
        for symbol in self.each(faults):
            faults.absent(symbol, since, FOREVER)

        def end() -> None:
            until = max(since, faults.second())
            for symbol in self.each(faults):
                faults.present(symbol, until, FOREVER)

        return once(end)


class Trading(OfSymbols, tag="trading"):
    """exchangeInfo says another status of the symbols, and while it is not TRADING no seconds of them come to be."""

    SEEN = "REST API, ENUM definitions: HALT, BREAK, END_OF_DAY, CANCEL_ONLY."
    status: Status = "HALT"

    def begin(self, faults: Faults, later: Later) -> Undo:
        for symbol in self.each(faults):
            faults.set_status(symbol, self.status)

        def resume() -> None:
            for symbol in self.each(faults):
                faults.set_status(symbol, "TRADING")

        return resume


class Delist(OfSymbols, tag="delist"):
    """The exchange knows the symbols no more; REST refuses them with -1121."""

    SEEN = "Pairs are taken off the exchange several times a month; its announcements name them."

    def begin(self, faults: Faults, later: Later) -> Undo:
        undos = [faults.delist(symbol) for symbol in self.each(faults)]

        def list_again() -> None:
            for undo in undos:
                undo()

        return list_again


class Clock(Fault, tag="clock"):
    """The exchange's clock is so many seconds ahead (or behind: below 0), in event times and in what it says its time is."""

    SEEN = "Machines whose clock is off by seconds; -1021, `Timestamp for this request is outside of the recvWindow`."
    ahead: Annotated[float, msgspec.Meta(ge=-60, le=60)] = 5.0

    def begin(self, faults: Faults, later: Later) -> Undo:
        by = round(self.ahead * SECOND)
        faults.clock_offset += by

        def back() -> None:
            faults.clock_offset -= by

        return once(back)
