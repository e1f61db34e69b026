"""The client against a peer that is gone the moment it has accepted."""

from __future__ import annotations

import asyncio
import socket
import struct
from collections.abc import Callable, Coroutine
from typing import Any

import httpx
import pytest
import uvloop

from rtchart.process.http import Client

Run = Callable[[Coroutine[Any, Any, None]], None]

RESET = struct.pack("ii", 1, 0)
"""SO_LINGER: on, for no time at all. Closing then resets the connection."""


async def reset_all(listening: socket.socket) -> None:
    while True:
        accepted, _ = await asyncio.get_running_loop().sock_accept(listening)
        accepted.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
        accepted.close()


async def ask_who_resets(times: int) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        listening.setblocking(False)
        resetting = asyncio.create_task(reset_all(listening))
        try:
            async with Client(base_url=f"http://127.0.0.1:{listening.getsockname()[1]}") as http:
                for _ in range(times):
                    with pytest.raises(httpx.TransportError):
                        await http.get("/")
        finally:
            resetting.cancel()
            await asyncio.wait([resetting])


@pytest.mark.parametrize("run", [asyncio.run, uvloop.run], ids=["asyncio", "uvloop"])
def test_a_connection_that_is_reset_when_it_was_accepted_is_an_error_of_http(run: Run) -> None:
    run(ask_who_resets(times=120))  # more than a client keeps connections


async def test_every_other_error_of_an_attribute_is_as_it_was() -> None:
    def broken(request: httpx.Request) -> httpx.Response:
        return request.no_such_attribute  # type: ignore[attr-defined,no-any-return]

    async with Client(transport=httpx.MockTransport(broken)) as http:
        with pytest.raises(AttributeError, match="no_such_attribute"):
            await http.get("http://127.0.0.1/")
