"""Live or simulated: never a simulated market in the place of a live one."""

from __future__ import annotations

import pytest

from rtchart.exchange.base import Venue
from rtchart.local.choice import choose, unreachable
from rtchart.local.ports import free_ports
from rtchart.sim.exchange import Config, Exchange


@pytest.mark.parametrize(
    ("asked", "live_stored", "why", "chosen"),
    [
        (None, False, "", "binance"),
        (None, False, "no answer", "sim"),
        (None, True, "no answer", "binance"),
        ("binance", False, "no answer", "binance"),
        ("sim", True, "", "sim"),
    ],
)
async def test_the_choice(asked: str | None, live_stored: bool, why: str, chosen: str) -> None:
    async def stored() -> bool:
        return live_stored

    async def reach() -> str:
        return why

    choice = await choose(asked, stored, reach)
    assert choice.exchange == chosen
    told = asked is None and chosen == "sim"
    assert ("SIMULATED" in choice.because and why in choice.because) if told else not choice.because


async def test_reachable_is_what_answers_on_both_addresses() -> None:
    (nothing,) = free_ports(1)
    async with Exchange(Config(symbols=("BTCUSDT",), history_days=0, host="127.0.0.1", port=0)).serve() as address:
        assert await unreachable(Venue("binance", ws=address.ws, rest=address.rest)) == ""
        assert await unreachable(Venue("binance", ws=f"ws://127.0.0.1:{nothing}", rest=address.rest), patience=2)
        assert await unreachable(Venue("binance", ws=address.ws, rest=f"http://127.0.0.1:{nothing}"), patience=0.5)
