"""What one call of ``rtchart verify`` does: it compares, prints, mends when it is told to, and compares again."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import click

from rtchart.broker.admin import missing_topics
from rtchart.broker.cluster import Cluster
from rtchart.broker.table import Table
from rtchart.broker.topics import SYMBOLS
from rtchart.core.errors import UserError
from rtchart.core.gap import Range
from rtchart.core.interval import SECOND
from rtchart.core.kline import Identity
from rtchart.core.symbol import DesiredSymbol
from rtchart.exchange.base import Rest, RestError, Venue
from rtchart.exchange.clock import VenueClock
from rtchart.exchange.venues import connect_rest
from rtchart.process.health import Health
from rtchart.process.run import until_stopped
from rtchart.store import candles, symbols
from rtchart.store.database import Connection, connect, place
from rtchart.store.failures import is_forbidden, is_outage
from rtchart.store.migrate import require_schema
from rtchart.tools.times import Moment
from rtchart.tools.verify import repair
from rtchart.tools.verify.check import Comparison, never_stored
from rtchart.tools.verify.report import Report, at, json_lines, text
from rtchart.tools.verify.stored import Subject

NEWEST = 10
"""Seconds before the exchange's now that are left out: they may be under way."""
KAFKA = 10.0
"""Seconds that Kafka has to tell what is wanted; without it, the database's table of symbols says."""
BAR_FROM = 10_000
"""Seconds to compare from which on a progress bar is worth its line."""

WHOLE, WRONG, UNCHECKED = 0, 1, 3
"""Exit codes; 2 is a usage error."""


@dataclass(frozen=True)
class Asked:
    """What the command was asked to do; names and intervals are empty for all."""

    symbols: tuple[str, ...]
    window: tuple[Moment, Moment]
    intervals: tuple[str, ...]
    repair: bool
    patience: float
    """Seconds to wait for what is mended."""
    share: float
    """Of the exchange's rate limit."""
    json: bool


