"""What becomes of a symbol's gaps when a batch is stored. Pure: rows in, rows out.

The ledger of a symbol keeps this: open and absent rows never overlap, an open row is short of a second at least, and no
absent second is stored. ``tests/inserter/test_ledger.py`` holds it to that.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from rtchart.core.gap import GapReason, Range, common, normal, subtract
from rtchart.core.messages import Absent, GapOpened
from rtchart.store.gaps import GapRow


def concern(known: Iterable[GapRow], opened: Iterable[GapOpened], absent: Iterable[Absent]) -> list[Range]:
    """The ranges of which `settle` must know the stored seconds."""
    return normal([*(row.range for row in known), *((g.start, g.end) for g in opened), *((a.start, a.end) for a in absent)])


def settle(
    symbol_id: int,
    known: Sequence[GapRow],
    opened: Sequence[GapOpened],
    absent: Sequence[Absent],
    stored: Iterable[Range],
    *,
    floor: int,
    now: int,
    unannounced: GapReason = "step",
) -> list[GapRow]:
    """The rows that are new (``gap_id`` None) or changed, of one symbol.

    ``known`` are its rows, open or absent, that overlap anything else here; ``stored`` are the seconds of `concern` that are
    in the database, this batch's included. A gap is repaired when each of its seconds is stored; what of it the exchange
    lacks too becomes a row of its own, absent; a partly filled one stays open as it is. A gap that reaches below the raw
    ``floor`` is two, because the seconds of one part alone can still come. ``unannounced`` is the reason of what the
    exchange lacks without a gap that was announced for it.
    """
    present = normal(stored)
    cut = {row.gap_id: row._replace(end=floor) for row in known if row.state == "open" and row.start < floor < row.end}
    above = [row._replace(gap_id=None, start=floor) for row in known if row.gap_id in cut]
    rows = [*(cut.get(row.gap_id, row) for row in known), *above, *_opened(symbol_id, known, opened, floor)]
    lacking = subtract(((a.start, a.end) for a in absent), present)
    asked_at = max((a.asked_at for a in absent), default=None)
    out = [changed for row in rows for changed in _settled(row, lacking, present, asked_at, now)]
    changed_ids = {row.gap_id for row in out}
    out += [row for gap_id, row in cut.items() if gap_id not in changed_ids]
    for start, end in subtract(lacking, (row.range for row in rows)):
        # The exchange lacks seconds that no gap was announced for, or whose announcement was lost.
        assert asked_at is not None
        out.append(GapRow(None, symbol_id, start, end, "absent", unannounced, asked_at, now, asked_at))
    return out


def _opened(symbol_id: int, known: Sequence[GapRow], opened: Sequence[GapOpened], floor: int) -> Iterator[GapRow]:
    taken = [row.range for row in known]
    for gap in opened:
        for part in ((gap.start, min(gap.end, floor)), (max(gap.start, floor), gap.end)):
            for start, end in subtract([part], taken):
                taken.append((start, end))
                yield GapRow(None, symbol_id, start, end, "open", gap.reason, gap.at)


def _settled(row: GapRow, lacking: list[Range], present: list[Range], asked_at: int | None, now: int) -> Iterator[GapRow]:
    """The row as it is now: nothing if it is stored like that, several if its parts fared differently."""
    whole = [row.range]
    if row.state == "absent":
        came = common(whole, present)
        parts = [row._replace(start=s, end=e, state="repaired", closed_at=now) for s, e in came]
        parts += [row._replace(start=s, end=e) for s, e in subtract(whole, came)]
    else:
        gone = common(whole, lacking)
        parts = [row._replace(start=s, end=e, state="absent", closed_at=now, asked_at=asked_at) for s, e in gone]
        for start, end in subtract(whole, gone):
            repaired = not subtract([(start, end)], present)
            parts.append(
                row._replace(
                    start=start, end=end, state="repaired" if repaired else "open", closed_at=now if repaired else None
                )
            )
    for number, part in enumerate(sorted(parts, key=lambda part: part.start)):
        if number:
            yield part._replace(gap_id=None)
        elif part != row or row.gap_id is None:
            yield part
