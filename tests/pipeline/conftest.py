"""The whole way, from the exchange's socket to the API."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import Protocol

import pytest

from rtchart.sim.exchange import Address
from tests.pipeline.running import Pipeline


class Run(Protocol):
    """Makes a `Pipeline`."""

    def __call__(
        self, exchange: Address, history_hours: float = 0, more: Mapping[str, str] | None = None
    ) -> AbstractAsyncContextManager[Pipeline]: ...


@pytest.fixture
def pipeline(tmp_path: Path, kafka: str, topic_prefix: str, database: str) -> Run:
    """``async with pipeline(address) as running:`` has the services ready to start, and stops them at the end."""

    @asynccontextmanager
    async def run(
        exchange: Address, history_hours: float = 0, more: Mapping[str, str] | None = None
    ) -> AsyncIterator[Pipeline]:
        running = Pipeline(
            tmp_path,
            kafka=kafka,
            prefix=topic_prefix,
            database=database,
            exchange=exchange,
            history_hours=history_hours,
            more=more,
        )
        try:
            yield running
        except BaseException:
            print(running.logs())
            raise
        finally:
            await running.stop()

    return run
