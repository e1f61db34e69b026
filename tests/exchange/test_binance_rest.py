"""The REST client against a real HTTP server that answers by a script."""

from __future__ import annotations

import re
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import pytest

from rtchart.core.kline import Kline
from rtchart.exchange.base import Listed, Page, RestError, UnknownSymbol, Venue
from rtchart.exchange.binance.limits import WeightBudget
from rtchart.exchange.binance.rest import BinanceRest
from rtchart.exchange.clock import VenueClock
from tests.exchange.servers import Reply, Script, http_server

NOW = 1_700_000_100_250
"""The venue's time, which stands still."""
START = 1_700_000_000_000


def row(open_time: int, *, unit: int = 1, price: str = "1.5") -> list[object]:
    volumes = ["2.0", (open_time + 1_000) * unit - 1, "3.0", 4, "1.0", "1.5", "0"]
    return [open_time * unit, price, "2", "1", "1.7", *volumes]


@asynccontextmanager
async def client(
    script: Script,
    *,
    now: int | None = NOW,
    budget: WeightBudget | None = None,
    blocked: Callable[[float], None] | None = None,
) -> AsyncIterator[BinanceRest]:
    clock = VenueClock(local=lambda: 0.0)
    if now is not None:
        clock.set(now)
    async with http_server(script) as url:
        venue = Venue("binance", "", url)
        rest = BinanceRest(venue, clock, budget=budget, first_backoff=0.01, timeout=1.0, blocked=blocked)
        try:
            yield rest
        finally:
            await rest.aclose()


async def pages(rest: BinanceRest, start: int, end: int) -> list[Page]:
    return [page async for page in rest.klines("BTCUSDT", start, end)]


def venue(*open_times: int) -> Script:
    """A venue that has these seconds, and pages as the real one does."""

    def script(path: str, query: dict[str, str]) -> Reply:
        assert path == "/api/v3/klines"
        assert (query["symbol"], query["interval"], query["limit"]) == ("BTCUSDT", "1s", "1000")
        start, end = int(query["startTime"]), int(query["endTime"])
        return Reply([row(time) for time in open_times if start <= time <= end][:1000])

    return script


async def test_a_row_is_a_kline_of_the_answers_time() -> None:
    async with client(venue(START)) as rest:
        assert await pages(rest, START, START + 2_000) == [
            Page(
                START,
                START + 1_000,
                NOW,
                [
                    Kline(
                        exchange="binance",
                        symbol="BTCUSDT",
                        open_time=START,
                        open="1.5",
                        high="2",
                        low="1",
                        close="1.7",
                        volume="2.0",
                        quote_volume="3.0",
                        trades=4,
                        taker_buy_volume="1.0",
                        taker_buy_quote_volume="1.5",
                        version=NOW,
                        source="repair",
                    )
                ],
            ),
            Page(START + 1_000, START + 2_000, NOW, []),
        ]


async def test_pages_until_the_end_and_speaks_for_all_of_it() -> None:
    have = [START - 4_000_000 + second * 1_000 for second in range(2_500) if second != 1_700]
    async with client(venue(*have)) as rest:
        found = await pages(rest, START - 4_000_000, START - 1_500_000)
    assert [kline.open_time for page in found for kline in page.klines] == have
    assert [len(page.klines) for page in found] == [1000, 1000, 499]
    assert [page.start for page in found[1:]] == [page.end for page in found[:-1]]
    assert (found[0].start, found[-1].end) == (START - 4_000_000, START - 1_500_000)


async def test_a_short_answer_does_not_say_that_there_is_no_more() -> None:
    """As when a server answers with fewer rows than it was asked for; what follows the last of them is asked for again."""
    have = [START - 60_000 + second * 1_000 for second in range(60) if second not in (30, 57, 58, 59)]

    def few(path: str, query: dict[str, str]) -> Reply:
        reply = venue(*have)(path, query)
        return Reply(reply.body[:10])

    async with client(few) as rest:
        found = await pages(rest, START - 60_000, START)
    assert [kline.open_time for page in found for kline in page.klines] == have
    assert [page.start for page in found[1:]] == [page.end for page in found[:-1]]
    assert (found[-1].klines, found[-1].start, found[-1].end) == ([], START - 3_000, START)


async def test_what_is_not_closed_is_neither_told_nor_spoken_for() -> None:
    now = NOW // 1_000 * 1_000
    async with client(venue(now - 1_000, now, now + 1_000)) as rest:
        (page,) = await pages(rest, now - 2_000, now + 10_000)
        assert [kline.open_time for kline in page.klines] == [now - 1_000]
        assert page.end == now
        assert await pages(rest, now, now + 10_000) == []


async def test_microseconds_are_recognised() -> None:
    async with client(lambda path, query: Reply([row(START, unit=1000)])) as rest:
        (page,) = await pages(rest, START, START + 1_000)
    assert [kline.open_time for kline in page.klines] == [START]


async def test_a_bad_row_is_told_and_the_others_are_used() -> None:
    async with client(lambda path, query: Reply([row(START, price="1e9"), row(START + 1_000)])) as rest:
        (page,) = await pages(rest, START, START + 2_000)
    assert [kline.open_time for kline in page.klines] == [START + 1_000]
    ((at, bad),) = page.bad.items()
    assert at == START
    assert bad.reason == "invalid_kline"
    assert "BTCUSDT: open is '1e9'" in bad.detail


async def test_asks_the_time_before_it_judges_what_is_past() -> None:
    asked: list[str] = []

    def script(path: str, query: dict[str, str]) -> Reply:
        asked.append(path)
        return Reply({"serverTime": NOW * 1_000}) if path == "/api/v3/time" else Reply([row(START)])

    async with client(script, now=None) as rest:
        (page,) = await pages(rest, START, START + 1_000)
    assert page.asked_at == NOW
    assert asked == ["/api/v3/time", "/api/v3/klines"]


