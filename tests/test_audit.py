"""What `make audit` makes of the registries' answers: where none comes, it says so. A test asks no registry."""

from __future__ import annotations

from typing import Any

import pytest
from scripts import audit

CLEAN = {"name": "quart", "version": "0.22.0", "vulns": []}
FLAWED = {"name": "h11", "version": "0.1", "vulns": [{"id": "GHSA-1", "fix_versions": ["0.2"]}]}
SKIPPED = {"name": "uvloop", "version": "0.23.0", "skip_reason": "Dependency not found on PyPI"}
NPM = {"vulnerabilities": {"typescript": {"range": "<5", "severity": "high", "fixAvailable": True}}}


@pytest.mark.parametrize(
    ("packages", "npm", "says", "code", "required"),
    [
        ([CLEAN], {"vulnerabilities": {}}, "requirements/dev.txt: no known flaws", 0, 0),
        ([CLEAN, FLAWED], {"vulnerabilities": {}}, "h11 0.1: GHSA-1, mended in 0.2", 1, 1),
        ([FLAWED, SKIPPED], {"vulnerabilities": {}}, "NOT AUDITED, the registry does not answer (1 of 2 packages", 1, 1),
        ([SKIPPED], {"vulnerabilities": {}}, "NOT AUDITED", 0, 1),
        ([], {"vulnerabilities": {}}, "NOT AUDITED, the registry does not answer (no such host)", 0, 1),
        ([CLEAN], NPM, "typescript <5: high", 1, 1),
        ([CLEAN], {"message": "405"}, "package-lock.json: NOT AUDITED, the registry does not answer (405)", 0, 1),
    ],
)
def test_no_answer_is_no_clean_bill(
    packages: list[Any],
    npm: dict[str, Any],
    says: str,
    code: int,
    required: int,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def run(*command: str) -> dict[str, Any]:
        return {"why": "no such host", **(npm if "--package-lock-only" in command else {"dependencies": packages})}

    monkeypatch.setattr(audit, "_run", run)
    monkeypatch.delenv("REQUIRE_AUDIT", raising=False)
    assert audit.main() == code
    assert says in capsys.readouterr().out
    monkeypatch.setenv("REQUIRE_AUDIT", "1")
    assert audit.main() == required
