"""What is told of a comparison: as text for people, and as JSON, an object a line. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import msgspec

from rtchart.core.gap import Range
from rtchart.core.interval import SECOND
from rtchart.tools.verify.compare import HARMLESS, Difference, Finding, Kind, Pair

SHOWN = 20
"""Findings of a kind that the text has of each symbol; JSON has all."""

TITLES: dict[Kind, str] = {
    "unstored": "nothing stored",
    "missing": "missing",
    "different": "different",
    "alone": "ours alone",
    "doubled": "doubled",
    "unusable": "unusable there",
    "absent": "absent there",
    "no_candle": "candle missing",
    "fold": "candle differs from its fold",
    "excess": "candle has more seconds than are stored",
    "candle": "candle differs from the exchange's",
    "unexplained": "candle incomplete",
    "waiting": "candle waits",
    "incomplete": "candle incomplete",
}
"""What each kind of finding is called, in the order in which they are told."""


@dataclass
class Report:
    """What was found of one symbol."""

    symbol: str
    """The identity, ``binance:BTCUSDT``."""
    window: Range
    seconds: int = 0
    """Compared with the exchange's."""
    until: int | None = None
    """Up to where the seconds were compared (ms); None when there are none to compare."""
    folds: Counter[str] = field(default_factory=Counter)
    """Candles that were compared with the fold of their seconds, by interval."""
    exchanges: Counter[str] = field(default_factory=Counter)
    """… with the exchange's own."""
    findings: list[Finding] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    """What else to know of it, a sentence each."""
    wrong: list[Difference] = field(default_factory=list)
    """The seconds that are missing or different."""
    unchecked: str = ""
    """Why not all of it could be compared; empty when all was."""

    @property
    def whole(self) -> bool:
        """Whether nothing was found that fails; of what was compared."""
        return not any(finding.fails for finding in self.findings)

    @property
    def unequal(self) -> int:
        """Compared seconds that are not there on both sides, and alike."""
        kinds = ("missing", "different", "alone", "absent")
        return sum(finding.count for finding in self.findings if finding.kind in kinds)


def text(reports: Iterable[Report], *, seconds_left_out: int = 0) -> str:
    """All of it for a person to read."""
    reports = list(reports)
    return "\n".join([*(line for report in reports for line in _lines(report)), _conclusion(reports, seconds_left_out)])


def json_lines(reports: Iterable[Report], *, repaired: bool) -> Iterator[str]:
    """An object for each finding, and one of the kind ``compared`` for each symbol after them. Times are milliseconds."""
    for report in reports:
        shared = {"symbol": report.symbol, "after_repair": repaired}
        for finding in report.findings:
            entry: dict[str, Any] = {**shared, **msgspec.to_builtins(finding), "fails": finding.fails}
            yield msgspec.json.encode(entry).decode()
        end: dict[str, Any] = {
            **shared,
            "kind": "compared",
            "start": report.window[0],
            "end": report.window[1],
            "seconds": report.seconds,
            "equal": report.seconds - report.unequal,
            "candles_with_fold": dict(report.folds),
            "candles_with_exchange": dict(report.exchanges),
            "whole": report.whole,
            "unchecked": report.unchecked,
            "notes": report.notes,
        }
        yield msgspec.json.encode(end).decode()


def at(time: int) -> str:
    """A time (ms) as it is written everywhere here: ISO 8601 in UTC."""
    return datetime.fromtimestamp(time / SECOND, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def span(times: Range) -> str:
    """A range of times, its end without the day where that is the same."""
    start, end = map(at, times)
    return f"{start} – {end[11:] if start[:10] == end[:10] else end}"


def _lines(report: Report) -> Iterator[str]:
    yield f"{report.symbol}  {span(report.window)}"
    if report.until is not None:
        yield f"  {report.seconds} s compared, {report.seconds - report.unequal} s equal"
    for what, counts in (("the fold of their seconds", report.folds), ("the exchange's", report.exchanges)):
        if counts:
            yield f"  candles compared with {what}: {', '.join(f'{count} of {name}' for name, count in counts.items())}"
    for kind, title in TITLES.items():
        found = [finding for finding in report.findings if finding.kind == kind]
        for finding in found[:SHOWN]:
            yield f"  {title}: {_described(finding)}"
        if len(found) > SHOWN:
            yield f"  {title}: and {len(found) - SHOWN} more"
    for note in report.notes:
        yield f"  note: {note}"
    if report.unchecked:
        yield f"  not all of it was compared: {report.unchecked}"


def _described(finding: Finding) -> str:
    seconds = finding.interval == "1s"
    line = "" if seconds else f"{finding.interval} "
    line += span((finding.start, finding.end))
    if seconds:
        line += f", {finding.count} s"
    elif finding.count > 1:
        line += f", {finding.count} candles"
    if finding.note:
        line += f" ({finding.note})"
    if finding.figures and finding.figures[0].other is not None:
        first, *more = finding.figures
        where = "in the fold" if finding.kind == "fold" else "there"
        line += f": {f'at {at(first.open_time)} ' if more else ''}{_pair(first, where)}"
        if more:
            line += f"; and {len(more)} more"
    return line


def _pair(pair: Pair, where: str) -> str:
    stored, other = pair.stored or {}, pair.other or {}
    return ", ".join(
        f"{name} {stored[name]} stored, {other[name]} {where}"
        for name in stored
        if Decimal(stored[name]) != Decimal(other[name])
    )


def _conclusion(reports: list[Report], seconds_left_out: int) -> str:
    symbols, seconds = len(reports), sum(report.seconds for report in reports)
    candles = sum((report.folds | report.exchanges).total() for report in reports)
    what = f"{symbols} symbol{'s' if symbols != 1 else ''}, {seconds} s, {candles} candles"
    left = f"; the newest {seconds_left_out} s are left out, as they may be under way" if seconds_left_out else ""
    if any(not report.whole for report in reports):
        amounts: Counter[Kind] = Counter()
        for report in reports:
            for finding in report.findings:
                amounts[finding.kind] += finding.count
        told = [
            f"{title} {amounts[kind]}{' s' if kind in _OF_SECONDS else ''}"
            for kind, title in TITLES.items()
            if amounts[kind] and kind not in HARMLESS
        ]
        return f"not whole: {', '.join(told)}; compared {what}{left}"
    if any(report.unchecked for report in reports):
        return f"not all was compared; what was is whole: {what}{left}"
    return f"whole: {what}{left}"


_OF_SECONDS: frozenset[Kind] = frozenset(("unstored", "missing", "different", "alone", "doubled", "unusable"))
