"""The faults that a script or the control endpoint can ask for: what each does, and the public case that it comes from.

A fault is a struct; its fields are its parameters, as docs/faults.md (made from here) lists them. Times in them are seconds of
the market.
"""

from __future__ import annotations

import msgspec

from rtchart.core.errors import UserError
from rtchart.sim.catalogue import connections, market, rest, streams
from rtchart.sim.catalogue.fault import Fault

SECTIONS: dict[str, tuple[type[Fault], ...]] = {
    "Connections": (
        connections.Disconnect,
        connections.RefuseHandshakes,
        connections.HalfOpen,
        connections.PingsUnanswered,
        connections.Shutdown,
        connections.Aging,
        connections.SilentSubscriptions,
        connections.FewStreams,
    ),
    "What is streamed": (
        streams.Mute,
        streams.Skip,
        streams.Late,
        streams.Double,
        streams.Shuffle,
        streams.Correct,
        streams.Garble,
        streams.Inject,
    ),
    "REST": (
        rest.TooManyRequests,
        rest.RestStatus,
        rest.RestHangs,
        rest.RestCut,
        rest.RestFewRows,
    ),
    "The market": (
        market.Absent,
        market.Trading,
        market.Delist,
        market.Clock,
    ),
}
CATALOGUE: dict[str, type[Fault]] = {str(kind.__struct_config__.tag): kind for kinds in SECTIONS.values() for kind in kinds}
"""All of them, by name."""


def fault(written: dict[str, object], where: str) -> Fault:
    """The fault that an object describes. Raises `UserError`, which says ``where`` it was written."""
    name = written.get("fault")
    if not isinstance(name, str) or name not in CATALOGUE:
        raise UserError(f"{where} names no fault ({name!r}); `fault` is one of {', '.join(CATALOGUE)}")
    try:
        return msgspec.convert(written, CATALOGUE[name])
    except msgspec.ValidationError as error:
        raise UserError(f"{where}, {name}: {error}; docs/faults.md lists what it takes") from None
