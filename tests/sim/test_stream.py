"""The WebSocket contract, against a real client."""

from __future__ import annotations

import asyncio
import csv
import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from rtchart.core.interval import MINUTE, SECOND
from rtchart.sim.exchange import Config, Exchange
from tests.sim.markets import NOW, Market, market
from tests.waiting import wait_until

CURRENT = NOW // SECOND * SECOND
RECORDED = Path(__file__).parent.parent / "data" / "BTCUSDT-ETHUSDT-1s-2025-07-24.csv"


async def opened(exchange: Market, path: str) -> ClientConnection:
    """A connection that the exchange streams to."""
    before = exchange.exchange.faults.connections
    client = await connect(exchange.address.ws + path)
    await wait_until(lambda: exchange.exchange.faults.connections > before)
    return client


async def received(client: ClientConnection, count: int = 1) -> list[Any]:
    async with asyncio.timeout(10):
        return [json.loads(await client.recv()) for _ in range(count)]


async def ask(client: ClientConnection, method: str, *params: str, identifier: int = 1) -> Any:
    await client.send(json.dumps({"method": method, "params": params, "id": identifier}))
    (answer,) = await received(client)
    return answer


async def test_a_raw_stream_sends_each_second_as_the_exchange_writes_it() -> None:
    async with market(symbols=("BTCUSDT",)) as exchange, await opened(exchange, "/ws/btcusdt@kline_1s") as client:
        exchange.clock.advance(2 * SECOND)
        first, second = await received(client, 2)
        rows = await exchange.get("klines", symbol="BTCUSDT", interval="1s", startTime=CURRENT, limit=2)
    assert list(first) == ["e", "E", "s", "k"]
    assert (first["e"], first["s"]) == ("kline", "BTCUSDT")
    assert list(first["k"]) == list("tTsifLochlvnxqVQB")
    assert 2 <= first["E"] - first["k"]["T"] <= 49
    for event, row in zip((first, second), rows, strict=True):
        k = event["k"]
        assert [k[key] for key in "tohlcvTqnVQB"] == row
        assert (k["s"], k["i"], k["x"]) == ("BTCUSDT", "1s", True)
        assert (k["f"], k["L"]) == (-1, -1) if k["n"] == 0 else k["L"] - k["f"] + 1 == k["n"]


async def test_a_second_without_a_trade_comes_too() -> None:
    async with market(symbols=("ATOMUSDT",)) as exchange, await opened(exchange, "/ws/atomusdt@kline_1s") as client:
        exchange.clock.advance(60 * SECOND)
        calm = [event["k"] for event in await received(client, 60) if event["k"]["n"] == 0]
    assert calm
    for k in calm:
        assert (k["f"], k["L"], k["x"]) == (-1, -1, True)
        assert {k["v"], k["q"], k["V"], k["Q"]} == {"0.00000000"}
        assert k["o"] == k["h"] == k["l"] == k["c"]


async def test_a_combined_stream_names_its_streams() -> None:
    async with (
        market() as exchange,
        await opened(exchange, "/stream?streams=btcusdt@kline_1s/%E5%B8%81%E5%AE%89%E4%BA%BA%E7%94%9Fusdt@kline_1s") as client,
    ):
        exchange.clock.advance(SECOND)
        frames = await received(client, 2)
    assert {frame["stream"]: frame["data"]["s"] for frame in frames} == {
        "btcusdt@kline_1s": "BTCUSDT",
        "币安人生usdt@kline_1s": "币安人生USDT",
    }


async def test_times_in_microseconds() -> None:
    async with market() as exchange, await opened(exchange, "/ws/btcusdt@kline_1s?timeUnit=MICROSECOND") as client:
        exchange.clock.advance(SECOND)
        (event,) = await received(client)
    assert (event["k"]["t"], event["k"]["T"]) == (CURRENT * 1_000, (CURRENT + SECOND) * 1_000 - 1)
    assert event["E"] // 1_000 > CURRENT


