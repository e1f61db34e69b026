"""docs/configuration.md and the options it tells of."""

from __future__ import annotations

from scripts.configuration import FILE, text


def test_the_document_is_what_the_options_say() -> None:
    assert FILE.read_text(encoding="utf-8") == text(), "run: python scripts/configuration.py"
