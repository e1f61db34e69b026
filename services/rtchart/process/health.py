"""``/livez``, ``/readyz`` and ``/metrics`` of a service, on its admin port.

Served from a thread of its own, so that a liveness probe is answered while the event loop is busy, and says so when the loop
has hung.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterable
from typing import Any

import msgspec
from prometheus_client import make_wsgi_app

from rtchart.process.wsgi import Address, StartResponse, serve

HUNG_AFTER = 30.0
"""Seconds without a turn of the event loop after which ``/livez`` says 503."""


NOWHERE = Address("127.0.0.1", 0)
"""On port 0 nothing is served."""


class Health:
    """Whether the process lives and can do its work, told by the process itself.

    `reasons` holds, per part, why it is not ready; empty means ready. Reads and writes are safe from any thread.
    """

    def __init__(self) -> None:
        self._not_ready: dict[str, str] = {"start": "starting"}
        self.has_been_ready = False
        """Whether it has started once: what fails afterwards is an outage."""
        self._beat = time.monotonic()

    def ready(self, part: str = "start") -> None:
        """The part can do its work."""
        self._not_ready.pop(part, None)
        self.has_been_ready |= part == "start"

    def restart(self, why: str) -> None:
        """The process begins anew, because of what the sentence says."""
        self._not_ready = {"start": why}

    def unready(self, part: str, why: str) -> None:
        """The part cannot do its work, and why, in words for a person."""
        self._not_ready[part] = why

    @property
    def reasons(self) -> dict[str, str]:
        """Why it is not ready, per part."""
        return dict(self._not_ready)

    def beat(self) -> None:
        """The event loop turned."""
        self._beat = time.monotonic()

    @property
    def hung_for(self) -> float:
        """Seconds since the event loop last turned."""
        return time.monotonic() - self._beat

    def live_report(self) -> tuple[bool, str]:
        """Answer for ``/livez``."""
        hung = self.hung_for
        return (False, f"the event loop has not turned for {hung:.0f} s\n") if hung > HUNG_AFTER else (True, "live\n")

    def ready_report(self) -> tuple[bool, str]:
        """Answer for ``/readyz``: ``{"ready": false, "reasons": {PART: WHY, …}}``, with a part for each that is not ready."""
        reasons = self.reasons
        return not reasons, msgspec.json.encode({"ready": not reasons, "reasons": dict(sorted(reasons.items()))}).decode()


async def heartbeat(health: Health) -> None:
    """Run beside the service's loop for as long as it lives."""
    while True:
        health.beat()
        await asyncio.sleep(1)


def _application(health: Health) -> Callable[[dict[str, Any], StartResponse], Iterable[bytes]]:
    metrics = make_wsgi_app()

    def application(environ: dict[str, Any], start_response: StartResponse) -> Iterable[bytes]:
        path = environ.get("PATH_INFO", "")
        if path == "/metrics":
            body: Iterable[bytes] = metrics(environ, start_response)
            return body
        reports = {
            "/livez": (health.live_report, "text/plain; charset=utf-8"),
            "/readyz": (health.ready_report, "application/json"),
        }
        if path not in reports:
            start_response("404 Not Found", [("Content-Type", "text/plain")])
            return [b"here are /livez, /readyz and /metrics\n"]
        report, kind = reports[path]
        good, text = report()
        start_response("200 OK" if good else "503 Service Unavailable", [("Content-Type", kind)])
        return [text.encode()]

    return application


def serve_admin(health: Health, address: Address) -> Callable[[], None]:
    """Serve the three paths until the returned function is called. Raises `UserError` (port in use)."""
    if address.port == 0:
        return lambda: None
    return serve(_application(health), address, "/livez, /readyz and /metrics", "--admin-port")
