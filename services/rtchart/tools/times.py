"""Times on the command line: ISO 8601 in UTC, ``now``, or a duration back."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Any, NamedTuple, TypeVar

import click

from rtchart.core.interval import DAY, HOUR, MINUTE, SECOND, WEEK

_UNITS = {"s": SECOND, "m": MINUTE, "h": HOUR, "d": DAY, "w": WEEK}
_BACK = re.compile(r"(\d{1,6})([smhdw])", re.ASCII)


class Moment(NamedTuple):
    """A time as it was given: ``ms`` since the epoch, or (``back``) before now."""

    ms: int
    back: bool

    def at(self, now: int) -> int:
        """The time (ms) that it is at the time ``now``; none is before the epoch."""
        return max(0, now - self.ms if self.back else self.ms)


T = TypeVar("T")


def from_to(**given: T) -> tuple[T, T]:
    """What ``--from`` and ``--to`` gave, for `rtchart.process.options.collected`: ``from`` can be no argument's name."""
    return given["from"], given["to"]


class MomentType(click.ParamType[Moment]):
    """``2026-11-26T14:00``, ``now``, ``2h``."""

    name = "TIME"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Moment:
        if isinstance(value, Moment):
            return value
        text = str(value).strip()
        if text == "now":
            return Moment(0, back=True)
        if back := _BACK.fullmatch(text):
            return Moment(int(back[1]) * _UNITS[back[2]], back=True)
        try:
            time = datetime.fromisoformat(text)
            given = time if time.tzinfo else time.replace(tzinfo=UTC)
            return Moment(round(given.timestamp()) * SECOND, back=False)
        except (ValueError, OverflowError):
            self.fail(
                f"{text!r} is no time; give ISO 8601 in UTC (2026-11-26T14:00), now, or a duration back (90s, 2h, 7d).",
                param,
                ctx,
            )
