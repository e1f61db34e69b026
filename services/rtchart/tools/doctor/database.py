"""PostgreSQL: whether it lets us in and is new enough, and how far those are who write into it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from rtchart.core.interval import DAY, HOUR, MINUTE
from rtchart.process.clock import now_ms
from rtchart.store import inspection
from rtchart.store.database import Connection, place
from rtchart.store.inspection import NotAllowed, OpenGaps, Run, Server, Waiting, ask
from rtchart.store.migrate import LATEST, schema_version
from rtchart.store.retention import AHEAD
from rtchart.tools.doctor import clocks
from rtchart.tools.doctor.findings import Figure, Finding, bounded, failed, ok, skipped, warning

FULL = 0.8
"""Share of the connections from which on it is told."""
AHEAD_LEAST = 6 * HOUR
"""Each minute partitions are made for `AHEAD`; so much of it left, nobody has made any for most of a day."""
FOLDED_WITHIN = 3 * MINUTE
FOLDED_AT_LAST = HOUR
REPAIRED_WITHIN = HOUR

_SEE_LOG = "See the server's log."
_CLOCK = "Have both set their clocks (chronyc tracking, timedatectl)."
_AGGREGATOR = "See whether the aggregator runs, and its log; in a cluster: kubectl get cronjobs,jobs."
_OWNER = "this user may not read it: the owner, or rtchart_web, may"


async def examine(url: str, *, patience: float) -> list[Finding]:
    """Look at the server, then all at once at what is in it."""
    where = place(url)
    version: list[int] = []

    async def enter(connection: Connection) -> list[Finding]:
        server = await inspection.server(connection)
        version.append(await schema_version(connection))
        return [*judge_server(where, server), judge_schema(version[0])]

    findings = await _checked(url, f"database {where}", enter, patience)
    if not version:
        return findings
    checks: dict[str, Callable[[Connection], Awaitable[list[Finding]]]] = {"database roles": _roles, "database clock": _clock}
    if version[0]:
        checks |= {
            "partitions of seconds": _partitions,
            "minutes to be folded": _waiting,
            "aggregator's last run": _last_run,
            "open gaps": _open_gaps,
            "dead letters of a day": _letters,
        }
    # A few at a time: the server may have few connections left.
    lanes = asyncio.Semaphore(4)

    async def one(what: str, work: Callable[[Connection], Awaitable[list[Finding]]]) -> list[Finding]:
        async with lanes:
            return await _checked(url, what, work, patience)

    for more in await asyncio.gather(*(one(what, work) for what, work in checks.items())):
        findings += more
    return findings


async def _checked(
    url: str, what: str, work: Callable[[Connection], Awaitable[list[Finding]]], patience: float
) -> list[Finding]:
    async def check() -> list[Finding]:
        try:
            return await ask(url, work, patience=patience)
        except NotAllowed:
            return [skipped(what, _OWNER)]

    return await bounded(what, check, patience=patience, advice=_SEE_LOG, grace=2 * inspection.LEAVING)


def judge_server(where: str, server: Server) -> list[Finding]:
    """Version, connections and size."""
    what = f"database {where}"
    major = server.version // 10_000
    figures: dict[str, Figure] = {
        "postgresql": f"{major}.{server.version % 10_000}",
        "user": server.user,
        "size_mb": round(server.size / 1e6),
    }
    findings = [
        ok(what, **figures)
        if server.version >= inspection.NEEDED
        else failed(what, f"is older than PostgreSQL {inspection.NEEDED // 10_000}", "Upgrade the server.", **figures)
    ]
    room = server.max_connections - server.reserved
    counts = {"used": server.used, "max_connections": server.max_connections, "reserved": server.reserved}
    if server.used >= FULL * room:
        findings.append(
            warning(
                "database connections",
                f"{server.used} of {room} are used",
                "Raise max_connections, or run fewer clients: each web and inserter takes up to 8.",
                **counts,
            )
        )
    else:
        findings.append(ok("database connections", **counts))
    return findings


def judge_schema(version: int) -> Finding:
    """A newer schema is as good."""
    if version < LATEST:
        found = "there is none" if not version else f"is at {version} and must be at {LATEST}"
        return failed("database schema", found, "Run `rtchart migrate` as the database's owner.", version=version)
    return ok("database schema", version=version)


def judge_roles(roles: dict[str, bool | None]) -> Finding:
    """They must be there; that this user may become them only `rtchart up` wants."""
    missing = [role for role, may in roles.items() if may is None]
    figures: dict[str, Figure] = {"may_become": [role for role, may in roles.items() if may] or "none"}
    if missing:
        return failed(
            "database roles", f"there is no {', '.join(missing)}", "Run `rtchart migrate`, which makes them.", **figures
        )
    return ok("database roles", **figures)


def judge_partitions(now: int, until: int) -> Finding:
    """How long seconds have somewhere to go; beyond, the inserter makes partitions itself, in the way of others."""
    figures = {"ahead_h": round((until - now) / HOUR, 1)}
    if until - now < AHEAD_LEAST:
        return warning(
            "partitions of seconds",
            f"are there for less than {AHEAD_LEAST // HOUR} h from now, and are made for {AHEAD // HOUR} h each minute",
            "See whether the operator (or `rtchart up`) runs, and its log: it also removes what is past its retention.",
            **figures,
        )
    return ok("partitions of seconds", **figures)


def judge_waiting(now: int, waiting: Waiting) -> Finding:
    """Checkpoints that nobody took."""
    age = 0 if waiting.since is None else max(0, now - waiting.since)
    figures = {"checkpoints": waiting.checkpoints, "oldest_s": age // 1000}
    if age <= FOLDED_WITHIN:
        return ok("minutes to be folded", **figures)
    say = failed if age > FOLDED_AT_LAST else warning
    return say("minutes to be folded", f"the oldest wait for {_span(age)}", _AGGREGATOR, **figures)


def judge_last_run(now: int, run: Run | None) -> Finding:
    """Its age alone is nothing: without minutes that are due there are no runs."""
    what = "aggregator's last run"
    if run is None:
        return ok(what, "there was none yet")
    figures = {"ago_s": max(0, now - run.started_at) // 1000, "minutes": run.minutes}
    if run.error is not None:
        return warning(what, f"failed: {run.error}", _AGGREGATOR, **figures)
    if run.finished_at is None and now - run.started_at > FOLDED_WITHIN:
        return warning(what, f"has not ended for {_span(now - run.started_at)}", _AGGREGATOR, **figures)
    return ok(what, **figures)


def judge_gaps(now: int, gaps: OpenGaps) -> Finding:
    """Those that may still be repaired."""
    age = 0 if gaps.since is None else max(0, now - gaps.since)
    figures = {"gaps": gaps.gaps, "seconds": gaps.seconds, "oldest_s": age // 1000}
    if age <= REPAIRED_WITHIN:
        return ok("open gaps", **figures)
    return warning(
        "open gaps",
        f"the oldest is open for {_span(age)}",
        "See the producer's log for what the exchange answers; /api/v1/gaps?symbol=… lists a symbol's.",
        **figures,
    )


def judge_letters(letters: dict[str, int]) -> Finding:
    """Each is data that is not where it should be."""
    if not letters:
        return ok("dead letters of a day", letters=0)
    return warning(
        "dead letters of a day",
        ", ".join(f"{count} {reason}" for reason, count in sorted(letters.items())),
        "Read them, and the producer's: rtchart dead-letters list --since 1d.",
        letters=sum(letters.values()),
    )


def _span(ms: int) -> str:
    return f"{ms / DAY:.1f} days" if ms >= DAY else f"{ms / HOUR:.1f} h" if ms >= HOUR else f"{ms / MINUTE:.0f} min"


async def _roles(connection: Connection) -> list[Finding]:
    return [judge_roles(await inspection.roles(connection))]


async def _partitions(connection: Connection) -> list[Finding]:
    now = now_ms()
    return [judge_partitions(now, await inspection.partitions_until(connection, now))]


async def _waiting(connection: Connection) -> list[Finding]:
    return [judge_waiting(now_ms(), await inspection.waiting(connection))]


async def _last_run(connection: Connection) -> list[Finding]:
    return [judge_last_run(now_ms(), await inspection.last_run(connection))]


async def _open_gaps(connection: Connection) -> list[Finding]:
    now = now_ms()
    return [judge_gaps(now, await inspection.open_gaps(connection, now))]


async def _letters(connection: Connection) -> list[Finding]:
    return [judge_letters(await inspection.letters(connection, now_ms() - DAY))]


async def _clock(connection: Connection) -> list[Finding]:
    await inspection.clock(connection)  # the first question also has the statement prepared
    sent = now_ms()
    told = await inspection.clock(connection)
    return [clocks.judge("database clock", clocks.offset(sent, told, now_ms()), _CLOCK, may_fail=False)]
