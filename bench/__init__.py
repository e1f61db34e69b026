"""Benchmarks: ``make bench``. Each prints ratios inside one run, because machines are shared and noisy."""

from __future__ import annotations

import os

# All clients of a benchmark have one address, and what one address may have is not what is measured.
for _what in ("SOCKETS", "SUBSCRIPTIONS", "REQUESTS"):
    os.environ.setdefault(f"RTCHART_MAX_{_what}_PER_ADDRESS", "0")
