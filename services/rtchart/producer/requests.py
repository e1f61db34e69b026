"""Repairs that others ask for: seconds that Kafka lost after it had acknowledged them, and before they were stored, and
those that are not stored as the venue has them.

The watermark is past them, so what is to be done is kept on ``rtchart.repairs``, by whoever missed them, until it is done:
fetched, or absent, and acknowledged. Killed at any moment, the next producer finds it there. What is too old to be stored as
seconds is left to the older history (`rtchart.core.minutes`) at once, which remembers it from the next state on.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable

from rtchart.broker.table import Changes, Table
from rtchart.core.gap import common
from rtchart.core.messages import GapOpened
from rtchart.process.logs import fields
from rtchart.producer.ledger import Ledger
from rtchart.producer.service import Producer

log = logging.getLogger(__name__)

LOOK = 0.5
"""Seconds between looks at what is done."""

Put = Callable[[Changes[GapOpened]], Awaitable[None]]
"""Writes tombstones; returns when Kafka acknowledged them, raises when it did not."""


class Requests:
    """The repairs that are asked for of a producer's symbols, by key."""

    def __init__(self, producer: Producer, put: Put) -> None:
        self._producer = producer
        self._put = put
        self._open: dict[str, GapOpened] = {}
        self._given: dict[str, Ledger] = {}
        """Which ledger was told of them; one that is made anew is told again."""

    async def follow(self, table: Table[GapOpened]) -> None:
        """Take what is asked for, as the topic changes, until cancelled."""
        async for changes in table.follow():
            self.take(changes)

    async def keep_ending(self) -> None:
        """Hand on what is asked for, and end what is done, until cancelled."""
        while True:
            try:
                await self.look()
            except Exception as error:  # whatever Kafka's client raises; the next round tries again
                log.warning("the ends of repairs were not written", extra=fields(error=repr(error)))
            await asyncio.sleep(LOOK)

    def take(self, changes: Changes[GapOpened]) -> None:
        """Records of ``rtchart.repairs`` changed, which at first are all of them; None ends one."""
        for key, gap in changes.items():
            self._given.pop(key, None)
            if gap is None:
                self._open.pop(key, None)
            elif gap.exchange == self._producer.exchange:
                self._open[key] = gap

    async def look(self) -> None:
        """Tell the ledgers what is new, and write the ends of what is done."""
        over = [key for key, gap in self._open.items() if self._over(key, gap)]
        if over:
            await self._put(dict.fromkeys(over))
            for key in over:
                self._open.pop(key, None)
                self._given.pop(key, None)

    def _over(self, key: str, gap: GapOpened) -> bool:
        """Whether there is nothing left to do about it: it is done, or nobody wants it any more."""
        track = self._producer.tracks.get(gap.symbol)
        if track is None:
            return self._producer.told
        if track.desired.epoch != gap.epoch:
            return gap.epoch < track.desired.epoch
        ledger = track.ledger
        if ledger is None or not self._producer.clock.known:
            return False
        if self._given.get(key) is not ledger:
            now = self._producer.clock.now()
            self._given[key] = ledger
            floor = track.desired.raw_floor(now)
            ledger.request(max(gap.start, floor), gap.end, now, gap.reason)
            if gap.start < floor:
                track.minutes.add([(gap.start, min(gap.end, floor))])
        return not common([(gap.start, gap.end)], ledger.requests)
