"""What the producer makes of what should not have come: on the fakes of `tests.producer.test_outage`."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator

from rtchart.core.interval import SECOND
from rtchart.core.kline import Source
from rtchart.exchange.base import BadFrame, Page
from rtchart.producer.repair import keep_repairing
from tests.producer.test_outage import Rest, T, World


class Odd(Rest):
    """Has rows that are no klines, for all that it is asked."""

    async def klines(
        self, symbol: str, start: int, end: int, *, interval: str = "1s", source: Source = "repair"
    ) -> AsyncGenerator[Page, None]:
        bad = {time: BadFrame("invalid_kline", "open is 'NaN'", "[]") for time in range(start, end, SECOND)}
        yield Page(start, end, self.clock.now(), [], bad)


async def test_a_row_that_is_no_kline_is_kept_with_the_symbol_that_was_asked_for() -> None:
    world = World()
    await world.seconds(1)
    world.next += SECOND
    await world.seconds(2)
    repairing = asyncio.create_task(keep_repairing(world.producer, Odd(world.clock)))
    try:
        async with asyncio.timeout(15):
            letter = await world.producer.letters.get()
    finally:
        repairing.cancel()
        await asyncio.wait([repairing])
    assert (letter.exchange, letter.symbol, letter.detail) == ("sim", "A", "open is 'NaN'")
    assert world.producer.letters.empty()
    assert T + SECOND not in world.published
