"""The live socket, from the broker to the client. Every message is held to docs/asyncapi.yaml on its way."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from msgspec.structs import asdict, replace

from rtchart.core.candle import Candle, fold
from rtchart.core.interval import INTERVALS, MINUTE, SECOND
from rtchart.core.kline import Identity, Kline
from rtchart.core.messages import FRESH, Absent, GapOpened, Listing, StreamState
from rtchart.core.symbol import DesiredSymbol
from tests.waiting import wait_until
from tests.web import table
from tests.web.clock import Clock
from tests.web.conftest import BTC, ready
from tests.web.klines import IDENTITY, kline, seconds
from tests.web.running import Running, running

ETH = Identity("sim", "ETHUSDT")


def folded(klines: list[Kline], name: str = "1m", **changes: object) -> Candle:
    candle = fold(INTERVALS[name], klines)
    assert candle is not None
    return replace(candle, **changes)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def web(kafka: str, topic_prefix: str, database: str, clock: Clock) -> AsyncIterator[Running]:
    """A server that follows BTCUSDT at sim, by ``clock``."""
    async with running(kafka, topic_prefix, database, symbols=[BTC], clock=clock) as server:
        await ready(server)
        yield server


async def test_a_second_moves_the_forming_candle(web: Running) -> None:
    minute = web.this_minute()
    async with web.socket() as socket:
        snapshot = await socket.subscribe(id=7)
        assert (snapshot["op"], snapshot["id"], snapshot["candles"], snapshot["partial"]) == ("snapshot", 7, [], False)
        await web.publish([kline(minute, close="6")])
        update = await socket.take(op="candle")
        assert (update["candle"]["close"], update["candle"]["received"]) == ("6", 1)
        assert update["stamps"]["event_ms"] == minute + 1010
        assert update["stamps"]["consumed_us"] >= update["stamps"]["published_us"] > 0


async def test_the_minute_closes_with_its_last_second_and_longer_candles_go_on(web: Running) -> None:
    minute = web.this_minute() - MINUTE
    klines = [*seconds(minute), *seconds(minute + MINUTE, 0, 1)]
    async with web.socket() as socket:
        await socket.subscribe(interval="1m")
        await socket.subscribe(interval="1h")
        await web.publish(klines[:59])
        await socket.until(lambda m: m["op"] == "candle" and m["interval"] == "1m" and m["candle"]["received"] == 59)
        await web.publish(klines[59:60])
        closed = await socket.until(lambda m: m["op"] == "candle" and m["interval"] == "1m" and m["candle"]["received"] == 60)
        assert closed["candle"] == asdict(folded(klines[:60], closed=True))
        await web.publish(klines[60:])
        forming = await socket.until(lambda m: m["op"] == "candle" and m["interval"] == "1h" and m["candle"]["received"] == 62)
        assert forming["candle"] == asdict(folded(klines, "1h"))


async def test_a_minute_without_its_last_second_closes_by_the_clock(web: Running, clock: Clock) -> None:
    minute = web.this_minute()
    async with web.socket() as socket:
        await socket.subscribe()
        await web.publish(seconds(minute, 0, 1))
        await socket.until(lambda m: m["op"] == "candle" and m["candle"]["received"] == 2)
        clock.advance(MINUTE)
        update = await socket.take(op="candle")
        assert (update["candle"]["closed"], update["candle"]["received"], update["candle"]["expected"]) == (True, 2, 60)
        # By no second that came just now: nothing to measure by.
        assert update["stamps"]["consumed_us"] == 0


async def test_late_doubled_and_corrected_seconds_need_no_special_case(web: Running) -> None:
    minute = web.this_minute()
    first, second, third = seconds(minute, 0, 1, 2)
    corrected = replace(second, close="9", high="9", version=second.version + 1)
    async with web.socket() as socket:
        await socket.subscribe()
        await web.publish([first, third, first])
        await socket.until(lambda m: m["op"] == "candle" and m["candle"]["received"] == 2)
        await web.publish([second])
        late = await socket.until(lambda m: m["op"] == "candle" and m["candle"]["received"] == 3)
        assert late["candle"]["close"] == third.close
        await web.publish([replace(second, version=second.version - 1, high="99"), corrected])
        update = await socket.until(lambda m: m["op"] == "candle" and m["candle"]["high"] == "9")
        expected = folded([first, corrected, third])
        assert update["candle"] == asdict(replace(expected, closed=update["candle"]["closed"]))


async def test_seconds_are_an_interval_too(web: Running) -> None:
    minute = web.this_minute()
    await web.publish(seconds(minute, 0, 1))
    await wait_until(lambda: web.web.market.price(IDENTITY) == "2")
    async with web.socket() as socket:
        snapshot = await socket.subscribe(interval="1s")
        assert [candle["open_time"] for candle in snapshot["candles"]] == [minute, minute + SECOND]
        await web.publish(seconds(minute, 2))
        update = await socket.take(op="candle", interval="1s")
        assert (update["candle"]["open_time"], update["candle"]["expected"]) == (minute + 2 * SECOND, 1)


async def test_history_and_what_is_live_are_one_snapshot(web: Running, database: str) -> None:
    minute = web.this_minute()
    async with table.writer(database) as rows:
        stored = [folded(seconds(minute - back * MINUTE), revision=1, closed=True) for back in (3, 2)]
        for candle in stored:
            await rows.candle("1m", candle)
        pending = seconds(minute - MINUTE)
        await rows.klines(pending)
        await rows.checkpoint(minute - MINUTE)
        await rows.gap(minute - 3 * MINUTE, minute - 3 * MINUTE + 5 * SECOND, "absent")
    await web.publish(seconds(minute, 0))
    await wait_until(lambda: web.web.market.price(IDENTITY) is not None)
    async with web.socket() as socket:
        snapshot = await socket.subscribe(limit=4)
        expected = [*stored, folded(pending, closed=True), folded(seconds(minute, 0))]
        assert snapshot["candles"][:3] == [asdict(candle) for candle in expected[:3]]
        assert snapshot["candles"][3]["received"] == 1
        assert [(gap["state"], gap["reason"]) for gap in snapshot["gaps"]] == [("absent", "step")]
        hour = await socket.subscribe(interval="1h")
        assert hour["candles"][-1]["received"] == sum(candle.received for candle in expected)


async def test_a_subscription_resumes_where_it_was(web: Running, database: str) -> None:
    minute = web.this_minute()
    async with table.writer(database) as rows:
        for back in range(6, 0, -1):
            await rows.candle("1m", folded(seconds(minute - back * MINUTE), revision=1))
    async with web.socket() as socket:
        resumed = await socket.subscribe(since=minute - 2 * MINUTE)
        assert resumed["recovered"]
        assert [candle["open_time"] for candle in resumed["candles"]] == [minute - 2 * MINUTE, minute - MINUTE]
        fresh = await socket.subscribe(limit=3)
        assert not fresh["recovered"]
        assert len(fresh["candles"]) == 3


async def test_a_resume_over_too_long_a_time_starts_afresh(web: Running, database: str) -> None:
    minute = web.this_minute()
    async with table.writer(database) as rows:
        await rows.candles("1m", [folded(seconds(minute - back * MINUTE, 0), revision=1) for back in range(1100, 0, -1)])
    async with web.socket() as socket:
        snapshot = await socket.subscribe(since=minute - 1100 * MINUTE, limit=10)
        assert not snapshot["recovered"]
        assert snapshot["candles"][-1]["open_time"] == minute - MINUTE
        assert len(snapshot["candles"]) == 10


async def test_a_stored_candle_replaces_a_live_one_only_with_as_many_seconds(web: Running) -> None:
    minute = web.this_minute() - MINUTE
    whole = folded(seconds(minute), closed=True)
    async with web.socket() as socket:
        await socket.subscribe()
        await web.publish(seconds(minute))
        await socket.until(lambda m: m["op"] == "candle" and m["candle"]["received"] == 60)
        await web.revise("1m", replace(whole, received=50, revision=1, close="77"))
        await web.revise("1m", replace(whole, revision=2, close="8"))
        revision = await socket.take(op="revision")
        assert (revision["candle"]["revision"], revision["candle"]["close"]) == (2, "8")
        await web.revise("1m", replace(whole, revision=2, close="78"))
        await web.revise("1m", replace(whole, revision=3, close="9"))
        assert (await socket.take(op="revision"))["candle"]["close"] == "9"


async def test_a_repaired_minute_moves_the_forming_hour(web: Running) -> None:
    hour = INTERVALS["1h"].open_time(web.clock())
    async with web.socket() as socket:
        await socket.subscribe(interval="1h")
        await web.publish(seconds(hour + 5 * MINUTE, 0))
        await socket.until(lambda m: m["op"] == "candle" and m["candle"]["received"] == 1)
        await web.revise("1m", folded(seconds(hour + 2 * MINUTE), revision=1, closed=True))
        await socket.until(lambda m: m["op"] == "candle" and m["candle"]["received"] == 61)


async def test_gaps_open_and_end_on_the_screen(web: Running) -> None:
    minute = web.this_minute()
    start, end = minute + SECOND, minute + 3 * SECOND
    async with web.socket() as socket:
        await socket.subscribe()
        await web.publish(
            [kline(minute), kline(end), GapOpened(IDENTITY.exchange, IDENTITY.symbol, start, end, "step", web.clock())]
        )
        opened = await socket.take(op="gap")
        assert (opened["gap"]["start"], opened["gap"]["end"], opened["gap"]["state"]) == (start, end, "open")
        assert [gap["state"] for gap in (await socket.subscribe())["gaps"]] == ["open"]
        await web.publish([replace(item, source="repair") for item in seconds(minute, 1, 2)])
        repaired = await socket.take(op="gap")
        assert (repaired["gap"]["start"], repaired["gap"]["state"]) == (start, "repaired")
        await web.publish(
            [
                GapOpened(IDENTITY.exchange, IDENTITY.symbol, end + SECOND, end + 2 * SECOND, "silence", web.clock()),
                Absent(IDENTITY.exchange, IDENTITY.symbol, end + SECOND, end + 2 * SECOND, web.clock()),
            ]
        )
        absent = await socket.until(lambda m: m["op"] == "gap" and m["gap"]["state"] == "absent")
        assert absent["gap"]["reason"] == "silence"


async def test_tickers_come_as_a_whole_and_then_what_changed(web: Running, database: str) -> None:
    minute = web.this_minute()
    async with table.writer(database) as rows:
        yesterday = folded(seconds(minute - 23 * 60 * MINUTE), open="3", low="0.5", high="50", volume="7", revision=1)
        await rows.candle("1m", yesterday)
    await web.want(DesiredSymbol(ETH.exchange, ETH.symbol, epoch=0))
    await web.publish([kline(minute), kline(minute, identity=ETH)])
    await wait_until(lambda: web.web.market.price(IDENTITY) and web.web.market.price(ETH))
    await web.web.refresh_windows(whole=True)
    async with web.socket() as socket:
        await socket.ask(op="subscribe", channel="tickers", id="t")
        whole = await socket.take(op="tickers")
        assert whole["id"] == "t"
        tickers = {ticker["symbol"]: ticker for ticker in whole["tickers"]}
        assert tickers["BTCUSDT"] | {"time": 0} == {
            "exchange": "sim",
            "symbol": "BTCUSDT",
            "price": "5",
            "open": "3",
            "high": "50",
            "low": "0.5",
            "volume": "7.10",
            "time": 0,
        }
        assert tickers["ETHUSDT"]["open"] == "5"
        await web.publish([kline(minute + SECOND, close="6", identity=ETH)])
        changed = await socket.take(op="tickers")
        assert [(ticker["symbol"], ticker["price"]) for ticker in changed["tickers"]] == [("ETHUSDT", "6")]
        assert "id" not in changed
        await socket.ask(op="unsubscribe", channel="tickers", id=2)
        assert (await socket.take(op="unsubscribed"))["id"] == 2


async def test_symbols_come_and_go_while_it_runs(web: Running) -> None:
    async with web.socket() as socket:
        await socket.ask(op="subscribe", channel="tickers")
        await web.want(DesiredSymbol(ETH.exchange, ETH.symbol, epoch=3))
        await socket.until(lambda m: m["op"] == "symbols" and len(m["symbols"]) == 2)
        state = StreamState(exchange="sim", symbol="ETHUSDT", instance="p1", at=web.clock(), status="streaming")
        await web.tell(state)
        told = await socket.until(lambda m: m["op"] == "symbols" and m["symbols"][1]["status"] == "streaming")
        assert [symbol["symbol"] for symbol in told["symbols"]] == ["BTCUSDT", "ETHUSDT"]
        snapshot = await socket.subscribe("ETHUSDT")
        assert snapshot["op"] == "snapshot"
        await web.want(gone=[ETH])
        await socket.take(op="resync", symbol="ETHUSDT")
        left = await socket.until(lambda m: m["op"] == "symbols" and len(m["symbols"]) == 1)
        assert left["symbols"][0]["symbol"] == "BTCUSDT"
        assert (await socket.subscribe("ETHUSDT"))["code"] == "unknown_symbol"
        # What still comes of the life that ended does not bring it back.
        await web.publish([replace(kline(web.this_minute(), identity=ETH), epoch=3), kline(web.this_minute())])
        await wait_until(lambda: web.web.market.price(IDENTITY))
        assert web.web.market.price(ETH) is None


async def test_a_producer_that_falls_silent_is_told(web: Running, clock: Clock) -> None:
    async def says() -> None:
        await web.tell(StreamState(exchange="sim", symbol="BTCUSDT", instance="p1", at=clock(), status="streaming"))

    async with web.socket() as socket:
        await socket.ask(op="subscribe", channel="tickers")
        await says()
        await socket.until(lambda m: m["op"] == "symbols" and m["symbols"][0]["status"] == "streaming")
        clock.advance(FRESH + SECOND)
        told = await socket.take(op="symbols")
        assert told["symbols"][0]["status"] == "unknown"
        await says()
        await socket.until(lambda m: m["op"] == "symbols" and m["symbols"][0]["status"] == "streaming")


async def test_what_the_exchange_lists_makes_3d_candles(web: Running) -> None:
    async with web.socket() as socket:
        refused = await socket.subscribe(interval="3d", id=1)
        assert (refused["op"], refused["code"], refused["id"]) == ("error", "not_listed", 1)
        day = 86_400_000
        listed_day = web.clock() // day * day - 4 * day
        await web.publish([Listing("sim", "BTCUSDT", listed_day, "0.01", web.clock())])
        await wait_until(lambda: web.web.catalog.find("BTCUSDT", None).tick_size)
        await web.publish([kline(web.this_minute())])
        await socket.subscribe(interval="3d")
        await web.publish([kline(web.this_minute() + SECOND)])
        update = await socket.take(op="candle", interval="3d")
        assert update["candle"]["open_time"] == listed_day + 3 * day
