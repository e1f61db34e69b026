"""The scripts that write files from code: what they say when a file is not as it should be."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from types import ModuleType

import pytest
import scripts.dashboards
from scripts import alerts, metrics
from scripts.dashboards import __main__ as dashboards


@pytest.mark.parametrize(
    ("main", "module", "place", "command"),
    [
        (alerts.main, alerts, "FILE", "python scripts/alerts.py"),
        (dashboards.main, scripts.dashboards, "FOLDER", "python -m scripts.dashboards"),
        (metrics.main, metrics, "FILE", "python scripts/metrics.py"),
    ],
    ids=["alerts", "dashboards", "metrics"],
)
def test_a_check_says_how_to_write_what_is_missing_or_different(
    main: Callable[[Sequence[str]], int],
    module: ModuleType,
    place: str,
    command: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(module, place, tmp_path / "made")

    def missed() -> bool:
        return main(["--check"]) == 1 and f"write it with: {command}\n" in capsys.readouterr().err

    assert missed() and not list(tmp_path.iterdir())
    assert main([]) == main(["--check"]) == 0
    made = sorted(path for path in tmp_path.rglob("*") if path.is_file())
    assert made
    for file in made:
        text = file.read_text(encoding="utf-8")
        file.write_text(f"{text}\n", encoding="utf-8")
        assert missed()
        file.write_text(text, encoding="utf-8")
    assert main(["--check"]) == 0