@dataclass
class Verify:
    """One call of the command."""

    asked: Asked
    venue: Venue
    cluster: Cluster
    database: str
    code: int = UNCHECKED
    """The exit code, when it has ended."""
    _reports: list[Report] = field(default_factory=list)
    _printed: list[Report] | None = None
    _repaired: bool = False
    _ended: bool = False
    _left_out: bool = False
    """Whether the newest seconds were asked for."""

    async def service(self, health: Health, stopping: asyncio.Event) -> None:
        """Do it all; stopped, print what was found until then."""
        health.ready()  # so that it is given the time to print whenever it is told to stop
        try:
            await until_stopped(stopping, self._work())
            if not self._ended:
                self._end("stopped before the end")
        except UserError as error:
            self._end(str(error))
        except RestError as error:
            self._end(f"{self.venue.name} could not be asked: {error}")
        except Exception as error:
            if not is_outage(error):
                raise
            if is_forbidden(error):
                self._end(f"the database's user may not do that ({error}); name the database's owner in --database")
                return
            self._end(f"PostgreSQL at {place(self.database)} failed: {error or type(error).__name__}")

    def _end(self, why: str) -> None:
        """Tell why it ends before all is compared, and what was found until then."""
        if self._printed is not self._reports:
            self._print()
        self.code = WRONG if any(not report.whole for report in self._reports) else UNCHECKED
        _say(why)

    async def _work(self) -> None:
        rest = connect_rest(
            self.venue,
            VenueClock(),
            share=self.asked.share,
            blocked=lambda seconds: _say(f"{self.venue.name} says to wait for {seconds:g} s; waiting"),
        )
        try:
            connection = await connect(self.database, service="verify")
            try:
                await require_schema(connection, self.database)
                await self._verify(connection, rest)
            finally:
                connection.terminate()
        finally:
            await rest.aclose()

    async def _verify(self, connection: Connection, rest: Rest) -> None:
        subjects, never = await self._subjects(connection)
        window = self._times(await rest.time())
        await self._compare(connection, rest, subjects, never, window)
        if self.asked.repair and any(not report.whole for report in self._reports):
            self._print()
            self._repaired = True
            if wanted := repair.mendings(subjects, self._reports):
                await self._mend(connection, wanted)
                await self._compare(connection, rest, subjects, never, window)
                self._print()
            else:
                _say("nothing of this can be mended: no second is missing or different, and no candle can be folded again")
        else:
            self._print()
        self._ended = True
        if any(not report.whole for report in self._reports):
            self.code = WRONG
        else:
            self.code = UNCHECKED if any(report.unchecked for report in self._reports) else WHOLE

    def _times(self, now: int) -> Range:
        latest = now // SECOND * SECOND - NEWEST * SECOND
        start, end = (moment.at(now) // SECOND * SECOND for moment in self.asked.window)
        if start >= end:
            raise click.UsageError(f"--from ({at(start)}) is not before --to ({at(end)})")
        if start >= latest:
            raise click.UsageError(
                f"--from ({at(start)}) leaves nothing to compare: it is {at(now)} at {self.venue.name}, and the newest "
                f"{NEWEST} seconds are left out"
            )
        self._left_out = end > latest
        return start, min(end, latest)

    async def _subjects(self, connection: Connection) -> tuple[list[Subject], list[Identity]]:
        """The symbols to compare, by name, and those that are wanted and unknown to the database."""
        series = await candles.read_series(connection)
        known = {
            row.identity.symbol: Subject(row, series[row.symbol_id])
            for row in await symbols.load(connection)
            if row.identity.exchange == self.venue.name and row.symbol_id in series
        }
        if self.asked.symbols:
            if unknown := sorted(set(self.asked.symbols) - known.keys()):
                has = ", ".join(sorted(known)) or "none"
                raise click.UsageError(f"the database never had {', '.join(unknown)} of {self.venue.name}; it has {has}")
            return [known[name] for name in sorted(set(self.asked.symbols))], []
        wanted = await self._wanted()
        names = wanted & known.keys() | {name for name, subject in known.items() if not subject.row.deleted}
        never = [Identity(self.venue.name, name) for name in sorted(wanted - known.keys())]
        if not names and not never:
            raise click.UsageError(f"no symbol of {self.venue.name} is wanted or stored; name another venue with --exchange")
        return [known[name] for name in sorted(names)], never

    async def _wanted(self) -> set[str]:
        """What is wanted of the exchange, as Kafka says, if it says so in time."""
        try:
            async with asyncio.timeout(KAFKA):
                if await missing_topics(self.cluster, (SYMBOLS,)):
                    return set()
                table = await Table(self.cluster, SYMBOLS, DesiredSymbol).snapshot()
        except (UserError, TimeoutError) as error:
            _say(f"comparing the symbols that the database knows, because {error or 'Kafka did not answer in time'}")
            return set()
        return {record.symbol for record in table.values() if record.exchange == self.venue.name}

    async def _compare(
        self, connection: Connection, rest: Rest, subjects: list[Subject], never: list[Identity], window: Range
    ) -> None:
        length = (window[1] - window[0]) // SECOND
        total = length * len(subjects)
        with _progress("comparing", total, hidden=total < BAR_FROM) as reached:
            comparison = Comparison(connection, rest, self.asked.intervals)
            self._reports = comparison.reports
            self._reports += [never_stored(identity, window) for identity in never]
            for number, subject in enumerate(subjects):
                before = number * length

                def done(seconds: int, before: int = before) -> None:
                    reached(before + seconds)

                comparison.done = done
                await comparison.of(subject, window)
                reached(before + length)

    async def _mend(self, connection: Connection, wanted: list[repair.Mending]) -> None:
        await repair.ask(self.cluster, connection, wanted)
        seconds, folds = repair.seconds_asked(wanted), repair.candles_asked(wanted)
        what = [f"{seconds} s to be fetched again"] if seconds else []
        if folds:
            what.append(f"{', '.join(f'{count} of {name}' for name, count in folds.items())} to be folded again")
        _say(f"asked for {' and '.join(what)}; waiting until it is done, {self.asked.patience:g} s at most")
        if seconds and (away := await repair.producer_away(self.cluster, self.venue.name)):
            _say(f"{away}; what was asked for stays on rtchart.repairs for the next one that starts")
        total = seconds + sum(folds.values())
        with _progress("mending", total) as reached:
            seconds, candles = await repair.wait(
                connection, wanted, self.asked.patience, lambda left: reached(max(0, total - left))
            )
        if seconds:
            undone = await repair.undone(self.cluster, wanted)
            why = (
                f"the producer has not done {undone} of what it was asked for, and will go on with it"
                if undone
                else "the producer has sent them; see whether the inserter runs, and the dead letters"
            )
            _say(f"{seconds} s are not stored as the exchange has them yet: {why}")
        if candles:
            _say(f"{candles} candles are not folded again yet; see whether the aggregator runs")

    def _print(self) -> None:
        self._printed = self._reports
        if self.asked.json:
            for line in json_lines(self._reports, repaired=self._repaired):
                click.echo(line)
        elif self._reports:
            click.echo(text(self._reports, seconds_left_out=NEWEST if self._left_out else 0))


def _say(sentence: str) -> None:
    click.echo(f"rtchart verify: {sentence}", err=True)


@contextmanager
def _progress(label: str, length: int, *, hidden: bool = False) -> Iterator[Callable[[int], None]]:
    """A bar on stderr, where that is a terminal; gives what tells it how far it is."""
    with click.progressbar(length=length, label=label, hidden=hidden or not sys.stderr.isatty(), file=sys.stderr) as bar:

        def reached(place: int) -> None:
            bar.update(max(0, place - bar.pos))

        yield reached
