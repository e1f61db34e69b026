"""This machine's clock against another's."""

from __future__ import annotations

from typing import NamedTuple

from rtchart.tools.doctor.findings import Finding, failed, ok, warning

WARN_MS = 500
FAIL_MS = 2_000


class Offset(NamedTuple):
    """How far the other clock is ahead of this machine's, and how far that may be wrong (ms)."""

    ms: float
    within: float


def offset(sent: float, told: float, received: float) -> Offset:
    """From this machine's times (ms) before and after a question, and the time that the other one told in between."""
    return Offset(told - (sent + received) / 2, (received - sent) / 2)


def judge(what: str, measured: Offset, advice: str, *, may_fail: bool = True) -> Finding:
    """Only what the round trip does not explain counts."""
    figures = {"offset_ms": round(measured.ms), "within_ms": round(measured.within)}
    sure = abs(measured.ms) - measured.within
    if sure <= WARN_MS:
        return ok(what, **figures)
    side = "behind" if measured.ms > 0 else "ahead of"
    found = f"this machine's clock is {abs(measured.ms) / 1000:.1f} s {side} it"
    return (failed if may_fail and sure > FAIL_MS else warning)(what, found, advice, **figures)
