"""What one address may have of a server, and who is taken for an address of its own behind a proxy."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace

import pytest
from websockets.exceptions import InvalidStatus

from rtchart.core.symbol import DesiredSymbol
from rtchart.web import addresses
from rtchart.web.addresses import Limits, networks
from rtchart.web.admission import Rules
from rtchart.web.bucket import Bucket
from tests.counting import counted
from tests.waiting import wait_until
from tests.web.conftest import BTC
from tests.web.running import Running, Socket, running

FEW = Limits(sockets=2, subscriptions=3, requests=0)
PROXY = networks("127.0.0.0/8")


async def answered(socket: Socket) -> None:
    await socket.ask(op="ping")
    await socket.take(op="pong")


async def test_an_address_has_so_many_sockets(kafka: str, topic_prefix: str, database: str) -> None:
    rules = Rules(limits=replace(FEW, proxies=PROXY))
    async with running(kafka, topic_prefix, database, symbols=[BTC], rules=rules) as web:
        async with web.socket() as first, web.socket() as second:
            await asyncio.gather(answered(first), answered(second))
            with pytest.raises(InvalidStatus) as refusal:
                async with web.socket():
                    pass
            assert refusal.value.response.status_code == 429
            assert b"your address may have 2 sockets" in refusal.value.response.body
            async with web.socket(additional_headers={"X-Forwarded-For": "203.0.113.7"}) as third:
                await answered(third)
        await wait_until(lambda: not web.web.hub.clients)
        async with web.socket() as again:
            await answered(again)


async def test_no_more_handshakes_at_once_than_sockets(kafka: str, topic_prefix: str, database: str) -> None:
    async def opened(web: Running) -> bool:
        try:
            async with web.socket() as socket:
                await answered(socket)
                await everybody.wait()
                return True
        except InvalidStatus:
            return False

    everybody = asyncio.Barrier(2)
    async with running(kafka, topic_prefix, database, symbols=[BTC], rules=Rules(limits=FEW)) as web:
        assert sum(await asyncio.gather(*(opened(web) for _ in range(12)))) == 2


async def test_an_address_has_so_many_subscriptions(kafka: str, topic_prefix: str, database: str) -> None:
    coins = [DesiredSymbol("sim", f"COIN{number}", epoch=0) for number in range(4)]
    async with running(kafka, topic_prefix, database, symbols=coins, rules=Rules(limits=FEW)) as web:
        await wait_until(lambda: len(web.web.catalog.desired()) == 4)
        async with web.socket() as one, web.socket() as other:
            for number, socket in enumerate((one, other, one)):
                assert (await socket.subscribe(f"COIN{number}"))["op"] == "snapshot"
            assert (await other.subscribe("COIN3"))["code"] == "too_many_subscriptions"
            assert (await one.subscribe("COIN0"))["op"] == "snapshot"  # again is not one more
            await one.ask(op="unsubscribe", symbol="COIN0")
            await one.take(op="unsubscribed")
            assert (await other.subscribe("COIN3"))["op"] == "snapshot"


@pytest.fixture
def one_burst(monkeypatch: pytest.MonkeyPatch) -> None:
    """What an address has used up does not come back while a test runs, however slow it is."""
    monkeypatch.setattr(addresses, "BURST", 100_000.0)


@pytest.mark.usefixtures("one_burst")
async def test_an_address_asks_so_often(kafka: str, topic_prefix: str, database: str) -> None:
    """Another address is not held up by it, and probes and page never are."""
    rules = Rules(limits=Limits(requests=1 / 100_000, proxies=PROXY))  # a burst of one
    before = counted("rtchart_web_requests_limited_total")
    async with running(kafka, topic_prefix, database, symbols=[BTC], rules=rules) as web:
        assert (await web.get("/status")).status_code == 200
        refused = await web.get("/status")
        assert counted("rtchart_web_requests_limited_total") == before + 1
        assert (refused.status_code, refused.headers["content-type"]) == (429, "application/problem+json")
        assert refused.json()["detail"].startswith("your address asks too often; ask again in ")
        assert 0 < int(refused.headers["retry-after"]) <= 100_000
        assert (await web.http.get("/api/nonsense")).status_code == 429
        with pytest.raises(InvalidStatus) as refusal:
            async with web.socket():
                pass
        assert refusal.value.response.status_code == 429
        other = await web.http.get("/api/v1/status", headers={"X-Forwarded-For": "198.51.100.1, 203.0.113.7"})
        assert other.status_code == 200
        assert (await web.http.get("/api/v1/status", headers={"X-Forwarded-For": "::1, 203.0.113.7"})).status_code == 429
        for path in ("/", "/livez"):
            assert (await web.http.get(path)).status_code == 200


@pytest.mark.usefixtures("one_burst")
@pytest.mark.parametrize(("limit", "pages"), [("1000", 2), ("100", 12), ("1", 23), ("many", 4)])
async def test_a_long_page_of_history_costs_more(web_few: Running, limit: str, pages: int) -> None:
    """Of a burst of 24; what is no number counts as the 500 rows of whoever names none."""
    fresh = {"X-Forwarded-For": f"203.0.113.{pages}"}
    query = {"symbol": "BTCUSDT", "limit": limit}
    answers = [(await web_few.http.get("/api/v1/candles", params=query, headers=fresh)).status_code for _ in range(24)]
    assert answers.index(429) == pages


@pytest.mark.usefixtures("one_burst")
@pytest.mark.parametrize(
    ("query", "answers"),
    [
        ({"symbols": "BTCUSDT"}, 15),  # 60 closes, where no number is named
        ({"symbols": "BTCUSDT," * 9 + "BTCUSDT", "limit": "100"}, 2),
        ({"symbols": "BTCUSDT" + "," * 1000, "limit": "1000"}, 1),
    ],
)
async def test_closes_cost_by_their_number(web_few: Running, query: dict[str, str], answers: int) -> None:
    fresh = {"X-Forwarded-For": f"203.0.113.{answers}"}
    statuses = [(await web_few.http.get("/api/v1/closes", params=query, headers=fresh)).status_code for _ in range(24)]
    assert statuses.index(429) == answers


@pytest.fixture
async def web_few(kafka: str, topic_prefix: str, database: str) -> AsyncIterator[Running]:
    rules = Rules(limits=Limits(requests=24 / 100_000, proxies=PROXY))
    async with running(kafka, topic_prefix, database, symbols=[BTC], rules=rules) as server:
        yield server


async def test_snapshots_wait_until_their_address_may_read(web_shared: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    owed: list[float] = []

    def owe(bucket: Bucket, cost: float) -> float:
        owed.append(cost)
        return 0.01

    monkeypatch.setattr(Bucket, "owe", owe)
    async with web_shared.socket() as socket:
        assert (await socket.subscribe(limit=7))["op"] == "snapshot"
        assert (await socket.subscribe(limit=7, since=0))["op"] == "snapshot"
    assert owed == [1.07, 11.0], "one more for each hundred rows"


async def test_a_header_of_a_stranger_is_not_believed(kafka: str, topic_prefix: str, database: str) -> None:
    async with (
        running(kafka, topic_prefix, database, symbols=[BTC], rules=Rules(limits=FEW)) as web,
        web.socket() as first,
        web.socket() as second,
    ):
        await asyncio.gather(answered(first), answered(second))
        with pytest.raises(InvalidStatus) as refusal:
            async with web.socket(additional_headers={"X-Forwarded-For": "203.0.113.7"}):
                pass
        assert refusal.value.response.status_code == 429
