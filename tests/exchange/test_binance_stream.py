"""The driver against a real WebSocket server."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from websockets.asyncio.server import Server, ServerConnection, serve
from websockets.exceptions import ConnectionClosed

from rtchart.exchange.base import Batch, Connected, Event, Lost, Venue
from rtchart.exchange.binance import stream as stream_module
from rtchart.exchange.binance.socket import HIGH_WATER, BatchConnection, open_socket
from rtchart.exchange.binance.stream import BinanceStream
from rtchart.exchange.clock import VenueClock
from tests.exchange import klines
from tests.exchange.servers import StreamServer, stream_server
from tests.waiting import wait_until


class Sink:
    """Keeps what comes."""

    def __init__(self) -> None:
        self.batches: list[Batch] = []

    async def __call__(self, batch: Batch) -> None:
        self.batches.append(batch)

    @property
    def seconds(self) -> list[tuple[str, int]]:
        return [(kline.symbol, kline.open_time) for batch in self.batches for kline in batch.klines]

    def events(self, kind: type[Event]) -> list[Event]:
        return [event for batch in self.batches for event in batch.events if isinstance(event, kind)]


@asynccontextmanager
async def streaming(url: str, *symbols: str) -> AsyncIterator[tuple[BinanceStream, Sink]]:
    stream, sink = BinanceStream(Venue("binance", url, ""), VenueClock()), Sink()
    stream.want(dict.fromkeys(symbols, 1))
    task = asyncio.create_task(stream.run(sink))
    try:
        yield stream, sink
    finally:
        task.cancel()
        await asyncio.wait([task])
        assert task.cancelled(), task.exception()


async def subscribed(server: StreamServer, *symbols: str) -> None:
    names = {f"{symbol.lower()}@kline_1s" for symbol in symbols}
    await wait_until(lambda: {name for client in server.open for name in client.streams} == names)


async def given_up(server: StreamServer, stream: BinanceStream) -> None:
    """The first connection is told that it did not bring what the exchange has of A."""
    stream.clock.set(klines.OPEN_TIME)
    await subscribed(server, "A")
    await wait_until(lambda: server.clients[0].requests[-1]["method"] == "LIST_SUBSCRIPTIONS")
    stream.missed("A", klines.OPEN_TIME + 60_000)


async def test_symbols_come_and_go_while_it_runs() -> None:
    async with stream_server() as server, streaming(server.url, "A", "B") as (stream, sink):
        await subscribed(server, "A", "B")
        (client,) = server.clients
        await client.kline("A")
        await wait_until(lambda: sink.seconds == [("A", klines.OPEN_TIME)])
        assert sink.events(Connected) == [Connected(frozenset("AB"))]
        stream.want({"B": 1, "C": 7})
        await subscribed(server, "B", "C")
        await client.kline("C")
        await wait_until(lambda: len(sink.seconds) == 2)
        assert sink.batches[-1].klines[0].epoch == 7
        assert server.clients == [client]


async def test_more_symbols_than_one_connection_carries() -> None:
    symbols = [f"COIN{number}USDT" for number in range(1_500)]
    async with stream_server() as server, streaming(server.url, *symbols) as (stream, sink):
        await subscribed(server, *symbols)
        assert sorted(len(client.streams) for client in server.clients) == [476, 1_024]
        for client in server.clients:
            for name in client.streams:
                await client.kline(name.removesuffix("@kline_1s").upper())
        await wait_until(lambda: len(sink.seconds) == 1_500)
        stream.want(dict.fromkeys(symbols[:1_024], 1))
        await subscribed(server, *symbols[:1_024])
        stream.want({})
        await wait_until(lambda: not server.open)


async def test_begins_again_when_the_connection_is_lost_and_says_so() -> None:
    async with stream_server() as server, streaming(server.url, "A") as (_, sink):
        await subscribed(server, "A")
        await server.clients[0].kline("A")
        await wait_until(lambda: sink.seconds)
        await server.clients[0].socket.close(1008, "Too many requests")
        await wait_until(lambda: len(server.clients) == 2)
        await subscribed(server, "A")
        await server.clients[1].kline("A", klines.OPEN_TIME + 9_000)
        await wait_until(lambda: len(sink.events(Connected)) == 2)
        (lost,) = sink.events(Lost)
        assert isinstance(lost, Lost)
        assert lost.symbols == {"A"}
        assert "1008" in lost.why
        assert "Too many requests" in lost.why


async def test_waits_for_a_venue_that_is_not_there_yet() -> None:
    async with stream_server() as server:
        port = int(server.url.rpartition(":")[2])
    async with streaming(f"ws://127.0.0.1:{port}", "A") as (_, sink):
        await wait_until(lambda: len(sink.events(Lost)) >= 2)
        async with stream_server(port) as server:
            await subscribed(server, "A")


async def test_makes_before_it_breaks() -> None:
    """At a shutdown the old connection carries until the new one does, and no symbol is without one for a moment."""
    async with stream_server() as server, streaming(server.url, "A", "B") as (_, sink):
        await subscribed(server, "A", "B")
        (old,) = server.clients
        await old.kline("A")
        await old.send(klines.SHUTDOWN)
        await wait_until(lambda: len(server.clients) == 2)
        new = server.clients[1]
        await wait_until(lambda: new.streams == old.streams)
        await old.kline("B", klines.OPEN_TIME + 1_000)
        await new.kline("A", klines.OPEN_TIME + 1_000)
        await wait_until(lambda: ("A", klines.OPEN_TIME + 1_000) in sink.seconds)
        assert not old.closed  # B was not seen on the new one
        await new.kline("B", klines.OPEN_TIME + 1_000)
        await old.kline("A", klines.OPEN_TIME + 2_000)
        await wait_until(lambda: old.closed)
        assert server.open == [new]
        assert sink.seconds.count(("B", klines.OPEN_TIME + 1_000)) == 2
        assert ("A", klines.OPEN_TIME + 2_000) in sink.seconds
        assert sink.events(Lost) == []


async def test_a_connection_that_brings_nothing_of_what_there_is_is_replaced_until_one_does() -> None:
    """The exchange acknowledges and is silent; others know that it has klines."""
    async with stream_server() as server, streaming(server.url, "A", "B") as (stream, sink):
        await subscribed(server, "A", "B")
        await wait_until(lambda: server.clients[0].requests[-1]["method"] == "LIST_SUBSCRIPTIONS")
        stream.missed("A", klines.OPEN_TIME)  # before there was this connection
        stream.clock.set(klines.OPEN_TIME + 10_000)
        await wait_until(lambda: [each["method"] for each in server.clients[0].requests].count("LIST_SUBSCRIPTIONS") == 2)
        stream.missed("A", klines.OPEN_TIME + 11_000)
        assert len(server.clients) == 1
        stream.missed("A", klines.OPEN_TIME + 60_000)
        await wait_until(lambda: len(server.clients) == 3)  # the second had little time, though nobody said it again
        await subscribed(server, "A", "B")
        last = server.clients[-1]
        await last.kline("B")
        await wait_until(lambda: sink.seconds)
        assert server.open == [last]


async def test_a_market_that_is_quiet_afterwards_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """Who has brought nothing of what there was is doubted for a while, and not for as long as nothing comes."""
    async with stream_server() as server, streaming(server.url, "A") as (stream, sink):
        await given_up(server, stream)
        await wait_until(lambda: len(server.clients) == 2)
        monkeypatch.setattr(stream_module, "DOUBTED", 0.0)  # that while is over before the second one is
        await wait_until(lambda: len(server.clients) == 3)
        (shard,) = stream._shards
        assert not shard._doubted and not shard._links[-1]._doubted
        assert sink.events(Lost), "while there is none, it is told"
        assert len(shard._links) == 1


async def test_one_that_is_to_be_replaced_before_it_brought_anything_is_no_one_more() -> None:
    """A server that shuts down and tells each new connection so at once."""
    async with stream_server() as server, streaming(server.url, "A") as (stream, sink):
        for number in range(3):
            await wait_until(lambda number=number: len(server.clients) > number)
            client = server.clients[number]
            await wait_until(lambda client=client: client.streams)
            await client.send(klines.SHUTDOWN)
            await wait_until(lambda client=client: client.closed)
        await wait_until(lambda: len(sink.events(Lost)) == 3)  # nothing is carried meanwhile
        (shard,) = stream._shards
        await wait_until(lambda: len(server.clients) == 4)
        assert len(shard._links) == 1


async def test_the_doubt_ends_with_a_connection_that_carries() -> None:
    async with stream_server() as server, streaming(server.url, "A") as (stream, sink):
        await given_up(server, stream)
        await wait_until(lambda: len(server.clients) == 2)
        (shard,) = stream._shards
        assert shard._links[-1]._doubted
        await subscribed(server, "A")
        await server.clients[1].kline("A")
        await wait_until(lambda: shard._links[-1].carrying.is_set() and sink.seconds)
        await server.clients[1].socket.close(1001, "gone")
        await wait_until(lambda: len(server.clients) == 3)
        assert not shard._links[-1]._doubted


async def test_a_defect_in_the_sink_is_not_swallowed() -> None:
    async def sink(batch: Batch) -> None:
        raise ZeroDivisionError

    async with stream_server() as server:
        stream = BinanceStream(Venue("binance", server.url, ""), VenueClock())
        stream.want({"A": 1})
        task = asyncio.create_task(stream.run(sink))
        await subscribed(server, "A")
        await server.clients[0].kline("A")
        with pytest.raises(ExceptionGroup) as raised:
            await task
        assert raised.group_contains(ZeroDivisionError)


# ── The socket ──────────────────────────────────────────────────────────────────────────────────────────────────────────


async def test_one_read_holds_all_that_came_and_pongs_are_told() -> None:
    async def handle(socket: ServerConnection) -> None:
        await socket.recv()
        await socket.send("one")
        await socket.send(["tw", "o"])  # in fragments
        await (await socket.ping())
        await socket.send("three")

    async with serve(handle, "127.0.0.1", 0) as server, open_socket(_url(server)) as socket:
        assert isinstance(socket, BatchConnection)
        pongs: list[None] = []
        socket.on_pong = lambda: pongs.append(None)
        await socket.send("go")
        frames: list[bytes] = []
        with pytest.raises(ConnectionClosed):
            while True:
                frames += [frame for read in await socket.read(5.0) for frame in read.frames]
        assert frames == [b"one", b"two", b"three"]
        assert len(pongs) == 1


async def test_a_slow_reader_slows_the_server() -> None:
    total, sent = 40 * HIGH_WATER, 0
    frame = "x" * 100

    async def handle(socket: ServerConnection) -> None:
        nonlocal sent
        for _ in range(total):
            await socket.send(frame)
            sent += 1

    async with serve(handle, "127.0.0.1", 0) as server, open_socket(_url(server)) as socket:
        assert isinstance(socket, BatchConnection)
        (sender,) = server.connections
        # Nobody reads: this side stops taking, and by and by the server's is full.
        await wait_until(lambda: not socket.transport.is_reading() and sender.transport.get_write_buffer_size() > 0)
        assert sent < total
        assert HIGH_WATER < socket.held < 2 * HIGH_WATER
        read = 0
        while read < total:
            read += sum(len(read.frames) for read in await socket.read(5.0))
        assert read == total


def _url(server: Server) -> str:
    return f"ws://127.0.0.1:{server.sockets[0].getsockname()[1]}"
