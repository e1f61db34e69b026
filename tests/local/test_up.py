"""`rtchart up` from outside: started, hurt, stopped and started again."""

from __future__ import annotations

import itertools
import signal
import socket
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from rtchart.core.interval import SECOND
from rtchart.local.ports import free_ports
from rtchart.sim.exchange import Config, Exchange
from rtchart.sim.figures import ONE
from tests.local.running import Running, alive, refusal
from tests.local.test_manifests import document
from tests.waiting import wait_until

SERVICES = {"exchange", "producer", "inserter", "aggregator", "web"}


def is_whole(klines: list[dict[str, Any]]) -> bool:
    """Every second between the first and the last is there, once."""
    return all(b["open_time"] - a["open_time"] == 1000 for a, b in itertools.pairwise(klines))


Content = dict[int, tuple[Decimal, ...]]
"""Prices and volume by open time."""


def content(klines: list[dict[str, Any]]) -> Content:
    return {k["open_time"]: tuple(Decimal(k[name]) for name in ("open", "high", "low", "close", "volume")) for k in klines}


def said_by(exchange: Exchange, symbol: str, time: int) -> tuple[Decimal, ...]:
    figures = exchange.tape.second(symbol, time)
    return tuple(Decimal(number) / ONE for number in figures[:5]) if figures else ()


@pytest.mark.timeout(240)
async def test_the_whole_way_with_every_process_killed_once_and_a_second_start(folder: Path) -> None:
    async with Running.up(folder, "--exchange", "sim") as up:
        await up.ready()
        assert up.told("the SIMULATED exchange")
        await up.until_it_moves("BTCUSDT", exchange="sim")
        children = up.children()
        assert set(children) == SERVICES | {"java", "postgres"}

        code, said = await refusal("--data-dir", folder, "--exchange", "sim")
        assert (code, said.count("\n")) == (1, 1)
        assert f"another `rtchart up` (process {up.process.pid}) uses {folder}" in said

        (folder / "symbols" / "wifusdt.yaml").write_text(document("WIFUSDT"))
        (folder / "symbols" / "typo.yaml").write_text(document("BTCUSTD"))
        await up.until_it_moves("WIFUSDT", exchange="sim")
        assert up.told(f"refused: {folder}/symbols/typo.yaml:6: spec.symbol: sim lists no symbol BTCUSTD")
        for name in ("wifusdt", "typo"):
            (folder / "symbols" / f"{name}.yaml").unlink()
        await wait_until(lambda: up.told("no longer streaming sim:WIFUSDT"))

        for child in children.values():
            child.kill()
        await wait_until(lambda: all(up.told(f"{name} ended (") for name in (*SERVICES, "Apache Kafka 4.1.1", "PostgreSQL 18")))
        await wait_until(lambda: up.children().keys() >= set(children), 120)
        await up.until_it_moves("BTCUSDT", exchange="sim")
        assert await up.stop() == []
        assert up.process.returncode == 0, up.text
        assert not list((folder / "run").iterdir())

    async with Running.up(folder, "--exchange", "sim") as up:
        await up.ready()
        await up.until_it_moves("BTCUSDT", exchange="sim")

        async def whole() -> bool:
            klines = await up.klines("BTCUSDT", exchange="sim")
            # Since the first start; what was before that is fetched at leisure.
            ours = list(itertools.dropwhile(lambda kline: kline["source"] == "backfill", klines))
            return {"stream", "repair"} <= {kline["source"] for kline in ours} and is_whole(ours)

        await wait_until(whole, 30)
        # Killed without a word, it takes everything with it, and the next start finds nothing in its way.
        left = await up.stop(signal.SIGKILL)
        await wait_until(lambda: not any(alive(child) for child in left))


@pytest.mark.timeout(240)
async def test_first_simulated_then_live_and_no_simulated_second_under_binance(
    folder: Path, kafka: str, topic_prefix: str, empty_database: str
) -> None:
    nowhere, port = free_ports(2)
    engines = ("--kafka", kafka, "--topic-prefix", topic_prefix, "--database", empty_database)
    live = ("--exchange-ws", f"ws://127.0.0.1:{port}", "--exchange-rest", f"http://127.0.0.1:{port}")

    away = ("--exchange-ws", f"ws://127.0.0.1:{nowhere}", "--exchange-rest", f"http://127.0.0.1:{nowhere}")
    async with Running.up(folder, *engines, *away) as up:
        await up.ready()
        assert up.told("Binance cannot be reached") and up.told("(venue sim, the SIMULATED exchange)")
        assert not up.told("may not become"), "of the one URL's user, each service became its role"
        await wait_until(lambda: up.klines("BTCUSDT", exchange="sim"), 30)
        simulated = content(await up.klines("BTCUSDT", exchange="sim"))
        assert not await up.klines("BTCUSDT", exchange="binance")

    # Another market, with another seed, plays the live one. Its past is fetched, and covers the simulated seconds.
    config = Config(symbols=("BTCUSDT", "ETHUSDT"), seed=77, history_days=1, host="127.0.0.1", port=port)
    live_exchange = Exchange(config)
    async with live_exchange.serve(), Running.up(folder, *engines, *live) as up:
        await up.ready()
        assert up.told("(venue binance, the live exchange)") and not up.told("SIMULATED")

        async def stored_live() -> Content:
            # The same seconds: of a past that comes page by page, they need not be the newest.
            stored = content(await up.klines("BTCUSDT", exchange="binance", start=min(simulated), end=max(simulated) + SECOND))
            return stored if stored.keys() & simulated.keys() else {}

        stored = await wait_until(stored_live, 30)
        assert stored == {time: said_by(live_exchange, "BTCUSDT", time) for time in stored}
        both = stored.keys() & simulated.keys()
        assert {time: stored[time] for time in both} != {time: simulated[time] for time in both}

    # Live seconds are stored: from now on nothing simulated takes their place, however long Binance is away.
    async with Running.up(folder, *engines, *away) as up:
        await wait_until(lambda: up.told("producer warning"), 30)
        assert "exchange" not in up.children() and not up.told("SIMULATED")


async def test_what_a_person_can_mend_is_one_sentence(folder: Path, kafka: str, topic_prefix: str, postgres: str) -> None:
    nowhere, free = free_ports(2)
    engines = ("--exchange", "sim", "--kafka", kafka, "--topic-prefix", topic_prefix)
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        for arguments, expected in (
            (("--port", port), f"cannot serve on 127.0.0.1:{port} (Address already in use)"),
            ((*engines, "--database", f"{postgres.rpartition('/')[0]}/absent"), 'database "absent" does not exist'),
            (("--kafka", f"127.0.0.1:{nowhere}", "--database", postgres), f"no Kafka broker answers at 127.0.0.1:{nowhere}"),
        ):
            code, said = await refusal("--data-dir", folder, "--port", free, *arguments)
            last = said.splitlines()[-1]
            assert code == 1, said
            assert last.startswith("rtchart up: ") and expected in last, said
            assert "Traceback" not in said


async def test_stopped_while_it_starts(folder: Path) -> None:
    async with Running.up(folder, "--exchange", "sim", "--host", "::1") as up:
        await wait_until(lambda: up.told("starting"))
        await wait_until(lambda: up.children())
        assert await up.stop(signal.SIGINT) == []
        assert up.process.returncode == 0, up.text
