"""What a starting producer does with the states that it finds, moment by moment: at none of them may it be killed in vain."""

from __future__ import annotations

from rtchart.core.interval import SECOND
from rtchart.core.messages import StreamState
from rtchart.core.symbol import DesiredSymbol
from rtchart.exchange.clock import VenueClock
from rtchart.process.clock import now_ms
from rtchart.process.health import Health
from rtchart.producer.service import Producer
from rtchart.producer.states import GONE, States
from tests.producer.test_outage import Kafka, Silent

T = 1_700_000_000_000
EPOCH = 1


def seen(symbol: str, instance: str, at: int = 0) -> StreamState:
    return StreamState(
        exchange="sim", symbol=symbol, instance=instance, at=at, status="streaming", epoch=EPOCH, watermark=T - 500 * SECOND
    )


class Start:
    """A producer that starts, between a table of states and a venue whose time is not known at first."""

    def __init__(self, *states: StreamState) -> None:
        self.table = {f"{state.identity}/{state.instance}": state for state in states}
        self.clock = VenueClock(local=lambda: 0.0)
        self.producer = Producer("sim", Silent(), self.clock, Health(), states=self.table)
        self.producer.outbox.open(Kafka())
        self.states = States(self.producer, "one", self.put, before=dict(self.table))
        self.up = True

    async def put(self, changes: dict[str, StreamState | None]) -> None:
        if not self.up:
            raise ConnectionError("no broker")
        for key, state in changes.items():
            if state is None:
                del self.table[key]
            else:
                self.table[key] = state

    def want(self, *symbols: str) -> None:
        self.producer.desire({f"sim:{symbol}": DesiredSymbol("sim", symbol, EPOCH) for symbol in symbols})


async def test_nothing_is_removed_before_it_is_known_what_is_asked_for() -> None:
    start = Start(seen("A", "one"), seen("A", "gone"), seen("B", "one"))
    before = dict(start.table)
    await start.states.write()
    await start.states.write(everything=True)
    assert start.table == before
    start.want("A")
    await start.states.write()
    assert "sim:B/one" not in start.table
    assert start.table["sim:A/one"].watermark == T - 500 * SECOND


async def test_a_state_of_one_that_is_gone_is_removed_when_ours_holds_what_it_held() -> None:
    start = Start(seen("A", "gone"), seen("A", "alive", now_ms()), seen("A", "old", now_ms() - GONE - 1))
    start.want("A")
    start.up = False
    for _ in range(2):
        try:
            await start.states.write()
        except ConnectionError:
            assert set(start.table) == {"sim:A/gone", "sim:A/alive", "sim:A/old"}
    start.up = True
    await start.states.write()
    assert set(start.table) == {"sim:A/one", "sim:A/alive"}
    assert start.table["sim:A/one"].watermark == T - 500 * SECOND


async def test_a_state_of_an_earlier_life_stays_until_this_one_has_begun() -> None:
    start = Start(seen("A", "gone"))
    start.producer.desire({"sim:A": DesiredSymbol("sim", "A", EPOCH + 1)})
    await start.states.write()
    assert "sim:A/gone" in start.table
    start.clock.set(T)
    start.producer.tick()
    await start.states.write()
    assert set(start.table) == {"sim:A/one"}
    assert start.table["sim:A/one"].watermark == T
