"""docs/security.md names tests and code that are there."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parent.parent
ROWS = [
    [cell.strip() for cell in line.strip("|").split("|")]
    for line in (ROOT / "docs" / "security.md").read_text(encoding="utf-8").splitlines()
    if line.startswith("|") and not line.startswith(("|---", "| threat"))
]


def paths(cell: str) -> list[str]:
    return re.findall(r"`([\w./-]+)`", cell)


def test_every_answer_has_code_and_a_test_that_are_there() -> None:
    assert len(ROWS) > 20
    for threat, _, code, tests in ROWS:
        assert paths(code) and paths(tests), threat
        for path in paths(code):
            assert (ROOT / "services" / "rtchart" / path).exists() or (ROOT / path).exists(), path
        for path in paths(tests):
            text = (ROOT / "tests" / path).read_text(encoding="utf-8")
            assert re.search(r"^(async )?def test_", text, re.MULTILINE), path
