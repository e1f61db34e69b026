"""Says at the end of a run in one process (``make fuzz``) how many inputs each test tried."""

from __future__ import annotations

from typing import Any

from tests.fuzz.amount import tried


def pytest_terminal_summary(terminalreporter: Any) -> None:
    if tried:
        terminalreporter.section("inputs that were tried")
        for name, count in tried.items():
            terminalreporter.write_line(f"{count:8,} {name}")
        terminalreporter.write_line(f"{tried.total():8,} in all")
