"""Write docs/asyncapi.yaml from the structs: ``python scripts/asyncapi.py``; with ``--check`` only say whether it is right."""

from __future__ import annotations

import sys
from pathlib import Path

import yaml

from rtchart.web.asyncapi import document

FILE = Path(__file__).parent.parent / "docs" / "asyncapi.yaml"
HEAD = "# Made from the structs by scripts/asyncapi.py, and held to them by a test. Change services/rtchart/web/protocol.py.\n"


class _Dumper(yaml.SafeDumper):
    def ignore_aliases(self, data: object) -> bool:
        return True


def text() -> str:
    """What the file must hold."""
    return HEAD + yaml.dump(document(), Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=120)


if __name__ == "__main__":
    if "--check" not in sys.argv:
        FILE.write_text(text(), encoding="utf-8")
    elif FILE.read_text(encoding="utf-8") != text():
        sys.exit(f"{FILE} is not what the structs say; run: python {sys.argv[0]}")
