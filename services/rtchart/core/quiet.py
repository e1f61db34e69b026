"""When what may wait is done: every symbol's second ends at once, and just then its kline is on its way to the screens."""

from __future__ import annotations

from rtchart.core.interval import SECOND

QUIET = (250, 800)
"""The part of a second (ms) in which little that is live is on its way."""


def until_quiet(now: int) -> float:
    """Seconds to wait from ``now`` (ms) for that part; 0.0 in it."""
    start, end = QUIET
    phase = now % SECOND
    return 0.0 if start <= phase < end else (start - phase) % SECOND / SECOND
