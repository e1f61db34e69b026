"""Each fault of the catalogue, as a client sees it; those that `test_faults` shows already are not repeated."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import httpx
import msgspec
import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake

from rtchart.core.interval import SECOND
from rtchart.exchange.base import BadFrame
from rtchart.exchange.binance.frames import FrameReader
from rtchart.sim.catalogue import CATALOGUE, fault
from rtchart.sim.catalogue.fault import Fault
from rtchart.sim.script import Director
from tests.sim.markets import NOW, Market, market
from tests.sim.test_stream import ask, opened, received
from tests.waiting import wait_until

CURRENT = NOW // SECOND * SECOND
BOTH = "/stream?streams=btcusdt@kline_1s/ethusdt@kline_1s"
ONE = "/stream?streams=btcusdt@kline_1s"


@pytest.fixture
async def exchange() -> AsyncIterator[Market]:
    async with market(symbols=("BTCUSDT", "ETHUSDT")) as running:
        yield running


@pytest.fixture
async def director(exchange: Market) -> AsyncIterator[Director]:
    async with Director(exchange.exchange.faults, exchange.clock) as running:
        yield running


def asked(**written: Any) -> Fault:
    return fault(written, "here")


async def moved(exchange: Market, seconds: float) -> None:
    """Time passes in pieces, so that what is planned for later is planned from the time it is then."""
    for _ in range(round(seconds * 4)):
        exchange.clock.advance(SECOND // 4)
        for _ in range(5):
            await asyncio.sleep(0)


def seconds(frames: list[Any]) -> list[int]:
    """Which seconds frames are of, counted from the start."""
    return [(frame["data"]["k"]["t"] - CURRENT) // SECOND for frame in frames]


async def nothing_comes(client: ClientConnection) -> None:
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.2):
            await client.recv()


async def test_a_disconnect_that_lasts_ends_each_new_connection(exchange: Market, director: Director) -> None:
    async with await opened(exchange, BOTH) as client:
        number = director.begin(asked(fault="disconnect", code=1008, reason="Too many requests"), 60)
        with pytest.raises(ConnectionClosed):
            await client.recv()
        assert client.close_code == 1008
    async with connect(exchange.address.ws + BOTH) as client:
        with pytest.raises(ConnectionClosed):
            await client.recv()
    assert director.end(number)
    async with await opened(exchange, BOTH) as client:
        await moved(exchange, 1)
        assert seconds(await received(client, 2)) == [0, 0]


async def test_without_a_time_a_disconnect_happens_once(exchange: Market, director: Director) -> None:
    async with await opened(exchange, BOTH) as client:
        director.begin(asked(fault="disconnect"))
        with pytest.raises(ConnectionClosed):
            await client.recv()
    assert client.close_code == 1006 and director.running == []


@pytest.mark.parametrize("status", [403, None])
async def test_refused_handshakes(exchange: Market, director: Director, status: int | None) -> None:
    number = director.begin(asked(fault="refuse_handshakes", status=status))
    with pytest.raises((InvalidHandshake, OSError, EOFError)):
        await connect(exchange.address.ws + BOTH)
    assert (await exchange.get("ping")) == {}
    director.end(number)
    await (await opened(exchange, BOTH)).close()


async def test_a_half_open_connection_says_nothing_and_hears_nothing(exchange: Market, director: Director) -> None:
    async with await opened(exchange, BOTH) as client:
        director.begin(asked(fault="half_open"))
        await moved(exchange, 2)
        await client.send(json.dumps({"method": "LIST_SUBSCRIPTIONS", "id": 1}))
        pong = await client.ping()
        await nothing_comes(client)
        assert not pong.done() and exchange.exchange.faults.connections == 1
        async with await opened(exchange, ONE) as other:
            await moved(exchange, 1)
            assert seconds(await received(other)) == [2]
        client.transport.abort()


async def test_unanswered_pings(exchange: Market, director: Director) -> None:
    async with await opened(exchange, ONE) as client:
        number = director.begin(asked(fault="pings_unanswered"))
        unanswered = await client.ping()
        await moved(exchange, 1)
        assert seconds(await received(client)) == [0]
        director.end(number)
        await (await client.ping())
        assert unanswered.done(), "a pong answers all pings before it (RFC 6455, 5.5.3)"


@pytest.mark.parametrize("notice", [0, 5])
async def test_a_shutdown_closes_after_its_notice_what_was_open_then(exchange: Market, director: Director, notice: int) -> None:
    async with await opened(exchange, ONE) as client:
        director.begin(asked(fault="shutdown", notice=notice))
        async with connect(exchange.address.ws + ONE) as successor:
            await wait_until(lambda: exchange.exchange.faults.connections == (2 if notice else 1))
            await moved(exchange, notice + 0.5)
            frames = []
            with pytest.raises(ConnectionClosed):
                while True:
                    frames.append(json.loads(await client.recv()))
            assert frames[0]["stream"] == "!serverShutdown"
            assert seconds(frames[1:]) == list(range(notice))
            assert client.close_code == 1001
            await moved(exchange, 1)
            assert seconds(await received(successor, notice + 1)) == list(range(notice + 1))


async def test_connections_have_a_lifetime(exchange: Market, director: Director) -> None:
    async with await opened(exchange, ONE) as client:
        director.begin(asked(fault="aging", lifetime=3))
        await moved(exchange, 2)
        async with await opened(exchange, ONE) as later:
            await moved(exchange, 2)
            with pytest.raises(ConnectionClosed):
                await received(client, 5)
            assert client.close_code == 1001
            assert seconds(await received(later, 2)) == [2, 3]


async def test_a_subscription_that_is_silent_for_ever(exchange: Market, director: Director) -> None:
    async with await opened(exchange, ONE) as client:
        number = director.begin(asked(fault="silent_subscriptions"))
        assert await ask(client, "SUBSCRIBE", "ethusdt@kline_1s") == {"result": None, "id": 1}
        director.end(number)
        assert len((await ask(client, "LIST_SUBSCRIPTIONS"))["result"]) == 2
        await moved(exchange, 1)
        assert (await received(client))[0]["data"]["s"] == "BTCUSDT"
        await nothing_comes(client)
        await ask(client, "UNSUBSCRIBE", "ethusdt@kline_1s")
        await ask(client, "SUBSCRIBE", "ethusdt@kline_1s")
        await moved(exchange, 1)
        assert {frame["data"]["s"] for frame in await received(client, 2)} == {"BTCUSDT", "ETHUSDT"}


async def test_few_streams(exchange: Market, director: Director) -> None:
    async with await opened(exchange, ONE) as client:
        number = director.begin(asked(fault="few_streams", streams=1))
        assert (await ask(client, "SUBSCRIBE", "ethusdt@kline_1s"))["error"] == {"code": 4, "msg": "Too many subscriptions"}
        director.end(number)
        assert "error" not in await ask(client, "SUBSCRIBE", "ethusdt@kline_1s")


async def test_what_is_streamed_is_late_doubled_out_of_order_or_left_out(exchange: Market, director: Director) -> None:
    async with await opened(exchange, ONE) as client:
        number = director.begin(asked(fault="late", by=30))
        await moved(exchange, 29)
        await nothing_comes(client)
        await moved(exchange, 4)
        assert seconds(await received(client, 3)) == [0, 1, 2]
        director.end(number)
        await moved(exchange, 30)
        both = seconds(await received(client, 60))  # what was under way comes late, among what comes in time
        assert sorted(both) == list(range(3, 63)) and both != sorted(both)

        number = director.begin(asked(fault="double"))
        await moved(exchange, 2)
        assert seconds(await received(client, 4)) == [63, 63, 64, 64]
        director.end(number)
        number = director.begin(asked(fault="skip", share=0.5))
        await moved(exchange, 40)
        director.end(number)
        await moved(exchange, 1)
        some: list[int] = []
        while not some or some[-1] < 105:
            some += seconds(await received(client))
        assert 8 < len(some) < 33 and some == sorted(some)
        director.begin(asked(fault="shuffle", within=4, symbols=["BTCUSDT"]), 20)
        await moved(exchange, 26)
        mixed = seconds(await received(client, 26))
        assert sorted(mixed) == list(range(106, 132)) and mixed != sorted(mixed)


async def test_a_correction_is_later_and_right(exchange: Market, director: Director) -> None:
    async with await opened(exchange, ONE) as client:
        director.begin(asked(fault="correct", after=2), 1)
        await moved(exchange, 4)
        frames = [frame["data"] for frame in await received(client, 5)]
        (row,) = await exchange.get("klines", symbol="BTCUSDT", interval="1s", startTime=CURRENT, limit=1)
        wrong, right = (frame for frame in frames if frame["k"]["t"] == CURRENT)
        assert right["E"] == wrong["E"] + 2 * SECOND
        assert right["k"]["v"] == row[5] != wrong["k"]["v"]


@pytest.mark.parametrize("how", ["malformed", "wrong_types", "missing_fields"])
async def test_garbled_klines_cannot_be_read(exchange: Market, director: Director, how: str) -> None:
    reader = FrameReader("sim", {})
    async with await opened(exchange, BOTH) as client:
        director.begin(asked(fault="garble", how=how))
        await moved(exchange, 10)
        read = [reader.read(await client.recv(decode=False), 0) for _ in range(20)]
        assert {type(one) for one in read} == {BadFrame}
        assert len({one.detail for one in read if isinstance(one, BadFrame)}) > 1


async def test_times_in_microseconds_that_nobody_asked_for(exchange: Market, director: Director) -> None:
    async with await opened(exchange, ONE) as client:
        director.begin(asked(fault="garble", how="microseconds"))
        await moved(exchange, 1)
        ((frame),) = await received(client)
        k = frame["data"]["k"]
        assert (k["t"], k["T"]) == (CURRENT * 1000, CURRENT * 1000 + 999_999)
        assert frame["data"]["E"] > k["T"]


async def test_429_and_then_418_for_who_goes_on(exchange: Market, director: Director) -> None:
    director.begin(asked(fault="too_many_requests", retry_after=5, ban=60))

    async def answer() -> tuple[int, str | None]:
        response = await exchange.rest.get("/api/v3/ping")
        return response.status_code, response.headers.get("Retry-After")

    assert await answer() == (429, "5")
    await moved(exchange, 0.75)
    assert await answer() == (429, "5"), "it may have been under way"
    await moved(exchange, 0.25)
    assert await answer() == (418, "60")
    assert await answer() == (418, "120")
    await moved(exchange, 121)
    assert await answer() == (200, None)


async def test_rest_statuses_hanging_and_cut_bodies(exchange: Market, director: Director) -> None:
    number = director.begin(asked(fault="rest_status", status=403))
    assert (await exchange.rest.get("/api/v3/ping")).status_code == 403
    director.end(number)

    number = director.begin(asked(fault="rest_hangs"))
    with pytest.raises(httpx.ReadTimeout):
        await exchange.rest.get("/api/v3/ping", timeout=0.3)
    waiting = asyncio.create_task(exchange.rest.get("/api/v3/ping"))
    director.end(number)
    assert (await waiting).status_code == 200

    director.begin(asked(fault="rest_cut"))
    with pytest.raises(httpx.RemoteProtocolError):
        await exchange.rest.get("/api/v3/exchangeInfo")


async def test_answers_of_few_rows(exchange: Market, director: Director) -> None:
    director.begin(asked(fault="rest_few_rows", rows=3))
    rows = await exchange.get("klines", symbol="BTCUSDT", interval="1s", startTime=CURRENT - 10 * SECOND, limit=10)
    assert [row[0] for row in rows] == [CURRENT - at * SECOND for at in (10, 9, 8)]


async def test_an_outage_of_the_exchange_leaves_nothing(exchange: Market, director: Director) -> None:
    director.begin(asked(fault="absent", symbols=["BTCUSDT"]), 3)
    async with await opened(exchange, ONE) as client:
        await moved(exchange, 5)
        assert seconds(await received(client, 2)) == [3, 4]
    rows = await exchange.get("klines", symbol="BTCUSDT", interval="1s", startTime=CURRENT)
    assert [(row[0] - CURRENT) // SECOND for row in rows] == [3, 4, 5]


async def test_a_status_for_a_while(exchange: Market, director: Director) -> None:
    director.begin(asked(fault="trading", status="BREAK", symbols=["BTCUSDT"]), 3)
    info = await exchange.get("exchangeInfo")
    assert [one["status"] for one in info["symbols"]] == ["BREAK", "TRADING"]
    await moved(exchange, 4)
    info = await exchange.get("exchangeInfo")
    assert [one["status"] for one in info["symbols"]] == ["TRADING", "TRADING"]


async def test_a_symbol_that_is_listed_no_more(exchange: Market, director: Director) -> None:
    async with await opened(exchange, BOTH) as client:
        number = director.begin(asked(fault="delist", symbols=["BTCUSDT"]))
        assert [one["symbol"] for one in (await exchange.get("exchangeInfo"))["symbols"]] == ["ETHUSDT"]
        refused = await exchange.rest.get("/api/v3/klines", params={"symbol": "BTCUSDT", "interval": "1s"})
        assert refused.json()["code"] == -1121
        await moved(exchange, 1)
        assert [frame["data"]["s"] for frame in await received(client)] == ["ETHUSDT"]
        director.end(number)
        await moved(exchange, 1)
        assert {frame["data"]["s"] for frame in await received(client, 2)} == {"BTCUSDT", "ETHUSDT"}


@pytest.mark.parametrize("ahead", [-5, 5])
async def test_a_clock_that_is_off(exchange: Market, director: Director, ahead: int) -> None:
    async with await opened(exchange, ONE) as client:
        director.begin(asked(fault="clock", ahead=ahead))
        assert (await exchange.get("time"))["serverTime"] == NOW + ahead * SECOND
        await moved(exchange, 1)
        ((frame),) = await received(client)
        assert frame["data"]["k"]["t"] == CURRENT
        assert 0 <= frame["data"]["E"] - (CURRENT + ahead * SECOND + SECOND) < 100


@pytest.mark.parametrize("name", CATALOGUE)
async def test_each_is_described_begins_and_ends_as_if_it_had_not_been(exchange: Market, director: Director, name: str) -> None:
    kind = CATALOGUE[name]
    assert kind.__doc__ and kind.SEEN
    faults = exchange.exchange.faults
    director.begin(asked(fault=name), 1)
    (running,) = director.running
    assert running.fault["fault"] == name and msgspec.convert(running.fault, kind)
    assert director.end_all() == 1 and director.running == []
    assert faults.calm and faults.clock_offset == 0 and not faults.hanging and faults.rejection(NOW) is None
    await (await opened(exchange, BOTH)).close()
    await moved(exchange, 1)
    rows = await exchange.get("klines", symbol="BTCUSDT", interval="1s", startTime=CURRENT)
    assert [row[0] for row in rows] == [CURRENT, CURRENT + SECOND]


async def test_two_of_the_same_kind_end_one_by_one(exchange: Market, director: Director) -> None:
    one, other = (director.begin(asked(fault="rest_few_rows", rows=rows)) for rows in (3, 5))
    director.end(one)
    await wait_until(lambda: exchange.exchange.faults.fewest_rows == [5])
    director.end(other)
    assert exchange.exchange.faults.fewest_rows == []
