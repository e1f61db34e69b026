"""When what may wait is done: in the part of a second after its klines have come."""

from __future__ import annotations

import pytest

from rtchart.core.quiet import until_quiet

T = 1_753_446_896_000


@pytest.mark.parametrize(
    ("now", "wait"), [(T, 0.25), (T + 249, 0.001), (T + 250, 0.0), (T + 799, 0.0), (T + 800, 0.45), (T + 999, 0.251)]
)
def test_what_may_wait_is_done_when_the_seconds_have_come(now: int, wait: float) -> None:
    assert until_quiet(now) == pytest.approx(wait)
