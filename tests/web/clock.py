"""A clock for a server under test, so that no test depends on when it is run."""

from __future__ import annotations

from rtchart.core.interval import HOUR, MINUTE, SECOND
from rtchart.process.clock import now_ms


class Clock:
    """Milliseconds, as they pass, from the 20th second of a minute on, of which some came before in this hour.

    So a minute is neither about to end nor sealed while a test looks at it, nor is the one before.
    """

    def __init__(self) -> None:
        now = now_ms()
        self._ahead = now // HOUR * HOUR + 5 * MINUTE + 20 * SECOND - now

    def __call__(self) -> int:
        return now_ms() + self._ahead

    def advance(self, by: int) -> None:
        """Put it forward."""
        self._ahead += by
