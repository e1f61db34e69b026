"""Prometheus' own tool, for what is written for it."""

from __future__ import annotations

import pytest

from tests.programs import program


@pytest.fixture(scope="session")
def promtool() -> str:
    """Path of promtool."""
    return program("promtool", package="prometheus", what="metrics, alerts and dashboards with it")
