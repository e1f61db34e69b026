"""Work that goes on beside a block, as a service's does."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable
from contextlib import asynccontextmanager


@asynccontextmanager
async def beside(*work: Awaitable[None]) -> AsyncIterator[None]:
    """All of it runs while the block does. Fails if any of it ended by then."""
    tasks = [asyncio.ensure_future(each) for each in work]
    try:
        yield
        assert not any(task.done() for task in tasks)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
