"""The control endpoint of the simulated exchange: faults begin and end while it runs.

GET    /faults          what goes wrong now
POST   /faults          {"fault": "mute", "symbols": ["BTCUSDT"], "for": 30}: let it, for so many seconds of the market
DELETE /faults/NUMBER   take it back
DELETE /faults          take back all
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from http import HTTPStatus
from typing import Any

import msgspec

from rtchart.core.errors import UNDECODABLE, UserError
from rtchart.process import wsgi
from rtchart.sim.script import Director, step

_LONGEST = 64 * 1024
_PATIENCE = 10.0

Answer = tuple[int, Any]


class Control:
    """The application. Its methods run in the thread of a request, and have the loop do what is to be done."""

    def __init__(self, director: Director, loop: asyncio.AbstractEventLoop) -> None:
        self._director = director
        self._loop = loop

    def __call__(self, environ: dict[str, Any], start_response: wsgi.StartResponse) -> Iterable[bytes]:
        """WSGI."""
        status, body = self._answer(environ)
        start_response(f"{status} {HTTPStatus(status).phrase}", [("Content-Type", "application/json")])
        return [msgspec.json.encode(body)]

    def _answer(self, environ: dict[str, Any]) -> Answer:
        method, path = environ["REQUEST_METHOD"], environ.get("PATH_INFO", "").strip("/").split("/")
        director = self._director
        match method, path:
            case "GET", ["faults"]:
                return 200, {"faults": self._do(lambda: director.running)}
            case "POST", ["faults"]:
                return self._begin(environ)
            case "DELETE", ["faults"]:
                return 200, {"ended": self._do(director.end_all)}
            case "DELETE", ["faults", number] if number.isdecimal():
                ended = self._do(lambda: director.end(int(number)))
                return (200, {"ended": 1}) if ended else (404, {"error": f"no fault {number} goes on"})
        return 404, {"error": "here are GET, POST and DELETE of /faults, and DELETE of /faults/NUMBER"}

    def _begin(self, environ: dict[str, Any]) -> Answer:
        length = environ.get("CONTENT_LENGTH") or "0"
        if not length.isdecimal() or int(length) > _LONGEST:
            return 413, {"error": f"the body may have {_LONGEST} bytes"}
        try:
            written = msgspec.json.decode(environ["wsgi.input"].read(int(length)))
            when, fault = step(written, "the body")
            if when.at or when.every:
                raise UserError("a fault begins at once here; leave `at` and `every` out")
            return 201, {"id": self._do(lambda: self._director.begin(fault, when.lasts))}
        except UNDECODABLE as error:
            return 400, {"error": f"the body is no JSON: {error}"}
        except UserError as error:
            return 400, {"error": str(error)}

    def _do(self, action: Callable[[], Any]) -> Any:
        async def act() -> Any:
            return action()

        return asyncio.run_coroutine_threadsafe(act(), self._loop).result(_PATIENCE)


@contextmanager
def served(address: wsgi.Address, director: Director) -> Iterator[None]:
    """Serve the endpoint while the block lasts, unless the port is 0. Raises `UserError` (port in use)."""
    if address.port == 0:
        yield
        return
    stop = wsgi.serve(Control(director, asyncio.get_running_loop()), address, "/faults", "--control-port")
    try:
        yield
    finally:
        stop()
