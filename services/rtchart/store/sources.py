"""A source as the ``"char"`` that tables hold: its first letter."""

from __future__ import annotations

from rtchart.core.kline import SOURCES, Source

LETTER_OF: dict[Source, str] = {source: source[0] for source in SOURCES}
"""What is written."""

SOURCE_OF: dict[bytes, Source] = {letter.encode(): source for source, letter in LETTER_OF.items()}
"""What is read."""
