"""What the tests of `rtchart up` share."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest


@pytest.fixture
def folder() -> Iterator[Path]:
    """A data folder. Not below pytest's own, which is closed to others: run as root, PostgreSQL is one."""
    with tempfile.TemporaryDirectory(prefix="rtchart-test-", ignore_cleanup_errors=True) as path:
        yield Path(path)
