"""Faults and kills in combinations that hypothesis draws: a state machine whose law is that in the end nothing is missing.

The pipeline goes on from one example to the next; an example's law is about the time from its begin on.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any, ClassVar, TypeVar

from hypothesis import HealthCheck, Phase, seed, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule, run_state_machine_as_test

from rtchart.sim.catalogue import fault
from rtchart.sim.catalogue.fault import Fault
from tests.chaos.world import SYMBOLS, World

T = TypeVar("T")

SERVICES = ("producer", "inserter", "aggregator", "web")

_symbols = st.lists(st.sampled_from(SYMBOLS), max_size=2, unique=True)
_share = st.sampled_from([0.1, 0.5, 1.0])


def _written(name: str, **fields: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    return st.fixed_dictionaries({"fault": st.just(name), **fields})


FAULTS = st.one_of(
    _written("disconnect", code=st.sampled_from([None, 1001, 1008, 1012])),
    _written("refuse_handshakes", status=st.sampled_from([None, 403, 503])),
    _written("half_open"),
    _written("pings_unanswered"),
    _written("shutdown", notice=st.sampled_from([0, 5, 60])),
    _written("aging", lifetime=st.sampled_from([20, 60])),
    _written("silent_subscriptions"),
    _written("few_streams", streams=st.sampled_from([0, 2])),
    _written("mute", symbols=_symbols),
    _written("skip", symbols=_symbols, share=_share),
    _written("late", symbols=_symbols, by=st.sampled_from([2, 30])),
    _written("double", symbols=_symbols),
    _written("shuffle", symbols=_symbols, within=st.sampled_from([3, 20])),
    _written(
        "garble",
        symbols=_symbols,
        share=_share,
        how=st.sampled_from(["malformed", "wrong_types", "missing_fields", "microseconds"]),
    ),
    _written("too_many_requests", retry_after=st.sampled_from([1, 3])),
    _written("rest_status", status=st.sampled_from([403, 500, 503])),
    _written("rest_hangs"),
    _written("rest_cut"),
    _written("rest_few_rows", rows=st.sampled_from([1, 10])),
    _written("absent", symbols=_symbols),
    _written("trading", symbols=_symbols, status=st.sampled_from(["HALT", "BREAK"])),
    _written("delist", symbols=st.lists(st.sampled_from(SYMBOLS[1:]), min_size=1, max_size=1)),
    _written("clock", ahead=st.sampled_from([-5, 5])),
)
"""Faults with parameters that are quick to be over: all but corrections. One that comes while no connection is open, or that a
clock set back makes the older version, is missed by anybody; `rtchart verify` finds it."""

LONGEST = 60.0
"""Seconds of the market that a fault lasts, or that pass between two steps."""


class Chaos(RuleBasedStateMachine):
    """What an example does. It runs in a thread; the world is the loop's."""

    world: ClassVar[World]
    loop: ClassVar[asyncio.AbstractEventLoop]
    compared: ClassVar[int] = 0
    """Seconds that were published in all examples, and are all there."""
    steps: ClassVar[int] = 0

    def __init__(self) -> None:
        super().__init__()
        self.since = self.world.now()
        self.violations = self.world.exchange.violations.copy()

    def _do(self, work: Coroutine[Any, Any, T]) -> T:
        type(self).steps += 1
        return asyncio.run_coroutine_threadsafe(work, self.loop).result()

    @initialize(seconds=st.floats(0, LONGEST))
    def some_time_passes(self, seconds: float) -> None:
        self._do(self.world.passes(seconds))

    @rule(written=FAULTS, lasts=st.one_of(st.none(), st.floats(1, LONGEST)), then=st.floats(0, 20))
    def a_fault_begins(self, written: dict[str, Any], lasts: float | None, then: float) -> None:
        async def begin(what: Fault) -> None:
            # What has no end of its own ends with the example, like all that goes on.
            self.world.director.begin(what, lasts)
            await self.world.passes(then)

        self._do(begin(fault(written, "the example")))

    @precondition(lambda self: self.world.director.running)
    @rule(then=st.floats(0, 20))
    def all_faults_end(self, then: float) -> None:
        async def end() -> None:
            self.world.director.end_all()
            await self.world.passes(then)

        self._do(end())

    @rule(name=st.sampled_from(SERVICES), then=st.floats(0, 20))
    def a_service_is_killed(self, name: str, then: float) -> None:
        async def kill() -> None:
            await self.world.running.restart(name)
            await self.world.passes(then)

        self._do(kill())

    @invariant()
    def the_limits_hold(self) -> None:
        assert self.world.exchange.violations == self.violations

    def teardown(self) -> None:
        async def settle() -> int:
            self.world.director.end_all()
            await self.world.live_again()
            return (await self.world.whole(self.since)).compared

        type(self).compared += self._do(settle())


async def chaos(world: World, number: int, *, examples: int, steps: int) -> type[Chaos]:
    """Run so many examples of at most so many steps each, drawn from a seed; what was done is counted on the class.

    A failure prints the steps of its example. It is not made smaller: time does not come back.
    """
    machine = seed(number)(type("Chaos", (Chaos,), {"world": world, "loop": asyncio.get_running_loop()}))
    chosen = settings(
        max_examples=examples,
        stateful_step_count=steps,
        deadline=None,
        database=None,
        phases=(Phase.generate,),
        suppress_health_check=list(HealthCheck),
    )
    await asyncio.to_thread(run_state_machine_as_test, machine, settings=chosen)
    return machine  # type: ignore[return-value]
