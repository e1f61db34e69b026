"""How the server starts, with and without its database, and how it ends."""

from __future__ import annotations

import asyncio
import contextlib
import json
import socket
import sys

import asyncpg
import pytest

from rtchart.core.interval import MINUTE
from rtchart.store import reader
from rtchart.store.migrate import migrate
from rtchart.web import feed, hub, listening, service
from tests.waiting import wait_until
from tests.web import table
from tests.web.conftest import BTC, ready
from tests.web.klines import IDENTITY, seconds, this_minute
from tests.web.running import DEADLINE, running


async def test_shutting_down_closes_every_socket_with_1001(kafka: str, topic_prefix: str, database: str) -> None:
    async with running(kafka, topic_prefix, database, symbols=[BTC]) as web, web.socket() as one, web.socket() as two:
        await one.ask(op="ping")
        await one.take(op="pong")
        await two.ask(op="ping")
        await two.take(op="pong")
        web.stopping.set()
        assert [(await socket.closed())[0] for socket in (one, two)] == [1001, 1001]
        assert "draining" in web.health.reasons


async def test_without_its_database_it_serves_what_is_live_and_says_so(
    kafka: str, topic_prefix: str, empty_database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The schema is missing at first, as when the database comes late; the snapshot is partial, and a resync follows."""
    monkeypatch.setattr(reader, "RETRY", 0.05)
    minute = this_minute()
    async with running(kafka, topic_prefix, empty_database, symbols=[BTC]) as web:
        await wait_until(lambda: web.web.klines.caught_up and web.web.catalog.active())
        await web.publish(seconds(minute, 0, 1))
        await wait_until(lambda: web.web.market.price(IDENTITY))
        async with web.socket() as socket:
            snapshot = await socket.subscribe()
            assert snapshot["partial"]
            assert [candle["received"] for candle in snapshot["candles"]] == [2]
            page = (await web.get("/candles", symbol="BTCUSDT")).json()
            assert page["partial"]
            assert len(page["candles"]) == 1
            answer = await web.get("/klines", symbol="BTCUSDT")
            assert (answer.status_code, answer.headers["content-type"]) == (503, "application/problem+json")
            assert "rtchart migrate" in (await web.get("/status")).json()["database"]
            connection = await asyncpg.connect(empty_database)
            await migrate(connection)
            await connection.close()
            assert (await socket.take(op="resync"))["symbol"] == "BTCUSDT"
            assert not (await socket.subscribe())["partial"]


async def test_a_busy_database_is_said_to_those_who_met_it_alone(
    kafka: str, topic_prefix: str, database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They get what is live, or 503, and a resync as soon as it answers."""
    monkeypatch.setattr(reader, "RETRY", 0.05)
    async with running(kafka, topic_prefix, database, symbols=[BTC]) as web, web.socket() as socket:
        await ready(web)
        with monkeypatch.context() as busy:
            busy.setattr(reader, "MOST_AT_ONCE", 0)
            assert (await socket.subscribe())["partial"]
            assert (await web.get("/candles", symbol="BTCUSDT")).json()["partial"]
            answer = await web.get("/klines", symbol="BTCUSDT")
            assert (answer.status_code, answer.headers["retry-after"]) == (503, "2")
            assert (await web.get("/status")).json()["database"] == ""
        assert (await socket.take(op="resync"))["symbol"] == "BTCUSDT"
        assert not (await socket.subscribe())["partial"]


async def test_it_starts_where_the_database_ends(
    kafka: str, topic_prefix: str, database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Minutes that are on Kafka and not in the database yet are folded from Kafka, however long ago they came."""
    first = this_minute() - 30 * MINUTE
    minutes = [first + number * MINUTE for number in range(5)]
    async with running(kafka, topic_prefix, database, symbols=[BTC]) as web:
        await wait_until(lambda: web.web.klines.caught_up)
        await web.publish([kline for minute in minutes for kline in seconds(minute)])
        cluster_id = await web.cluster.cluster_id()
        async with table.writer(database) as rows:
            await rows.offsets(cluster_id, topic_prefix, dict.fromkeys(range(12), 0))
    # Read in parts that end within minutes, and looked at between them for what is due.
    monkeypatch.setattr(feed, "POLL", 100)
    monkeypatch.setattr(feed, "CHUNK", 25)
    monkeypatch.setattr(service, "SWEEP", 0)
    async with running(kafka, topic_prefix, database, symbols=[BTC]) as web, web.socket() as socket:
        await wait_until(lambda: web.web.klines.caught_up)
        snapshot = await socket.subscribe()
        assert {candle["open_time"]: candle["received"] for candle in snapshot["candles"]} == dict.fromkeys(minutes, 60)


async def test_it_needs_no_more_than_its_role_may(kafka: str, topic_prefix: str, database: str) -> None:
    as_role = database.replace("postgres@", "rtchart_web@")
    assert as_role != database
    minute = this_minute()
    async with table.writer(database) as rows:
        await rows.klines(seconds(minute - MINUTE))
        await rows.checkpoint(minute - MINUTE)
        await rows.gap(minute - MINUTE, minute, "open")
    async with running(kafka, topic_prefix, as_role, symbols=[BTC]) as web, web.socket() as client:
        await ready(web)
        assert [candle["received"] for candle in (await client.subscribe())["candles"]] == [60]
        assert len((await client.subscribe(interval="1d"))["candles"]) == 1
        for path in ("/klines", "/gaps", "/status"):
            assert (await web.get(path, **({} if path == "/status" else {"symbol": "BTCUSDT"}))).status_code == 200
        await web.web.refresh_windows(whole=True)


@pytest.mark.skipif(sys.platform != "linux", reason="TCP_USER_TIMEOUT is Linux's")
async def test_a_client_that_takes_nothing_is_cut_off_by_the_kernel(
    kafka: str, topic_prefix: str, database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither its frames nor the close frame get through to it; what it holds here must end all the same."""
    monkeypatch.setattr(hub, "STALLED", 0.2)
    monkeypatch.setattr(listening, "UNTAKEN_MS", 500)
    async with running(kafka, topic_prefix, database, symbols=[BTC]) as web:
        await ready(web)
        async with table.writer(database) as rows:
            await rows.klines([item for back in range(20) for item in seconds(this_minute() - back * MINUTE)])
        loop = asyncio.get_running_loop()
        with socket.socket() as stalled:
            stalled.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            stalled.setblocking(False)
            await loop.sock_connect(stalled, ("127.0.0.1", web.port))
            handshake = "GET /ws HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            key = "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nSec-WebSocket-Version: 13\r\n\r\n"
            await loop.sock_sendall(stalled, (handshake + key).encode())
            await wait_until(lambda: len(web.web.hub.clients) == 1)
            request = json.dumps({"op": "subscribe", "symbol": "BTCUSDT", "interval": "1s", "limit": 999}).encode()
            frame = bytes((0x81, 0x80 | len(request))) + bytes(4) + request
            with contextlib.suppress(OSError):
                for _ in range(60):  # 240 kB each
                    await loop.sock_sendall(stalled, frame)
            await wait_until(lambda: not web.web.hub.clients, within=DEADLINE)
            await wait_until(lambda: _established(web.port) == 0, within=DEADLINE)


def _established(port: int) -> int:
    """Connections of the server on this port, as the kernel sees them (proc(5))."""
    with open("/proc/net/tcp") as table_:
        rows = [line.split() for line in table_.readlines()[1:]]
    return sum(row[1].endswith(f":{port:04X}") and row[3] == "01" for row in rows)
