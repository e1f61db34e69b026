"""In which order a symbol's candles are folded, and what of: `rtchart.core.interval.parents` for one symbol."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

from rtchart.core.interval import Interval, parents


@dataclass(frozen=True)
class Chain:
    """The intervals of a symbol. Symbols with the same intervals and the same anchor share one."""

    child: dict[str, Interval]
    """What each interval is folded from, by its name, shortest first."""
    own: dict[str, Interval]
    """Each interval as the symbol has it: ``3d`` with its anchor."""

    parents: dict[str, list[Interval]]
    """The intervals that are folded from each."""


@lru_cache(maxsize=4096)
def chain(intervals: tuple[str, ...], listed_day: int | None) -> Chain:
    """The chain of a symbol with these intervals; without ``3d`` while there is no ``listed_day`` to say when it opens."""
    made_of = {
        (interval if listed_day is None else interval.of(listed_day)): child
        for interval, child in parents(intervals).items()
        if interval.name != "3d" or listed_day is not None
    }
    return Chain(
        child={interval.name: child for interval, child in made_of.items()},
        own={interval.name: interval for interval in made_of},
        parents={own.name: [parent for parent, child in made_of.items() if child.name == own.name] for own in made_of},
    )
