"""The metrics as Prometheus' own lint sees them, and the page that tells of them."""

from __future__ import annotations

import subprocess
from importlib import import_module

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.metrics import MetricWrapperBase
from scripts import metrics as page


def test_promtool_has_nothing_against_them(promtool: str) -> None:
    registry = CollectorRegistry()
    for module in page.SERVICES.values():
        for made in vars(import_module(module)).values():
            if isinstance(made, MetricWrapperBase):
                registry.register(made)
    registry.register(page.symbol_metrics())
    text = generate_latest(registry)
    assert text.count(b"# TYPE") > 60
    checked = subprocess.run([promtool, "check", "metrics"], input=text, capture_output=True, timeout=60)
    assert (checked.returncode, checked.stderr.decode()) == (0, "")


def test_the_page_is_what_the_code_says() -> None:
    assert page.FILE.read_text() == page.text(), "write it with: python scripts/metrics.py"
