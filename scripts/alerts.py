"""Write k8s/monitoring/rtchart.rules.yaml from the chart's alerts: ``python scripts/alerts.py``; ``--check`` only looks.

The chart puts the same files into a PrometheusRule; this is for a Prometheus that reads rules from files.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from textwrap import indent

ROOT = Path(__file__).resolve().parent.parent
ALERTS = ROOT / "charts" / "rtchart" / "alerts"
FILE = ROOT / "k8s" / "monitoring" / "rtchart.rules.yaml"
HEAD = """\
# Made from charts/rtchart/alerts by scripts/alerts.py, and held to it by `make check`.
groups:
  - name: rtchart
    rules:
"""


def main(arguments: Sequence[str]) -> int:
    """The exit code."""
    text = rules()
    if "--check" in arguments:
        if not FILE.exists() or FILE.read_text(encoding="utf-8") != text:
            print(f"{FILE} is not what charts/rtchart/alerts say; write it with: python scripts/alerts.py", file=sys.stderr)
            return 1
        return 0
    FILE.parent.mkdir(parents=True, exist_ok=True)
    FILE.write_text(text, encoding="utf-8")
    return 0


def rules() -> str:
    """One group of the rules of all files. As text, because they are written for people, with comments that say why."""
    files = sorted(ALERTS.glob("*.yaml"))
    parts = [f"# {file.name}\n{file.read_text(encoding='utf-8').strip()}\n" for file in files]
    return HEAD + indent("\n".join(parts), " " * 6)


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
