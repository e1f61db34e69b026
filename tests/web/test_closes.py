"""The last closes of many symbols: on one grid, what is stored and over it what is live."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any

import pytest
from msgspec.structs import replace

from rtchart.core.candle import Candle, fold
from rtchart.core.interval import INTERVALS, MINUTE, SECOND
from rtchart.core.kline import Identity
from rtchart.core.symbol import DesiredSymbol
from rtchart.store import reader
from tests.waiting import wait_until
from tests.web import table
from tests.web.clock import Clock
from tests.web.conftest import BTC, ready
from tests.web.klines import IDENTITY, kline
from tests.web.running import Running, running

ETH = DesiredSymbol("sim", "ETHUSDT", epoch=0, intervals=("1m", "5m", "1M"))
NEW = DesiredSymbol("sim", "NEWUSDT", epoch=0)


@pytest.fixture
async def three(kafka: str, topic_prefix: str, database: str) -> AsyncIterator[Running]:
    """A server that follows BTCUSDT, ETHUSDT and NEWUSDT; it is 20 s past the fifth minute of an hour there."""
    async with running(kafka, topic_prefix, database, symbols=[BTC, ETH, NEW], clock=Clock()) as server:
        await ready(server)
        await wait_until(lambda: len(server.web.catalog.desired()) == 3)
        yield server


def candle(interval: str, open_time: int, close: str, received: int) -> Candle:
    made = fold(INTERVALS[interval], [kline(open_time, close=close)])
    assert made is not None
    return replace(made, received=received, revision=1, closed=True)


async def came(web: Running, time: int, close: str, identity: Identity = IDENTITY) -> None:
    """A second comes, and the server has taken it."""
    await web.publish([kline(time, close=close, identity=identity)])

    def taken() -> bool:
        entry = web.web.market.get(identity)
        return entry is not None and any(second.open_time == time for second in entry.live.seconds())

    await wait_until(taken)


async def closes(web: Running, **asked: Any) -> dict[str, list[str | None]]:
    answer = (await web.get("/closes", **asked)).json()
    return {row["symbol"]: row["closes"] for row in answer["closes"]}


async def test_closes_are_stored_and_over_them_live_ones_in_the_order_of_the_names(three: Running, database: str) -> None:
    now = three.this_minute()
    async with table.writer(database) as rows:
        await rows.candles("1m", [candle("1m", now - n * MINUTE, str(n), 60) for n in (1, 2, 4, 5)])
    async with table.writer(database, ETH.identity) as rows:
        await rows.candles("1m", [candle("1m", now - 3 * MINUTE, "33", 60)])
    await came(three, now, "9")
    answer = (await three.get("/closes", symbols="ETHUSDT,BTCUSDT,NEWUSDT", limit=5)).json()
    assert answer == {
        "interval": "1m",
        "start": now - 4 * MINUTE,
        "closes": [
            {"exchange": "sim", "symbol": "ETHUSDT", "closes": [None, "33", None, None, None]},
            {"exchange": "sim", "symbol": "BTCUSDT", "closes": ["4", None, "2", "1", "9"]},
            {"exchange": "sim", "symbol": "NEWUSDT", "closes": [None] * 5},
        ],
        "partial": False,
    }
    twice = (await three.get("/closes", symbols="BTCUSDT,BTCUSDT", limit=1, exchange="sim")).json()["closes"]
    assert [row["closes"] for row in twice] == [["9"], ["9"]]
    assert len((await closes(three, symbols="NEWUSDT"))["NEWUSDT"]) == 60


async def test_a_period_closes_with_its_last_minute_which_may_be_live_alone(three: Running, database: str) -> None:
    """Nobody looks at these candles, so the server holds no more of them than the minutes that are not stored yet."""
    hour = three.this_minute() - 5 * MINUTE
    async with table.writer(database) as rows:
        await rows.candles("5m", [candle("5m", hour - 5 * MINUTE, "3", 300), candle("5m", hour, "7", 240)])
        await rows.candles("1h", [candle("1h", hour, "7", 240)])
    await came(three, hour + 5 * MINUTE - SECOND, "8")
    assert (await closes(three, symbols="BTCUSDT", interval="5m", limit=3))["BTCUSDT"] == ["3", "8", None]
    await came(three, hour + 5 * MINUTE, "9")
    assert (await closes(three, symbols="BTCUSDT", interval="5m", limit=3))["BTCUSDT"] == ["3", "8", "9"]
    assert (await closes(three, symbols="BTCUSDT", interval="1h", limit=2))["BTCUSDT"] == [None, "9"]


async def test_of_a_period_that_goes_on_in_what_is_stored_the_fuller_candle_counts(three: Running, database: str) -> None:
    hour = three.this_minute() - 5 * MINUTE
    await came(three, hour + 2 * MINUTE, "4")
    await came(three, hour + 5 * MINUTE, "9")
    assert (await closes(three, symbols="BTCUSDT", interval="5m", limit=2))["BTCUSDT"] == ["4", "9"]
    async with table.writer(database) as rows:
        await rows.candles("5m", [candle("5m", hour, "7", 299)])
    assert (await closes(three, symbols="BTCUSDT", interval="5m", limit=2))["BTCUSDT"] == ["7", "9"]


async def test_months_have_their_own_lengths(three: Running, database: str) -> None:
    today = datetime.fromtimestamp(three.clock() / 1000, UTC)
    opens = [INTERVALS["1M"].open_time(three.clock())]
    while len(opens) < 15:
        opens.insert(0, INTERVALS["1M"].previous_open(opens[0]))
    async with table.writer(database, ETH.identity) as rows:
        await rows.candles("1M", [candle("1M", time, str(number), 9) for number, time in enumerate(opens)])
    answer = (await three.get("/closes", symbols="ETHUSDT", interval="1M", limit=14)).json()
    start = datetime.fromtimestamp(answer["start"] / 1000, UTC)
    assert (start.day, start.hour, start.month) == (1, 0, (today.month - 14) % 12 + 1)
    assert answer["closes"][0]["closes"] == [str(number) for number in range(1, 15)]


async def test_without_the_database_they_are_what_is_live(three: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    now = three.this_minute()
    await came(three, now, "9")
    monkeypatch.setattr(reader, "MOST_AT_ONCE", 0)
    answer = (await three.get("/closes", symbols="BTCUSDT,ETHUSDT", limit=2)).json()
    assert answer["partial"]
    assert [row["closes"] for row in answer["closes"]] == [[None, "9"], [None, None]]


@pytest.mark.parametrize(
    ("parameters", "status", "parameter", "said"),
    [
        ({}, 400, "symbols", "is needed"),
        ({"symbols": ""}, 400, "symbols", "length"),
        ({"symbols": "BTCUSDT,"}, 400, "symbols", "1 to 100 names"),
        ({"symbols": ",".join(["BTCUSDT"] * 101)}, 400, "symbols", "1 to 100 names"),
        ({"symbols": "B" * 33}, 400, "symbols", "1 to 100 names"),
        ({"symbols": "BTCUSDT,DOGEUSDT"}, 404, "symbols", "'DOGEUSDT'"),
        ({"symbols": "BTCUSDT", "exchange": "binance"}, 404, "exchange", "it is at sim"),
        ({"symbols": "BTCUSDT", "limit": 241}, 400, "limit", "240"),
        ({"symbols": "BTCUSDT", "limit": 0}, 400, "limit", "1"),
        ({"symbols": "BTCUSDT", "interval": "1s"}, 400, "interval", "no closes of 1s"),
        ({"symbols": "BTCUSDT", "interval": "3d"}, 400, "interval", "no closes of 3d"),
        ({"symbols": "BTCUSDT", "interval": "12h"}, 400, "interval", "BTCUSDT is kept in"),
        ({"symbols": "BTCUSDT", "interval": "7m"}, 400, "interval", "unknown interval"),
        ({"symbols": "BTCUSDT", "start": 0}, 400, "start", "not known"),
    ],
)
async def test_what_is_wrong_is_named(
    web_shared: Running, parameters: dict[str, Any], status: int, parameter: str, said: str
) -> None:
    answer = await web_shared.get("/closes", **parameters)
    assert (answer.status_code, answer.json()["parameter"]) == (status, parameter)
    assert said in answer.json()["detail"]
