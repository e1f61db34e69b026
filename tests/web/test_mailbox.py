"""A slow client skips updates, not time, and never makes the server remember more than a mailbox holds."""

from __future__ import annotations

import asyncio
import json

import pytest

from rtchart.core.interval import INTERVALS, MINUTE, MINUTES, SECOND
from rtchart.store.reader import Reader
from rtchart.web import hub as hubs
from rtchart.web.addresses import NO_LIMITS, Visitor
from rtchart.web.catalog import Catalog
from rtchart.web.channel import MAX_BOX, MAX_REPLIES, MAX_REPLY_CHARACTERS, Client
from rtchart.web.connection import Connection, Socket
from rtchart.web.hub import Hub
from rtchart.web.market import Entry, Market
from rtchart.web.views import Views
from tests.counting import counted
from tests.web.klines import IDENTITY, kline

START = 1_763_769_600_000


class Stage:
    """A hub without a network: a clock that is set, one symbol, and clients that are read by hand."""

    def __init__(self) -> None:
        self.now = START
        self.catalog = Catalog()
        self.market = Market(self.catalog)
        self.hub = Hub(self.market, lambda: self.now)

    @property
    def entry(self) -> Entry:
        return self.market.entry(IDENTITY)

    def client(self, *intervals: str) -> Client:
        client = Client()
        self.hub.enter(client)
        for name in intervals:
            channel, joining = self.hub.join(client, self.entry, INTERVALS[name])
            assert self.hub.welcome(client, channel, joining, "{}", None)
        client.take()
        return client

    def serve(self, socket: Socket, client: Client) -> asyncio.Task[None]:
        """Serve the client on the socket."""
        views = Views(self.market, self.catalog, Reader("postgresql://nowhere", service="web"), lambda: self.now)
        connection = Connection(socket, client, Visitor(NO_LIMITS), self.hub, views, self.catalog, self.market)
        return asyncio.create_task(connection.run())

    def second(self, time: int, close: str = "5") -> None:
        self.market.take(self.entry.key, kline(time, close=close))
        self.hub.tick(1)


def test_clients_share_one_text() -> None:
    stage = Stage()
    one, two = stage.client("1m"), stage.client("1m")
    stage.second(START)
    (mine,), (yours,) = one.take(), two.take()
    assert mine is yours


def test_a_slow_client_gets_the_latest_of_each_candle() -> None:
    stage = Stage()
    slow = stage.client("1m")
    before = counted("rtchart_web_mailbox_skips_total")
    for second in range(125):
        stage.second(START + second * SECOND, close=str(second % 9))
    assert counted("rtchart_web_mailbox_skips_total") == before + 122
    candles = [json.loads(text)["candle"] for text in slow.take()]
    assert [(candle["open_time"], candle["received"], candle["closed"]) for candle in candles] == [
        (START, 60, True),
        (START + MINUTE, 60, True),
        (START + 2 * MINUTE, 5, False),
    ]


def test_a_mailbox_that_overflows_becomes_a_resync_of_each_subscription() -> None:
    stage = Stage()
    slow = stage.client("1s", "1m")
    before = counted("rtchart_web_resyncs_total")
    for second in range(MAX_BOX + 2):
        stage.second(START + second * SECOND)
    assert counted("rtchart_web_resyncs_total") == before + 2
    told = [json.loads(text) for text in slow.take()]
    assert len(told) < MAX_BOX
    assert {message["interval"] for message in told if message["op"] == "resync"} == {"1s", "1m"}


def test_a_slow_client_of_the_tickers_gets_all_of_them_next() -> None:
    stage = Stage()
    slow = stage.client()
    stage.hub.subscribe_tickers(slow, True)
    stage.second(START)
    assert not slow.tickers_late
    stage.second(START + SECOND)
    assert slow.tickers_late
    assert len(slow.take()) == 1


def test_answers_that_are_not_read_close_the_socket() -> None:
    client = Client()
    for _ in range(MAX_REPLIES + 1):
        client.reply("{}")
    assert client.closing is not None
    assert client.closing[0] == 1008


