"""One comparison: symbol by symbol, the seconds first and then the candles."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from contextlib import aclosing
from dataclasses import dataclass, field

from rtchart.core.candle import Candle
from rtchart.core.gap import Gap, Range, normal, seconds_of
from rtchart.core.interval import MINUTE, SECOND, Interval
from rtchart.core.kline import Identity
from rtchart.exchange.base import Rest, UnknownSymbol
from rtchart.process.clock import now_ms
from rtchart.store import comparison, history, klines
from rtchart.store.database import Connection
from rtchart.store.history import Page
from rtchart.tools.verify.candles import Lacks, against_exchange, against_fold, incomplete, periods, touches
from rtchart.tools.verify.compare import Difference, Figures, Finding, Kind, differences, figures, grouped, split
from rtchart.tools.verify.report import Report, at
from rtchart.tools.verify.stored import ALL, Subject, read


@dataclass
class Comparison:
    """Compares one symbol after the other; what it has found is in ``reports`` at any moment."""

    connection: Connection
    rest: Rest
    intervals: tuple[str, ...] = ()
    """Whose candles are compared; empty: of each symbol its own."""
    done: Callable[[int], None] = lambda _: None
    """Told how many seconds of the symbol are done."""
    reports: list[Report] = field(default_factory=list)

    async def of(self, subject: Subject, window: Range) -> None:
        """Compare what opens in ``[start, end)`` (ms). Raises `RestError`, and what the database's client raises."""
        report = Report(str(subject.row.identity), window, unchecked="it was stopped before its end")
        self.reports.append(report)
        first = await comparison.began(self.connection, subject.row.symbol_id)
        if first is None:
            self.reports[-1] = never_stored(subject.row.identity, window)
            return
        try:
            await self._compare(subject, report, first)
        except UnknownSymbol:
            report.unchecked = f"{subject.row.identity.exchange} does not know the symbol (any more)"
        else:
            report.unchecked = ""

    async def _compare(self, subject: Subject, report: Report, first: int) -> None:
        start, end = report.window
        row = subject.row
        if row.suspended or row.deleted:
            newest = (await klines.last_seconds(self.connection, [row.symbol_id])).get(row.symbol_id, first - SECOND)
            end = min(end, newest + SECOND)
            state = "deleted" if row.deleted else "suspended"
            report.notes.append(f"it is {state}, and compared until its last stored second, {at(newest)}")
        floor = subject.floor()
        begin = max(start, floor, first)
        if first > start:
            report.notes.append(f"it begins at {at(first)}: nothing is known of it before")
        if floor > max(start, first):
            report.notes.append(f"of before {at(min(floor, end))} no seconds are kept: of that only candles are compared")
        rows = await history.gaps(self.connection, row.symbol_id, Page(start, end, ALL, newest=False))
        lacks = Lacks(first, absent=_ranges(rows, "absent"), open=_ranges(rows, "open"))
        if begin < end:
            await self._seconds(subject, report, (begin, end), lacks)
        if start < end:
            await Candles(self, subject, report, lacks).compare((start, end))

    async def _seconds(self, subject: Subject, report: Report, window: Range, lacks: Lacks) -> None:
        found: list[Difference] = []
        others: list[Finding] = []
        report.until = window[0]
        try:
            async with aclosing(self.rest.klines(subject.row.identity.symbol, *window)) as pages:
                async for page in pages:  # the exchange first: what it has by then should be stored by a moment later
                    rows = await history.klines(self.connection, subject.stored, Page(page.start, page.end, ALL, newest=False))
                    ours = {kline.open_time: kline.content for kline in rows}
                    theirs = {kline.open_time: kline.content for kline in page.klines}
                    times = [time for time in range(page.start, page.end, SECOND) if time not in page.bad]
                    found += differences(ours, theirs, times)
                    twice = [time for time, count in Counter(kline.open_time for kline in rows).items() if count > 1]
                    others += [_second("doubled", time) for time in twice]
                    others += [_second("unusable", time, bad.detail) for time, bad in page.bad.items()]
                    report.seconds += len(times)
                    report.until = page.end
                    self.done((page.end - report.window[0]) // SECOND)
        finally:
            # The hour may have turned meanwhile, and the sweep have taken what was to be compared.
            floor = subject.floor()
            found = [difference for difference in found if difference.time >= floor]
            report.findings += [*_of_seconds(found, lacks), *grouped(others)]
            report.wrong = [one for one in found if one.kind in ("missing", "different")]
            lacks.missing = seconds_of(one.time for one in found if one.kind == "missing")
            lacks.absent = normal([*lacks.absent, *seconds_of(one.time for one in found if one.kind == "absent")])


def never_stored(identity: Identity, window: Range) -> Report:
    """What is to be said of a symbol that is wanted, and of which there is nothing."""
    start, end = window
    finding = Finding(kind="unstored", interval="1s", start=start, end=end, note="it is wanted, and nothing of it ever was")
    return Report(str(identity), window, findings=[finding])


@dataclass
class Candles:
    """The candles of one symbol."""

    comparison: Comparison
    subject: Subject
    report: Report
    lacks: Lacks

    async def compare(self, window: Range) -> None:
        """Compare those whose period lies in the window as a whole."""
        connection, subject, report = self.comparison.connection, self.subject, self.report
        intervals = subject.intervals(self.comparison.intervals)
        if lacking := sorted(set(self.comparison.intervals) - {interval.name for interval in intervals}):
            report.notes.append(f"it has no candles of {', '.join(lacking)}")
        if short := [interval.name for interval in intervals if next(periods(interval, window), None) is None]:
            report.notes.append(f"no candle of {', '.join(short)} lies in the range as a whole")
        async with comparison.snapshot(connection):
            floor = subject.floor()
            state = await read(connection, subject, intervals, (max(window[0], floor), window[1]), window)
        for interval in intervals:
            oldest = subject.series.floor(interval, now_ms() + MINUTE)
            stored, times = state.stored[interval.name], [time for time in periods(interval, window) if time >= oldest]
            filled = state.filled.get(interval.name, 0)
            if any(time < filled for time in times):
                before = at(min(filled, window[1]))
                report.notes.append(f"{interval} candles before {before} are being folded anew, and left out")
                times = [time for time in times if time >= filled]
            kept = [time for time in times if time >= floor]
            folds = grouped(
                against_fold(
                    interval,
                    stored,
                    state.folded(interval),
                    kept,
                    waiting=state.waiting,
                    overdue=state.overdue,
                    missing=self.lacks.missing,
                )
            )
            report.findings += folds
            if folded := sum(time in stored for time in kept):
                report.folds[interval.name] = folded
            settled = [time for time in times if not touches(state.waiting, (time, interval.next_open(time)))]
            await self._with_exchange(interval, stored, settled, floor, [(one.start, one.end) for one in folds])

    async def _with_exchange(
        self, interval: Interval, stored: dict[int, Candle], times: list[int], floor: int, told: list[Range]
    ) -> None:
        """Complete candles against the exchange's, and why the others are not, but for those that are ``told`` of."""
        report = self.report
        complete = {
            time: figures(stored[time]) for time in times if time in stored and stored[time].received >= interval.expected(time)
        }
        lacking = [time for time in times if time not in stored and self.lacks.began <= time < floor]
        theirs = await self._theirs(interval, [*complete, *lacking])
        if complete:
            report.exchanges[interval.name] = len(complete)
        found = list(against_exchange(interval, complete, theirs, complete))
        found += [
            incomplete(interval, time, stored[time].received, self.lacks)
            for time in times
            if time in stored and time not in complete and not touches(told, (time, interval.next_open(time)))
        ]
        found += [incomplete(interval, time, 0, self.lacks) for time in lacking if time in theirs]
        report.findings += grouped(found)

    async def _theirs(self, interval: Interval, times: list[int]) -> dict[int, Figures]:
        """The exchange's candles of these times, or of more."""
        theirs: dict[int, Figures] = {}
        if times:
            symbol, end = self.subject.row.identity.symbol, interval.next_open(max(times))
            async with aclosing(self.comparison.rest.klines(symbol, min(times), end, interval=interval.name)) as pages:
                async for page in pages:
                    theirs.update((kline.open_time, figures(kline)) for kline in page.klines)
        return theirs


def _of_seconds(found: list[Difference], lacks: Lacks) -> list[Finding]:
    """Differences of seconds as findings: ranges, with what the ledger says of them."""
    out: list[Finding] = []
    ledger: dict[Kind, list[tuple[str, list[Range]]]] = {
        "missing": [("in the ledger as absent", lacks.absent), ("an open gap in the ledger", lacks.open)],
        "absent": [("in the ledger as absent", lacks.absent), ("an open gap in the ledger", lacks.open)],
        "alone": [],
    }
    for kind, notes in ledger.items():
        rest = "not in the ledger" if kind == "absent" else ""
        for start, end in seconds_of(one.time for one in found if one.kind == kind):
            out += split(Finding(kind=kind, interval="1s", start=start, end=end), notes, rest)
    out += grouped(
        Finding(kind="different", interval="1s", start=one.time, end=one.time + SECOND, figures=(one.pair,))
        for one in found
        if one.kind == "different"
    )
    return out


def _second(kind: Kind, time: int, note: str = "") -> Finding:
    return Finding(kind=kind, interval="1s", start=time, end=time + SECOND, note=note)


def _ranges(rows: Iterable[Gap], state: str) -> list[Range]:
    return normal((row.start, row.end) for row in rows if row.state == state)
