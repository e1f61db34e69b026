"""How whole every symbol's last day is, in one answer for all who ask."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from rtchart.core.interval import DAY, MINUTE, SECOND
from rtchart.core.kline import Identity
from rtchart.core.messages import GapOpened, StreamState
from rtchart.core.symbol import DesiredSymbol
from rtchart.process.clock import now_ms
from rtchart.store import overview, reader
from rtchart.web import wholeness
from tests.waiting import wait_until
from tests.web import table
from tests.web.klines import IDENTITY, kline
from tests.web.running import Running

ETH = DesiredSymbol("sim", "ETHUSDT", epoch=0)


@pytest.fixture
def anew(monkeypatch: pytest.MonkeyPatch) -> None:
    """No answer is shared."""
    monkeypatch.setattr(wholeness, "SHARED", 0.0)


async def health(web: Running) -> dict[str, Any]:
    """The answer; the symbols by name."""
    answer = (await web.get("/health")).json()
    return {**answer, "symbols": {row["symbol"]: row for row in answer["symbols"]}}


@pytest.mark.usefixtures("anew")
async def test_every_symbol_tells_its_newest_second_and_its_last_days_gaps(web: Running, database: str) -> None:
    await web.want(ETH)
    now = now_ms() // SECOND * SECOND
    day = now - DAY
    async with table.writer(database) as rows:
        await rows.gap(day - 9 * MINUTE, day - 8 * MINUTE, "absent")
        await rows.gap(day - 7 * MINUTE, day + 2 * MINUTE, "repaired")
        await rows.gap(day + 3 * MINUTE, day + 4 * MINUTE, "repaired")
        await rows.gap(day + 5 * MINUTE, day + 5 * MINUTE + SECOND, "absent")
        await rows.gap(now - MINUTE, now - MINUTE + 4 * SECOND, "open")
    async with table.writer(database, ETH.identity) as rows:
        await rows.klines([kline(now - n * MINUTE, identity=ETH.identity) for n in (2, 3)])
        await rows.gap(day - MINUTE, day + MINUTE, "open")
    await web.publish([kline(now - 5 * SECOND), kline(now - 6 * SECOND)])
    await web.tell(StreamState(exchange="sim", symbol="BTCUSDT", instance="p", at=now_ms(), status="streaming"))
    await wait_until(lambda: web.web.market.price(IDENTITY) and len(web.web.catalog.desired()) == 2)

    async def told() -> bool:
        return bool((await health(web))["symbols"]["BTCUSDT"]["status"] == "streaming")

    await wait_until(told)
    answer = await health(web)
    assert (answer["partial"], answer["time"] - answer["since"], answer["time"] % SECOND) == (False, DAY, 0)
    assert answer["symbols"]["BTCUSDT"] == {
        "exchange": "sim",
        "symbol": "BTCUSDT",
        "status": "streaming",
        "newest": now - 5 * SECOND,
        "open": 1,
        "repaired": 2,
        "absent": 1,
        "missing": 5,
    }
    assert answer["symbols"]["ETHUSDT"] == {
        "exchange": "sim",
        "symbol": "ETHUSDT",
        "status": "unknown",
        "newest": now - 2 * MINUTE,  # which came before the server did
        "open": 1,
        "repaired": 0,
        "absent": 0,
        "missing": 60 - (answer["since"] - day) // SECOND,
    }


@pytest.mark.usefixtures("anew")
async def test_without_the_database_the_open_gaps_are_those_that_the_server_was_told(
    web: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = now_ms() // SECOND * SECOND
    await web.publish(
        [
            GapOpened("sim", "BTCUSDT", now - 2 * DAY, now - 2 * DAY + MINUTE, "start", at=now),
            GapOpened("sim", "BTCUSDT", now - MINUTE, now - MINUTE + 7 * SECOND, "step", at=now),
            kline(now),
        ]
    )
    await wait_until(lambda: web.web.market.price(IDENTITY))
    monkeypatch.setattr(reader, "MOST_AT_ONCE", 0)
    answer = await health(web)
    symbol = answer["symbols"]["BTCUSDT"]
    assert answer["partial"]
    assert {key: symbol[key] for key in ("newest", "open", "repaired", "absent", "missing")} == {
        "newest": now,
        "open": 1,
        "repaired": 0,
        "absent": 0,
        "missing": 7,
    }


async def test_all_who_ask_within_a_second_share_an_answer(web: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also when the one who asked first goes."""
    asked = 0
    release = asyncio.Event()
    lately = overview.lately

    async def counted(*arguments: Any) -> dict[int, overview.Lately]:
        nonlocal asked
        asked += 1
        await release.wait()
        return await lately(*arguments)

    monkeypatch.setattr(overview, "lately", counted)
    first = asyncio.create_task(web.get("/health"))
    await wait_until(lambda: asked)
    others = [asyncio.create_task(web.get("/health")) for _ in range(5)]
    first.cancel()
    release.set()
    answers = await asyncio.gather(*others)
    assert [answer.status_code for answer in answers] == [200] * 5
    assert (await web.get("/health")).json() == answers[0].json()
    assert asked == 1
    monkeypatch.setattr(wholeness, "SHARED", 0.0)

    async def anew() -> bool:
        await web.get("/health")
        return asked > 1

    await wait_until(anew)


async def test_a_symbol_that_is_no_longer_asked_for_is_not_told_of(web: Running) -> None:
    assert [*(await health(web))["symbols"]] == ["BTCUSDT"]
    await web.want(gone=[Identity("sim", "BTCUSDT")])

    async def gone() -> bool:
        return (await health(web))["symbols"] == {}

    await wait_until(gone)
