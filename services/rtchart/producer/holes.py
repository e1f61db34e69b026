"""Missing seconds, as the gap ledger of a symbol keeps them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import pairwise
from typing import Literal

import msgspec

from rtchart.core.gap import GapReason

HoleKind = Literal["gap", "quiet", "history", "request"]
"""Why seconds are asked for. ``gap``: they were promised. ``quiet``: from before the first kline of a new symbol, which nobody
was promised: no gap, and nothing is said of what the venue lacks of it. ``history``: from before the symbol was asked for:
no gap either, and one answer settles it. ``request``: Kafka had them, and lost them before they were stored, or they are not
stored as the venue has them; somebody else found that out.
"""


class Hole(msgspec.Struct):
    """Missing seconds ``[start, end)`` that share a fate."""

    start: int
    end: int
    reason: GapReason
    ask_at: int
    """Not to be asked for before."""
    lacked_at: int | None = None
    """When the venue first said that it has none of them."""
    announced: bool = False
    """Whether a `GapOpened` was handed over for it, or whoever asked for it has told of the gap."""
    kind: HoleKind = "gap"

    @property
    def promised(self) -> bool:
        """Whether the watermark waits for it."""
        return self.kind in ("gap", "quiet")


def cut(hole: Hole, at: Iterable[int]) -> Iterator[Hole]:
    """The hole's parts between these times, each its own."""
    edges = sorted({hole.start, hole.end, *(time for time in at if hole.start < time < hole.end)})
    return (part_of(hole, start, end) for start, end in pairwise(edges))


def part_of(hole: Hole, start: int, end: int) -> Hole:
    """The hole from ``start`` to ``end`` alone."""
    return msgspec.structs.replace(hole, start=start, end=end)
