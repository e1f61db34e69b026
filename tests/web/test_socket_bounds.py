"""What the socket refuses, and how: bad messages, too much of anything, strangers. The rest goes on."""

from __future__ import annotations

import time

import pytest
from websockets.exceptions import InvalidStatus

from rtchart.core.symbol import DesiredSymbol
from rtchart.web import connection
from rtchart.web.admission import Rules
from rtchart.web.connection import BURST, MAX_SUBSCRIPTIONS
from tests.counting import counted
from tests.waiting import wait_until
from tests.web.conftest import BTC
from tests.web.klines import IDENTITY, kline, this_minute
from tests.web.running import Running, running


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("nonsense", "bad_message"),
        ('{"x":' + "[" * 4_000, "bad_message"),
        ('{"op":"dance","id":4}', "bad_message"),
        ('{"op":"subscribe"}', "bad_message"),
        ('{"op":"subscribe","symbol":"BTCUSDT","colour":"red"}', "bad_message"),
        ('{"op":"subscribe","symbol":"BTCUSDT","limit":0}', "bad_message"),
        ('{"op":"subscribe","symbol":"BTCUSDT","limit":"many"}', "bad_message"),
        ('{"op":"subscribe","symbol":"DOGEUSDT"}', "unknown_symbol"),
        ('{"op":"subscribe","symbol":"BTCUSDT","exchange":"binance"}', "unknown_symbol"),
        ('{"op":"subscribe","symbol":"BTCUSDT","interval":"7m"}', "unknown_interval"),
        ('{"op":"subscribe","symbol":"BTCUSDT","interval":"12h"}', "interval_not_kept"),
        ('{"op":"unsubscribe","symbol":"BTCUSDT"}', "not_subscribed"),
        ('{"op":"unsubscribe","channel":"tickers"}', "not_subscribed"),
        ('{"op":"unsubscribe"}', "bad_message"),
        ('{"op":"report","latency":[]}', "bad_message"),
        ('{"op":"report","latency":[{"stage":"lunch","ms":1}]}', "bad_message"),
    ],
)
async def test_a_bad_message_is_answered_and_the_connection_stays(web_shared: Running, text: str, code: str) -> None:
    async with web_shared.socket() as socket:
        await socket.say(text)
        error = await socket.take(op="error")
        assert error["code"] == code
        assert error["message"]
        assert error.get("id") == (4 if '"id":4' in text else None)
        await socket.ask(op="ping", id=5, at_us=6)
        pong = await socket.take(op="pong")
        assert (pong["id"], pong["at_us"]) == (5, 6)
        assert pong["server_us"] > 0


async def test_a_symbol_at_two_exchanges_must_be_told_apart(web: Running) -> None:
    await web.want(DesiredSymbol("binance", "BTCUSDT", epoch=0))
    await wait_until(lambda: len(web.web.catalog.desired()) == 2)
    async with web.socket() as socket:
        assert (await socket.subscribe())["code"] == "ambiguous_exchange"
        assert (await socket.subscribe(exchange="binance"))["exchange"] == "binance"
    answer = await web.get("/candles", symbol="BTCUSDT")
    assert (answer.status_code, answer.json()["parameter"]) == (400, "exchange")


async def test_too_long_a_message_closes_the_socket(web_shared: Running) -> None:
    async with web_shared.socket() as socket:
        await socket.say('{"op":"ping","id":"' + "x" * 5000 + '"}')
        assert (await socket.closed())[0] == 1009
    async with web_shared.socket() as socket:
        await socket.say('{"op":"ping","id":"' + "é" * 3000 + '"}')  # 3,000 characters, 6,000 bytes
        assert (await socket.closed())[0] == 1009


async def test_too_many_messages_close_the_socket(web_shared: Running) -> None:
    async with web_shared.socket() as socket:
        for _ in range(BURST + 20):
            await socket.say('{"op":"report"}')
        assert (await socket.closed())[0] == 1008


