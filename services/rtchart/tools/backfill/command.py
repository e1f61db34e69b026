"""``rtchart backfill``."""

from __future__ import annotations

import asyncio
import sys
import time
from datetime import UTC, datetime
from pathlib import Path

import click

from rtchart.broker import options as kafka_options
from rtchart.broker.cluster import Cluster
from rtchart.core.interval import MINUTE
from rtchart.exchange.venues import venue
from rtchart.process import options
from rtchart.process.clock import now_ms
from rtchart.process.health import Health
from rtchart.process.run import Process, run
from rtchart.store import options as database_options
from rtchart.tools.backfill.work import Asked, Backfill, Done
from rtchart.tools.times import Moment, MomentType, from_to

PLAIN_EVERY = 10.0
"""Seconds between two lines of progress where there is no terminal."""

STOPPED = 130
"""The exit code of who was told to stop before it was done, as shells have it."""


class Bar:
    """How far it is: a line that changes on a terminal, a line now and then elsewhere."""

    def __init__(self) -> None:
        self._terminal = sys.stderr.isatty()
        self._title, self._all, self._done = "", 0, 0
        self._said_at = 0.0

    def begin(self, title: str, minutes: int) -> None:
        """See `rtchart.tools.backfill.work.Progress`."""
        self._title, self._all, self._done = title, minutes, 0
        self._said_at = 0.0
        if not minutes:
            self.say(f"{title}: all of it is stored")

    def came(self, minutes: int, reach: int) -> None:
        """See `rtchart.tools.backfill.work.Progress`."""
        self._done += minutes
        now = time.monotonic()
        if now - self._said_at < (0.1 if self._terminal else PLAIN_EVERY) and self._done < self._all:
            return
        self._said_at = now
        share = self._done / self._all if self._all else 1.0
        line = f"{self._title}: {self._done:,} of {self._all:,} minutes, back to {_utc(reach)}"
        if not self._terminal:
            click.echo(line, err=True)
            return
        width = 20
        filled = round(width * share)
        click.echo(f"\r[{'#' * filled}{'-' * (width - filled)}] {share:4.0%}  {line}\x1b[K", err=True, nl=False)
        if self._done >= self._all:
            click.echo(err=True)

    def say(self, text: str) -> None:
        """See `rtchart.tools.backfill.work.Progress`."""
        click.echo(f"\r{text}\x1b[K" if self._terminal else text, err=True)


_times = options.collected(
    "asked_range",
    from_to,
    options.option("--from", type=MomentType(), help="The oldest minute: a time in UTC, or how long ago (30d, 52w)."),
    options.option("--to", type=MomentType(), help="The end, of the same kind.  [default: now]"),
)


@click.command("backfill")
@options.option("--symbol", multiple=True, required=True, metavar="NAME", help="Of which symbol; may be given several times.")
@options.option("--interval", "1m", metavar="INTERVAL", help="Only 1m is taken: larger candles are folded from it.")
@_times
@options.option(
    "--archive",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    metavar="FOLDER",
    help="Take files of the exchange's public archive instead of asking it: SYMBOL-1m-YYYY-MM[-DD].csv or .zip.",
)
@options.option(
    "--share",
    0.25,
    type=click.FloatRange(0, 0.5, min_open=True),
    help="Share of the exchange's rate limit to use at most, evenly; what others at this address use counts too.",
)
@options.exchange
@options.exchange_rest
@kafka_options.cluster("rtchart-backfill")
@database_options.database
def command(
    symbol: tuple[str, ...],
    interval: str,
    asked_range: tuple[Moment | None, Moment | None],
    archive: Path | None,
    share: float,
    exchange: str,
    exchange_rest: str | None,
    cluster: Cluster,
    database: str,
) -> None:
    """Fetch older history: the exchange's own 1m candles of a time whose seconds are not stored.

    They go to Kafka, from the newest back; the inserter stores them and the aggregator folds larger ones, beside what is live.
    A minute of which all seconds were stored is never replaced. What is stored already is left out, so a run that was stopped
    is gone on with by running it again. Symbols keep this up by themselves with spec.historyDays.

    The exit code is 0 when all was published, 1 when something was not (files that were refused and lines that were not taken
    are named), 130 when it was stopped.
    """
    if interval != "1m":
        raise click.UsageError(
            f"--interval is {interval!r}, and only 1m is taken: larger candles are folded from it; leave it out"
        )
    oldest, newest = asked_range
    if oldest is None and archive is None:
        raise click.UsageError("--from is missing: how far back? Give a time such as 2025-01-01, or how long ago, such as 30d")
    now = now_ms()
    start = 0 if oldest is None else oldest.at(now) // MINUTE * MINUTE
    end = min(now if newest is None else newest.at(now), now) // MINUTE * MINUTE
    if start >= end:
        raise click.UsageError(f"--from, {_utc(start)}, is not before --to, {_utc(end)}")
    asked = Asked(symbol, start, end, share, archive)
    done = Done()

    async def service(health: Health, stopping: asyncio.Event) -> None:
        nonlocal done
        health.ready()
        backfill = Backfill(asked, venue(exchange, rest=exchange_rest), cluster, database, Bar(), stopping)
        done = backfill.done
        await backfill.run()

    run("backfill", service, Process(log_level="error"))
    if done.published:
        click.echo(f"published {done.published:,} minutes; they are stored beside what is live, and larger candles follow")
    else:
        click.echo("published nothing")
    if done.stopped:
        click.echo("stopped: run it again to go on", err=True)
        sys.exit(STOPPED)
    if done.wrong:
        click.echo(f"{done.wrong} files or lines were not taken: see above", err=True)
        sys.exit(1)


def _utc(time_ms: int) -> str:
    return f"{datetime.fromtimestamp(time_ms / 1000, UTC):%Y-%m-%d %H:%M}Z"
