"""The exchange's limits, as tables of times."""

from __future__ import annotations

import pytest

from rtchart.core.interval import MINUTE
from rtchart.sim.limits import Rolling, Weights

BAN = 2 * MINUTE


@pytest.mark.parametrize(
    ("times", "allowed"),
    [
        ([0, 1, 2, 3, 4], [True] * 5),
        ([0, 1, 2, 3, 4, 5], [True] * 5 + [False]),
        ([0, 1, 2, 3, 4, 999], [True] * 5 + [False]),
        ([0, 1, 2, 3, 4, 1_000], [True] * 6),
        # The window rolls: five late in one second and one early in the next are six within a second.
        ([900, 910, 920, 930, 940, 1_500], [True] * 5 + [False]),
    ],
)
def test_five_in_any_second(times: list[int], allowed: list[bool]) -> None:
    window = Rolling(5, 1_000)
    assert [window.allow(time) for time in times] == allowed


def test_a_flood_stays_refused() -> None:
    window = Rolling(5, 1_000)
    assert [window.allow(time * 100) for time in range(30)].count(True) == 5


def test_weight_starts_again_with_the_minute() -> None:
    weights = Weights(limit=10)
    assert weights.take(10, 59_999) is None
    refusal = weights.take(1, 59_999)
    assert refusal is not None
    assert (refusal.status, refusal.retry_after) == (429, 1)
    assert weights.take(10, 60_000) is None
    assert weights.used == 10


def test_who_goes_on_is_banned_and_the_next_time_for_longer() -> None:
    weights = Weights(limit=1, patience=2)
    statuses = [refusal and refusal.status for refusal in (weights.take(1, time) for time in range(5))]
    assert statuses == [None, 429, 429, 418, 418]
    refusal = weights.take(1, 3 + BAN - 1)
    assert refusal is not None
    assert (refusal.status, refusal.retry_after, refusal.until) == (418, 1, 3 + BAN)
    assert weights.take(1, 3 + BAN) is None
    again = [weights.take(1, 3 + BAN + time) for time in range(1, 4)][-1]
    assert again is not None
    assert (again.status, again.retry_after) == (418, 2 * BAN // 1_000)
