"""Kafka and PostgreSQL are not there yet, or away for a while: no service ends of it, and no second is lost.

On engines of this test's own, which are stopped and started again on the same ports.
"""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import asyncpg
import pytest

from rtchart.core.interval import SECOND
from rtchart.local.engine import Engine
from rtchart.local.kafka import Kafka
from rtchart.local.ports import free_ports
from rtchart.local.postgres import Postgres
from rtchart.process.clock import now_ms
from rtchart.sim.exchange import Address, Config, Exchange
from rtchart.store.migrate import migrate
from tests.pipeline.running import Pipeline, exchange_seconds, stored_seconds
from tests.waiting import wait_until

SERVICES = ("producer", "inserter", "aggregator", "web")
SYMBOL = "BTCUSDT"
AWAY = float(os.environ.get("RTCHART_TEST_OUTAGE", "4"))
"""Seconds of each outage: more than a client's first patience. RTCHART_TEST_OUTAGE=300 is what a cluster must outlive."""


class Ground:
    """The engines, which do not run yet, and the services that want them."""

    def __init__(self, kafka: Kafka, postgres: Postgres, exchange: Address, pipeline: Pipeline) -> None:
        self.kafka = kafka
        self.postgres = postgres
        self.exchange = exchange
        self.pipeline = pipeline

    async def says(self, name: str, text: str) -> bool:
        """Whether the service lives, is not ready, and tells this."""
        assert not self.pipeline.ended()
        assert (await self.pipeline.probe(name, "/livez"))[0] in (0, 200)
        code, body = await self.pipeline.probe(name, "/readyz")
        return code == 503 and any(text in why for why in json.loads(body)["reasons"].values())

    async def ready(self) -> bool:
        """Whether all are; and none has ended."""
        assert not self.pipeline.ended()
        return {(await self.pipeline.probe(name, "/readyz"))[0] for name in SERVICES} == {200}

    async def outage(self, engine: Engine) -> None:
        """Stop it, and start it again."""
        await engine.stop()
        await asyncio.sleep(AWAY)  # the outage itself
        assert not self.pipeline.ended()
        await engine.start()


@asynccontextmanager
async def made(folder: Path) -> AsyncIterator[Ground]:
    kafka_port, postgres_port = free_ports(2)
    kafka = Kafka(folder / "kafka", port=kafka_port, brief=True)
    postgres = Postgres(folder / "postgres", port=postgres_port)
    config = Config(symbols=(SYMBOL,))
    async with Exchange(config).serve() as exchange:
        pipeline = Pipeline(
            folder,
            kafka=f"127.0.0.1:{kafka_port}",
            prefix="",
            database=f"postgresql://postgres@127.0.0.1:{postgres_port}/postgres",
            exchange=exchange,
            more={"WAIT": "600"},
        )
        try:
            yield Ground(kafka, postgres, exchange, pipeline)
        except BaseException:
            print(pipeline.logs())
            raise
        finally:
            await pipeline.stop()
            await kafka.stop()
            await postgres.stop()


@pytest.mark.timeout(300 + 4 * AWAY)
async def test_services_wait_for_what_they_need_and_outlive_its_absence(folder: Path) -> None:
    async with made(folder) as ground:
        await waited_and_outlived(ground)


async def waited_and_outlived(ground: Ground) -> None:
    pipeline = ground.pipeline
    await pipeline.start()
    for name, lacks in (
        ("producer", "no Kafka broker answers"),
        ("inserter", "PostgreSQL does not answer"),
        ("aggregator", "PostgreSQL does not answer"),
        ("web", "no Kafka broker answers"),
    ):
        await wait_until(lambda name=name, lacks=lacks: ground.says(name, lacks), 30)
    await ground.postgres.start()
    await ground.kafka.start()
    for name in ("inserter", "aggregator", "web"):
        await wait_until(lambda name=name: ground.says(name, "`rtchart migrate`"), 30)
    connection = await asyncpg.connect(ground.postgres.url())
    await migrate(connection)
    await connection.close()
    await pipeline.want(SYMBOL)
    await wait_until(ground.ready, 60)

    start = now_ms() // SECOND * SECOND
    await ground.outage(ground.kafka)
    await wait_until(ground.ready, 60)
    await ground.outage(ground.postgres)
    await wait_until(ground.ready, 60)

    end = now_ms() // SECOND * SECOND
    told = await exchange_seconds(ground.exchange, SYMBOL, start, end)
    assert len(told) == (end - start) // SECOND

    async def whole() -> bool:
        assert not pipeline.ended()
        return await stored_seconds(pipeline, SYMBOL, start, end) == told

    await wait_until(whole, 60)
