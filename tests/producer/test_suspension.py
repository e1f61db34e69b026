"""A symbol whose suspension changed while no producer looked: no second that may have been wanted is lost in silence."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from rtchart.core.gap import Range
from rtchart.core.interval import MINUTE, SECOND
from rtchart.core.messages import StreamState
from tests.producer.test_outage import A, T, World

LAST_SEEN = T - 10 * MINUTE
WATERMARK = T - 30 * MINUTE

SUSPENDED = StreamState(
    exchange="sim",
    symbol="A",
    instance="one",
    at=0,
    status="suspended",
    epoch=1,
    watermark=WATERMARK,
    venue_time=LAST_SEEN + 300,
)
PENDING = (WATERMARK, WATERMARK + 3 * SECOND)


def gaps(state: StreamState, *, suspend: bool) -> list[Range]:
    """What a producer that starts with this state misses. Inside of a running loop."""
    return World({"sim:A/one": state}, replace(A, suspend=suspend)).begin().gaps


@pytest.mark.parametrize("pending", [(), (PENDING,)], ids=["whole", "with a gap"])
async def test_resumed_while_the_producer_was_down_all_since_it_was_seen_suspended_is_fetched(
    pending: tuple[Range, ...],
) -> None:
    assert gaps(replace(SUSPENDED, pending=pending), suspend=False) == [*pending, (LAST_SEEN, T)]


@pytest.mark.parametrize("pending", [(), (PENDING,)], ids=["whole", "with a gap"])
async def test_suspended_before_and_after_nothing_between_was_wanted(pending: tuple[Range, ...]) -> None:
    assert gaps(replace(SUSPENDED, pending=pending), suspend=True) == [*pending]


async def test_a_state_written_before_the_exchange_told_its_time_is_dated_by_the_machines() -> None:
    assert gaps(replace(SUSPENDED, venue_time=None, at=LAST_SEEN + 300), suspend=False) == [(LAST_SEEN, T)]


async def test_killed_before_the_word_that_it_is_resumed_was_written() -> None:
    world = World()
    await world.seconds(10)
    world.producer.desire({"sim:A": replace(A, suspend=True)})
    world.local += 600_000
    track, now = world.producer.tracks["A"], world.clock.now()
    assert track.ledger is not None
    track.ledger.mark()
    track.ledger.acknowledged()
    last = track.state("one", now, 0)
    assert (last.status, last.watermark) == ("suspended", T + 10 * SECOND)
    world.producer.desire({"sim:A": A})
    world.local += 400  # and it is killed

    again = World({"sim:A/one": last})
    again.clock.set(now + 20 * SECOND)
    assert again.begin().gaps == [(now // SECOND * SECOND, (now + 20 * SECOND) // SECOND * SECOND)]
