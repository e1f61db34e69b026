"""Minutes that came as the exchange's own candles: larger ones are folded from them, and the revisions of all go out.

Step by step, and only while no minute's seconds are due: what is live never waits for more than one step. The revisions of the
minutes are put into the outbox here, not where they were stored, so that it holds no more of the past than a step made.
"""

from __future__ import annotations

from rtchart.aggregator.chain import chain
from rtchart.aggregator.levels import Folded, Levels
from rtchart.core.interval import MINUTE
from rtchart.store import candles, venue
from rtchart.store.candles import Period
from rtchart.store.database import Connection

MINUTES = 2_000
"""How many minutes a transaction takes, about."""


async def step(connection: Connection, now: int) -> Folded | None:
    """One transaction: fold what is made of the next minutes that wait, at the time ``now`` (ms); None when none do."""
    async with connection.transaction(isolation="read_committed"):
        stretches = await venue.take(connection, minutes=MINUTES)
        if not stretches:
            return None
        await candles.plan_lookups(connection)
        series = await candles.read_series(connection, {stretch.symbol_id for stretch in stretches})
        wanted: dict[str, set[Period]] = {}
        for symbol_id, start, end in stretches:
            one = series[symbol_id]
            for parent in chain(one.intervals, one.listed_day).parents["1m"]:
                opens = {parent.open_time(minute) for minute in range(start, end, MINUTE)}
                wanted.setdefault(parent.name, set()).update(Period(symbol_id, opened) for opened in opens)
        levels = Levels(connection, series, now, of_old=True)
        levels.folded.revisions += await venue.publish(connection, stretches)
        await levels.larger(wanted)
    return levels.folded
