"""The venue's clock, as seen from here.

A second is over when it is over at the venue, whatever this machine's clock says, and a simulated venue may run faster than
life. So the venue's time is estimated: from the times it tells (event times, ``/time``) and the monotonic clock between them.
"""

from __future__ import annotations

import time
from collections.abc import Callable

MAX_LEAP = 60_000
"""Milliseconds that an event time may be ahead of the estimate and still be believed. `set` believes everything."""


class VenueClock:
    """Estimates the venue's time from below: a time it told has passed there when it arrives here.

    So a second that is over by this clock is over at the venue. ``local`` gives milliseconds that never go back.
    """

    def __init__(self, local: Callable[[], float] = lambda: time.monotonic() * 1000) -> None:
        self._local = local
        self._offset: float | None = None

    @property
    def known(self) -> bool:
        """Whether the venue told its time yet."""
        return self._offset is not None

    def set(self, venue_ms: int) -> None:
        """The venue answered, just now, that this is its time. Replaces the estimate, up or down by any amount."""
        self._offset = venue_ms - self._local()

    def heard(self, venue_ms: int) -> None:
        """Something stamped with this venue time arrived. Moves the estimate only forward."""
        offset = venue_ms - self._local()
        if self._offset is None or self._offset < offset <= self._offset + MAX_LEAP:
            self._offset = offset

    def now(self) -> int:
        """The venue's time (ms), or a little less. Raises `ValueError` while it is not `known`."""
        if self._offset is None:
            raise ValueError("the venue has not told its time yet")
        return int(self._local() + self._offset)
