"""The whole way, from the exchange's socket to the API."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path

import pytest

from rtchart.sim.exchange import Address
from tests.pipeline.running import Pipeline

Run = Callable[[Address], AbstractAsyncContextManager[Pipeline]]


@pytest.fixture
def pipeline(tmp_path: Path, kafka: str, topic_prefix: str, database: str) -> Run:
    """``async with pipeline(address) as running:`` has the services ready to start, and stops them at the end."""

    @asynccontextmanager
    async def run(exchange: Address) -> AsyncIterator[Pipeline]:
        running = Pipeline(tmp_path, kafka=kafka, prefix=topic_prefix, database=database, exchange=exchange)
        try:
            yield running
        except BaseException:
            print(running.logs())
            raise
        finally:
            await running.stop()

    return run
