"""``rtchart dead-letters``: what the pipeline could not use, looked at, handed to it again, or dropped."""

from __future__ import annotations

import asyncio
import shutil
import sys
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from contextlib import aclosing
from typing import Any, TypeVar, get_args

import click

from rtchart.broker import options as kafka_options
from rtchart.broker.cluster import Cluster
from rtchart.core.errors import UserError
from rtchart.core.messages import DeadLetterReason
from rtchart.process.clock import now_ms
from rtchart.process.health import Health
from rtchart.process.options import F, option
from rtchart.process.run import Process, run
from rtchart.store import options as database_options
from rtchart.tools.dead_letters import text
from rtchart.tools.dead_letters.letters import GONE, Extent, Letter, LetterId, Letters, Place, Wish
from rtchart.tools.dead_letters.replay import replay
from rtchart.tools.times import Moment, MomentType

WHOSE: dict[Place, str] = {"db": "the inserter's letters (db-…)", "kafka": "the producer's letters (kafka-…)"}

T = TypeVar("T")


class _IdType(click.ParamType[LetterId]):
    """``db-17`` or ``kafka-42``."""

    name = "ID"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> LetterId:
        try:
            return value if isinstance(value, LetterId) else LetterId.parse(value)
        except ValueError as error:
            self.fail(str(error), param, ctx)


def _places(command: F) -> F:
    """Both places of letters, of which one may be missing."""
    return kafka_options.client("rtchart-dead-letters")(database_options.if_given(command))


_ids = click.argument("ids", nargs=-1, metavar="[ID]...", type=_IdType())
_yes = option("--yes", False, is_flag=True, help="Do not ask before it is done.")


@click.group("dead-letters")
def command() -> None:
    """Look at what could not be used, hand it to the pipeline again, or drop it.

    The inserter's letters are rows of the database (db-17); the producer's are on Kafka's topic rtchart.dead-letters alone
    (kafka-42). Both are kept for seven days.
    """


@command.command("list")
@option("--reason", type=click.Choice(get_args(DeadLetterReason)), help="Only those of this reason.")
@option(
    "--symbol", metavar="[EXCHANGE:]SYMBOL", help="Only those of this symbol. Of a frame that could not be read, none is known."
)
@option(
    "--since",
    type=MomentType(),
    help="Only those since then: so long ago (90s, 15m, 6h, 7d), or a time (2025-11-22T09:00, in UTC).",
)
@option("--limit", 100, type=click.IntRange(min=1), help="How many, the newest.")
@option("--json", False, is_flag=True, help="Whole letters, a JSON object a line.")
@_places
def list_command(
    cluster: Cluster, database: str | None, reason: str | None, symbol: str | None, since: Moment | None, limit: int, json: bool
) -> None:
    """List letters, the newest last."""
    wish = Wish(reason, symbol, since.at(now_ms()) if since else 0)
    found, more = _done(lambda: _newest(Letters(cluster, database), limit, wish))
    if json:
        for letter in found:
            click.echo(text.line(letter))
    elif found:
        click.echo(text.table(found, shutil.get_terminal_size((120, 24)).columns))
    else:
        click.echo("no dead letters" if wish == Wish() else "no dead letters that fit")
    if more:
        _say(f"only the newest {limit} are listed; --limit lists more")


@command.command("show")
@click.argument("ids", nargs=-1, metavar="ID...", required=True, type=_IdType())
@_places
def show_command(cluster: Cluster, database: str | None, ids: tuple[LetterId, ...]) -> None:
    """Print all that is known of letters, with what came."""
    found, missing = _done(lambda: Letters(cluster, database).find(ids))
    if found:
        click.echo("\n\n".join(map(text.whole, found)))
    _end(_complain(missing.items()))


@command.command("replay")
@_ids
@option("--all", False, is_flag=True, help="Replay every letter that there is.")
@_yes
@_places
def replay_command(cluster: Cluster, database: str | None, ids: tuple[LetterId, ...], all: bool, yes: bool) -> None:
    """Hand letters to the pipeline again, for when the cause is gone.

    The inserter's record goes back to its topic as it was, and the letter is deleted when Kafka has it. The producer's frame is
    read again, and its second put on the topic; the letter stays, for Kafka can only remove the oldest. Safe at any time: a
    second that is stored already, or was corrected since, stays as it is.
    """
    _one_way(ids, all)
    letters = Letters(cluster, database)
    if all:
        extents, failed = _done(lambda: _extents(letters))
        if count := sum(extent.letters for extent in extents.values()):
            _ask(f"Hand {_count(count)} to the pipeline again?", yes)
            failed += _done(lambda: _replay(letters, extents))
        else:
            click.echo("no dead letters")
    else:
        found, missing = _done(lambda: letters.find(ids))
        failed = _complain(missing.items()) + (_done(lambda: _replay(letters, found)) if found else 0)
    _end(failed)


