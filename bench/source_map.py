"""Which file a place in a built script comes from, as its source map says (ECMA-426)."""

from __future__ import annotations

import bisect
import json
import string
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import accumulate
from pathlib import Path

_DIGITS = {digit: value for value, digit in enumerate(string.ascii_uppercase + string.ascii_lowercase + string.digits + "+/")}


@dataclass(frozen=True)
class SourceMap:
    """Of each generated line the columns (from 0, rising) at which a segment begins, and the file each one is of."""

    lines: list[tuple[list[int], list[str]]]

    @classmethod
    def load(cls, path: Path) -> SourceMap:
        """The map in a file."""
        content = json.loads(path.read_text(encoding="utf-8"))
        lines: list[tuple[list[int], list[str]]] = []
        source = 0
        for line in content["mappings"].split(";"):
            segments = [list(_numbers(segment)) for segment in line.split(",") if segment]
            columns = list(accumulate(segment[0] for segment in segments))
            names: list[str] = []
            for segment in segments:
                source += segment[1] if len(segment) > 1 else 0  # each is said as the step from the last, lines apart
                names.append(content["sources"][source])
            lines.append((columns, names))
        return cls(lines)

    def source(self, line: int, column: int) -> str:
        """The file that a place (both from 0) comes from; empty where no segment begins before it."""
        columns, names = self.lines[line] if line < len(self.lines) else ([], [])
        at = bisect.bisect_right(columns, column) - 1
        return names[at] if at >= 0 else ""


def _numbers(segment: str) -> Iterator[int]:
    """The numbers of a segment: base 64, five bits a digit, the lowest first; the first bit of all is the sign."""
    value = shift = 0
    for digit in segment:
        bits = _DIGITS[digit]
        value |= (bits & 31) << shift
        shift += 5
        if not bits & 32:
            yield -(value >> 1) if value & 1 else value >> 1
            value = shift = 0
