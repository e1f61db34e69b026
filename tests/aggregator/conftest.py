"""Fixtures of the aggregator's tests."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from rtchart.store.database import connect
from tests.aggregator.ground import Ground


@pytest.fixture
async def ground(database: str) -> AsyncIterator[Ground]:
    owner = await connect(database, service="test")
    aggregator = await connect(database, service="aggregator")
    # Everything runs with the aggregator's own rights: a grant that is missing fails here.
    await aggregator.execute("SET ROLE rtchart_aggregator")
    yield Ground(owner, aggregator)
    await owner.close()
    await aggregator.close()
