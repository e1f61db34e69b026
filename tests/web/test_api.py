"""The HTTP API, against a real server with a real database."""

from __future__ import annotations

import csv
import io
from collections.abc import AsyncIterator
from typing import Any

import pytest
from jsonschema import Draft202012Validator
from msgspec.structs import asdict, fields, replace

from rtchart.core.candle import Candle, fold
from rtchart.core.interval import MINUTE, MINUTES, SECOND
from rtchart.core.kline import Identity, Kline
from rtchart.core.messages import StreamState
from rtchart.process.clock import now_ms
from rtchart.web.api import KlineRow
from tests.waiting import wait_until
from tests.web import table
from tests.web.klines import IDENTITY, kline
from tests.web.running import Running

MINUTES_STORED = 30


@pytest.fixture
async def stored(web: Running, database: str) -> AsyncIterator[list[Candle]]:
    """Half an hour of stored minutes of BTCUSDT that ended ten minutes ago, and the seconds of the last of them."""
    first = now_ms() // MINUTE * MINUTE - (10 + MINUTES_STORED) * MINUTE
    candles = []
    for number in range(MINUTES_STORED):
        candle = fold(MINUTES, [kline(first + number * MINUTE + s * SECOND) for s in range(60)])
        assert candle is not None
        candles.append(replace(candle, revision=1, closed=True, source="repair" if number == 3 else "stream"))
    async with table.writer(database, listed_day=0, tick_size="0.01") as rows:
        await rows.candles("1m", candles)
        await rows.klines([kline(candles[-1].open_time + s * SECOND) for s in range(60)])
        await rows.gap(candles[0].open_time, candles[0].open_time + SECOND, "repaired")
        await rows.gap(candles[5].open_time, candles[6].open_time, "open")
        await rows.run(now_ms())
    yield candles


async def test_pages_lead_back_to_the_first_candle(web: Running, stored: list[Candle]) -> None:
    seen: list[dict[str, Any]] = []
    end: dict[str, int] = {}
    for _ in range(10):
        page = (await web.get("/candles", symbol="BTCUSDT", interval="1m", limit=8, **end)).json()
        assert (page["exchange"], page["symbol"], page["interval"]) == ("sim", "BTCUSDT", "1m")
        seen = [*page["candles"], *seen]
        if page["next"] is None:
            break
        end = {"end": page["next"]}
    assert seen == [asdict(candle) for candle in stored]
    assert len(page["candles"]) == MINUTES_STORED % 8


async def test_pages_lead_on_from_a_start(web: Running, stored: list[Candle]) -> None:
    seen: list[int] = []
    start: int | None = stored[2].open_time
    while start is not None:
        page = (await web.get("/candles", symbol="BTCUSDT", start=start, end=stored[20].open_time, limit=7)).json()
        seen += [candle["open_time"] for candle in page["candles"]]
        start = page["next_start"]
        assert page["next"] is None
    assert seen == [candle.open_time for candle in stored[2:20]]


async def test_the_forming_candle_is_the_last(web: Running, stored: list[Candle]) -> None:
    minute = now_ms() // MINUTE * MINUTE
    await web.publish([kline(minute, close="9")])
    await wait_until(lambda: web.web.market.price(IDENTITY))
    page = (await web.get("/candles", symbol="BTCUSDT", limit=2)).json()
    assert page["candles"][0] == asdict(stored[-1])
    assert (page["candles"][1]["close"], page["candles"][1]["received"], page["candles"][1]["revision"]) == ("9", 1, 0)
    seconds = (await web.get("/candles", symbol="BTCUSDT", interval="1s", limit=2)).json()["candles"]
    assert [(candle["open_time"], candle["expected"]) for candle in seconds] == [
        (stored[-1].open_time + 59 * SECOND, 1),
        (minute, 1),
    ]


async def test_csv_is_the_same_table(web: Running, stored: list[Candle]) -> None:
    by_format = await web.get("/candles", symbol="BTCUSDT", format="csv")
    by_header = await web.http.get("/api/v1/candles?symbol=BTCUSDT", headers={"Accept": "text/csv"})
    assert by_format.text == by_header.text
    assert by_format.headers["content-type"] == "text/csv; charset=utf-8"
    rows = list(csv.DictReader(io.StringIO(by_format.text)))
    assert rows == [{key: _cell(value) for key, value in asdict(candle).items()} for candle in stored]
    klines = list(csv.DictReader(io.StringIO((await web.get("/klines", symbol="BTCUSDT", format="csv", limit=1)).text)))
    assert [row["open_time"] for row in klines] == [str(stored[-1].open_time + 59 * SECOND)]


