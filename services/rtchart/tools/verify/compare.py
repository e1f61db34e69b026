"""Comparing stored seconds and candles with the exchange's, and with each other. Pure: maps in, findings out.

Of each time that is compared there is either nothing to say, because both sides have the same, or a `Difference`; so what was
found, put into one side, gives the other (``tests/tools/test_verify_compare.py`` holds it to that).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from decimal import Decimal
from operator import attrgetter
from typing import Literal, NamedTuple

import msgspec

from rtchart.core.gap import Range, subtract
from rtchart.core.interval import INTERVALS
from rtchart.core.kline import FIGURES

Figures = tuple[str | int, ...]
"""What a kline or candle says, in the order of `FIGURES`: decimal strings, and a count."""

figures: attrgetter[Figures] = attrgetter(*FIGURES)
"""The figures of a `Kline` or a `Candle`."""

Kind = Literal[
    "missing", "different", "absent", "alone", "doubled", "unusable", "unstored",
    "no_candle", "fold", "excess", "candle", "incomplete", "unexplained", "waiting",
]  # fmt: skip

HARMLESS: frozenset[Kind] = frozenset(("absent", "incomplete"))
"""Worth knowing, and no reason to call what is stored anything but whole: none of it is ours to mend."""


class Pair(msgspec.Struct, frozen=True, omit_defaults=True):
    """What both sides have of one time (ms); None where one has nothing."""

    open_time: int
    stored: dict[str, str | int] | None = None
    other: dict[str, str | int] | None = None


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """Something to tell of the times ``[start, end)`` (ms) of one interval, which share a kind and a note."""

    kind: Kind
    interval: str
    start: int
    end: int
    note: str = ""
    """What is known of it besides, for people."""
    figures: tuple[Pair, ...] = ()
    """Where figures differ: both, of each time, in the order of the times."""

    @property
    def fails(self) -> bool:
        """Whether what is stored is not whole for it."""
        return self.kind not in HARMLESS

    @property
    def count(self) -> int:
        """How many seconds or candles it is about."""
        interval, time, periods = INTERVALS[self.interval], self.start, 0
        if interval.length:
            return (self.end - self.start) // interval.length
        while time < self.end:
            time, periods = interval.next_open(time), periods + 1
        return periods


class Difference(NamedTuple):
    """Of one time: what is stored and what the other side has; they are not the same, or both have nothing."""

    time: int
    ours: Figures | None
    theirs: Figures | None

    @property
    def kind(self) -> Literal["missing", "different", "absent", "alone"]:
        if self.ours is None:
            return "absent" if self.theirs is None else "missing"
        return "alone" if self.theirs is None else "different"

    @property
    def pair(self) -> Pair:
        return Pair(self.time, _named(self.ours), _named(self.theirs))


def same(one: Figures, other: Figures) -> bool:
    """Whether figures are equal, decimals by their value."""
    return one == other or all(a == b or Decimal(a) == Decimal(b) for a, b in zip(one, other, strict=True))


def differences(ours: Mapping[int, Figures], theirs: Mapping[int, Figures], times: Iterable[int]) -> list[Difference]:
    """What is not equal of these times, and which times neither side has."""
    found: list[Difference] = []
    for time in times:
        mine, other = ours.get(time), theirs.get(time)
        if mine is None or other is None or not same(mine, other):
            found.append(Difference(time, mine, other))
    return found


def grouped(findings: Iterable[Finding]) -> list[Finding]:
    """The same with neighbours of one kind, interval and note together: sorted by kind, interval and time."""
    out: list[Finding] = []
    held: list[Finding] = []
    for finding in sorted(findings, key=lambda one: (one.kind, one.interval, one.note, one.start)):
        if held and _alike(held[-1], finding):
            held.append(finding)
            continue
        out += _joined(held)
        held = [finding]
    return sorted([*out, *_joined(held)], key=lambda one: (one.kind, one.interval, one.start))


def split(finding: Finding, notes: Iterable[tuple[str, Iterable[Range]]], rest: str) -> list[Finding]:
    """The finding in parts, each with the note of the first ranges that it lies in, or ``rest`` where it lies in none."""
    left: list[Range] = [(finding.start, finding.end)]
    parts: list[tuple[Range, str]] = []
    for note, ranges in notes:
        outside = subtract(left, ranges)
        parts += [(part, note) for part in subtract(left, outside)]
        left = outside
    parts += [(part, rest) for part in left]
    return [
        msgspec.structs.replace(
            finding,
            start=start,
            end=end,
            note=note,
            figures=tuple(pair for pair in finding.figures if start <= pair.open_time < end),
        )
        for (start, end), note in parts
    ]


def _alike(one: Finding, other: Finding) -> bool:
    return (one.kind, one.interval, one.note) == (other.kind, other.interval, other.note) and one.end == other.start


def _joined(held: list[Finding]) -> list[Finding]:
    if not held:
        return []
    pairs = tuple(pair for finding in held for pair in finding.figures)
    return [msgspec.structs.replace(held[0], end=held[-1].end, figures=pairs)]


def _named(values: Figures | None) -> dict[str, str | int] | None:
    return None if values is None else dict(zip(FIGURES, values, strict=True))
