"""Programs that tests need and `make install` does not bring."""

from __future__ import annotations

import os
import shutil

import pytest


def program(*names: str, package: str, what: str) -> str:
    """Path of the first that there is. Skips the test where there is none; where CI is set that is a failure."""
    for name in names:
        if path := shutil.which(name):
            return path
    if os.environ.get("CI"):
        pytest.fail(f"{names[0]} is not installed, and CI must test {what}")
    pytest.skip(f"{names[0]} is not installed (on Debian: apt install {package})")