async def test_subscriptions_change_what_comes() -> None:
    async with market() as exchange, await opened(exchange, "/ws") as client:
        assert await ask(client, "SUBSCRIBE", "btcusdt@kline_1s", "nosuch@kline_1s", "BTCUSDT@kline_1s") == {
            "result": None,
            "id": 1,
        }
        exchange.clock.advance(SECOND)
        assert [event["s"] for event in await received(client)] == ["BTCUSDT"]
        await ask(client, "SUBSCRIBE", "ethusdt@kline_1s")
        await ask(client, "UNSUBSCRIBE", "btcusdt@kline_1s")
        exchange.clock.advance(SECOND)
        assert [event["s"] for event in await received(client)] == ["ETHUSDT"]
        assert (await ask(client, "LIST_SUBSCRIPTIONS"))["result"] == [
            "nosuch@kline_1s",
            "BTCUSDT@kline_1s",
            "ethusdt@kline_1s",
        ]


async def test_other_intervals_come_every_2_s_and_closed_at_their_end() -> None:
    async with market() as exchange, await opened(exchange, "/ws/btcusdt@kline_1m") as client:
        exchange.clock.advance(12 * SECOND)  # from 34:56 to 35:08
        events = [event["k"] for event in await received(client, 6)]
        rows = await exchange.get("klines", symbol="BTCUSDT", interval="1m", limit=2)
    minute = NOW // MINUTE * MINUTE
    assert [(k["t"], k["x"]) for k in events] == [
        (minute, False),
        (minute, True),
        *[(minute + MINUTE, False)] * 4,
    ]
    assert [events[1][key] for key in "tohlcvTqnVQB"] == rows[0]
    assert [events[-1][key] for key in "tohlcvTqnVQB"] == rows[1]


async def test_five_messages_a_second_and_the_sixth_closes() -> None:
    async with market() as exchange, await opened(exchange, "/ws") as client:
        with pytest.raises(ConnectionClosed) as closed:
            for _ in range(3):
                await client.send('{"method":"LIST_SUBSCRIPTIONS","id":1}')
                await client.ping()  # counts too
            await received(client, 4)
        assert closed.value.rcvd is not None
        assert (closed.value.rcvd.code, closed.value.rcvd.reason) == (1008, "Too many requests")
        await wait_until(lambda: exchange.exchange.faults.connections == 0)


async def test_the_server_pings_and_closes_on_who_does_not_answer() -> None:
    config = Config(ping_interval=0.02, pong_timeout=0.05)
    async with Exchange(config).serve() as address:
        reader, writer = await asyncio.open_connection(*address)
        writer.write(
            b"GET /ws HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n"
        )
        assert b" 101 " in await reader.readuntil(b"\r\n\r\n")
        async with asyncio.timeout(10):
            assert (await reader.readexactly(2))[0] == 0x89
            assert await reader.read()  # and then, without a pong, the end
        writer.close()
        await writer.wait_closed()


async def test_a_connection_has_a_longest_life() -> None:
    async with market(longest_connection=0.05) as exchange, connect(exchange.address.ws + "/ws") as client:
        with pytest.raises(ConnectionClosed):
            await received(client)
        assert client.close_code == 1001


async def test_an_address_that_is_too_long_is_refused() -> None:
    async with market() as exchange:
        with pytest.raises(InvalidStatus) as refused:
            await connect(exchange.address.ws + "/stream?streams=" + "/".join(["btcusdt@kline_1s"] * 480))
    assert refused.value.response.status_code == 414


async def test_connection_attempts_are_counted() -> None:
    async with market(connection_attempts=2) as exchange:
        for _ in range(2):
            async with connect(exchange.address.ws + "/ws"):
                pass
        with pytest.raises(InvalidStatus) as refused:
            await connect(exchange.address.ws + "/ws")
        assert refused.value.response.status_code == 429
        assert await exchange.get("ping") == {}  # REST is counted by weight
        exchange.clock.advance(5 * MINUTE)
        async with connect(exchange.address.ws + "/ws"):
            pass


