"""Ranges of seconds that are missing, and the arithmetic on them.

A gap is a fact about one symbol: ``[start, end)`` was expected and did not come. It ends as *repaired* (the seconds came by
REST, or, when they are older than what is kept, the exchange's own minutes) or *absent* (the exchange has none either), and is
a row of the ledger in every case.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal

import msgspec

from rtchart.core.interval import SECOND

Range = tuple[int, int]
"""Half-open ``[start, end)`` in milliseconds, both whole seconds."""

GapState = Literal["open", "repaired", "absent"]
GapReason = Literal["step", "silence", "reconnect", "start", "offset_lost", "verify", "history"]
"""Why it was opened: open_time stepped, no kline for 5 s, the connection was new, the producer was, Kafka's log had been cut
off before it was read, or a comparison with the exchange (``rtchart verify --repair``) found the stored seconds not as its.
``history``: it never was; older history was fetched, and the exchange lacks some of it."""


class Gap(msgspec.Struct, frozen=True, kw_only=True):
    """A row of the ledger. Times are milliseconds; ``closed_at`` is None while it is open."""

    start: int
    end: int
    state: GapState
    reason: GapReason
    opened_at: int
    closed_at: int | None = None

    @property
    def seconds(self) -> int:
        return (self.end - self.start) // SECOND


def normal(ranges: Iterable[Range]) -> list[Range]:
    """The same seconds as the fewest ranges: sorted, not empty, not touching."""
    out: list[Range] = []
    for start, end in sorted(r for r in ranges if r[0] < r[1]):
        if out and start <= out[-1][1]:
            out[-1] = (out[-1][0], max(out[-1][1], end))
        else:
            out.append((start, end))
    return out


def subtract(ranges: Iterable[Range], taken: Iterable[Range]) -> list[Range]:
    """The seconds of ``ranges`` that are not in ``taken``."""
    out: list[Range] = []
    holes = normal(taken)
    for start, end in normal(ranges):
        at = start
        for low, high in holes:
            if high <= at or low >= end:
                continue
            if low > at:
                out.append((at, low))
            at = max(at, high)
        if at < end:
            out.append((at, end))
    return out


def common(one: Iterable[Range], other: Iterable[Range]) -> list[Range]:
    """The seconds that are in both."""
    ranges = list(one)
    return subtract(ranges, subtract(ranges, other))


def seconds_of(times: Iterable[int]) -> list[Range]:
    """The ranges that single seconds (open times) cover."""
    return normal((time, time + SECOND) for time in times)


def count(ranges: Iterable[Range]) -> int:
    """How many seconds ranges hold."""
    return sum(end - start for start, end in normal(ranges)) // SECOND
