"""The gaps of the last hours as the stream of records tells them, before the database does.

A gap opens with a `GapOpened`; the seconds that come afterwards, and the ranges the exchange has none of either, close it.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from rtchart.core.gap import Gap, Range, subtract
from rtchart.core.interval import SECOND
from rtchart.core.messages import Absent, GapOpened

MAX_OPEN = 1_000
"""Open gaps kept per symbol; beyond, the oldest are left to the database."""


@dataclass(slots=True)
class _Open:
    gap: Gap
    missing: list[Range]
    absent: bool = False


@dataclass(slots=True)
class OpenGaps:
    """The open gaps of one symbol."""

    _open: dict[Range, _Open] = field(default_factory=dict)

    def __bool__(self) -> bool:
        return bool(self._open)

    def opened(self, message: GapOpened) -> Gap | None:
        """Take a new gap; None when it is known."""
        gap = Gap(start=message.start, end=message.end, state="open", reason=message.reason, opened_at=message.at)
        return gap if self.take(gap) else None

    def take(self, gap: Gap) -> bool:
        """Follow an open gap from now on; whether it is new."""
        place = (gap.start, gap.end)
        if place in self._open or gap.start >= gap.end:
            return False
        if len(self._open) >= MAX_OPEN:
            del self._open[next(iter(self._open))]
        self._open[place] = _Open(gap, [place])
        return True

    def came(self, open_time: int, now: int) -> list[Gap]:
        """A second came; the gaps that it was the last missing one of."""
        return self._take((open_time, open_time + SECOND), now, absent=False)

    def absent(self, message: Absent) -> list[Gap]:
        """The exchange has none of these; the gaps that nothing is missing of now."""
        return self._take((message.start, message.end), message.asked_at, absent=True)

    def gaps(self) -> list[Gap]:
        """Those that are open, oldest first."""
        return sorted((item.gap for item in self._open.values()), key=lambda gap: gap.start)

    def _take(self, taken: Range, now: int, *, absent: bool) -> list[Gap]:
        closed: list[Gap] = []
        for place, item in list(self._open.items()):
            if taken[0] < place[1] and place[0] < taken[1]:
                item.missing = subtract(item.missing, [taken])
                item.absent |= absent
                if not item.missing:
                    del self._open[place]
                    closed.append(_closed(item, now))
        return closed


def _closed(item: _Open, now: int) -> Gap:
    gap = item.gap
    return Gap(
        start=gap.start,
        end=gap.end,
        state="absent" if item.absent else "repaired",
        reason=gap.reason,
        opened_at=gap.opened_at,
        closed_at=now,
    )
