"""``rtchart exchange``, as a process."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import httpx
import pytest

from rtchart.core.errors import UserError
from rtchart.local.ports import free_ports
from rtchart.sim.command import listed
from rtchart.sim.exchange import Config, Exchange
from rtchart.sim.listing import KNOWN
from tests.waiting import wait_until

EXCHANGE = [sys.executable, "-c", "from rtchart.cli import main; main()", "exchange"]


async def test_it_serves_what_the_environment_says_until_sigterm() -> None:
    (port,) = free_ports(1)
    environment = os.environ | {"RTCHART_SYMBOLS_COUNT": "30", "RTCHART_PORT": str(port)}
    process = await asyncio.create_subprocess_exec(*EXCHANGE, env=environment, stderr=asyncio.subprocess.PIPE)
    try:

        async def listed_symbols() -> int:
            try:
                async with httpx.AsyncClient() as rest:
                    info = (await rest.get(f"http://127.0.0.1:{port}/api/v3/exchangeInfo")).json()
            except httpx.TransportError:
                return 0
            return len(info["symbols"])

        assert await wait_until(listed_symbols) == 30
        process.send_signal(signal.SIGTERM)
        async with asyncio.timeout(10):
            _, errors = await process.communicate()
        assert process.returncode == 0
        serving = json.loads(errors.splitlines()[0])
        assert (serving["message"], serving["ws"]) == ("serving", f"ws://127.0.0.1:{port}")
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["--symbol", "btc usdt"], "'btc usdt' cannot be a symbol"),
        (["--replay", "/nowhere.csv"], "cannot read /nowhere.csv"),
    ],
)
def test_what_the_user_can_mend_is_one_sentence(arguments: list[str], complaint: str) -> None:
    run = subprocess.run([*EXCHANGE, "--port", "0", *arguments], capture_output=True, text=True, timeout=30)
    assert run.returncode == 1
    assert run.stderr.startswith(f"rtchart exchange: {complaint}")
    assert len(run.stderr.splitlines()) == 1


async def test_a_port_in_use_is_said() -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        with pytest.raises(UserError, match=rf"cannot listen on 127\.0\.0\.1:{port} \(Address already in use\); free the port"):
            async with Exchange(Config(port=port)).serve():
                pass


@pytest.mark.parametrize(
    ("symbols", "count", "replay", "expected"),
    [
        ((), None, None, tuple(KNOWN)),
        ((), 2, None, ("BTCUSDT", "ETHUSDT")),
        (("MINEUSDT",), None, None, ("MINEUSDT",)),
        (("MINEUSDT",), 1, None, ("MINEUSDT", "BTCUSDT")),
        ((), None, Path("x.csv"), ()),
        ((), 1, Path("x.csv"), ("BTCUSDT",)),
    ],
)
def test_what_is_listed(symbols: tuple[str, ...], count: int | None, replay: Path | None, expected: tuple[str, ...]) -> None:
    assert listed(symbols, count, replay) == expected
