"""schemathesis over the API of a real server, by the document that it serves: no request gets an answer that is not in it."""

from __future__ import annotations

import asyncio
import json
import re
import sys
from asyncio.subprocess import PIPE, STDOUT
from collections import defaultdict
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from rtchart.core.candle import fold
from rtchart.core.interval import MINUTE, MINUTES, SECOND
from rtchart.process.clock import now_ms
from rtchart.web.addresses import NO_LIMITS
from rtchart.web.admission import Rules
from rtchart.web.tokens import Tokens
from tests.fuzz.amount import EXAMPLES, tried
from tests.web import table
from tests.web.conftest import BTC, ready
from tests.web.klines import kline
from tests.web.running import Running, running

TOKEN = "a-token.for-these-tests"


@pytest.fixture
async def guarded(kafka: str, topic_prefix: str, database: str) -> AsyncIterator[Running]:
    """A server that asks for a token, with a stored minute of BTCUSDT, its seconds, and a gap."""
    minute = now_ms() // MINUTE * MINUTE - 10 * MINUTE
    seconds = [kline(minute + n * SECOND) for n in range(60)]
    candle = fold(MINUTES, seconds)
    assert candle is not None
    async with table.writer(database, listed_day=0, tick_size="0.01") as rows:
        await rows.candles("1m", [candle])
        await rows.klines(seconds)
        await rows.gap(minute, minute + SECOND, "repaired")
        rules = Rules(tokens=Tokens([TOKEN]), limits=NO_LIMITS)
        async with running(kafka, topic_prefix, database, symbols=[BTC], rules=rules) as server:
            await ready(server)
            yield server


@pytest.mark.timeout(600)
@pytest.mark.parametrize("symbol", [None, "BTCUSDT"], ids=["any symbol", "one that is there"])
async def test_every_answer_is_in_the_document(guarded: Running, tmp_path: Path, symbol: str | None) -> None:
    """It also takes the token away, changes methods, and sends what the document forbids."""
    (tmp_path / "schemathesis.toml").write_text(f'[parameters]\nsymbol = "{symbol}"\nsymbols = "{symbol}"\n' if symbol else "")
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "schemathesis.cli", "--config-file", "schemathesis.toml"),
        *("run", f"{guarded.url}/api/v1/openapi.json", "--header", f"Authorization: Bearer {TOKEN}"),
        *("--seed", "1", "--max-examples", str(EXAMPLES // 5), "--continue-on-failure", "--no-color"),
        # What the document allows may still be refused: a start after the end, an interval that is not kept.
        *("--exclude-checks", "positive_data_acceptance"),
        *("--report", "har", "--report-har-path", "requests.har"),
        stdout=PIPE,
        stderr=STDOUT,
        cwd=tmp_path,
    )
    output, _ = await process.communicate()
    said = output.decode()
    assert process.returncode == 0, said
    found = re.search(r"([\d,]+) generated", said)
    assert found, said
    tried[f"schemathesis, {symbol or 'any symbol'}"] += int(found[1].replace(",", ""))
    answers = defaultdict(set)
    for entry in json.loads((tmp_path / "requests.har").read_text())["log"]["entries"]:
        path = entry["request"]["url"].partition("?")[0].rpartition("/")[2]
        answers[path].add(entry["response"]["status"])
    for path in ("candles", "closes", "klines", "gaps"):
        assert answers[path] >= {400, 401, 405, 200 if symbol else 404}, path
    for path in ("symbols", "health", "status"):
        assert answers[path] >= {200, 401, 405}, path
