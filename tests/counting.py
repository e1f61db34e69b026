"""What this process has counted: ``counted("rtchart_web_stalled_total")``."""

from __future__ import annotations

from prometheus_client import REGISTRY


def counted(name: str, **labels: str) -> float:
    """The value of a series now; 0 before there is one."""
    return REGISTRY.get_sample_value(name, labels) or 0.0
