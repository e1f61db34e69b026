"""A web server under test, and a client of its socket that holds every message to docs/asyncapi.yaml."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager
from types import TracebackType
from typing import Any

import httpx
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from rtchart.broker.admin import ensure_topics
from rtchart.broker.candles import RevisionPublisher
from rtchart.broker.cluster import Cluster
from rtchart.broker.publisher import Publisher
from rtchart.broker.table import TableWriter
from rtchart.broker.topics import KLINES, STREAMS, SYMBOLS
from rtchart.core.candle import Candle
from rtchart.core.interval import MINUTE
from rtchart.core.kline import Identity
from rtchart.core.messages import KlineMessage, Revision, StreamState
from rtchart.core.symbol import DesiredSymbol
from rtchart.process.clock import now_ms
from rtchart.process.health import Health
from rtchart.web.listening import listen
from rtchart.web.page import Site
from rtchart.web.service import Settings, Web
from tests.web import schemas
from tests.web.klines import IDENTITY

DEADLINE = 20.0


class Socket:
    """A client; messages are taken one by one, in order."""

    def __init__(self, connection: ClientConnection) -> None:
        self.connection = connection
        self._seq = 0
        self._messages: list[dict[str, Any]] = []

    async def ask(self, **request: Any) -> None:
        """Send a request that is right."""
        name = {"subscribe": "Subscribe", "unsubscribe": "Unsubscribe", "ping": "Ping", "report": "Report"}[request["op"]]
        schemas.check(name, request)
        await self.connection.send(json.dumps(request))

    async def say(self, text: str) -> None:
        """Send what may be wrong."""
        await self.connection.send(text)

    async def take(self, **wanted: Any) -> dict[str, Any]:
        """The next message whose fields are these; those before it are dropped."""
        return await self.until(lambda message: all(message.get(key) == value for key, value in wanted.items()))

    async def until(self, wanted: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
        """The next message of which this holds; those before it are dropped."""
        async with asyncio.timeout(DEADLINE):
            while True:
                while self._messages:
                    message = self._messages.pop(0)
                    if wanted(message):
                        return message
                frame = schemas.check_text("Frame", await self.connection.recv())
                self._seq += 1
                assert frame["seq"] == self._seq
                self._messages = frame["messages"]

    async def subscribe(self, symbol: str = IDENTITY.symbol, interval: str = "1m", **more: Any) -> dict[str, Any]:
        """Subscribe; the snapshot."""
        await self.ask(op="subscribe", symbol=symbol, interval=interval, **more)
        return await self.until(lambda message: message["op"] in ("snapshot", "error"))

    async def closed(self) -> tuple[int, str]:
        """Code and reason with which the server closes; what still comes is dropped."""
        async with asyncio.timeout(DEADLINE):
            with contextlib.suppress(ConnectionClosed):
                while True:
                    await self.connection.recv()
        return self.connection.close_code or 0, self.connection.close_reason or ""


class Running:
    """The service in this process, its clients, and what writes the topics it reads."""

    def __init__(
        self, web: Web, cluster: Cluster, health: Health, port: int, publisher: Publisher, clock: Callable[[], int]
    ) -> None:
        self.web = web
        self.clock = clock
        """The server's (ms)."""
        self.cluster = cluster
        self.health = health
        self.port = port
        self.url = f"http://127.0.0.1:{port}"
        self.http = httpx.AsyncClient(base_url=self.url, timeout=DEADLINE)
        self.stopping = asyncio.Event()
        self._publisher = publisher

    def this_minute(self) -> int:
        """The open time of the minute that is now, for the server."""
        return self.clock() // MINUTE * MINUTE

    @asynccontextmanager
    async def socket(self, **settings: Any) -> AsyncIterator[Socket]:
        """A connected client."""
        async with connect(f"ws://127.0.0.1:{self.port}/ws", max_size=None, **settings) as connection:
            yield Socket(connection)

    async def publish(self, messages: Iterable[KlineMessage]) -> None:
        """Put records on ``rtchart.klines``."""
        await self._publisher.publish(messages)

    async def want(self, *symbols: DesiredSymbol, gone: Iterable[Identity] = ()) -> None:
        """Put records on ``rtchart.symbols``, and wait until the service knows."""
        async with self.cluster.producer() as producer:
            changes: dict[str, DesiredSymbol | None] = {str(symbol.identity): symbol for symbol in symbols}
            changes |= {str(identity): None for identity in gone}
            await TableWriter[DesiredSymbol](producer, self.cluster, SYMBOLS).put(changes)

    async def tell(self, *states: StreamState) -> None:
        """Put records on ``rtchart.streams``."""
        async with self.cluster.producer() as producer:
            changes: dict[str, StreamState | None] = {f"{state.identity}/{state.instance}": state for state in states}
            await TableWriter[StreamState](producer, self.cluster, STREAMS).put(changes)

    async def revise(self, interval: str, candle: Candle, identity: Identity = IDENTITY) -> None:
        """Put a record on ``rtchart.candles``."""
        async with RevisionPublisher(self.cluster) as publisher:
            await publisher.publish([Revision(identity.exchange, identity.symbol, interval, candle)])

    async def get(self, path: str, **parameters: Any) -> httpx.Response:
        """GET below ``/api/v1``."""
        return await self.http.get(f"/api/v1{path}", params=parameters)

    async def __aenter__(self) -> Running:
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        await self.http.aclose()


@asynccontextmanager
async def running(
    kafka: str,
    topic_prefix: str,
    database: str,
    *,
    symbols: Iterable[DesiredSymbol] = (),
    page: Site | None = None,
    clock: Callable[[], int] = now_ms,
    **settings: Any,
) -> AsyncIterator[Running]:
    """Run the service on a free port."""
    cluster = Cluster(kafka, topic_prefix)
    await ensure_topics(cluster)
    health = Health()
    listening = listen("127.0.0.1", 0)
    port = listening.getsockname()[1]
    web = Web(cluster, Settings(database, page=page or Site("<!doctype html>", {}, {}, "none"), **settings), health, clock)
    async with (
        cluster.producer() as producer,
        Publisher(producer, cluster, KLINES, linger=0.001) as publisher,
        Running(web, cluster, health, port, publisher, clock) as under_test,
    ):
        if wanted := list(symbols):
            await under_test.want(*wanted)
        serving = asyncio.create_task(web.serve(under_test.stopping, listening))
        try:
            yield under_test
        finally:
            under_test.stopping.set()
            async with asyncio.timeout(DEADLINE):
                await serving
