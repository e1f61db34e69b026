"""The operator on a real API server, with real Kafka and PostgreSQL, the real services, and the simulated exchange."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from rtchart.broker.table import Table
from rtchart.broker.topics import SYMBOLS
from rtchart.core.symbol import DesiredSymbol
from rtchart.local.ports import free_ports
from rtchart.sim.exchange import Config, Exchange
from rtchart.sim.listing import listings
from rtchart_operator.watch import FINALIZER
from tests.operator.cluster import Kubectl, Operator, operator, symbol, through_relay
from tests.pipeline.running import Pipeline
from tests.waiting import wait_until

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(240)]

CHINESE = "币安人生USDT"


class Stage:
    """Everything but the operator."""

    def __init__(self, folder: Path, kubectl: Kubectl, pipeline: Pipeline, options: dict[str, str]) -> None:
        self.kubectl = kubectl
        self.pipeline = pipeline
        self._folder = folder
        self._options = options

    @asynccontextmanager
    async def operator(self, **options: str) -> AsyncIterator[Operator]:
        async with operator(self._folder, self.kubectl.namespace, **{**self._options, **options}) as running:
            yield running

    async def records(self) -> dict[str, DesiredSymbol]:
        """What the pipeline is asked for."""
        return await Table(self.pipeline.cluster, SYMBOLS, DesiredSymbol).snapshot()

    async def rows(self, table: str, listed: str) -> int:
        found = await self.pipeline.fetch(
            f"SELECT count(*) FROM {table} JOIN symbol USING (symbol_id) WHERE symbol = $1", listed
        )
        return int(found[0][0])


@pytest.fixture
async def stage(tmp_path: Path, kubectl: Kubectl, kafka: str, topic_prefix: str, database: str) -> AsyncIterator[Stage]:
    exchange = Exchange(Config(symbols=("BTCUSDT", "ETHUSDT", CHINESE), list_any=True))
    async with exchange.serve() as address:
        pipeline = Pipeline(tmp_path, kafka=kafka, prefix=topic_prefix, database=database, exchange=address)
        options = {"KAFKA": kafka, "TOPIC_PREFIX": topic_prefix, "DATABASE": database, "EXCHANGE_REST_SIM": address.rest}
        try:
            await pipeline.start("producer", "inserter")
            yield Stage(tmp_path, kubectl, pipeline, options)
        finally:
            await pipeline.stop()


async def test_symbols_are_applied_watched_suspended_and_deleted(stage: Stage) -> None:
    kubectl = stage.kubectl
    async with stage.operator() as running:
        # With one that is not listed among them: the others do not suffer from it.
        await kubectl.apply(
            symbol("btc", "BTCUSDT"), symbol("life", CHINESE, deletionPolicy="Delete"), symbol("nosuch", "NOSUCH")
        )
        await kubectl.run("wait", "--for=condition=Ready", "symbol/btc", "symbol/life", "--timeout=60s")
        assert await kubectl.conditions("btc") == {
            "Validated": ("True", "Listed"),
            "Streaming": ("True", "Streaming"),
            "Persisting": ("True", "Stored"),
            "Aggregating": ("Unknown", "Pending"),
            "RetentionEnforced": ("True", "Enforced"),
            "Ready": ("True", "Ready"),
        }
        await kubectl.until("nosuch", "Ready", "False", "UnknownSymbol")
        await wait_until(lambda: _told(kubectl, "nosuch", ("Warning", "UnknownSymbol")))
        await wait_until(lambda: _told(kubectl, "btc", ("Normal", "Ready")))
        assert "sim lists no symbol NOSUCH" in await kubectl.run("get", "symbols", "-o", "wide")
        assert set(await stage.records()) == {"sim:BTCUSDT", f"sim:{CHINESE}"}
        items = await kubectl.symbols()
        assert items["life"]["metadata"]["finalizers"] == [FINALIZER]
        assert "finalizers" not in items["btc"]["metadata"]
        assert not any(name.startswith("operator.rtchart") for name in items["btc"]["metadata"]["annotations"]), "no traces"

        await kubectl.apply(symbol("again", "BTCUSDT"))
        await kubectl.until("again", "Ready", "False", "DuplicateSymbol")
        await kubectl.until("btc", "Ready", "True", "Ready")

        await kubectl.run("patch", "symbol", "btc", "--type=merge", "-p", '{"spec":{"suspend":true,"intervals":["1m"]}}')
        await kubectl.until("btc", "Ready", "False", "Suspended")
        record = (await stage.records())["sim:BTCUSDT"]
        assert record.suspend and record.intervals == ("1m",) and record.name == f"{kubectl.namespace}/btc"
        await kubectl.run("patch", "symbol", "btc", "--type=merge", "-p", '{"spec":{"suspend":false}}')
        await kubectl.until("btc", "Ready", "True", "Ready")

        metrics = await running.metrics()
        assert metrics["rtchart_symbol_last_kline_timestamp_seconds", ("sim", "BTCUSDT")] > 1.7e9
        assert (
            0
            <= metrics["rtchart_symbol_latency_p50_seconds", ("sim", "BTCUSDT")]
            <= metrics["rtchart_symbol_latency_p99_seconds", ("sim", "BTCUSDT")]
        )
        assert metrics["rtchart_operator_symbols", ("Ready", "True")] == 2

        assert await stage.rows("kline_1s", CHINESE) and await stage.rows("kline_1s", "BTCUSDT")
        await kubectl.run("delete", "symbol", "life", "--timeout=60s")
        assert await stage.rows("kline_1s", CHINESE) == 0, "its data went before it did"
        await kubectl.run("delete", "symbol", "btc", "--timeout=30s")
        await kubectl.until("again", "Ready", "True", "Ready")
        assert (await stage.records())["sim:BTCUSDT"].name == f"{kubectl.namespace}/again", "the duplicate has it now"
        await kubectl.run("delete", "symbol", "again", "--timeout=30s")

        async def not_asked() -> bool:
            return not await stage.records()

        await wait_until(not_asked)
        assert await stage.rows("kline_1s", "BTCUSDT") > 0, "retained"
        assert await running.stop() == 0


async def test_streams_go_on_without_the_operator_and_it_finds_what_it_missed(stage: Stage) -> None:
    kubectl = stage.kubectl
    await kubectl.apply(symbol("btc", "BTCUSDT"), symbol("eth", "ETHUSDT"))
    async with stage.operator() as first, stage.operator() as second:
        await kubectl.run("wait", "--for=condition=Ready", "symbol/btc", "symbol/eth", "--timeout=60s")
        assert first.process.returncode is second.process.returncode is None
    before = await stage.rows("kline_1s", "ETHUSDT")
    before_it = await kubectl.symbols()
    await kubectl.run("delete", "symbol", "btc")

    async def grown() -> bool:
        return await stage.rows("kline_1s", "ETHUSDT") > before

    await wait_until(grown)
    assert set(await stage.records()) == {"sim:BTCUSDT", "sim:ETHUSDT"}
    async with stage.operator() as third:
        await wait_until(third.ready, 30)

        async def only_one() -> bool:
            return set(await stage.records()) == {"sim:ETHUSDT"}

        await wait_until(only_one, 30)
        written = {one["type"]: one for one in (await kubectl.symbols())["eth"]["status"]["conditions"]}
        for known in before_it["eth"]["status"]["conditions"]:
            if known["status"] == "True":
                assert written[known["type"]]["lastTransitionTime"] == known["lastTransitionTime"], "its start is no news"


async def test_without_kafka_and_database_it_says_so_and_waits(stage: Stage) -> None:
    kubectl = stage.kubectl
    nowhere, elsewhere = free_ports(2)
    await kubectl.apply(symbol("btc", "BTCUSDT"))
    away = {"KAFKA": f"127.0.0.1:{nowhere}", "DATABASE": f"postgresql://postgres@127.0.0.1:{elsewhere}/rtchart"}
    async with stage.operator(**away) as running:
        await kubectl.until("btc", "Streaming", "Unknown", "KafkaUnavailable")
        await kubectl.until("btc", "Persisting", "Unknown", "DatabaseUnavailable")
        assert await kubectl.conditions("btc") == {
            "Validated": ("True", "Listed"),
            "Streaming": ("Unknown", "KafkaUnavailable"),
            "Persisting": ("Unknown", "DatabaseUnavailable"),
            "Aggregating": ("Unknown", "DatabaseUnavailable"),
            "RetentionEnforced": ("Unknown", "DatabaseUnavailable"),
            "Ready": ("Unknown", "KafkaUnavailable"),
        }

        async def only_these() -> bool:
            answer = await running.get("/readyz")
            return answer.status_code == 503 and answer.json()["reasons"].keys() == {"kafka", "database"}

        await wait_until(only_these)
        assert (await running.get("/livez")).is_success
        assert await running.stop() == 0
    async with stage.operator():
        await kubectl.run("wait", "--for=condition=Ready", "symbol/btc", "--timeout=60s")


async def test_an_api_server_that_was_away_is_asked_again_and_what_it_was_told_is_done(stage: Stage, tmp_path: Path) -> None:
    kubectl = stage.kubectl
    relay, config = await through_relay(kubectl, tmp_path)
    await kubectl.apply(symbol("btc", "BTCUSDT"), symbol("life", CHINESE))
    async with stage.operator(KUBECONFIG=str(config)) as running:
        await kubectl.run("wait", "--for=condition=Ready", "symbol/btc", "symbol/life", "--timeout=60s")
        await relay.cut()
        await kubectl.apply(symbol("eth", "ETHUSDT"))
        await kubectl.run("delete", "symbol", "life")
        await kubectl.run("patch", "symbol", "btc", "--type=merge", "-p", '{"spec":{"suspend":true}}')
        await relay.open()
        await kubectl.run("wait", "--for=condition=Ready", "symbol/eth", "--timeout=90s")
        await kubectl.until("btc", "Ready", "False", "Suspended")

        async def only_these() -> bool:
            return set(await stage.records()) == {"sim:BTCUSDT", "sim:ETHUSDT"}

        # The watch never tells what went while it was away: the list of the next sweep does.
        await wait_until(only_these, 90)
        assert running.process.returncode is None
        assert await running.stop() == 0
    await relay.cut()


async def test_a_watch_that_hangs_is_taken_for_dead(stage: Stage, tmp_path: Path) -> None:
    """No word comes, and no end: kopf gives it up after 70 s; before that the list of each minute tells what is new."""
    kubectl = stage.kubectl
    relay, config = await through_relay(kubectl, tmp_path)
    await kubectl.apply(symbol("btc", "BTCUSDT"))
    async with stage.operator(KUBECONFIG=str(config)) as running:
        await kubectl.run("wait", "--for=condition=Ready", "symbol/btc", "--timeout=60s")
        relay.stall()
        await kubectl.apply(symbol("eth", "ETHUSDT"))
        await kubectl.run("wait", "--for=condition=Ready", "symbol/eth", "--timeout=120s")
        assert await running.stop() == 0
    await relay.cut()


async def test_a_thousand_symbols_applied_at_once_are_ready(stage: Stage, capsys: pytest.CaptureFixture[str]) -> None:
    many = [symbol(f"s{number}", one.symbol) for number, one in enumerate(listings(1000))]
    async with stage.operator() as running:
        await wait_until(running.ready, 30)
        empty = (await running.metrics())["process_resident_memory_bytes", ()]
        start = time.monotonic()
        await stage.kubectl.apply(*many)
        applied = time.monotonic()

        async def all_ready() -> bool:
            ready = (await running.metrics()).get(("rtchart_operator_symbols", ("Ready", "True")))
            assert ready == len(many), f"{ready} of {len(many)}"
            return True

        await wait_until(all_ready, 180, every=0.5)
        end = time.monotonic()
        memory = (await running.metrics())["process_resident_memory_bytes", ()]
        statuses = Counter(
            condition["status"]
            for item in (await stage.kubectl.symbols()).values()
            for condition in item["status"]["conditions"]
            if condition["type"] == "Ready"
        )
        assert statuses == {"True": len(many)}, "what it counts is what stands on them"
        assert memory < 300e6
    with capsys.disabled():
        print(
            f"\n1,000 Symbols: applied in {applied - start:.1f} s, all Ready {end - applied:.1f} s later; "
            f"memory {empty / 1e6:.0f} MB before, {memory / 1e6:.0f} MB with them"
        )


async def _told(kubectl: Kubectl, name: str, event: tuple[str, str]) -> bool:
    return event in await kubectl.events(name)
