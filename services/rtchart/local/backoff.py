"""How long to wait before what ended is started again."""

from __future__ import annotations

FIRST, LONGEST = 0.5, 30.0
"""Seconds: the first delay, and the last; doubled each time."""
STEADY_AFTER = 60.0
"""What ran for so many seconds waits for `FIRST` again."""


class Backoff:
    """The delays of one thing that is kept running."""

    def __init__(self, first: float = FIRST) -> None:
        self._first = self._next = first

    def after(self, ran: float) -> float:
        """The delay (s) before the next start, after a run of so many seconds; 0 if it did not start at all."""
        delay = self._first if ran > STEADY_AFTER else self._next
        self._next = min(delay * 2, LONGEST)
        return delay
