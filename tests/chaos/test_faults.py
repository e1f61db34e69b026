"""Each fault of the exchange by itself: nothing lost or doubled, live again in seconds, never over the exchange's limits."""

from __future__ import annotations

import asyncio
from typing import Any, NamedTuple

import pytest

from rtchart.sim.catalogue import CATALOGUE
from tests.chaos.world import World
from tests.waiting import wait_until


class Case(NamedTuple):
    """A fault, for how long (seconds of the market; None: once), and how much longer than until its end all is live again."""

    written: dict[str, Any]
    lasts: float | None = None

    def __str__(self) -> str:
        more = [f"{value}" for key, value in self.written.items() if key not in ("fault", "symbols")]
        return "-".join([self.written["fault"], *more, *([] if self.lasts is None else [f"{self.lasts:g}s"])])


ONE = ["ETHUSDT"]
CASES = [
    Case({"fault": "disconnect"}),
    Case({"fault": "disconnect", "code": 1008, "reason": "Too many requests"}),
    Case({"fault": "disconnect", "code": 1001}, 80),
    Case({"fault": "refuse_handshakes", "status": 503}, 60),
    Case({"fault": "half_open"}),
    Case({"fault": "half_open"}, 60),
    Case({"fault": "pings_unanswered"}, 60),
    Case({"fault": "shutdown", "notice": 0}),
    Case({"fault": "shutdown", "notice": 100}),
    Case({"fault": "aging", "lifetime": 50}, 60),
    Case({"fault": "silent_subscriptions"}, 80),
    Case({"fault": "few_streams", "streams": 2}, 60),
    Case({"fault": "mute", "symbols": ONE}, 90),
    Case({"fault": "mute"}, 90),
    Case({"fault": "skip", "share": 0.3}, 60),
    Case({"fault": "late", "by": 30}, 60),
    Case({"fault": "double"}, 60),
    Case({"fault": "shuffle", "within": 5}, 60),
    Case({"fault": "correct", "after": 3}, 60),
    *(Case({"fault": "garble", "how": how, "share": 0.5}, 60) for how in ("malformed", "wrong_types", "missing_fields")),
    Case({"fault": "garble", "how": "microseconds"}, 60),
    Case({"fault": "inject", "text": '{"stream":"btcusdt@trade","data":{"e":"trade"}}'}),
    Case({"fault": "too_many_requests", "retry_after": 3}, 40),
    *(Case({"fault": "rest_status", "status": status}, 60) for status in (403, 500, 503)),
    Case({"fault": "rest_status", "status": 418, "retry_after": 4}, 40),
    Case({"fault": "rest_hangs"}, 60),
    Case({"fault": "rest_cut"}, 60),
    Case({"fault": "rest_few_rows", "rows": 3}, 90),
    Case({"fault": "absent", "symbols": ONE}, 40),
    Case({"fault": "absent"}, 40),
    Case({"fault": "trading", "status": "HALT", "symbols": ONE}, 90),
    Case({"fault": "trading", "status": "BREAK", "symbols": ONE}, 90),
    Case({"fault": "delist", "symbols": ONE}, 150),
    Case({"fault": "clock", "ahead": 5}, 90),
    Case({"fault": "clock", "ahead": -5}, 90),
]

OF_CONNECTIONS = ("refuse_handshakes", "silent_subscriptions", "few_streams")
"""Faults that only a new connection meets."""
OF_REST = ("too_many_requests", "rest_status", "rest_hangs", "rest_cut", "rest_few_rows")


def test_each_fault_of_the_catalogue_is_tried() -> None:
    assert {case.written["fault"] for case in CASES} == set(CATALOGUE)


@pytest.mark.parametrize("case", CASES, ids=str)
async def test_alone(at: World, case: Case, figure: Any) -> None:
    violations = at.exchange.violations.copy()
    since = at.now()
    await at.passes(5)
    if case.written["fault"] in OF_REST:  # REST matters when something is to be asked for
        number = at.director.begin(CATALOGUE["skip"](share=0.5), case.lasts)
        await at.have(case.lasts, **case.written)
        at.director.end(number)
    elif case.written["fault"] in OF_CONNECTIONS:
        async with asyncio.TaskGroup() as group:
            group.create_task(at.have(case.lasts, **case.written))
            await wait_until(lambda: at.director.running)
            at.director.begin(CATALOGUE["disconnect"]())
    else:
        await at.have(case.lasts, **case.written)
    back = await at.live_again()
    comparison = await at.whole(since)
    assert at.exchange.violations == violations, "the exchange's limits hold whatever it does"
    figure("seconds published", comparison.compared)
    figure("lost", comparison.lost)
    figure("doubled", comparison.doubled)
    figure("absent at the exchange", comparison.absent)
    figure("by REST", await at.repaired(since))
    figure("live after", f"{back:.1f} s")
