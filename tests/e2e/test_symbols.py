"""Symbols, as a person applies, changes and deletes them."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any

import pytest
from websockets.asyncio.client import connect

from rtchart.core.interval import HOUR, MINUTE
from rtchart.process.clock import now_ms
from tests.e2e.compared import last_second, stored_candles
from tests.e2e.release import NAME, Measured, Release
from tests.operator.cluster import symbol
from tests.waiting import wait_until
from tests.web.running import Socket

CHINESE = "币安人生USDT"
ORDER = ("Validated", "Streaming", "Persisting", "Ready")


async def rows(release: Release, table: str, listed: str) -> int:
    found = await release.fetch(f"SELECT count(*) FROM {table} JOIN symbol USING (symbol_id) WHERE symbol = $1", listed)
    return int(found[0][0])


async def charted(release: Release) -> set[str]:
    """What the web knows of."""
    return {each["symbol"] for each in (await release.get("symbols"))["symbols"]}


async def test_a_symbol_applied_is_on_a_socket_within_seconds(release: Release, measured: Measured) -> None:
    async with connect(f"{release.web.ws}/ws", max_size=None) as connection:
        socket = Socket(connection)
        await socket.ask(op="subscribe", channel="tickers")
        await socket.take(op="tickers")
        begun = time.monotonic()
        await release.kubectl.apply(symbol("sol", "SOLUSDT"))
        applied = time.monotonic() - begun
        await socket.until(
            lambda message: message["op"] == "symbols" and any(each["symbol"] == "SOLUSDT" for each in message["symbols"])
        )
        snapshot = await socket.subscribe("SOLUSDT", "1s", exchange="sim")
        if not snapshot["candles"]:
            await socket.take(op="candle", symbol="SOLUSDT", interval="1s")
        took = time.monotonic() - begun
    measured("from `kubectl apply` to the first candle on a socket", f"{took:.2f} s, of which kubectl took {applied:.2f} s")
    await release.kubectl.run("wait", "--for=condition=Ready", "symbol/sol", "--timeout=60s")
    events = [reason for kind, reason in await release.kubectl.events("sol") if kind == "Normal"]
    found = (await release.kubectl.symbols())["sol"]["status"]["conditions"]
    since = {each["type"]: each["lastTransitionTime"] for each in found if each["status"] == "True"}
    assert [since[kind] for kind in ORDER] == sorted(since[kind] for kind in ORDER), "one after the other"
    assert {"Listed", "Streaming", "Ready"} <= set(events)


async def test_a_pair_that_is_not_listed_is_told_and_others_go_on(release: Release) -> None:
    kubectl = release.kubectl
    await kubectl.apply(symbol("typo", "BTCUSTD"), symbol("life", CHINESE))
    await kubectl.until("typo", "Ready", "False", "UnknownSymbol", within=60)
    await kubectl.run("wait", "--for=condition=Ready", "symbol/life", "symbol/sim-btcusdt", "--timeout=60s")
    assert "sim lists no symbol BTCUSTD" in await kubectl.run("get", "symbol", "typo", "-o", "wide")

    async def told() -> bool:
        return ("Warning", "UnknownSymbol") in await kubectl.events("typo")

    await wait_until(told, 30, every=0.5)
    assert "BTCUSTD" not in await charted(release)
    await kubectl.run("delete", "symbol", "typo", "life", "--timeout=60s")


@pytest.mark.parametrize(
    ("spec", "said"),
    [
        ({"symbol": "btcusdt"}, "in capitals, without spaces, / and @, such as BTCUSDT"),
        ({"retention": {"klineHours": 72, "candleDays": 2}}, "seconds may not outlive the candles made of them"),
    ],
)
async def test_the_installed_definition_refuses(release: Release, spec: dict[str, Any], said: str) -> None:
    """That Helm brought the rules along; each of them is tried in tests/operator/test_schema.py."""
    wrong = symbol("wrong", "BTCUSDT") | {"spec": {"symbol": "BTCUSDT", **spec}}
    assert said in await release.kubectl.apply(wrong, good=False, dry=True)
    moved = symbol("sim-btcusdt", "ETHUSDT")
    assert "symbol cannot be changed" in await release.kubectl.apply(moved, good=False, dry=True)


async def test_suspend_and_resume(release: Release) -> None:
    kubectl = release.kubectl
    await kubectl.apply(symbol("ada", "ADAUSDT"))
    await kubectl.run("wait", "--for=condition=Ready", "symbol/ada", "--timeout=60s")
    await kubectl.run("patch", "symbol", "ada", "--type=merge", "-p", '{"spec":{"suspend":true}}')
    await kubectl.until("ada", "Ready", "False", "Suspended", within=60)

    async def stands_still() -> int:
        """While BTCUSDT is 10 s further than ADAUSDT."""
        paused, going = await last_second(release, "ADAUSDT"), await last_second(release, "BTCUSDT")
        return paused if going >= paused + 10_000 else 0

    paused = await wait_until(stands_still, 60, every=1)
    await kubectl.run("patch", "symbol", "ada", "--type=merge", "-p", '{"spec":{"suspend":false}}')
    await kubectl.run("wait", "--for=condition=Ready", "symbol/ada", "--timeout=60s")

    async def goes_on() -> bool:
        return await last_second(release, "ADAUSDT") >= paused + 15_000

    await wait_until(goes_on, 60, every=1)
    between = await release.fetch(
        """SELECT count(*) FROM kline_1s JOIN symbol USING (symbol_id)
           WHERE symbol = 'ADAUSDT' AND open_time > $1 AND open_time < $1 + 5000""",
        paused,
    )
    assert between[0][0] == 0, "a pause is no gap, and is not filled"
    await kubectl.run("delete", "symbol", "ada", "--timeout=60s")


async def test_deletion_keeps_or_takes_the_data(release: Release) -> None:
    kubectl = release.kubectl
    await kubectl.apply(symbol("kept", "XRPUSDT"), symbol("taken", CHINESE, deletionPolicy="Delete"))
    await kubectl.run("wait", "--for=condition=Ready", "symbol/kept", "symbol/taken", "--timeout=60s")
    assert await rows(release, "kline_1s", "XRPUSDT") and await rows(release, "kline_1s", CHINESE)
    await kubectl.run("delete", "symbol", "kept", "taken", "--timeout=120s")
    assert await rows(release, "kline_1s", CHINESE) == 0 and await rows(release, "candle", CHINESE) == 0
    assert await rows(release, "kline_1s", "XRPUSDT") > 0

    async def not_charted() -> bool:
        return not {"XRPUSDT", CHINESE} & await charted(release)

    await wait_until(not_charted, 30, every=0.5)


async def test_a_shorter_retention_takes_old_seconds_once_they_are_folded(release: Release) -> None:
    """Of a symbol of its own: what another test left of one may be folded already."""
    kubectl = release.kubectl
    begun = now_ms()

    async def oldest() -> int:
        found = await release.fetch(
            "SELECT min(open_time) FROM kline_1s JOIN symbol USING (symbol_id) WHERE symbol = 'DOGEUSDT'"
        )
        return int(found[0][0] or now_ms())

    async with aggregator_suspended(release):
        await kubectl.apply(symbol("doge", "DOGEUSDT"))

        async def past_is_there() -> bool:
            return await oldest() < begun - 2 * HOUR and await rows(release, "kline_1s", "DOGEUSDT") > 2 * 3600

        await wait_until(past_is_there, 180, every=1)
        await kubectl.run("patch", "symbol", "doge", "--type=merge", "-p", '{"spec":{"retention":{"klineHours":1}}}')
        await kubectl.until("doge", "RetentionEnforced", "False", "Unaggregated", within=150)
        assert await oldest() < begun - 2 * HOUR, "what is in no candle yet stays"

    async def gone() -> bool:
        first = await oldest()
        assert first >= (begun - HOUR) // HOUR * HOUR, f"the oldest second is {(begun - first) / MINUTE:.0f} minutes old"
        return True

    await wait_until(gone, 240, every=2)
    assert min(await stored_candles(release, "DOGEUSDT", "1m", 0)) < begun - 2 * HOUR, "their candles stay"
    assert await rows(release, "kline_1s", "BTCUSDT") > 2 * 3600, "others keep theirs"
    await kubectl.until("doge", "RetentionEnforced", "True", "Enforced", within=150)
    await kubectl.run("delete", "symbol", "doge", "--timeout=60s")


@asynccontextmanager
async def aggregator_suspended(release: Release) -> AsyncIterator[None]:
    """No run begins meanwhile, and none is under way."""
    name = f"{NAME}-aggregator"

    async def suspend(value: str) -> None:
        await release.kubectl.run("patch", f"cronjob/{name}", "-p", f'{{"spec":{{"suspend":{value}}}}}')

    async def a_turn_passed() -> bool:
        """That it is suspended may reach the controller after the next minute's turn: only a turn without a run shows it."""
        (cronjob,) = [each for each in await release.objects("cronjobs") if each["metadata"]["name"] == name]
        last = datetime.fromisoformat(cronjob["status"]["lastScheduleTime"])
        ago = (datetime.now(UTC) - last).total_seconds()
        assert ago > 70, f"a run began {ago:.0f} s ago"
        return not cronjob["status"].get("active")

    await suspend("true")
    try:
        await wait_until(a_turn_passed, 240, every=2)
        yield
    finally:
        await suspend("false")
