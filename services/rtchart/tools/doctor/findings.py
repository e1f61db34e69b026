"""What a check found, how it is written, and how checks are kept from waiting for ever and from ending each other."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Sequence
from typing import Any, Literal, TypeAlias

import msgspec

from rtchart.core.errors import UserError

Outcome = Literal["ok", "warning", "failed", "skipped"]
Figure: TypeAlias = "int | float | str | Sequence[int | str]"

NAMED = 10
"""Of things that are wrong in the same way, so many are named."""

_INDENT = " " * 9


class Finding(msgspec.Struct, frozen=True):
    """One line of the report, and what to do about it."""

    outcome: Outcome
    what: str
    """What was looked at."""
    found: str = ""
    """What is wrong with it, or worth saying of it, in words."""
    figures: dict[str, Figure] = {}
    """What was measured; a name ends in its unit."""
    advice: str = ""
    """What to do: a sentence. Not empty for a warning or a failure."""

    def text(self) -> str:
        """For people: a line, and below it what to do."""
        facts = " ".join(f"{name}={_shown(value)}" for name, value in self.figures.items())
        line = f"{self.outcome:<8} {self.what:<32}  {'  '.join(part for part in (self.found, facts) if part)}".rstrip()
        return f"{line}\n{_INDENT}{self.advice}" if self.advice else line

    def json(self) -> str:
        """For programs: one object, without line ends."""
        return msgspec.json.encode(self).decode()


def ok(what: str, found: str = "", /, **figures: Figure) -> Finding:
    """Nothing is to be done."""
    return Finding("ok", what, found, figures)


def skipped(what: str, found: str) -> Finding:
    """It was not looked at, and why."""
    return Finding("skipped", what, found)


def warning(what: str, found: str, advice: str, /, **figures: Figure) -> Finding:
    """It works, and will not for long, or not well."""
    return Finding("warning", what, found, figures, advice)


def failed(what: str, found: str, advice: str, /, **figures: Figure) -> Finding:
    """It does not work."""
    return Finding("failed", what, found, figures, advice)


def left_out(what: str, error: ModuleNotFoundError) -> Finding:
    """It was not looked at, because this machine or image has no package for it."""
    return skipped(what, f"left out: the package {(error.name or '').partition('.')[0]} is not installed here")


def listed(names: Iterable[str]) -> str:
    """The first of the names, and how many there are besides."""
    all_names = sorted(names)
    more = len(all_names) - NAMED
    return ", ".join(all_names[:NAMED]) + (f" and {more} more" if more > 0 else "")


async def bounded(
    what: str, check: Callable[[], Awaitable[list[Finding]]], *, patience: float, advice: str, grace: float = 0.0
) -> list[Finding]:
    """What the check finds, or that it could not: it has ``patience`` seconds, and may raise what it likes.

    ``advice`` is for what says nothing itself about what to do. A check that keeps to its patience itself, and has to put
    things away then, has ``grace`` seconds more.
    """
    limit = asyncio.timeout(patience + grace)
    try:
        async with limit:
            return await check()
    except UserError as error:
        found, _, remedy = str(error).partition("; ")
        return [failed(what, found, _sentence(remedy) if remedy else advice)]
    except ModuleNotFoundError as error:
        return [left_out(what, error)]
    except Exception as error:
        if limit.expired() or isinstance(error, TimeoutError):
            return [failed(what, f"no answer within {patience:g} s", advice)]
        return [failed(what, str(error) or type(error).__name__, advice)]


def _sentence(text: str) -> str:
    return f"{text[0].upper()}{text[1:]}{'' if text.endswith('.') else '.'}"


def _shown(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:.10g}"
    return ",".join(map(str, value)) if not isinstance(value, int | str) else str(value)
