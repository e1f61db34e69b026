"""Benchmarks: ``make bench``, or one of them with ``python -m bench.NAME``.

Each prints what it measured as a ratio inside one run, because the machine is shared and its absolute figures are not to be
compared across runs.
"""

from __future__ import annotations

import os

# All clients of a benchmark have one address, and what one address may have is not what is measured.
for _what in ("SOCKETS", "SUBSCRIPTIONS", "REQUESTS"):
    os.environ.setdefault(f"RTCHART_MAX_{_what}_PER_ADDRESS", "0")