async def test_klines_are_the_stored_seconds(web: Running, stored: list[Candle]) -> None:
    minute = stored[-1].open_time
    page = (await web.get("/klines", symbol="BTCUSDT", limit=50)).json()
    assert [row["open_time"] for row in page["klines"]] == [minute + s * SECOND for s in range(10, 60)]
    assert page["klines"][0] == {
        "open_time": minute + 10 * SECOND,
        "open": "5",
        "high": "5",
        "low": "5",
        "close": "5",
        "volume": "0.10",
        "quote_volume": "0.50",
        "trades": 1,
        "taker_buy_volume": "0.05",
        "taker_buy_quote_volume": "0.25",
        "version": minute + 10 * SECOND + 1010,
        "source": "stream",
    }
    rest = (await web.get("/klines", symbol="BTCUSDT", limit=50, end=page["next"])).json()
    assert (len(rest["klines"]), rest["next"]) == (10, None)


def test_a_row_says_what_a_kline_does() -> None:
    known = {field.name: field.type for field in fields(Kline)}
    shown = {field.name: field.type for field in fields(KlineRow)}
    assert shown.items() <= known.items()
    # What all rows of a page have in common, and what is nobody's concern outside.
    assert known.keys() - shown.keys() == {"exchange", "symbol", "epoch", "received_us", "published_us"}


async def test_gaps_are_the_ledger(web: Running, stored: list[Candle]) -> None:
    page = (await web.get("/gaps", symbol="BTCUSDT")).json()
    assert [(gap["start"], gap["state"]) for gap in page["gaps"]] == [
        (stored[0].open_time, "repaired"),
        (stored[5].open_time, "open"),
    ]
    newest = (await web.get("/gaps", symbol="BTCUSDT", limit=1)).json()
    assert ([gap["state"] for gap in newest["gaps"]], newest["next"]) == (["open"], stored[5].open_time)


async def test_symbols_carry_their_stream_and_price(web: Running, stored: list[Candle]) -> None:
    minute = now_ms() // MINUTE * MINUTE
    await web.publish([kline(minute, close="9")])
    for status, at, shown in (("stale", now_ms() - 31_000, "unknown"), ("streaming", now_ms(), "streaming")):
        await web.tell(StreamState(exchange="sim", symbol="BTCUSDT", instance="p", at=at, status=status))  # type: ignore[arg-type]

        async def found(shown: str = shown) -> bool:
            (symbol,) = (await web.get("/symbols")).json()["symbols"]
            return bool(symbol["status"] == shown and symbol["price"] == "9")

        await wait_until(found)
    (symbol,) = (await web.get("/symbols")).json()["symbols"]
    assert symbol["intervals"] == ["1s", "1m", "5m", "1h", "1d", "3d"]
    assert symbol["tick_size"] is None  # neither told by a producer nor known when the server started


