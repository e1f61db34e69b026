"""A server that speaks the page's protocol and says exactly what a test wants it to say, on a real port.

For what the real services cannot be made to do at will: a candle with missing seconds, an outage, a lost connection. The
real ones are in test_live.py.
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from hypercorn.asyncio import serve
from hypercorn.config import Config
from quart import Quart, Response, request, websocket

import rtchart.web
from rtchart.core.interval import Interval, interval
from rtchart.process.clock import now_ms, now_us
from rtchart.web import page as pages
from rtchart.web.admission import Framers
from tests.page import market
from tests.page.market import Json

PAGE = Path(rtchart.web.__file__).parent / "page"


@functools.cache
def site() -> pages.Site:
    """The page, as the server serves it."""
    return pages.load()


@dataclass
class Stage:
    """``exchange`` is said to be the venue; ``edit`` has the last word on a candle by its open time (None: there is none)."""

    exchange: str = "binance"
    symbols: list[str] = field(default_factory=lambda: list(market.SYMBOLS))
    gaps: list[Json] = field(default_factory=list)
    edit: dict[int, Json | None] = field(default_factory=dict)
    beginning: int = market.BEGINNING
    """Nothing is older (ms)."""
    received: list[Json] = field(default_factory=list)
    """Every message of every client."""
    sent: int = 0
    """Frames to all clients."""
    pages: list[int] = field(default_factory=list)
    """The `end` of every page of history that was asked for."""
    closes: list[list[str]] = field(default_factory=list)
    """The symbols whose last closes were asked for, request by request."""
    explained: list[tuple[int, int]] = field(default_factory=list)
    """The stretches whose gaps were asked for."""
    health: dict[str, Json] = field(default_factory=dict)
    """What is said of how whole a symbol is, by its name; of the others that they are."""
    health_says: Json = field(default_factory=dict)
    """What else is said with it, such as ``partial``; a ``detail`` is why nothing is."""
    health_asked: int = 0
    """How often that was asked for."""
    url: str = ""
    symbols_say: int = 200
    """The status with which the symbols are told."""
    refused: set[str] = field(default_factory=set)
    """Symbols whose subscriptions are refused, as by a server that has yet to learn of them."""
    refuse: bool = False
    """Whether sockets are closed at once."""
    _clients: set[Client] = field(default_factory=set)

    def candles(self, symbol: str, name: str, end: int, limit: int) -> list[Json]:
        """The newest ``limit`` that open before ``end``, oldest first."""
        now, length = now_ms(), interval(name)
        found: list[Json] = []
        at = length.previous_open(end)
        while at >= self.beginning and len(found) < limit:
            candle = self.edit.get(at, market.candle(symbol, name, at, now))
            if candle is not None:
                found.append(candle)
            at = length.previous_open(at)
        return found[::-1]

    def candles_from(self, symbol: str, name: str, start: int, end: int, limit: int) -> list[Json]:
        """The first ``limit`` that open in ``[start, end)``, oldest first."""
        now, length = now_ms(), interval(name)
        found: list[Json] = []
        at = length.next_open(max(start, self.beginning) - 1)
        while at < min(end, now + 1) and len(found) < limit:
            candle = self.edit.get(at, market.candle(symbol, name, at, now))
            if candle is not None:
                found.append(candle)
            at = length.next_open(at)
        return found

    async def send(self, *messages: Json) -> None:
        """One frame to every client."""
        for client in list(self._clients):
            await client.send(*messages)

    async def drop(self, code: int = 1000, reason: str = "") -> None:
        """Close every socket, as a server that goes away does."""
        for client in list(self._clients):
            client.farewell = code, reason
            client.closing.set()

    def forget(self) -> None:
        """Leave every socket as it is and never say a word on it again."""
        for client in list(self._clients):
            client.forgotten = True

    async def second(self) -> None:
        """What a second brings: the forming candle of each subscription, those that closed since the last, and every ticker."""
        now = now_ms()
        for client in list(self._clients):
            messages: list[Json] = [
                {
                    "op": "candle",
                    **view,
                    "candle": self.edit.get(at) or market.candle(view["symbol"], view["interval"], at, now),
                    "stamps": {
                        "event_ms": now - 21,
                        "received_us": now_us() - 9_000,
                        "published_us": now_us() - 6_000,
                        "consumed_us": now_us() - 2_000,
                    },
                }
                for view in client.views
                for at in periods(interval(view["interval"]), client.told_at, now)
            ]
            client.told_at = now
            if client.tickers:
                messages.append({"op": "tickers", "tickers": [market.ticker(self.exchange, s, now) for s in self.symbols]})
            await client.send(*messages)

    def app(self) -> Quart:
        app = Quart(__name__, static_folder=None)

        app.register_blueprint(pages.blueprint(site(), Framers.of(("*",))))

        @app.after_request
        async def open_to_all(response: Response) -> Response:
            # As of a server whose --allow-origin and --frame-ancestors are everybody.
            response.headers["Access-Control-Allow-Origin"] = "*"
            return response

        @app.get("/api/v1/symbols")
        async def symbols() -> Json | tuple[Json, int]:
            if self.symbols_say != 200:
                return {"title": "Refused", "detail": "not now"}, self.symbols_say
            identity = {"exchange": self.exchange, "intervals": market.INTERVALS, "status": "streaming"}
            return {"symbols": [{**identity, "symbol": name, "price": None} for name in self.symbols]}

        @app.get("/api/v1/status")
        async def status() -> Json:
            return {"ready": True}

        @app.get("/api/v1/candles")
        async def candles() -> Json:
            query = dict(request.args)
            view, end, limit = _view(query), int(query["end"]), int(query["limit"])
            if "start" in query:
                found = self.candles_from(view["symbol"], view["interval"], int(query["start"]), end, limit)
                return {**view, "candles": found, "next": None}
            self.pages.append(end)
            found = self.candles(view["symbol"], view["interval"], end, limit)
            return {**view, "candles": found, "next": found[0]["open_time"] if len(found) == limit else None}

        @app.get("/api/v1/gaps")
        async def gaps() -> Json:
            start, end = int(request.args["start"]), int(request.args["end"])
            self.explained.append((start, end))
            found = [gap for gap in self.gaps if gap["start"] < end and gap["end"] > start]
            return {"exchange": self.exchange, "symbol": request.args["symbol"], "gaps": found, "next": None}

        @app.get("/api/v1/health")
        async def health() -> tuple[Json, int]:
            self.health_asked += 1
            if "detail" in self.health_says:
                return {"title": "Service Unavailable", "status": 503, **self.health_says}, 503
            now = now_ms()
            good = {"exchange": self.exchange, "status": "streaming", "newest": now // 1000 * 1000 - 1000}
            whole = {**good, "open": 0, "repaired": 0, "absent": 0, "missing": 0}
            found = [{**whole, "symbol": name, **self.health.get(name, {})} for name in self.symbols]
            return {"time": now, "since": now - 86_400_000, "symbols": found, **self.health_says}, 200

        @app.get("/api/v1/closes")
        async def closes() -> Json:
            length, now, names = interval(request.args["interval"]), now_ms(), request.args["symbols"].split(",")
            self.closes.append(names)
            opens = [length.open_time(now)]
            while len(opens) < int(request.args["limit"]):
                opens.insert(0, length.previous_open(opens[0]))
            ends = [min(now, length.next_open(at) - 1) if self.edit.get(at, {}) is not None else None for at in opens]
            rows = {
                name: [None if end is None else market.text(market.price(name, end), name) for end in ends] for name in names
            }
            found = [{"exchange": self.exchange, "symbol": name, "closes": row} for name, row in rows.items()]
            return {"interval": length.name, "start": opens[0], "closes": found}

        @app.websocket("/ws")
        async def socket() -> None:
            if self.refuse:
                return
            await Client(self).run()

        return app


def periods(length: Interval, since: int, now: int) -> list[int]:
    """Open times of the periods that were forming between two times (ms), however slow the machine is; oldest first."""
    times = [length.open_time(now)]
    while times[0] > since:
        times.insert(0, length.previous_open(times[0]))
    return times


def _view(message: Json) -> Json:
    return {name: message[name] for name in ("exchange", "symbol", "interval")}


class Client:
    """One socket."""

    def __init__(self, stage: Stage) -> None:
        self.stage = stage
        self.views: list[Json] = []
        self.tickers = False
        self.closing = asyncio.Event()
        self.farewell = 1000, ""
        """With which code and reason it is closed."""
        self.forgotten = False
        self.told_at = now_ms()
        """Up to when it was told what happened (ms)."""
        self._seq = 0

    async def send(self, *messages: Json) -> None:
        if messages and not self.forgotten:
            self._seq += 1
            self.stage.sent += 1
            await self.socket.send(json.dumps({"seq": self._seq, "at_us": now_us(), "messages": messages}))

    async def run(self) -> None:
        self.socket = websocket._get_current_object()  # type: ignore[attr-defined]
        self.stage._clients.add(self)
        reader = asyncio.ensure_future(self._read())
        closing = asyncio.ensure_future(self.closing.wait())
        try:
            await asyncio.wait({reader, closing}, return_when=asyncio.FIRST_COMPLETED)
            if self.closing.is_set():
                await self.socket.close(*self.farewell)
        finally:
            self.stage._clients.discard(self)
            for task in (reader, closing):
                task.cancel()
                with contextlib.suppress(asyncio.CancelledError):
                    await task

    async def _read(self) -> None:
        while True:
            message = json.loads(await self.socket.receive())
            self.stage.received.append(message)
            await self.send(*self._answer(message))

    def _answer(self, message: Json) -> list[Json]:
        match message:
            case {"op": "ping"}:
                return [{"op": "pong", "id": message["id"], "at_us": message["at_us"], "server_us": now_us()}]
            case {"op": "subscribe", "channel": "tickers"}:
                self.tickers = True
                now, venue = now_ms(), self.stage.exchange
                tickers = [market.ticker(venue, name, now) for name in self.stage.symbols]
                return [{"op": "tickers", "id": message["id"], "tickers": tickers}]
            case {"op": "subscribe", "symbol": symbol} if symbol in self.stage.refused:
                return [{"op": "error", "id": message["id"], "code": "unknown_symbol", "message": f"{symbol} is not followed"}]
            case {"op": "subscribe"}:
                view, since = _view(message), message.get("since")
                self.views.append(view)
                found = self.stage.candles(view["symbol"], view["interval"], now_ms() + 1, message["limit"])
                if since is not None:
                    found = [candle for candle in found if candle["open_time"] >= since]
                first = found[0]["open_time"] if found else now_ms()
                gaps = [gap for gap in self.stage.gaps if gap["end"] > first]
                answer = {"op": "snapshot", "id": message["id"], **view, "candles": found, "gaps": gaps}
                return [{**answer, "recovered": since is not None}]
            case {"op": "unsubscribe"}:
                self.views.remove(_view(message))
                return [{"op": "unsubscribed", "id": message["id"]}]
        return []


@contextlib.asynccontextmanager
async def listening(app: Quart) -> AsyncIterator[str]:
    """The application at a free port: its address. Who comes before it runs waits."""
    config = Config()
    config.bind, config.accesslog, config.errorlog = ["127.0.0.1:0"], None, None
    bound: Any = config.create_sockets().insecure_sockets[0]
    bound.listen()
    port = bound.getsockname()[1]
    config.bind = [f"fd://{bound.detach()}"]
    stop = asyncio.Event()
    server = asyncio.ensure_future(serve(app, config, shutdown_trigger=stop.wait, mode="asgi"))
    try:
        yield f"http://127.0.0.1:{port}/"
    finally:
        stop.set()
        await server


@contextlib.asynccontextmanager
async def serving(stage: Stage, second: float | None = 0.25) -> AsyncIterator[Stage]:
    """The stage on a free port; a second passes each quarter of a real one, so that tests need not wait, or not at all."""

    async def seconds() -> None:
        while second is not None:
            await asyncio.sleep(second)
            await stage.second()

    async with listening(stage.app()) as stage.url:
        ticking = asyncio.ensure_future(seconds())
        try:
            yield stage
        finally:
            ticking.cancel()
            await stage.drop()
