"""Small HTTP servers beside a service's loop: the standard library's WSGI server, in a thread of its own."""

from __future__ import annotations

import socketserver
import threading
from collections.abc import Callable, Iterable
from typing import Any, NamedTuple
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server

from rtchart.core.errors import UserError

StartResponse = Callable[..., Any]
Application = Callable[[dict[str, Any], StartResponse], Iterable[bytes]]


class Address(NamedTuple):
    """Where something is served."""

    host: str
    port: int


class _Server(socketserver.ThreadingMixIn, WSGIServer):
    daemon_threads = True


class _SilentHandler(WSGIRequestHandler):
    def log_message(self, format: str, *args: object) -> None:
        """Probes come every few seconds; they are not news."""


def serve(application: Application, address: Address, what: str, option: str) -> Callable[[], None]:
    """Serve the application until the returned function is called.

    ``what`` it is and the ``option`` that chose the address are for the `UserError` when the port is in use.
    """
    host, port = address
    try:
        server = make_server(host, port, application, server_class=_Server, handler_class=_SilentHandler)
    except OSError as error:
        raise UserError(
            f"cannot serve {what} on {host}:{port} ({error.strerror}); free the port or choose another one with {option} "
            "(0 for none)"
        ) from None
    threading.Thread(target=server.serve_forever, name=option.strip("-"), daemon=True).start()

    def stop() -> None:
        server.shutdown()
        server.server_close()

    return stop
