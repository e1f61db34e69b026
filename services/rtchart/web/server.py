"""Hypercorn on a socket of our own: a port in use is a sentence, and the kernel bounds what a client may leave unread."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import resource
import socket

from hypercorn.asyncio import serve
from hypercorn.config import Config
from quart import Quart

from rtchart.core.errors import UserError
from rtchart.web.protocol import MAX_MESSAGE

log = logging.getLogger(__name__)

UNSENT = 128 * 1024
"""Bytes that may wait in the kernel for a client: what waits there is old when it arrives."""

UNTAKEN_MS = 20_000
"""A client that takes nothing for this long is cut off, the close frame behind its backlog included (tcp(7))."""

KEEPALIVE = {"TCP_KEEPIDLE": 20, "TCP_KEEPINTVL": 5, "TCP_KEEPCNT": 3}
"""Seconds and probes until a peer that is gone without a word is known to be. Hypercorn's own pings outlive their socket."""

SPARE_FILES = 256
"""File descriptors that are not for sockets: Kafka, the database, files, HTTP requests."""

BACKLOG = 1024
GRACE = 3.0
"""Seconds that requests under way have when the server shuts down."""


def listen(host: str, port: int) -> socket.socket:
    """A listening socket; port 0 takes a free one. Raises `UserError`: in use, or no such address."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listening = socket.socket(family, socket.SOCK_STREAM)
    try:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        # Accepted sockets inherit these.
        listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        for name, value in {"TCP_USER_TIMEOUT": UNTAKEN_MS, "TCP_NOTSENT_LOWAT": UNSENT, **KEEPALIVE}.items():
            if (option := getattr(socket, name, None)) is not None:
                listening.setsockopt(socket.IPPROTO_TCP, option, value)
        listening.bind((host, port))
        # Who connects while the service starts waits, and is served.
        listening.listen(BACKLOG)
    except OSError as error:
        listening.close()
        raise UserError(
            f"cannot serve on {host}:{port} ({error.strerror or error}); free the port, or choose others with --port and --host"
        ) from None
    return listening


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