def test_answers_that_are_too_much_close_the_socket() -> None:
    client, quarter = Client(), "x" * (MAX_REPLY_CHARACTERS // 4)
    for _ in range(2):
        for _ in range(4):
            client.reply(quarter)
        assert client.take() == [quarter] * 4
    assert client.closing is None
    for _ in range(4):
        client.reply(quarter)
    client.reply("{}")
    assert client.closing == (1008, "answers are not read")


def test_a_full_mailbox_keeps_the_list_of_symbols() -> None:
    stage = Stage()
    client = stage.client("1m")
    (channel,) = client.channels
    client.put("symbols", "the symbols")
    for key in range(MAX_BOX):
        client.put(key, "{}")
    assert sorted(client.take()) == sorted(["the symbols", channel.resync])


def test_what_comes_while_history_is_read_is_in_the_snapshot_alone() -> None:
    stage = Stage()
    client = stage.client()
    channel, joining = stage.hub.join(client, stage.entry, MINUTES)
    stage.second(START)
    assert client.take() == []
    assert stage.hub.welcome(client, channel, joining, "snapshot", None)
    assert client.take() == ["snapshot"]
    stage.second(START + SECOND)
    assert len(client.take()) == 1


def test_a_subscription_that_was_ended_or_asked_again_meanwhile_gets_no_snapshot() -> None:
    stage = Stage()
    client = stage.client()
    channel, joining = stage.hub.join(client, stage.entry, MINUTES)
    again, second = stage.hub.join(client, stage.entry, MINUTES)
    assert again is channel
    assert not stage.hub.welcome(client, channel, joining, "old", None)
    stage.hub.unsubscribe(client, channel)
    assert not stage.hub.welcome(client, channel, second, "late", None)
    assert client.take() == []
    assert stage.entry.channels == {}


def test_a_candle_closes_by_the_clock_in_a_sweep() -> None:
    stage = Stage()
    client = stage.client("1m", "5m")
    stage.second(START + 30 * SECOND)
    client.take()
    stage.now = START + MINUTE + 1_000
    stage.hub.sweep()
    assert client.take() == []
    stage.now = START + MINUTE + 1_500
    stage.hub.sweep()
    closed = [json.loads(text) for text in client.take()]
    assert [(message["interval"], message["candle"]["closed"]) for message in closed] == [("1m", True)]
    stage.hub.sweep()
    assert client.take() == []


class NeverReads:
    """The socket of a client that takes nothing."""

    def __init__(self) -> None:
        self.sending = asyncio.Event()
        self.closed: tuple[int, str] | None = None

    async def receive(self) -> str:
        await asyncio.Event().wait()
        raise AssertionError

    async def send(self, data: str) -> None:
        self.sending.set()
        await asyncio.Event().wait()

    async def close(self, code: int, reason: str) -> None:
        self.closed = (code, reason)


class LeavesSlowly:
    """The socket of a client that says nothing, and whose last read takes a moment to end."""

    def __init__(self) -> None:
        self.receiving, self.leaving = asyncio.Event(), asyncio.Event()
        self.closed: tuple[int, str] | None = None

    async def receive(self) -> str:
        self.receiving.set()
        try:
            await asyncio.Event().wait()
        finally:
            self.leaving.set()
            for _ in range(3):
                await asyncio.sleep(0)
        raise AssertionError

    async def send(self, data: str) -> None:
        raise AssertionError

    async def close(self, code: int, reason: str) -> None:
        self.closed = (code, reason)


async def test_a_stalled_client_is_closed_with_1008(monkeypatch: pytest.MonkeyPatch) -> None:
    stage = Stage()
    client, socket = Client(), NeverReads()
    serving = stage.serve(socket, client)
    client.reply("{}")
    await socket.sending.wait()
    stage.hub.sweep()
    assert client.closing is None
    monkeypatch.setattr(hubs, "STALLED", 0.0)
    before = counted("rtchart_web_stalled_total")
    stage.hub.sweep()
    assert counted("rtchart_web_stalled_total") == before + 1
    await asyncio.wait_for(serving, 5)
    assert socket.closed is not None
    assert socket.closed[0] == 1008
    assert stage.hub.clients == set()


async def test_draining_does_not_wait_for_a_stalled_client(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hubs, "DRAIN", 0.01)
    stage = Stage()
    client, socket = Client(), NeverReads()
    serving = stage.serve(socket, client)
    client.reply("{}")
    await socket.sending.wait()
    await asyncio.wait_for(stage.hub.drain(), 5)
    await serving
    assert socket.closed is not None
    assert socket.closed[0] == 1001


async def test_a_client_that_goes_while_it_is_closed_is_gone() -> None:
    stage = Stage()
    client, socket = Client(), LeavesSlowly()
    serving = stage.serve(socket, client)
    await socket.receiving.wait()
    client.close(1001, "connect again")
    await socket.leaving.wait()
    serving.cancel()  # as Quart does when the client is gone first
    await asyncio.wait([serving])
    assert stage.hub.clients == set()
    await asyncio.wait_for(stage.hub.drain(), 5)


async def test_a_client_that_comes_while_the_server_drains_is_closed() -> None:
    stage = Stage()
    late, socket = Client(), LeavesSlowly()
    await stage.hub.drain()
    await asyncio.wait_for(stage.serve(socket, late), 5)
    assert socket.closed is not None
    assert socket.closed[0] == 1001
    assert stage.hub.clients == set()


def test_only_what_came_from_kafka_is_measured() -> None:
    stage = Stage()
    client = stage.client("1m")
    client.reply("{}")
    stage.now = START + MINUTE
    stage.hub.sweep()
    assert client.waits_since_us == 0
    stage.market.take(stage.entry.key, kline(START))
    stage.hub.tick(111)
    stage.market.take(stage.entry.key, kline(START + SECOND))
    stage.hub.tick(222)
    assert client.waits_since_us == 111
    client.take()
    assert client.waits_since_us == 0


async def test_who_makes_large_answers_waits_until_the_last_one_was_taken() -> None:
    client = Client()
    await client.taken()
    client.reply("a snapshot")
    waiting = asyncio.ensure_future(client.taken())
    await asyncio.sleep(0)
    assert not waiting.done()
    assert client.take() == ["a snapshot"]
    await waiting
