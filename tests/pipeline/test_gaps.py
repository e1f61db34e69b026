"""What the stream leaves out comes by REST, goes the same way to the candles, and the ledger says how each gap ended."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest

from rtchart.core.gap import normal, subtract
from rtchart.core.interval import MINUTE
from rtchart.sim.exchange import Config, Exchange
from tests.corners import own_database, own_topics
from tests.pipeline.running import Pipeline, exchange_seconds, stored_seconds
from tests.pipeline.together import Together, fast_clock, first_second, stored_after
from tests.waiting import wait_until

SYMBOLS = ("BTCUSDT", "ETHUSDT")


@pytest.fixture(scope="module")
async def started(
    tmp_path_factory: pytest.TempPathFactory, kafka: str, postgres: str, migrated_template: str
) -> AsyncIterator[Together]:
    """What the tests below share: each looks at seconds of its own."""
    exchange = Exchange(Config(symbols=SYMBOLS), clock=fast_clock())
    folder = tmp_path_factory.mktemp("pipeline")
    async with (
        own_topics(kafka) as prefix,
        own_database(postgres, migrated_template) as database,
        exchange.serve() as address,
    ):
        running = Pipeline(folder, kafka=kafka, prefix=prefix, database=database, exchange=address)
        try:
            await running.want(*SYMBOLS)
            await running.start()
            await running.web_is_ready()
            first = await wait_until(lambda: first_second(running, SYMBOLS), 30)
            yield Together(exchange, address, running, first)
        finally:
            await running.stop()


@pytest.fixture
def together(started: Together) -> Iterator[Together]:
    """The same, and what the services said beside a test that failed."""
    yield started
    print(started.running.logs())


async def gaps(running: Pipeline, symbol: str) -> list[dict[str, Any]]:
    return list((await running.get("gaps", symbol=symbol))["gaps"])


async def test_seconds_the_stream_left_out_are_repaired(together: Together):
    exchange, address, running, first = together
    start = exchange.clock.now() // 1000 * 1000 + 5_000
    exchange.faults.skip_seconds("BTCUSDT", start, start + 7_000)
    await wait_until(lambda: stored_after(running, SYMBOLS, start + 20_000), 30)

    async def repaired() -> bool:
        ledger = await gaps(running, "BTCUSDT")
        assert subtract([(start, start + 7_000)], [(gap["start"], gap["end"]) for gap in ledger]) == []
        assert {gap["state"] for gap in ledger} == {"repaired"}, ledger
        return True

    await wait_until(repaired, 30)
    stored = await stored_seconds(running, "BTCUSDT", first, start + 15_000)
    assert stored == await exchange_seconds(address, "BTCUSDT", first, start + 15_000)
    sources = await running.fetch(
        "SELECT source, count(*) FROM kline_1s WHERE open_time >= $1 AND open_time < $2 GROUP BY source ORDER BY source",
        start,
        start + 7_000,
    )
    assert {row["source"]: row["count"] for row in sources} == {b"r": 7, b"s": 7}  # ETHUSDT's came live


async def test_a_cut_connection_leaves_no_hole(together: Together):
    exchange, address, running, first = together
    for code in (None, 1008):
        assert exchange.faults.disconnect_all(code) >= 1
        cut = exchange.clock.now()
        await wait_until(lambda cut=cut: stored_after(running, SYMBOLS, cut + 10_000), 45)
    end = exchange.clock.now() // 1000 * 1000 - 10_000

    async def whole() -> bool:
        for symbol in SYMBOLS:
            assert await stored_seconds(running, symbol, first, end) == await exchange_seconds(address, symbol, first, end)
        return True

    await wait_until(whole, 30)


async def test_what_the_exchange_lacks_is_recorded_as_absent_and_shown_as_missing(together: Together):
    exchange, _, running, _ = together
    minute = exchange.clock.now() // MINUTE * MINUTE + MINUTE
    start = minute + 20_000
    exchange.faults.absent("BTCUSDT", start, start + 9_000)

    async def absent() -> bool:
        # Noticed by silence before it was over, the hole may be in the ledger in pieces.
        ledger = await gaps(running, "BTCUSDT")
        lacked = [(gap["start"], gap["end"]) for gap in ledger if gap["state"] == "absent"]
        assert normal(lacked) == [(start, start + 9_000)], ledger
        return True

    await wait_until(absent, 90)  # two answers that agree, a minute of the exchange's time apart

    async def candle_says_so() -> bool:
        answer = await running.get("candles", symbol="BTCUSDT", interval="1m", start=minute, end=minute + MINUTE)
        (candle,) = answer["candles"]
        assert (candle["received"], candle["expected"], candle["closed"]) == (51, 60, True)
        return True

    await wait_until(candle_says_so, 30)
