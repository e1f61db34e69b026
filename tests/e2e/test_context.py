"""A cluster that is not made for tests is not touched."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import yaml


def test_another_context_is_refused(tmp_path: Path, monkeypatch) -> None:
    config = tmp_path / "kubeconfig"
    clusters = [{"name": "production", "cluster": {"server": "https://127.0.0.1:9"}}]
    contexts = [{"name": "production", "context": {"cluster": "production", "user": "me"}}]
    config.write_text(
        yaml.safe_dump(
            {
                "apiVersion": "v1",
                "kind": "Config",
                "clusters": clusters,
                "contexts": contexts,
                "users": [{"name": "me", "user": {}}],
                "current-context": "production",
            }
        )
    )
    monkeypatch.setenv("KUBECONFIG", str(config))
    run = subprocess.run(
        (sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "tests/e2e/test_install.py"),
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 1
    assert "no end-to-end test was run: " in run.stdout and "the current context is production" in run.stdout
