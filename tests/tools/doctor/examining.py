"""What examinations share: an exchange, a pipeline that tells of itself, and what was found."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import quote

from rtchart.broker.cluster import Cluster
from rtchart.broker.table import TableWriter
from rtchart.broker.topics import STREAMS, SYMBOLS
from rtchart.core.interval import HOUR
from rtchart.core.messages import StreamState
from rtchart.core.symbol import DesiredSymbol
from rtchart.process.clock import now_ms
from rtchart.sim.clock import MarketClock
from rtchart.sim.exchange import Address, Config, Exchange
from rtchart.tools.doctor.command import Asked, examine
from rtchart.tools.doctor.findings import Finding
from tests.tools.running import environment

SECRET = "Gehe1m/+:@% 7"
EPOCH = now_ms() - HOUR
PATIENCE = 30.0
"""Seconds; of what is there, nothing is late on a machine that is busy with other things."""


@asynccontextmanager
async def market(**clock: Any) -> AsyncIterator[Address]:
    """The simulated exchange with two symbols. ``start``: another time (ms) than this machine's."""
    exchange = Exchange(Config(symbols=("BTCUSDT", "ETHUSDT"), history_days=0), clock=MarketClock(**clock))
    async with exchange.serve() as address:
        yield address


async def tell(cluster: Cluster, *symbols: str, **state: Any) -> None:
    """The symbols are wanted, and a producer tells of them what ``state`` says."""
    async with cluster.producer() as producer:
        desired = [DesiredSymbol("sim", symbol, epoch=EPOCH) for symbol in symbols]
        await TableWriter[DesiredSymbol](producer, cluster, SYMBOLS).put({str(each.identity): each for each in desired})
        told: dict[str, Any] = {"instance": "one", "at": now_ms(), "status": "streaming", "epoch": EPOCH, **state}
        states = {f"sim:{symbol}/one": StreamState(exchange="sim", symbol=symbol, **told) for symbol in symbols}
        await TableWriter[StreamState](producer, cluster, STREAMS).put(dict(states))


async def report(asked: Asked) -> dict[str, Finding]:
    """All findings, by what they are of."""
    return {finding.what: finding async for finding in examine(asked)}


def bad(findings: dict[str, Finding]) -> dict[str, str]:
    """What is no warning of the machine that the tests run on, and not well."""
    mine = ("open files", "disk of", "machine's clock", "python")
    return {
        what: each.outcome
        for what, each in findings.items()
        if each.outcome in ("warning", "failed") and not what.startswith(mine)
    }


async def run(*arguments: str, program: str = "", **options: str) -> tuple[int, str]:
    """Exit code and all output of ``rtchart doctor``, in a process of its own."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", f"{program}\nfrom rtchart.cli import main; main()", "doctor", *arguments),
        env=environment(options),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    output, _ = await process.communicate()
    return process.returncode or 0, output.decode()


def reveals(text: str) -> bool:
    """Whether some of the secret is in the text."""
    return any(part in text for part in ("Gehe1m", SECRET, quote(SECRET, safe="")))
