"""The service as a process: its start, its end, and what it says when something is in its way."""

from __future__ import annotations

import asyncio
import resource
import socket
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx
import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed

from rtchart.broker.cluster import Cluster
from rtchart.broker.table import TableWriter
from rtchart.broker.topics import SYMBOLS
from rtchart.core.messages import GapOpened
from rtchart.core.symbol import DesiredSymbol
from rtchart.local.ports import free_ports
from rtchart.web import server, service
from tests.counting import counted
from tests.waiting import wait_until
from tests.web.conftest import BTC
from tests.web.klines import IDENTITY, seconds, this_minute
from tests.web.running import Running, running

DEADLINE = 30.0


async def test_it_tells_how_many_symbols_have_come(web: Running) -> None:
    await web.publish(seconds(this_minute(), 1))
    await wait_until(lambda: counted("rtchart_web_symbols") == 1)


@asynccontextmanager
async def process(*arguments: str) -> AsyncIterator[asyncio.subprocess.Process]:
    child = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "rtchart", "web", *arguments, stderr=asyncio.subprocess.PIPE
    )
    try:
        yield child
    finally:
        if child.returncode is None:
            child.kill()
            await child.wait()


async def test_a_process_serves_and_ends_at_sigterm(kafka: str, topic_prefix: str, database: str) -> None:
    port, admin = free_ports(2)
    arguments = ["--kafka", kafka, "--topic-prefix", topic_prefix, "--database", database, "--port", str(port)]
    async with process(*arguments, "--admin-port", str(admin)) as child, httpx.AsyncClient() as http:

        async def ready() -> bool:
            try:
                return (await http.get(f"http://127.0.0.1:{port}/readyz")).status_code == 200
            except httpx.TransportError:
                return False

        await wait_until(ready, within=DEADLINE)
        metrics = (await http.get(f"http://127.0.0.1:{admin}/metrics")).text
        assert "rtchart_build_info{" in metrics
        assert "rtchart_web_sockets 0.0" in metrics
        async with connect(f"ws://127.0.0.1:{port}/ws") as client:
            await client.send('{"op":"ping"}')
            await client.recv()
            child.terminate()
            try:
                async with asyncio.timeout(DEADLINE):
                    while True:
                        await client.recv()
            except ConnectionClosed:
                pass
            assert client.close_code == 1001
        async with asyncio.timeout(DEADLINE):
            assert await child.wait() == 0


async def test_a_port_in_use_is_a_sentence(kafka: str, database: str) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        async with process("--kafka", kafka, "--database", database, "--port", str(port)) as child:
            error = await _failure(child)
    assert f"cannot serve on 127.0.0.1:{port}" in error
    assert "--port" in error


async def test_no_broker_is_a_sentence(database: str) -> None:
    async with process("--kafka", f"127.0.0.1:{free_ports(1)[0]}", "--database", database, "--port", "0") as child:
        assert "no Kafka broker answers" in await _failure(child)


async def test_it_is_not_ready_while_symbols_are_silent(
    kafka: str, topic_prefix: str, database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with running(kafka, topic_prefix, database, symbols=[BTC]) as web:
        await wait_until(lambda: web.web.klines.caught_up and not web.health.reasons)
        monkeypatch.setattr(service, "SILENT", 0.0)
        await wait_until(lambda: "klines" in web.health.reasons)
        assert (await web.http.get("/readyz")).status_code == 503
        async with web.cluster.producer() as producer:
            suspended = DesiredSymbol(BTC.exchange, BTC.symbol, epoch=0, suspend=True)
            table = TableWriter[DesiredSymbol](producer, Cluster(kafka, topic_prefix), SYMBOLS)
            await table.put({str(BTC.identity): suspended})
        await wait_until(lambda: not web.health.reasons)


async def test_only_a_kline_ends_the_silence(web: Running) -> None:
    """Gaps are told of a venue that is not heard, too."""
    minute = this_minute()
    klines, entry = web.web.klines, web.web.market.entry(IDENTITY)
    before = time.monotonic()
    await web.publish([GapOpened(IDENTITY.exchange, IDENTITY.symbol, minute, minute + 2_000, "silence", minute)])
    await wait_until(lambda: entry.gaps)
    now = time.monotonic()
    assert klines.silent_for >= now - before
    await web.publish(seconds(minute, 0))
    await wait_until(lambda: entry.live.newest)
    assert klines.silent_for < time.monotonic() - before


async def test_it_is_not_ready_from_the_moment_it_is_told_to_end(web: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    """While the clients are being sent away, before any of them is gone."""
    drain = web.web.hub.drain
    answers: list[int] = []

    async def asked_meanwhile() -> None:
        answers.append((await web.http.get("/readyz")).status_code)
        await drain()

    await web.publish(seconds(this_minute(), 0))
    await wait_until(lambda: not web.health.reasons)
    monkeypatch.setattr(web.web.hub, "drain", asked_meanwhile)
    async with web.socket() as socket:
        await socket.ask(op="ping")
        await socket.take(op="pong")
        web.stopping.set()
        assert (await socket.closed())[0] == 1001
    assert answers == [503]


@pytest.mark.parametrize(
    ("limits", "wanted", "room", "set_to"),
    [
        ((1_024, 4_096), 500, 500, None),  # as it is
        ((1_024, 8_192), 5_000, 5_000, 5_256),  # the soft limit is raised
        ((1_024, 4_096), 5_000, 3_840, 4_096),  # up to the hard one
        ((64, 64), 5_000, 1, 64),
        ((1_024, resource.RLIM_INFINITY), 5_000, 5_000, 5_256),
        ((resource.RLIM_INFINITY, resource.RLIM_INFINITY), 5_000, 5_000, None),
    ],
)
def test_sockets_are_no_more_than_open_files(
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    limits: tuple[int, int],
    wanted: int,
    room: int,
    set_to: int | None,
) -> None:
    made: list[tuple[int, int]] = []
    monkeypatch.setattr(resource, "getrlimit", lambda what: limits)
    monkeypatch.setattr(resource, "setrlimit", lambda what, to: made.append(to))
    assert server.room_for(wanted) == room
    assert made == ([] if set_to is None else [(set_to, limits[1])])
    assert ("raise the hard limit" in caplog.text) == (room < wanted)


async def _failure(child: asyncio.subprocess.Process) -> str:
    async with asyncio.timeout(DEADLINE):
        _, error = await child.communicate()
    assert child.returncode == 1
    text = error.decode()
    assert "Traceback" not in text
    return text