async def test_too_many_subscriptions_are_refused(web: Running) -> None:
    await web.want(*(DesiredSymbol("sim", f"COIN{number}", epoch=0) for number in range(MAX_SUBSCRIPTIONS)))
    await wait_until(lambda: len(web.web.catalog.desired()) == MAX_SUBSCRIPTIONS + 1)
    async with web.socket() as socket:
        for number in range(MAX_SUBSCRIPTIONS):
            assert (await socket.subscribe(f"COIN{number}"))["op"] == "snapshot"
        assert (await socket.subscribe())["code"] == "too_many_subscriptions"
        assert (await socket.subscribe("COIN0"))["op"] == "snapshot"  # again is not one more
        await socket.ask(op="unsubscribe", symbol="COIN1")
        await socket.take(op="unsubscribed")
        assert (await socket.subscribe())["op"] == "snapshot"


async def test_after_unsubscribing_nothing_comes(web: Running) -> None:
    minute = this_minute()
    async with web.socket() as socket, web.socket() as other:
        await socket.subscribe()
        await other.subscribe()
        await socket.ask(op="unsubscribe", symbol="BTCUSDT", id=3)
        assert (await socket.take(op="unsubscribed"))["id"] == 3
        await web.publish([kline(minute)])
        await other.take(op="candle")
        await socket.ask(op="ping", id=1)
        assert (await socket.until(lambda _: True))["op"] == "pong"
    await wait_until(lambda: not web.web.market.entry(IDENTITY).channels)


async def test_reports_are_clamped_and_rate_limited(web_shared: Running) -> None:
    async with web_shared.socket() as socket:
        before = _painted()
        await socket.ask(
            op="report", latency=[{"stage": "sent_to_painted", "ms": 7.5}, {"stage": "sent_to_painted", "ms": 1e12}]
        )
        await socket.ask(op="report", id=9, latency=[{"stage": "sent_to_painted", "ms": 1}])
        error = await socket.take(op="error")
        assert (error["code"], error["id"]) == ("rate_limited", 9)
        count, total = _painted()
        assert (count - before[0], round(total - before[1], 4)) == (2, 10.0075)


async def test_nobody_outweighs_two_who_look(web_shared: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection, "REPORT_EVERY", 0.0)
    async with web_shared.socket() as socket:
        before = _painted()[0]
        began = time.monotonic()
        for _ in range(20):
            await socket.ask(op="report", latency=[{"stage": "sent_to_painted", "ms": 9_000.0}] * 60)
        await socket.ask(op="ping", id=1)
        await socket.take(op="pong")
        allowed = connection.LATENCIES_BURST + connection.LATENCIES_PER_SECOND * (time.monotonic() - began)
        assert connection.LATENCIES_BURST <= _painted()[0] - before <= allowed


@pytest.mark.parametrize("origin", ["https://evil.example", "http://["])
async def test_strange_origins_are_refused(web_shared: Running, origin: str) -> None:
    with pytest.raises(InvalidStatus) as refusal:
        async with web_shared.socket(origin=origin):
            pass
    assert refusal.value.response.status_code == 403
    async with web_shared.socket(origin=web_shared.url) as socket:  # its own page
        assert (await socket.subscribe())["op"] == "snapshot"
    async with web_shared.socket(origin="https://charts.example") as socket:  # on the list
        assert (await socket.subscribe())["op"] == "snapshot"


async def test_more_sockets_than_allowed_are_refused(kafka: str, topic_prefix: str, database: str) -> None:
    async with (
        running(kafka, topic_prefix, database, symbols=[BTC], rules=Rules(max_connections=1)) as web,
        web.socket() as socket,
    ):
        await socket.ask(op="ping")
        await socket.take(op="pong")
        with pytest.raises(InvalidStatus) as refusal:
            async with web.socket():
                pass
        assert refusal.value.response.status_code == 503
        assert b"problem" in refusal.value.response.headers["content-type"].encode()


def _painted() -> tuple[float, float]:
    labels = {"stage": "sent_to_painted"}
    count = counted("rtchart_stage_latency_seconds_count", **labels)
    return count, counted("rtchart_stage_latency_seconds_sum", **labels)
