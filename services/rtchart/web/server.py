"""Hypercorn on a socket of our own (`rtchart.web.listening`)."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import resource
import socket
from typing import Any

from hypercorn.asyncio import serve
from hypercorn.config import Config
from quart import Quart

from rtchart.process.logs import fields
from rtchart.web.listening import BACKLOG
from rtchart.web.protocol import MAX_MESSAGE

log = logging.getLogger(__name__)

SPARE_FILES = 256
"""File descriptors that are not for sockets: Kafka, the database, files, HTTP requests."""

GRACE = 3.0
"""Seconds that requests under way have when the server shuts down."""


def room_for(connections: int) -> int:
    """How many connections this process can hold, at most so many: raises its limit of open files to fit, if it may."""
    wanted = connections + SPARE_FILES
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        raised = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
        with contextlib.suppress(ValueError, OSError):  # macOS has a limit beyond an unlimited hard one
            resource.setrlimit(resource.RLIMIT_NOFILE, (raised, hard))
            soft = raised
    if soft == resource.RLIM_INFINITY or soft >= wanted:
        return connections
    room = max(1, soft - SPARE_FILES)
    log.warning(
        "%d open files are allowed (RLIMIT_NOFILE), so %d sockets at most; raise the hard limit, or lower --max-connections",
        soft,
        room,
    )
    return room


def _report(loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    """That a client was cut off is no defect of ours: Hypercorn waits for the end of its connection, and hears how it ended."""
    error = context.get("exception")
    if isinstance(error, OSError) and "client_connected_cb" in context["message"]:
        log.debug("a client is gone", extra=fields(error=repr(error)))
    else:
        loop.default_exception_handler(context)


async def run(app: Quart, listening: socket.socket, stop: asyncio.Event) -> None:
    """Serve until ``stop`` is set. Sockets must be closed by then: Hypercorn waits for what is open (`GRACE` seconds)."""
    config = Config()
    config.bind = [f"fd://{listening.detach()}"]
    config.accesslog = None
    config.errorlog = logging.getLogger("hypercorn.error")
    logging.getLogger("hypercorn.error").setLevel(logging.WARNING)
    config.include_server_header = False
    config.websocket_max_message_size = MAX_MESSAGE
    config.backlog = BACKLOG
    config.graceful_timeout = GRACE
    config.keep_alive_timeout = 75
    asyncio.get_running_loop().set_exception_handler(_report)
    serving = asyncio.create_task(serve(app, config, shutdown_trigger=stop.wait))
    try:
        await asyncio.shield(serving)
    except asyncio.CancelledError:
        # Hypercorn's own, when clients outlast its grace (it asks a cancelled future for its exception); or ours.
        if not serving.done():
            stop.set()
            with contextlib.suppress(asyncio.CancelledError):
                await serving
            raise