async def test_rows_that_go_nowhere_do_not_page_for_ever() -> None:
    async with client(lambda path, query: Reply([row(START - 9_000)] * 1_000)) as rest:
        with pytest.raises(RestError, match="not asked for"):
            await pages(rest, START, START + 5_000)


@pytest.mark.parametrize(
    "reply",
    [
        Reply("the firewall", status=403),
        Reply("not well", status=502),
        Reply([row(START)], cut=True),
        Reply(b"<html>who are you?</html>"),
        Reply([["soon"]]),
    ],
)
async def test_what_passes_by_itself_is_tried_again(reply: Reply) -> None:
    replies = [reply, reply, Reply([row(START)])]
    async with client(lambda path, query: replies.pop(0)) as rest:
        (page,) = await pages(rest, START, START + 1_000)
    assert len(page.klines) == 1


async def test_gives_up_with_the_last_reason() -> None:
    async with client(lambda path, query: Reply(status=500)) as rest:
        with pytest.raises(RestError, match=re.escape("/api/v3/klines gave no answer 5 times; the last time: HTTP 500")):
            await pages(rest, START, START + 1_000)


async def test_no_server_is_a_rest_error_too() -> None:
    async with http_server(lambda path, query: Reply()) as url:
        pass
    rest = BinanceRest(Venue("binance", "", url), VenueClock(), first_backoff=0.001)
    with pytest.raises(RestError, match="/api/v3/time gave no answer"):
        await rest.time()
    await rest.aclose()


@pytest.mark.parametrize("status", [429, 418])
async def test_told_to_wait_everyone_waits(status: int) -> None:
    """Retry-After holds for every request, and being told to wait is no failed attempt."""
    times: list[float] = []

    def script(path: str, query: dict[str, str]) -> Reply:
        times.append(time.monotonic())
        if len(times) == 1:
            body = {"code": -1003, "msg": "Too much request weight used; …"}
            return Reply(body, status=status, headers={"Retry-After": "1"})
        return Reply({"serverTime": NOW})

    budget = WeightBudget()
    told: list[float] = []
    async with client(script, budget=budget, blocked=told.append) as rest:
        await rest.time()
        assert len(times) == 2
        assert told == [1.0]
        assert times[1] - times[0] > 0.9
    budget.block(300.0, time.monotonic())
    assert 299.0 < budget.delay(1, time.monotonic()) <= 300.0


async def test_the_weight_that_the_venue_tells_counts() -> None:
    async with client(lambda path, query: Reply({"serverTime": NOW}, headers={"x-mbx-used-weight-1m": "1500"})) as rest:
        await rest.time()
        assert rest.used == 0.25


async def test_a_refusal_is_not_tried_again() -> None:
    replies = [Reply({"code": -1120, "msg": "Invalid interval."}, status=400), Reply(b"what?", status=404)]
    async with client(lambda path, query: replies.pop(0)) as rest:
        with pytest.raises(RestError, match=r"refused: Invalid interval. \(code -1120\)"):
            await pages(rest, START, START + 1_000)
        with pytest.raises(RestError, match="refused: HTTP 404"):
            await pages(rest, START, START + 1_000)
    assert replies == []


async def test_an_unknown_symbol_has_an_error_of_its_own() -> None:
    async with client(lambda path, query: Reply({"code": -1121, "msg": "Invalid symbol."}, status=400)) as rest:
        with pytest.raises(UnknownSymbol):
            await pages(rest, START, START + 1_000)


LISTED = {"BTCUSDT": "TRADING", "OLDUSDT": "BREAK", "PAUSEDUSDT": "HALT", "币安人生USDT": "TRADING"}


def exchange_info(path: str, query: dict[str, str]) -> Reply:
    assert path == "/api/v3/exchangeInfo"
    asked = re.findall(r'"([^"]+)"', query.get("symbols", ""))
    if not set(asked) <= LISTED.keys():
        return Reply({"code": -1121, "msg": "Invalid symbol."}, status=400)
    filters = [{"filterType": "LOT_SIZE", "stepSize": "0.1"}, {"filterType": "PRICE_FILTER", "tickSize": "0.01"}]
    symbols = [{"symbol": name, "status": LISTED[name], "filters": filters} for name in asked or LISTED]
    return Reply({"timezone": "UTC", "symbols": symbols})


async def test_trading_halted_or_unknown() -> None:
    trading, halted, unknown = Listed("trading", "0.01"), Listed("halted", "0.01"), Listed("unknown")
    async with client(exchange_info) as rest:
        assert await rest.listed([]) == {}
        assert await rest.listed(["BTCUSDT", "币安人生USDT"]) == {"BTCUSDT": trading, "币安人生USDT": trading}
        expected = {"OLDUSDT": halted, "NONE": unknown, "PAUSEDUSDT": halted}
        assert await rest.listed(["OLDUSDT", "NONE", "PAUSEDUSDT"]) == expected
        many = [f"COIN{number}" for number in range(101)]
        assert await rest.listed(["BTCUSDT", *many]) == {"BTCUSDT": trading, **dict.fromkeys(many, unknown)}


async def test_the_day_of_the_first_trade() -> None:
    def script(path: str, query: dict[str, str]) -> Reply:
        assert (query["interval"], query["startTime"], query["limit"]) == ("1d", "0", "1")
        return Reply([row(1_502_928_000_000)] if query["symbol"] == "BTCUSDT" else [])

    async with client(script) as rest:
        assert await rest.listed_day("BTCUSDT") == 1_502_928_000_000
        assert await rest.listed_day("NEWUSDT") is None
