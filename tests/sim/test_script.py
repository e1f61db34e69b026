"""Scripts of faults: read with the place of every mistake, and played on the market's time."""

from __future__ import annotations

import asyncio
from pathlib import Path

import httpx
import pytest

from rtchart.core.errors import UserError
from rtchart.core.interval import SECOND
from rtchart.local.ports import free_ports
from rtchart.process.wsgi import Address
from rtchart.sim.control import served
from rtchart.sim.exchange import Config, Exchange
from rtchart.sim.script import Director, read
from tests.sim.markets import market

SCRIPT = """\
faults:
  - {at: 1, for: 2, fault: mute, symbols: [BTCUSDT]}
  - {at: 2, for: 1, every: 5, fault: rest_status, status: 503}
  - {at: 4, fault: disconnect}
"""


def script(folder: Path, text: str) -> Path:
    path = folder / "script.yaml"
    path.write_text(text, encoding="utf-8")
    return path


async def test_faults_begin_end_and_come_again_when_it_says(tmp_path: Path) -> None:
    seen = []
    async with (
        market(symbols=("BTCUSDT",)) as exchange,
        Director(exchange.exchange.faults, exchange.clock) as director,
    ):
        director.play(read(script(tmp_path, SCRIPT)))
        for _ in range(9):
            for _ in range(5):
                await asyncio.sleep(0)
            seen.append([running.fault["fault"] for running in director.running])
            exchange.clock.advance(SECOND)
        assert seen == [[], ["mute"], ["mute", "rest_status"], [], [], [], [], ["rest_status"], []]


async def test_a_fault_that_comes_again_keeps_its_time_however_late_it_is_woken(tmp_path: Path) -> None:
    times = []
    async with (
        market(symbols=("BTCUSDT",)) as exchange,
        Director(exchange.exchange.faults, exchange.clock) as director,
    ):
        start = exchange.clock.now()
        director.play(read(script(tmp_path, "faults: [{at: 1, for: 0.5, every: 2, fault: mute}]")))
        for step in (1_700, 1_900, 1_900, 1_800):  # each some hundreds of ms after its time, which is 1, 3, 5, 7 s
            exchange.clock.advance(step)
            for _ in range(5):
                await asyncio.sleep(0)
            times += [running.since - start for running in director.running]
    assert times == [1_700, 3_600, 5_500, 7_300]


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("faults: [", "is no YAML: "),
        ("- fault: mute", "is no script; it has one key, `faults`"),
        ("faults: {fault: mute}", "is no script; it has one key, `faults`"),
        ("faults: [mute]", "fault 1 is no object"),
        ("faults: [{fault: mute}, {fault: moot}]", "fault 2 names no fault ('moot'); `fault` is one of disconnect, "),
        ("faults: [{at: 3}]", "fault 1 names no fault (None)"),
        ("faults: [{fault: mute, at: soon}]", "fault 1: Expected `float`, got `str`"),
        ("faults: [{fault: mute, for: 0}]", "fault 1: Expected `float` >= 0.001"),
        ("faults: [{fault: mute, symbol: BTCUSDT}]", "fault 1, mute: Object contains unknown field `symbol`"),
        ("faults: [{fault: skip, share: 2}]", "fault 1, skip: Expected `float` <= 1.0"),
    ],
)
def test_a_mistake_is_told_with_its_place(tmp_path: Path, text: str, complaint: str) -> None:
    path = script(tmp_path, text)
    with pytest.raises(UserError) as told:
        read(path)
    assert str(path) in str(told.value) and complaint in str(told.value)


def test_a_script_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"cannot read the script .*nowhere\.yaml \(No such file or directory\)"):
        read(tmp_path / "nowhere.yaml")


async def test_the_control_endpoint() -> None:
    exchange = Exchange(Config(symbols=("BTCUSDT",)))
    (port,) = free_ports(1)
    async with (
        exchange.serve() as address,
        Director(exchange.faults, exchange.clock) as director,
        httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}") as client,
    ):
        with served(Address("127.0.0.1", port), director):
            begun = await client.post("/faults", json={"fault": "rest_status", "status": 503, "for": 600})
            assert (begun.status_code, begun.json()) == (201, {"id": 1})
            (told,) = (await client.get("/faults")).json()["faults"]
            assert told["fault"] == {"fault": "rest_status", "status": 503, "retry_after": None}
            assert told["until"] == told["since"] + 600_000
            async with httpx.AsyncClient(base_url=address.rest) as rest:
                assert (await rest.get("/api/v3/ping")).status_code == 503
                assert (await client.delete("/faults/1")).json() == {"ended": 1}
                assert (await rest.get("/api/v3/ping")).status_code == 200
            assert (await client.delete("/faults/1")).status_code == 404
            assert (await client.post("/faults", content=b"{")).status_code == 400
            unlisted = await client.post("/faults", json={"fault": "mute", "symbols": ["XUSDT"]})
            assert unlisted.json() == {"error": "XUSDT is not listed here; name symbols that the exchange has, in `symbols`"}
            later = await client.post("/faults", json={"fault": "mute", "at": 3})
            assert "a fault begins at once here" in later.json()["error"]
            assert (await client.get("/")).status_code == 404
            await client.post("/faults", json={"fault": "mute"})
            await client.post("/faults", json={"fault": "late"})
            assert (await client.delete("/faults")).json() == {"ended": 2}
        assert exchange.faults.calm