async def test_status_says_how_the_server_is(web: Running, stored: list[Candle]) -> None:
    async def measured() -> bool:
        status = (await web.get("/status")).json()
        return bool(status["ready"] and status["aggregation"]["candles"] == 3 and status["database"] == "")

    await web.publish([kline(now_ms() // SECOND * SECOND)])
    await wait_until(measured)
    status = (await web.get("/status")).json()
    assert (status["symbols"], status["lag"], status["not_ready"]) == (1, 0, {})


@pytest.mark.parametrize(
    ("path", "parameters", "status", "parameter"),
    [
        ("/candles", {}, 400, "symbol"),
        ("/candles", {"symbol": ""}, 400, "symbol"),
        ("/candles", {"symbol": "BTCUSDT", "limit": "0"}, 400, "limit"),
        ("/candles", {"symbol": "BTCUSDT", "limit": "1001"}, 400, "limit"),
        ("/candles", {"symbol": "BTCUSDT", "limit": "ten"}, 400, "limit"),
        ("/candles", {"symbol": "BTCUSDT", "start": "-1"}, 400, "start"),
        ("/candles", {"symbol": "BTCUSDT", "end": "1.5"}, 400, "end"),
        ("/candles", {"symbol": "BTCUSDT", "end": "9" * 40}, 400, "end"),
        ("/candles", {"symbol": "BTCUSDT", "interval": "7m"}, 400, "interval"),
        ("/candles", {"symbol": "BTCUSDT", "interval": "12h"}, 400, "interval"),
        ("/candles", {"symbol": "BTCUSDT", "interval": "3d"}, 400, "interval"),
        ("/candles", {"symbol": "BTCUSDT", "format": "xml"}, 400, "format"),
        ("/candles", {"symbol": "BTCUSDT", "colour": "red"}, 400, "colour"),
        ("/candles", {"symbol": ["BTCUSDT", "ETHUSDT"]}, 400, "symbol"),
        ("/candles", {"symbol": "DOGEUSDT"}, 404, "symbol"),
        ("/candles", {"symbol": "btcusdt"}, 404, "symbol"),
        ("/candles", {"symbol": "BTCUSDT", "exchange": "binance"}, 404, "exchange"),
        ("/candles", {"symbol": "DOGEUSDT", "exchange": "sim"}, 404, "symbol"),
        ("/candles", {"symbol": "BTCUSDT", "start": 60_000, "end": 60_000}, 400, "start"),
        ("/gaps", {"symbol": "BTCUSDT", "start": 2, "end": 1}, 400, "start"),
        ("/klines", {"symbol": "BTCUSDT", "interval": "1m"}, 400, "interval"),
        ("/klines", {"symbol": "';DROP TABLE candle;--"}, 404, "symbol"),
        ("/gaps", {}, 400, "symbol"),
        ("/nothing", {}, 404, None),
    ],
)
async def test_bad_parameters_are_named(
    web_shared: Running, path: str, parameters: dict[str, Any], status: int, parameter: str | None
) -> None:
    answer = await web_shared.get(path, **parameters)
    assert (answer.status_code, answer.headers["content-type"]) == (status, "application/problem+json")
    problem = answer.json()
    assert problem["status"] == status
    assert problem.get("parameter") == parameter
    assert problem["detail"]


async def test_a_wrong_method_is_a_problem_too(web_shared: Running) -> None:
    answer = await web_shared.http.post("/api/v1/candles")
    assert (answer.status_code, answer.headers["content-type"]) == (405, "application/problem+json")
    assert {"GET", "HEAD", "OPTIONS"} == {method.strip() for method in answer.headers["allow"].split(",")}


async def test_other_origins_need_to_be_on_the_list(web_shared: Running) -> None:
    cases = [("https://charts.example", True), ("https://evil.example", False), (web_shared.url, True), ("http://[", False)]
    for origin, allowed in cases:
        answer = await web_shared.http.get("/api/v1/symbols", headers={"Origin": origin})
        assert answer.status_code == 200
        assert answer.headers.get("access-control-allow-origin") == (origin if allowed else None)
        assert "origin" in answer.headers["vary"].lower()
    preflight = await web_shared.http.options("/api/v1/candles", headers={"Origin": "https://charts.example"})
    assert (preflight.status_code, preflight.headers["access-control-allow-methods"]) == (200, "GET, HEAD, OPTIONS")


async def test_probes_and_security_headers(web_shared: Running) -> None:
    live = await web_shared.http.get("/livez")
    assert (live.status_code, live.text) == (200, "live\n")
    assert live.headers["x-content-type-options"] == "nosniff"
    assert "'unsafe-inline'" not in live.headers["content-security-policy"]
    assert "server" not in live.headers


async def test_metrics_are_not_on_the_public_port(web_shared: Running) -> None:
    for path in ("/metrics", "/metrics/", "/api/v1/metrics", "/debug", "/admin"):
        assert (await web_shared.http.get(path)).status_code == 404, path


async def test_the_openapi_document_holds_what_the_server_answers(web: Running, stored: list[Candle]) -> None:
    document = (await web.get("/openapi.json")).json()
    assert document["openapi"] == "3.1.0"
    operations = {path: item["get"] for path, item in document["paths"].items()}
    assert {path: item["operationId"] for path, item in operations.items()} == {
        "/api/v1/symbols": "get_symbols",
        "/api/v1/candles": "get_candles",
        "/api/v1/closes": "get_closes",
        "/api/v1/klines": "get_klines",
        "/api/v1/gaps": "get_gaps",
        "/api/v1/health": "get_health",
        "/api/v1/status": "get_status",
    }
    for path, item in operations.items():
        parameters = {parameter["name"]: parameter for parameter in item["parameters"]}
        wanted = {name: "BTCUSDT" for name in ("symbol", "symbols") if name in parameters}
        assert all(parameters[name]["required"] for name in wanted)
        answer = await web.http.get(path, params=wanted)
        (schema,) = [item["responses"]["200"]["content"]["application/json"]["schema"]]
        Draft202012Validator({**schema, "components": document["components"]}).validate(answer.json())
        if wanted:
            problem = (await web.http.get(path, params=dict.fromkeys(wanted, "DOGEUSDT"))).json()
            assert "symbol" in item["responses"]["404"]["description"]
            schema = item["responses"]["404"]["content"]["application/problem+json"]["schema"]
            Draft202012Validator({**schema, "components": document["components"]}).validate(problem)
    assert "text/csv" in operations["/api/v1/candles"]["responses"]["200"]["content"]
    for schema in document["components"]["schemas"].values():
        Draft202012Validator.check_schema(schema)


async def test_a_symbol_that_is_no_longer_asked_for_keeps_its_history(web: Running, stored: list[Candle]) -> None:
    await web.get("/candles", symbol="BTCUSDT")  # now the server knows its row
    await web.want(gone=[Identity("sim", "BTCUSDT")])
    await wait_until(lambda: not web.web.catalog.desired())
    assert (await web.get("/symbols")).json() == {"symbols": []}
    page = (await web.get("/candles", symbol="BTCUSDT")).json()
    assert len(page["candles"]) == MINUTES_STORED


def _cell(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
