"""What a fault is, and what faults are written with."""

from __future__ import annotations

from typing import Annotated, ClassVar, Protocol

import msgspec

from rtchart.core.interval import SECOND
from rtchart.sim import disturbance
from rtchart.sim.faults import Faults, Undo

Share = Annotated[float, msgspec.Meta(ge=0, le=1)]
Seconds = Annotated[float, msgspec.Meta(ge=0, le=disturbance.LONGEST / SECOND)]
Count = Annotated[int, msgspec.Meta(ge=1)]
HttpStatus = Annotated[int, msgspec.Meta(ge=400, le=599)]
CloseCode = Annotated[int, msgspec.Meta(ge=1000, le=4999)]


class Later(Protocol):
    """Calls a function of no arguments so many ms of the market from now; what it returns takes that back."""

    def __call__(self, ms: int, function: Undo) -> Undo: ...


class Fault(msgspec.Struct, forbid_unknown_fields=True, tag_field="fault", kw_only=True):
    """One thing that goes wrong."""

    SEEN: ClassVar[str]
    """Where it was seen."""
    ONCE: ClassVar[bool] = False
    """Whether it happens once, when nobody says how long it lasts."""

    def begin(self, faults: Faults, later: Later) -> Undo:
        """Let it go wrong, and return what takes it back. A symbol that is not listed is a `KeyError`."""
        raise NotImplementedError


class OfSymbols(Fault, kw_only=True):
    symbols: tuple[str, ...] = ()
    """Which symbols; none: all."""

    def each(self, faults: Faults) -> tuple[str, ...]:
        return self.symbols or faults.symbols


def nothing() -> None:
    """What happened once cannot be taken back."""


def ignore(_: object) -> None:
    """What came of it does not matter."""


def once(undo: Undo) -> Undo:
    """The first call takes back, further ones do nothing."""
    left = [undo]
    return lambda: left.pop()() if left else None


def lower(faults: Faults, name: str) -> None:
    """One less of what is counted there."""
    setattr(faults, name, getattr(faults, name) - 1)
