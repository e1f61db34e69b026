"""Prometheus' own tool, for what is written for it."""

from __future__ import annotations

import os
import shutil

import pytest


@pytest.fixture(scope="session")
def promtool() -> str:
    """Path of promtool. Skips the test where there is none; where CI is set that is a failure."""
    if path := shutil.which("promtool"):
        return path
    if os.environ.get("CI"):
        pytest.fail("promtool is not installed, and CI must hold metrics, alerts and dashboards to it")
    pytest.skip("promtool is not installed (on Debian: apt install prometheus)")
