"""The course of a minute: sixty seconds of relative prices and volumes, drawn once and used by many minutes.

A minute moves a *shape* to its own price, stretches it, and lets its drift happen in `STEPS` steps. Every sum over a minute's
seconds is then a formula of a few terms (`walk`), exact to the last digit, where adding up sixty seconds would be slow.
"""

from __future__ import annotations

import random
from functools import lru_cache
from typing import NamedTuple

STEPS = 4
"""A minute's drift happens in this many of its seconds."""

SHAPES = 64
"""Shapes that there are for each share of calm seconds."""

_LENGTH = 60


class Moment(NamedTuple):
    """A second of a shape. Prices count in wiggles from where the minute opened, volumes in weights."""

    step: int
    """How many of the minute's drift steps are done."""
    close: int
    up: int
    """How far the high is over the close."""
    down: int
    """How far the low is under the close."""
    weight: int
    """Volume. A second without a trade weighs nothing, and nothing of it differs from the second before."""
    buy: int
    """The part of the weight that takers bought."""
    trades: int
    trades_before: int
    """Trades in the minute before this second."""


class Stretch(NamedTuple):
    """What the seconds between two drift steps add up to."""

    step: int
    top: int
    bottom: int
    weight: int
    buy: int


class Shape(NamedTuple):
    """A minute's course, with the sums over it."""

    moments: tuple[Moment, ...]
    stretches: tuple[Stretch, ...]
    weight: int
    moved: int
    """Σ weight · close."""
    buy: int
    buy_moved: int
    """Σ buy · close."""
    trades: int


@lru_cache(maxsize=256)
def shapes(seed: int, calm: int) -> tuple[Shape, ...]:
    """The shapes in which about ``calm`` per cent of the seconds have no trade."""
    chance = random.Random(f"{seed}/{calm}")
    return tuple(_shape(chance, calm) for _ in range(SHAPES))


def _shape(chance: random.Random, calm: int) -> Shape:
    trading_seconds = _LENGTH - round(_LENGTH * chance.gauss(calm, 6) / 100)
    busy = sorted(chance.sample(range(_LENGTH), min(_LENGTH, max(STEPS, trading_seconds))))
    steps = set(chance.sample(busy, STEPS))
    trading = set(busy)
    moments: list[Moment] = []
    step = close = trades_before = 0
    for second in range(_LENGTH):
        if second not in trading:
            moments.append(Moment(step, close, 0, 0, 0, 0, 0, trades_before))
            continue
        step += second in steps
        # Back where it began at the end: what the minute moves is its drift.
        close = 0 if second == busy[-1] else max(-9, min(9, close + chance.choice((-3, -2, -1, -1, 0, 0, 0, 1, 1, 2, 3))))
        weight = min(900, 1 + int(chance.lognormvariate(2.6, 1.2)))
        trades = 1 + min(weight // 6, 40)
        moments.append(
            Moment(
                step,
                close,
                chance.choice((0, 0, 0, 1, 2)),
                chance.choice((0, 0, 0, 1, 2)),
                weight,
                min(weight, round(weight * chance.choice((0, 0.2, 0.5, 0.8, 1)))),
                trades,
                trades_before,
            )
        )
        trades_before += trades
    return _summed(tuple(moments))


def _summed(moments: tuple[Moment, ...]) -> Shape:
    stretches = []
    for step in range(STEPS + 1):
        part = [moment for moment in moments if moment.step == step and moment.trades]
        if part:
            stretches.append(
                Stretch(
                    step,
                    max(moment.close + moment.up for moment in part),
                    min(moment.close - moment.down for moment in part),
                    sum(moment.weight for moment in part),
                    sum(moment.buy for moment in part),
                )
            )
    return Shape(
        moments,
        tuple(stretches),
        sum(moment.weight for moment in moments),
        sum(moment.weight * moment.close for moment in moments),
        sum(moment.buy for moment in moments),
        sum(moment.buy * moment.close for moment in moments),
        sum(moment.trades for moment in moments),
    )
