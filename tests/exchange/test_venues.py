from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml

from rtchart.core.errors import UserError
from rtchart.core.symbol import EXCHANGES
from rtchart.exchange.clock import VenueClock
from rtchart.exchange.venues import VENUES, venue
from rtchart_operator.command import main as operator

CHART = Path(__file__).parents[2] / "charts" / "rtchart"


def test_a_symbol_can_ask_for_each_venue_and_for_no_other() -> None:
    assert tuple(VENUES) == EXCHANGES


def test_chart_and_operator_know_each_venue() -> None:
    assert tuple(yaml.safe_load((CHART / "values.yaml").read_text(encoding="utf-8"))["exchange"]) == EXCHANGES
    names = " ".join(map(json.dumps, EXCHANGES))
    assert f"range $name := list {names} }}}}" in (CHART / "templates" / "_exchange.tpl").read_text(encoding="utf-8")
    options = {option.name for option in operator.params}
    assert {f"exchange_rest_{name}" for name in EXCHANGES} <= options


def test_sim_is_a_venue_of_its_own_on_this_machine() -> None:
    sim = venue("sim")
    assert (sim.name, sim.ws, sim.rest) == ("sim", "ws://127.0.0.1:9010", "http://127.0.0.1:9010")


def test_addresses_can_be_others() -> None:
    moved = venue("binance", ws="wss://data-stream.binance.vision/")
    assert (moved.name, moved.ws, moved.rest) == ("binance", "wss://data-stream.binance.vision", "https://api.binance.com")


@pytest.mark.parametrize("url", ["http://127.0.0.1", "ws://", "ws://host:port", "ws://[::1", "127.0.0.1:9010"])
def test_what_is_no_address_is_refused_with_the_option(url: str) -> None:
    with pytest.raises(UserError, match="--exchange-ws is "):
        venue("sim", ws=url)


def test_unknown_names_are_refused_with_the_known_ones() -> None:
    with pytest.raises(UserError, match="known are binance, sim"):
        venue("kraken")


def test_the_venues_clock_is_estimated_from_below() -> None:
    local = 1_000.0
    clock = VenueClock(local=lambda: local)
    assert not clock.known
    with pytest.raises(ValueError, match="not told"):
        clock.now()
    clock.heard(50_000)
    local = 1_100.0
    clock.heard(50_040)  # 60 ms on their way
    assert clock.now() == 50_100
    local = 1_200.0
    clock.heard(50_230)  # less than ever before
    assert clock.now() == 50_230
    clock.heard(50_230 + 3_600_000)  # no clock leaps an hour; one bad event time shall not end all seconds
    assert clock.now() == 50_230
    clock.set(40_000)
    assert clock.now() == 40_000