async def test_a_replay_streams_exactly_what_was_recorded() -> None:
    with RECORDED.open(newline="") as lines:
        recorded = list(csv.DictReader(lines))
    async with (
        market(symbols=(), replay=RECORDED) as exchange,
        await opened(exchange, "/stream?streams=btcusdt@kline_1s/ethusdt@kline_1s") as client,
    ):
        exchange.clock.advance(MINUTE + 407 * SECOND)
        events = [frame["data"] for frame in await received(client, len(recorded))]
        info = await exchange.get("exchangeInfo")
        minutes = await exchange.get("klines", symbol="BTCUSDT", interval="1m")
    moved = events[0]["k"]["t"] - int(recorded[0]["open_time"])
    assert moved % MINUTE == 0  # the recording begins with a minute, and so does this
    assert NOW <= events[0]["k"]["t"] < NOW + MINUTE
    assert [event["E"] - moved for event in events] == [int(row["event_time"]) for row in recorded]
    assert [_content(event) for event in sorted(events, key=_order)] == [
        (
            row["symbol"],
            int(row["open_time"]) + moved,
            int(row["trades"]),
            int(row["first_trade_id"]),
            int(row["last_trade_id"]),
            *(Decimal(row[name]) for name in ("open", "high", "low", "close", "volume", "quote_volume")),
            *(Decimal(row[name]) for name in ("taker_buy_base_volume", "taker_buy_quote_volume")),
        )
        for row in sorted(recorded, key=lambda row: (row["symbol"], int(row["open_time"])))
    ]
    assert [symbol["symbol"] for symbol in info["symbols"]] == ["BTCUSDT", "ETHUSDT"]
    assert len(minutes) == 7
    assert minutes[0][8] == sum(int(row["trades"]) for row in recorded if row["symbol"] == "BTCUSDT" and _minute(row) == 0)


def _order(event: Any) -> tuple[str, int]:
    return event["s"], event["k"]["t"]


def _content(event: Any) -> tuple[Any, ...]:
    k = event["k"]
    return event["s"], k["t"], k["n"], k["f"], k["L"], *(Decimal(k[key]) for key in "ohlcvqVQ")


def _minute(row: dict[str, str]) -> int:
    return (int(row["open_time"]) - 1_753_325_940_000) // MINUTE


async def test_many_symbols_reach_several_connections_whole() -> None:
    count = 300
    async with market(symbols=tuple(f"S{number}USDT" for number in range(count))) as exchange:
        streams = [f"s{number}usdt@kline_1s" for number in range(count)]
        path = "/stream?streams=" + "/".join(streams)
        async with await opened(exchange, path) as one, await opened(exchange, path) as two:
            exchange.clock.advance(3 * SECOND)
            for client in (one, two):
                frames = await received(client, 3 * count)
                assert {(frame["stream"], frame["data"]["k"]["t"]) for frame in frames} == {
                    (stream, CURRENT + second * SECOND) for stream in streams for second in range(3)
                }
        assert exchange.exchange.hub.published == 3 * count


async def test_market_time_runs_at_the_rate() -> None:
    exchange = Exchange(Config(symbols=("BTCUSDT",), rate=200, start=NOW))
    async with exchange.serve() as address, connect(address.ws + "/ws/btcusdt@kline_1s") as client:
        times = [event["k"]["t"] for event in await received(client, 100)]
    assert times == list(range(times[0], times[0] + 100 * SECOND, SECOND))


async def test_any_pair_is_streamed_that_was_never_asked_for() -> None:
    async with market(symbols=(), list_any=True) as exchange:
        async with await opened(exchange, "/stream?streams=btcustd@kline_1s/WIFUSDT@kline_1s/wifusdt@kline_1s") as client:
            exchange.clock.advance(SECOND)
            (event,) = await received(client)
        assert event["stream"] == "wifusdt@kline_1s"
        assert set(exchange.exchange.listings) == {"WIFUSDT"}
