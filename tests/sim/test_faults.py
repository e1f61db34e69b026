"""What the exchange can be told to do wrong, as a client sees it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable

import pytest
from websockets.asyncio.client import ClientConnection
from websockets.exceptions import ConnectionClosed

from rtchart.core.interval import SECOND
from rtchart.sim.faults import Faults
from tests.sim.markets import NOW, Market, market
from tests.sim.test_stream import opened, received

CURRENT = NOW // SECOND * SECOND
BOTH = "/stream?streams=btcusdt@kline_1s/ethusdt@kline_1s"


@pytest.fixture
async def exchange() -> AsyncIterator[Market]:
    async with market(symbols=("BTCUSDT", "ETHUSDT")) as running:
        yield running


@pytest.fixture
def faults(exchange: Market) -> Faults:
    return exchange.exchange.faults


@pytest.fixture
async def client(exchange: Market) -> AsyncIterator[ClientConnection]:
    async with await opened(exchange, BOTH) as connection:
        yield connection


async def streamed(client: ClientConnection, count: int) -> set[tuple[str, int]]:
    """(symbol, seconds after the start) of the next frames."""
    frames = [frame["data"] for frame in await received(client, count)]
    return {(event["s"], (event["k"]["t"] - CURRENT) // SECOND) for event in frames}


async def rest_seconds(exchange: Market, symbol: str, count: int) -> list[int]:
    end = CURRENT + count * SECOND - 1
    rows = await exchange.get("klines", symbol=symbol, interval="1s", startTime=CURRENT, endTime=end)
    return [(row[0] - CURRENT) // SECOND for row in rows]


async def test_a_muted_symbol_is_not_streamed_but_rest_has_it(
    exchange: Market, faults: Faults, client: ClientConnection
) -> None:
    faults.mute("BTCUSDT")
    exchange.clock.advance(2 * SECOND)
    assert await streamed(client, 2) == {("ETHUSDT", 0), ("ETHUSDT", 1)}
    faults.unmute("BTCUSDT")
    exchange.clock.advance(SECOND)
    assert await streamed(client, 2) == {("BTCUSDT", 2), ("ETHUSDT", 2)}
    assert await rest_seconds(exchange, "BTCUSDT", 3) == [0, 1, 2]


async def test_skipped_seconds_are_in_rest_alone(exchange: Market, faults: Faults, client: ClientConnection) -> None:
    faults.skip_seconds("BTCUSDT", CURRENT + SECOND, CURRENT + 3 * SECOND)
    exchange.clock.advance(4 * SECOND)
    assert await streamed(client, 6) == {("BTCUSDT", 0), ("BTCUSDT", 3), *(("ETHUSDT", second) for second in range(4))}
    assert await rest_seconds(exchange, "BTCUSDT", 4) == [0, 1, 2, 3]


async def test_absent_seconds_are_nowhere(exchange: Market, faults: Faults, client: ClientConnection) -> None:
    faults.absent("BTCUSDT", CURRENT + SECOND, CURRENT + 3 * SECOND)
    exchange.clock.advance(4 * SECOND)
    assert await streamed(client, 6) == {("BTCUSDT", 0), ("BTCUSDT", 3), *(("ETHUSDT", second) for second in range(4))}
    assert await rest_seconds(exchange, "BTCUSDT", 4) == [0, 3]


async def test_a_halted_symbol_says_so_and_has_no_seconds_until_it_trades(
    exchange: Market, faults: Faults, client: ClientConnection
) -> None:
    async def status() -> str:
        (info,) = (await exchange.get("exchangeInfo", symbol="BTCUSDT"))["symbols"]
        return str(info["status"])

    faults.set_status("BTCUSDT", "HALT")
    faults.set_status("BTCUSDT", "BREAK")
    assert await status() == "BREAK"
    exchange.clock.advance(2 * SECOND)
    assert await streamed(client, 2) == {("ETHUSDT", 0), ("ETHUSDT", 1)}
    faults.set_status("BTCUSDT", "TRADING")
    assert await status() == "TRADING"
    exchange.clock.advance(SECOND)
    assert await streamed(client, 2) == {("BTCUSDT", 2), ("ETHUSDT", 2)}
    assert await rest_seconds(exchange, "BTCUSDT", 3) == [2]


async def test_disconnect_all_with_a_code(faults: Faults, client: ClientConnection) -> None:
    assert faults.disconnect_all(1012, "restart") == 1
    with pytest.raises(ConnectionClosed):
        await received(client)
    assert (client.close_code, client.close_reason) == (1012, "restart")


async def test_disconnect_all_without_a_word_and_new_connections_are_served(
    exchange: Market, faults: Faults, client: ClientConnection
) -> None:
    faults.disconnect_all()
    with pytest.raises(ConnectionClosed):
        await received(client)
    assert client.close_code == 1006
    async with await opened(exchange, BOTH) as again:
        exchange.clock.advance(SECOND)
        assert await streamed(again, 2) == {("BTCUSDT", 0), ("ETHUSDT", 0)}


async def test_a_shutdown_is_announced_in_the_form_of_the_connection(
    exchange: Market, faults: Faults, client: ClientConnection
) -> None:
    async with await opened(exchange, "/ws?timeUnit=MICROSECOND") as raw:
        faults.shutdown_notice()
        assert await received(client) == [{"stream": "!serverShutdown", "data": {"e": "serverShutdown", "E": NOW}}]
        assert await received(raw) == [{"e": "serverShutdown", "E": NOW * 1_000}]


async def test_anything_can_be_injected(faults: Faults, client: ClientConnection) -> None:
    faults.inject("no JSON — at all")
    assert await client.recv() == "no JSON — at all"
    long = "x" * 70_000
    faults.inject(long)
    assert await client.recv() == long


async def test_rest_rejects_as_often_as_told(exchange: Market, faults: Faults) -> None:
    faults.reject_rest(503, requests=2)
    assert [(await exchange.rest.get("/api/v3/ping")).status_code for _ in range(3)] == [503, 503, 200]
    faults.reject_rest(418, retry_after=7)
    rejected = await exchange.rest.get("/api/v3/ping")
    assert (rejected.headers["Retry-After"], rejected.json()["code"]) == ("7", -1003)


@pytest.mark.parametrize(
    "fault",
    [
        lambda faults: faults.mute("XUSDT"),
        lambda faults: faults.skip_seconds("XUSDT", 0, 1_000),
        lambda faults: faults.absent("XUSDT", 0, 1_000),
        lambda faults: faults.set_status("XUSDT", "HALT"),
    ],
)
async def test_a_fault_of_a_symbol_that_is_not_listed_is_a_mistake(faults: Faults, fault: Callable[[Faults], None]) -> None:
    with pytest.raises(KeyError, match="XUSDT is not listed"):
        fault(faults)
