"""Mending what a comparison found, by the ways that there are for it.

Seconds that are missing or different: each range is asked for on ``rtchart.repairs``. The producer that runs takes it, writes
the gap into the ledger (reason ``verify``) and fetches the seconds by REST; they come the way of every second, with the version
of now, so they replace what is stored; their minutes are folded again, and the gap ends as repaired.

A candle that is not the fold of its seconds, while these are right, is not touched by that: equal seconds are no change, and
lead to no fold. So a checkpoint is written for each such minute, as the inserter writes them; and for larger intervals, which
are folded again only when a smaller candle changes, a row of ``candle_fill``, as when an interval is added to a symbol: the
aggregator folds those candles of that interval, and all before them, from the stored smaller ones. A candle that has more
seconds than are stored stays as it is.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

from rtchart.broker.admin import missing_topics
from rtchart.broker.cluster import Cluster
from rtchart.broker.on_demand import NotPublished, OnDemandProducer
from rtchart.broker.table import Changes, Table, TableWriter
from rtchart.broker.topics import REPAIRS, STREAMS
from rtchart.core.errors import UserError
from rtchart.core.gap import Range, count, normal, subtract
from rtchart.core.interval import INTERVALS, MINUTE, SECOND
from rtchart.core.messages import FRESH, GapOpened, StreamState
from rtchart.process.clock import now_ms
from rtchart.store import comparison, history
from rtchart.store.database import Connection
from rtchart.store.history import Page
from rtchart.tools.verify.candles import against_fold
from rtchart.tools.verify.compare import Finding, differences
from rtchart.tools.verify.report import Report, at
from rtchart.tools.verify.stored import ALL, Subject, read

AT_MOST = 100
"""Ranges that are asked for of one symbol. More become fewer by taking in what is right between them."""
NEAR = 60 * SECOND
"""What is so near (ms) is asked for together: the exchange's answers have pages of a thousand seconds anyway."""
PUBLISH = 10.0
"""Seconds that Kafka has to take what is asked for."""
LOOK = 1.0
"""Seconds between looks at what is mended by now."""


@dataclass
class Mending:
    """What is to be mended of one symbol."""

    subject: Subject
    report: Report
    asked: list[Range] = field(default_factory=list)
    candles: list[Finding] = field(default_factory=list)
    """Those that are not the fold of their seconds."""

    @property
    def requests(self) -> dict[str, GapOpened]:
        """The records that ask for the seconds, by key."""
        identity, epoch, now = self.subject.row.identity, self.subject.row.epoch, now_ms()
        return {
            f"{identity}/{start}-{end}": GapOpened(identity.exchange, identity.symbol, start, end, "verify", now, epoch)
            for start, end in self.asked
        }

    async def left(self, connection: Connection) -> tuple[int, int]:
        """How many seconds are not stored as the exchange has them by now, and how many candles are not as their seconds."""
        seconds = 0
        wrong = {difference.time: difference.theirs for difference in self.report.wrong}
        for start, end in self.asked:
            theirs = {moment: of for moment, of in wrong.items() if of is not None and start <= moment < end}
            rows = await history.klines(connection, self.subject.stored, Page(start, end, ALL, newest=False))
            seconds += len(differences({kline.open_time: kline.content for kline in rows}, theirs, theirs))
        candles = 0
        for finding in self.candles:
            (interval,) = self.subject.intervals([finding.interval])
            window = finding.start, finding.end
            async with comparison.snapshot(connection):
                state = await read(connection, self.subject, [interval], window, window)
            made, stored = state.folded(interval), state.stored[interval.name]
            candles += len(list(against_fold(interval, stored, made, {*made, *stored})))
        return seconds, candles


def mendings(subjects: Iterable[Subject], reports: Iterable[Report]) -> list[Mending]:
    """What can be mended of what was found. Nothing is of a deleted symbol: no producer fetches its seconds."""
    reports_of = {report.symbol: report for report in reports}
    out = []
    for subject in subjects:
        report = reports_of.get(str(subject.row.identity))
        if report is None or subject.row.deleted:
            continue
        floor = subject.floor()
        lacked = [(one.start, one.end) for one in report.findings if one.kind in ("absent", "alone")]
        asked = together([(one.time, one.time + SECOND) for one in report.wrong if one.time >= floor], lacked)
        candles = [one for one in report.findings if one.kind in ("fold", "no_candle") and one.start >= floor]
        if asked or candles:
            out.append(Mending(subject, report, asked, candles))
    return out


