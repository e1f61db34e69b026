"""Ways from here into the cluster, which kubectl holds open: to one port of a pod, and by the API server to any Service."""

from __future__ import annotations

import asyncio
import re
from asyncio.subprocess import PIPE
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

_PORT = re.compile(rb"127\.0\.0\.1:(\d+)")
START = 20.0
"""Seconds that kubectl has to say which port it listens on."""


@asynccontextmanager
async def forwarded(context: str, namespace: str, target: str, port: int) -> AsyncIterator[int]:
    """A port of this machine that leads to one of ``service/NAME`` or ``pod/NAME``, for as long as that pod lives."""
    arguments = ("--context", context, "--namespace", namespace, "port-forward", target, f":{port}")
    async with _serving(*arguments) as at:
        yield at


@asynccontextmanager
async def proxied(context: str) -> AsyncIterator[str]:
    """URL of the API server, with our identity. A Service's pods are found anew for each request, sockets included."""
    async with _serving("--context", context, "proxy", "--port=0") as at:
        yield f"http://127.0.0.1:{at}"


@asynccontextmanager
async def _serving(*arguments: str) -> AsyncIterator[int]:
    process = await asyncio.create_subprocess_exec("kubectl", *arguments, stdout=PIPE, stderr=PIPE)
    assert process.stdout and process.stderr
    try:
        async with asyncio.timeout(START):
            line = await process.stdout.readline()
        found = _PORT.search(line)
        assert found, f"kubectl {' '.join(arguments)}: {line.decode()}{(await process.stderr.read()).decode()}"
        # It tells of every connection: what nobody reads would fill the pipe.
        reading = [asyncio.create_task(_drain(stream)) for stream in (process.stdout, process.stderr)]
        yield int(found[1])
        for task in reading:
            task.cancel()
    finally:
        with suppress(ProcessLookupError):
            process.terminate()
        await process.wait()


async def _drain(stream: asyncio.StreamReader) -> None:
    while await stream.read(65536):
        pass
