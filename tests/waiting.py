"""Waiting for a condition: ``await wait_until(lambda: len(rows) == 3)``.

They sleep otherwise only where there is no condition to wait for: an outage of some length, a moment at random.
"""

from __future__ import annotations

import asyncio
import inspect
import time
from collections.abc import Awaitable, Callable
from typing import TypeVar

T = TypeVar("T")


async def wait_until(condition: Callable[[], T | Awaitable[T]], within: float = 15.0, *, every: float = 0.02) -> T:
    """What the condition (a function or coroutine function) returns, as soon as it is true.

    Fails after ``within`` seconds with the condition's last answer, or the `AssertionError` that it raised.
    """
    deadline = time.monotonic() + within
    while True:
        failure: AssertionError | None = None
        value: object = None
        try:
            value = condition()
            if inspect.isawaitable(value):
                value = await value
        except AssertionError as error:
            failure, value = error, None  # value may be the coroutine that failed
        if value:
            return value  # type: ignore[return-value]
        if time.monotonic() > deadline:
            raise failure or AssertionError(f"not within {within:g} s; the last answer was {value!r}")
        await asyncio.sleep(every)
