"""What this process has counted: ``counted("rtchart_web_stalled_total")``; and what a connection of PostgreSQL has read."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import asyncpg
from prometheus_client import REGISTRY


def counted(name: str, **labels: str) -> float:
    """The value of a series now; 0 before there is one."""
    return REGISTRY.get_sample_value(name, labels) or 0.0


@asynccontextmanager
async def rows_read(connection: asyncpg.Connection, table: str) -> AsyncIterator[list[int]]:
    """How many rows of the table are read meanwhile, when it is over. In one transaction: between two the count may restart."""
    rows = "SELECT seq_tup_read + idx_tup_fetch FROM pg_stat_xact_user_tables WHERE relname = $1"
    read: list[int] = []
    async with connection.transaction():
        before = await connection.fetchval(rows, table)
        yield read
        read.append(await connection.fetchval(rows, table) - before)
