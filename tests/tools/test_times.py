"""Times as people give them to the tools."""

from __future__ import annotations

import click
import pytest

from rtchart.core.interval import DAY, HOUR
from rtchart.tools.times import MomentType

NOW = 1_764_000_000_000


@pytest.mark.parametrize(
    ("text", "time"),
    [
        ("90s", NOW - 90_000),
        ("15m", NOW - 900_000),
        ("6h", NOW - 6 * HOUR),
        ("7d", NOW - 7 * DAY),
        ("999999d", 0),
        ("2w", NOW - 14 * DAY),
        ("now", NOW),
        ("2025-11-22", 1_763_769_600_000),
        ("2025-11-22T09:00", 1_763_802_000_000),
        ("2025-11-22T09:00:00Z", 1_763_802_000_000),
        ("2025-11-22 10:00+01:00", 1_763_802_000_000),
    ],
)
def test_times_are_durations_before_now_or_utc(text: str, time: int) -> None:
    assert MomentType().convert(text, None, None).at(NOW) == time


@pytest.mark.parametrize("text", ["", "7", "7y", "-1h", "yesterday", "٣h"])
def test_what_is_no_time_is_refused_with_examples(text: str) -> None:
    with pytest.raises(click.BadParameter, match=r"is no time; give ISO 8601 in UTC \(2026-11-26T14:00\), now, or a duration"):
        MomentType().convert(text, None, None)