def together(ranges: Iterable[Range], lacked: Sequence[Range] = (), *, at_most: int = AT_MOST, near: int = NEAR) -> list[Range]:
    """Ranges that hold all of these, at most so many where that can be, and nothing of what the exchange has ``lacked``."""
    exact = normal(ranges)
    while True:
        joined = [(start, end - near) for start, end in normal((start, end + near) for start, end in exact)]
        if len(joined) <= at_most:
            return subtract(joined, lacked)
        near *= 2


async def ask(cluster: Cluster, connection: Connection, wanted: Sequence[Mending]) -> None:
    """Ask for all of it. Raises `UserError` when Kafka takes nothing, and what the database's client raises."""
    minutes: dict[int, list[int]] = {}
    fills: list[tuple[int, str, int]] = []
    for mending in wanted:
        symbol_id = mending.subject.row.symbol_id
        for finding in mending.candles:
            if finding.interval == "1m":
                minutes.setdefault(symbol_id, []).extend(range(finding.start, finding.end, MINUTE))
            else:
                fills.append((symbol_id, finding.interval, finding.end))
    if minutes or fills:
        await comparison.fold_again(connection, minutes, fills, at=now_ms())
    requests: Changes[GapOpened] = {}
    for mending in wanted:
        requests.update(mending.requests)
    if not requests:
        return
    if missing := await missing_topics(cluster, (REPAIRS, STREAMS)):
        raise UserError(
            f"Kafka at {cluster.bootstrap} has no topic {missing[0]}, so no producer ever ran with it; start one, or correct "
            "--kafka or --topic-prefix"
        )
    try:
        async with OnDemandProducer(cluster, patience=PUBLISH) as client:
            await client.send(lambda producer: TableWriter[GapOpened](producer, cluster, REPAIRS).put(requests))
    except NotPublished as error:
        raise UserError(f"Kafka took no word of what is to be fetched: {error}") from None


async def wait(
    connection: Connection, wanted: Sequence[Mending], patience: float, told: Callable[[int], None]
) -> tuple[int, int]:
    """Wait until all is mended, for ``patience`` seconds; how many seconds and candles are left, whose sum ``told`` hears."""
    deadline = time.monotonic() + patience
    while True:
        seconds = candles = 0
        for mending in wanted:
            of = await mending.left(connection)
            seconds, candles = seconds + of[0], candles + of[1]
        told(seconds + candles)
        if not seconds + candles or time.monotonic() >= deadline:
            return seconds, candles
        await asyncio.sleep(LOOK)


async def producer_away(cluster: Cluster, exchange: str) -> str:
    """Why no producer of the exchange does what was asked for; empty when one runs."""
    states = await Table(cluster, STREAMS, StreamState).snapshot()
    newest = max((state.at for state in states.values() if state.exchange == exchange), default=None)
    if newest is None:
        return f"no producer of {exchange} has written to rtchart.streams"
    if now_ms() - newest > FRESH:
        return f"no producer of {exchange} runs: the last word of one is of {at(newest)}"
    return ""


async def undone(cluster: Cluster, wanted: Iterable[Mending]) -> int:
    """How many of the requests no producer has ended."""
    open_ = await Table(cluster, REPAIRS, GapOpened).snapshot()
    return sum(key in open_ for mending in wanted for key in mending.requests)


def seconds_asked(wanted: Iterable[Mending]) -> int:
    """How many seconds are asked for."""
    return sum(count(mending.asked) for mending in wanted)


def candles_asked(wanted: Iterable[Mending]) -> dict[str, int]:
    """How many candles are to be folded again, by interval."""
    counts: dict[str, int] = {}
    for mending in wanted:
        for finding in mending.candles:
            counts[finding.interval] = counts.get(finding.interval, 0) + finding.count
    return {name: counts[name] for name in INTERVALS if name in counts}
