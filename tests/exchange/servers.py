"""Two small servers that do what a test tells them: one speaks the combined streams, the other answers HTTP by a script."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import msgspec
from websockets.asyncio.server import ServerConnection, serve
from websockets.exceptions import ConnectionClosed

from tests.exchange import klines


@dataclass(eq=False)
class Client:
    """A connection as the server sees it."""

    socket: ServerConnection
    streams: set[str] = field(default_factory=set)
    requests: list[dict[str, Any]] = field(default_factory=list)
    closed: bool = False

    async def kline(self, symbol: str, open_time: int = klines.OPEN_TIME) -> None:
        await self.socket.send(klines.frame(symbol, open_time), text=True)

    async def send(self, frame: bytes) -> None:
        await self.socket.send(frame, text=True)


class StreamServer:
    """Answers control requests as the venue does; klines are sent by the test, through `clients`."""

    def __init__(self) -> None:
        self.clients: list[Client] = []
        self.url = ""

    @property
    def open(self) -> list[Client]:
        return [client for client in self.clients if not client.closed]

    async def handle(self, socket: ServerConnection) -> None:
        assert socket.request is not None
        assert socket.request.path == "/stream"
        client = Client(socket)
        self.clients.append(client)
        try:
            async for message in socket:
                request = msgspec.json.decode(message)
                client.requests.append(request)
                result = None
                if request["method"] == "SUBSCRIBE":
                    client.streams.update(request["params"])
                elif request["method"] == "UNSUBSCRIBE":
                    client.streams.difference_update(request["params"])
                else:
                    result = sorted(client.streams)
                await client.send(msgspec.json.encode({"result": result, "id": request["id"]}))
        except ConnectionClosed:
            pass
        finally:
            client.closed = True


@asynccontextmanager
async def stream_server(port: int = 0) -> AsyncIterator[StreamServer]:
    server = StreamServer()
    async with serve(server.handle, "127.0.0.1", port) as listening:
        server.url = f"ws://127.0.0.1:{listening.sockets[0].getsockname()[1]}"
        yield server


@dataclass
class Reply:
    """An answer over HTTP; ``cut`` closes the connection in the middle of the body."""

    body: Any = None
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    cut: bool = False


Script = Callable[[str, dict[str, str]], Reply]


@asynccontextmanager
async def http_server(script: Script) -> AsyncIterator[str]:
    """Answers each GET with what ``script(path, query)`` returns; gives the server's address."""

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while head := await reader.readuntil(b"\r\n\r\n"):
                url = urlsplit(head.split(b" ")[1].decode())
                reply = script(url.path, dict(parse_qsl(url.query)))
                body = reply.body if isinstance(reply.body, bytes) else msgspec.json.encode(reply.body)
                headers = {"Content-Length": str(len(body)), **reply.headers}
                lines = [f"HTTP/1.1 {reply.status} Whatever", *(f"{name}: {value}" for name, value in headers.items())]
                writer.write("\r\n".join([*lines, "", ""]).encode() + (body[: len(body) // 2] if reply.cut else body))
                await writer.drain()
                if reply.cut:
                    break
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(handle, "127.0.0.1", 0)
    try:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    finally:
        server.close()
