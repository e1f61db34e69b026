"""The socket that the server listens on: a port in use is a sentence, and the kernel bounds what a client may leave unread."""

from __future__ import annotations

import socket

from rtchart.core.errors import UserError

UNSENT = 128 * 1024
"""Bytes that may wait in the kernel for a client: what waits there is old when it arrives."""

UNTAKEN_MS = 20_000
"""A client that takes nothing for this long is cut off, the close frame behind its backlog included (tcp(7))."""

KEEPALIVE = {"TCP_KEEPIDLE": 20, "TCP_KEEPINTVL": 5, "TCP_KEEPCNT": 3}
"""Seconds and probes until a peer that is gone without a word is known to be. Hypercorn's own pings outlive their socket."""

BACKLOG = 1024


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
