"""The clock of this machine, in the units of `rtchart.core`."""

from __future__ import annotations

import time


def now_ms() -> int:
    """Milliseconds since the epoch."""
    return time.time_ns() // 1_000_000


def now_us() -> int:
    """Microseconds since the epoch, for stamps."""
    return time.time_ns() // 1_000
