"""How a service starts and ends: logs, admin port, signals, and exit codes that say what happened."""

from __future__ import annotations

import asyncio
import logging
import signal
import sys
from collections.abc import Awaitable, Callable

import uvloop

from rtchart.core.errors import UserError
from rtchart.process import logs, metrics
from rtchart.process.health import NOWHERE, AdminAddress, Health, heartbeat, serve_admin

log = logging.getLogger(__name__)

Service = Callable[[Health, asyncio.Event], Awaitable[None]]
"""A service's main coroutine: it runs until the event is set, then ends what it does and returns."""


def run(name: str, service: Service, *, admin_port: AdminAddress = NOWHERE, log_level: str = "info") -> None:
    """Run a service until SIGTERM or SIGINT, or until it fails. Ends the process with its exit code.

    0: it was asked to stop, or its work is done. 1: a `UserError`, printed as one line. Any other exception leaves with its
    traceback.
    """
    logs.configure(name, level=log_level)
    metrics.build_info(name)
    try:
        uvloop.run(_main(name, service, admin_port))
    except UserError as error:
        print(f"rtchart {name}: {error}", file=sys.stderr)
        sys.exit(1)


async def _main(name: str, service: Service, admin_port: AdminAddress) -> None:
    health = Health()
    stopping = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopping.set)
    stop_admin = serve_admin(health, admin_port)
    beating = asyncio.create_task(heartbeat(health))
    try:
        await service(health, stopping)
        log.info("stopped")
    finally:
        beating.cancel()
        stop_admin()


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