@command.command("drop")
@_ids
@option("--all", False, is_flag=True, help="Drop all of the inserter's letters.")
@option("--through", type=_IdType(), help="Drop the producer's letters up to this one (kafka-42), itself included.")
@_yes
@_places
def drop_command(
    cluster: Cluster, database: str | None, ids: tuple[LetterId, ...], all: bool, through: LetterId | None, yes: bool
) -> None:
    """Delete letters for ever.

    The inserter's one by one, or all. The producer's are on Kafka, which can only remove all up to some record: --through.
    """
    _one_way(ids, all, through)
    letters = Letters(cluster, database)
    if through is not None:
        _drop_through(letters, through, yes)
    elif all:
        extent = _done(lambda: letters.extent("db"))
        if extent.letters:
            _ask(f"Delete {_count(extent.letters)} of the inserter for ever?", yes)
            click.echo(f"dropped {_count(_done(lambda: letters.drop_all(extent)))} of the inserter")
        else:
            click.echo("no dead letters of the inserter")
    else:
        _end(_drop(letters, ids))


# ── What is done ────────────────────────────────────────────────────────────────────────────────────────────────────────


async def _newest(letters: Letters, limit: int, wish: Wish) -> tuple[list[Letter], bool]:
    """The newest letters of both places, the newest last, and whether there are more."""
    found, _ = await _of_each(lambda place: letters.newest(place, limit + 1, wish), "not listed")
    every = sorted((letter for here in found.values() for letter in here), key=lambda letter: (letter.content.at, letter.id))
    return every[-limit:], len(every) > limit


async def _extents(letters: Letters) -> tuple[Mapping[Place, Extent], int]:
    """All letters that there are now, and how many places are missing."""
    return await _of_each(letters.extent, "not replayed")


async def _of_each(ask: Callable[[Place], Awaitable[T]], otherwise: str) -> tuple[dict[Place, T], int]:
    """What each place answers, and how many do not, of which it warns. Raises `UserError` when none does."""
    found: dict[Place, T] = {}
    missing: list[str] = []
    for place, whose in WHOSE.items():
        try:
            found[place] = await ask(place)
        except UserError as error:
            missing.append(f"{whose} are {otherwise}: {error}")
    if not found:
        raise UserError("; ".join(missing))
    for warning in missing:
        _say(warning)
    return found, len(missing)


async def _replay(letters: Letters, which: Sequence[Letter] | Mapping[Place, Extent]) -> int:
    """Replay letters and tell what became of each; how many were not replayed."""
    failed = 0
    async with aclosing(replay(letters, which, now_ms())) as outcomes:
        async for (id, _), identity, problem in outcomes:
            if problem:
                failed += _complain([(id, problem)])
            else:
                rest = "" if id.place == "db" else f"; the letter stays until `drop --through {id}`"
                click.echo(f"{id}: handed on, a record of {identity}{rest}")
    return failed


def _drop(letters: Letters, ids: Sequence[LetterId]) -> int:
    """Drop these of the inserter's letters and tell what became of each; how many were not dropped."""
    rows = {id.number for id in ids if id.place == "db"}
    dropped = _done(lambda: letters.drop(rows)) if rows else set()
    problems: dict[LetterId, str] = {}
    for id in dict.fromkeys(ids):
        if id.place == "kafka":
            problems[id] = (
                f"Kafka cannot remove one record, only all up to one: `drop --through {id}` removes this letter and all of the "
                "producer's before it"
            )
        elif id.number in dropped:
            click.echo(f"{id}: dropped")
        else:
            problems[id] = GONE
    return _complain(problems.items())


def _drop_through(letters: Letters, through: LetterId, yes: bool) -> None:
    if through.place != "kafka":
        raise click.UsageError(f"--through is for the producer's letters (kafka-42); this one goes with `drop {through}`.")
    count, copies = _done(lambda: letters.through(through.number))
    _ask(f"Remove {_count(count)} of the producer, and {copies} copies of the inserter's, from Kafka for ever?", yes)
    _done(lambda: letters.drop_through(through.number))
    click.echo(f"dropped {_count(count)} of the producer, up to {through}")


# ── How it is asked for and told ────────────────────────────────────────────────────────────────────────────────────────


def _done(work: Callable[[], Awaitable[T]]) -> T:
    """What the work returns. Ends the process with one line when it raises a `UserError`."""
    results: list[T] = []

    async def service(health: Health, stopping: asyncio.Event) -> None:
        results.append(await work())

    run("dead-letters", service, Process(log_level="error", log_format="text"))
    if not results:  # told to stop before
        raise click.Abort
    return results[0]


def _one_way(ids: tuple[LetterId, ...], all: bool, through: LetterId | None = None) -> None:
    if bool(ids) + all + (through is not None) != 1:
        others = "--all or --through" if "through" in click.get_current_context().params else "--all"
        raise click.UsageError(f"Say which letters: either by their IDs, as `list` tells them, or {others}.")


def _ask(question: str, yes: bool) -> None:
    # Not while a loop runs, which would keep Ctrl-C for itself.
    if not yes:
        click.confirm(question, abort=True, err=True)


def _end(failed: int) -> None:
    if failed:
        sys.exit(1)


def _say(what: str) -> None:
    click.echo(f"rtchart dead-letters: {what}", err=True)


def _complain(problems: Iterable[tuple[LetterId, str]]) -> int:
    """Tell what could not be done; how many that are."""
    lines = [f"{id}: {text.plain(problem)}" for id, problem in problems]
    for line in lines:
        click.echo(line, err=True)
    return len(lines)


def _count(letters: int) -> str:
    return "1 letter" if letters == 1 else f"{letters:,} letters"
