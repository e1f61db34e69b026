"""Write the dashboards of charts/rtchart/dashboards: ``python -m scripts.dashboards``; ``--check`` only looks."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from scripts.dashboards import files


def main(arguments: Sequence[str]) -> int:
    """The exit code."""
    for file, text in files().items():
        if "--check" not in arguments:
            file.parent.mkdir(exist_ok=True)
            file.write_text(text, encoding="utf-8")
        elif not file.exists() or file.read_text(encoding="utf-8") != text:
            print(f"{file} is not what the code says; write it with: python -m scripts.dashboards", file=sys.stderr)
            return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
