"""What an error of the database says about the work that met it: refused for ever, or to be tried again."""

from __future__ import annotations

import asyncio

import asyncpg

from rtchart.core.errors import UserError

_OUTAGES = (
    asyncpg.PostgresError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,  # of a rollback on a connection that was cut off in the middle of a statement
    OSError,
    TimeoutError,
    UserError,  # a new connection was refused or not answered (`rtchart.store.database.connect`)
)


def is_refusal(error: BaseException) -> bool:
    """Whether the data is at fault: the same rows will be refused each time.

    True for SQLSTATE classes 22 (data exception) and 23 (integrity constraint), and for values that asyncpg or msgspec cannot
    write at all, but not for a second without a partition: that is made, and then it is stored.
    """
    if isinstance(error, asyncpg.PostgresError):
        state = error.sqlstate or ""
        return state[:2] in ("22", "23") and not is_missing_partition(error)
    return isinstance(error, OverflowError) or (isinstance(error, asyncpg.InterfaceError) and isinstance(error, ValueError))


def is_missing_partition(error: BaseException) -> bool:
    """Whether a row had no partition to go to."""
    return isinstance(error, asyncpg.CheckViolationError) and "no partition of relation" in str(error)


def is_forbidden(error: BaseException) -> bool:
    """Whether the database's user lacks the right to do it."""
    return isinstance(error, asyncpg.InsufficientPrivilegeError)


def is_outage(error: BaseException) -> bool:
    """Whether trying again later can help: connection lost, deadlock, disk full, out of connections, a timeout, no schema yet.

    Of the server's errors these are all but the refusals, so that nothing is thrown away for a reason nobody foresaw. To a task
    that is being cancelled no error is one: where the server goes at the same time, the rollback's failure stands in the
    cancellation's place, and who tried again would never end.
    """
    if is_refusal(error) or _is_cancelled():
        return False
    return isinstance(error, _OUTAGES)


def _is_cancelled() -> bool:
    try:
        task = asyncio.current_task()
    except RuntimeError:  # no loop runs
        return False
    return task is not None and task.cancelling() > 0
