"""How a service starts and ends: logs, admin port, patience, signals, and exit codes that say what happened."""

from __future__ import annotations

import asyncio
import logging
import signal
import sys
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import uvloop

from rtchart.core.errors import Unavailable, UserError
from rtchart.process import logs, metrics
from rtchart.process.health import NOWHERE, Health, heartbeat, serve_admin
from rtchart.process.wsgi import Address

log = logging.getLogger(__name__)

Service = Callable[[Health, asyncio.Event], Awaitable[None]]
"""A service's main coroutine: it runs until the event is set, then ends what it does and returns.

It may be called again after it raised `Unavailable`.
"""

RETRY = 2.0
"""Seconds between two tries to start, while what is needed is not there."""

SAY_AGAIN = 60.0
"""Seconds after which it is said again what is waited for."""

START_ENDS_WITHIN = 3.0
"""Seconds that a service which has not started yet has to end when it is told to; then it is cancelled."""


@dataclass(frozen=True)
class Process:
    """How a command's process is run, besides its work: what `rtchart.process.options` collects."""

    admin_port: Address = NOWHERE
    log_level: str = "info"
    log_format: logs.Format | None = None
    """None: what suits the output."""
    wait: float = 0.0
    """Seconds that the start waits for what is `Unavailable`; 0: not at all."""


def run(name: str, service: Service, process: Process = Process()) -> None:
    """Run a service until SIGTERM or SIGINT, or until it fails. Ends the process with its exit code.

    0: it was asked to stop, or its work is done. 1: a `UserError`, printed as one line. Any other exception leaves with its
    traceback.
    """
    logs.configure(name, level=process.log_level, form=process.log_format)
    metrics.build_info(name)
    try:
        uvloop.run(_main(service, process))
    except UserError as error:
        print(f"rtchart {name}: {error}", file=sys.stderr)
        sys.exit(1)


async def _main(service: Service, process: Process) -> None:
    health = Health()
    stopping = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopping.set)
    stop_admin = serve_admin(health, process.admin_port)
    beating = asyncio.create_task(heartbeat(health))
    try:
        await patiently(service, health, stopping, wait=process.wait)
        log.info("stopped")
    finally:
        beating.cancel()
        stop_admin()


async def patiently(service: Service, health: Health, stopping: asyncio.Event, *, wait: float) -> None:
    """Run the service, and again while it raises `Unavailable`, for ``wait`` seconds.

    With any wait, a service that has been ready once is begun again for as long as it takes. Meanwhile ``/readyz`` tells what
    is waited for, and so does the log, when that changes and each minute.
    """
    deadline = time.monotonic() + wait
    said, said_at = "", 0.0
    while not stopping.is_set():
        try:
            return await _until_its_end(service, health, stopping)
        except Unavailable as error:
            if not wait or (time.monotonic() > deadline and not health.has_been_ready):
                raise
            health.restart(str(error))
            if str(error) != said or time.monotonic() - said_at >= SAY_AGAIN:
                said, said_at = str(error), time.monotonic()
                log.warning("waiting: %s", error)
        try:
            async with asyncio.timeout(RETRY):
                await stopping.wait()
        except TimeoutError:
            pass


async def _until_its_end(service: Service, health: Health, stopping: asyncio.Event) -> None:
    """The service. Told to stop before it has started, it may be waiting for an answer that never comes."""
    task = asyncio.ensure_future(service(health, stopping))
    waiter = asyncio.create_task(_wait(stopping))
    try:
        await asyncio.wait({task, waiter}, return_when=asyncio.FIRST_COMPLETED)
        if not task.done():
            await asyncio.wait({task}, timeout=None if health.has_been_ready else START_ENDS_WITHIN)
        if task.done():
            return task.result()
    finally:
        for each in (task, waiter):
            each.cancel()
        await asyncio.gather(task, waiter, return_exceptions=True)


async def until_stopped(stopping: asyncio.Event, *work: Awaitable[None]) -> None:
    """Run the work until one of it fails (its exception is raised) or ``stopping`` is set; then cancel what still runs."""
    tasks = {asyncio.ensure_future(item) for item in work}
    waiter = asyncio.create_task(_wait(stopping))
    try:
        while tasks and not waiter.done():
            done, _ = await asyncio.wait({*tasks, waiter}, return_when=asyncio.FIRST_COMPLETED)
            for task in done - {waiter}:
                tasks.remove(task)
                task.result()
    finally:
        for task in (*tasks, waiter):
            task.cancel()
        await asyncio.gather(*tasks, waiter, return_exceptions=True)


async def _wait(event: asyncio.Event) -> None:
    await event.wait()
