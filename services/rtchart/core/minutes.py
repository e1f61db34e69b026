"""Which of the exchange's own minutes a symbol wants, and which of them are not fetched yet. Pure: no I/O, no clock.

They are fetched from the newest back, in pieces that begin at fixed times, so that hours are folded of whole pieces.
"""

from __future__ import annotations

from collections.abc import Iterable

from rtchart.core.gap import Range, normal, subtract
from rtchart.core.interval import DAY, HOUR, MINUTE

PIECE = 16 * HOUR
"""Length of what is asked for at once: 960 minutes, of the 1,000 that a page of the venue can have."""


class Minutes:
    """The wanted past of one symbol. Times are milliseconds."""

    __slots__ = ("left", "since")

    def __init__(self, since: int | None = None, left: Iterable[Range] = ()) -> None:
        self.since = since
        """The first minute that is wanted, None while none is."""
        self.left = normal(left)
        """What was not fetched yet."""

    def want(self, days: int, now: int, *, listed_day: int) -> None:
        """Want so many whole days before ``now``, from the day of the first trade on at the earliest; of 0 days nothing."""
        if not days:
            self.since, self.left = None, []
            return
        since = max((now // DAY - days) * DAY, listed_day)
        if since == self.since:
            return
        # Up to now, and not to where the seconds begin, which is not known: whole minutes of these win, and fragments do not.
        planned = now // MINUTE * MINUTE if self.since is None else self.since
        left = normal([*self.left, (since, planned)])
        self.since, self.left = since, subtract(left, [(0, since)])

    def add(self, ranges: Iterable[Range]) -> None:
        """Seconds of these ranges are missing and cannot be had any more: their minutes are wanted, as far back as any are."""
        if self.since is not None:
            whole = [(start // MINUTE * MINUTE, -(-end // MINUTE) * MINUTE) for start, end in ranges]
            self.left = normal([*self.left, *subtract(whole, [(0, self.since)])])

    @property
    def reach(self) -> int | None:
        """From when on all are fetched, None while none are wanted."""
        return self.left[-1][1] if self.left else self.since

    def next(self) -> Range | None:
        """What to ask for now: the newest piece that is left, or what is left of it."""
        if not self.left:
            return None
        start, end = self.left[-1]
        return max(start, (end - 1) // PIECE * PIECE), end

    def fetched(self, start: int, end: int) -> None:
        """These are on Kafka, or the venue lacks them."""
        self.left = subtract(self.left, [(start, end)])


def lacking(start: int, end: int, there: Iterable[int], *, listed_day: int) -> list[Range]:
    """Which minutes of ``[start, end)`` the venue lacks that has those that open at ``there``.

    Nothing was lacking before its first trade, which came at some time of ``listed_day``.
    """
    times = sorted(there)
    if start < listed_day + DAY:
        start = min(times, default=end)
    return subtract([(start, end)], [(time, time + MINUTE) for time in times])
