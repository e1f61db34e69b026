"""A source as the ``"char"`` that tables hold: its first letter."""

from __future__ import annotations

from rtchart.core.candle import CANDLE_SOURCES, CandleSource
from rtchart.core.kline import SOURCES, Source

LETTER_OF: dict[CandleSource, str] = {source: source[0] for source in CANDLE_SOURCES}
"""What is written."""

SOURCE_OF: dict[bytes, CandleSource] = {letter.encode(): source for source, letter in LETTER_OF.items()}
"""What is read."""

KLINE_SOURCE_OF: dict[bytes, Source] = {source[0].encode(): source for source in SOURCES}
"""… of a second."""
