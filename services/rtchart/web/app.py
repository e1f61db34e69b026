"""The Quart application: page, API, socket and probes on one port."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from dataclasses import dataclass
from urllib.parse import urlsplit

from quart import Quart, Response, request, websocket
from quart_schema.validation import QuerystringValidationError
from werkzeug.exceptions import HTTPException

from rtchart.process.health import Health
from rtchart.web import api, metrics, openapi, page
from rtchart.web.channel import Client
from rtchart.web.connection import Connection
from rtchart.web.problems import bad_parameter, problem

log = logging.getLogger(__name__)

_HEADERS = {
    "Content-Security-Policy": page.CONTENT_SECURITY_POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
}


@dataclass(frozen=True)
class Origins:
    """Which pages of other origins may use the API and the socket: ``https://example.org``, or ``*`` for all."""

    allowed: frozenset[str] = frozenset()

    @classmethod
    def of(cls, origins: Iterable[str]) -> Origins:
        """Origins as people write them."""
        return cls(frozenset(origin.rstrip("/").lower() for origin in origins))

    def allows(self, origin: str | None, host: str) -> bool:
        """Whether a request with this header Origin is served; those without one do not come from a page."""
        if origin is None or "*" in self.allowed or origin.lower() in self.allowed:
            return True
        try:
            return urlsplit(origin).netloc.lower() == host.lower()
        except ValueError:  # `http://[`
            return False


def create_app(sources: api.Sources, health: Health, content: page.Site, origins: Origins, max_connections: int) -> Quart:
    """The application over what it reads."""
    app = Quart("rtchart.web", static_folder=None)
    app.config["MAX_CONTENT_LENGTH"] = 64 * 1024
    openapi.schema().init_app(app)
    app.register_blueprint(api.blueprint(sources))
    app.register_blueprint(page.blueprint(content))
    _probes(app, health)
    _errors(app)
    _headers(app, origins)

    @app.websocket("/ws")
    async def socket() -> Response | None:
        if not origins.allows(websocket.headers.get("Origin"), websocket.host):
            metrics.refused.labels("origin").inc()
            return problem(403, "pages of this origin may not use the socket; --allow-origin allows them")
        if "draining" in health.reasons:
            metrics.refused.labels("draining").inc()
            return problem(503, "the server shuts down; connect again")
        if len(sources.hub.clients) >= max_connections:
            metrics.refused.labels("full").inc()
            return problem(503, f"all of the server's {max_connections} sockets are taken; try again later")
        client = Client()
        await websocket.accept()
        # The object behind the proxy, so that a frame does not look it up.
        plain = websocket._get_current_object()  # type: ignore[attr-defined]
        await Connection(plain, client, sources.hub, sources.views, sources.catalog, sources.market).run()
        return None

    return app


def _probes(app: Quart, health: Health) -> None:
    @app.get("/livez")
    async def livez() -> Response:
        good, text = health.live_report()
        return Response(text, 200 if good else 503, content_type="text/plain; charset=utf-8")

    @app.get("/readyz")
    async def readyz() -> Response:
        good, text = health.ready_report()
        return Response(text, 200 if good else 503, content_type="application/json")


def _errors(app: Quart) -> None:
    @app.errorhandler(QuerystringValidationError)
    async def bad_query(error: QuerystringValidationError) -> Response:
        return bad_parameter(error.validation_error)

    @app.errorhandler(HTTPException)
    async def http(error: HTTPException) -> Response:
        answer = problem(error.code or 500, error.description or error.name)
        for name, value in error.get_headers():  # Allow of a 405, say; what describes werkzeug's own body is left out
            if not name.lower().startswith("content-"):
                answer.headers.add(name, value)
        return answer

    @app.errorhandler(Exception)
    async def defect(error: Exception) -> Response:
        log.error("a request failed", exc_info=error)
        return problem(500, "the server failed at this request; its log says why")


def _headers(app: Quart, origins: Origins) -> None:
    @app.after_request
    async def headers(response: Response) -> Response:
        for name, value in _HEADERS.items():
            response.headers.setdefault(name, value)
        if request.path.startswith("/api/"):
            response.headers.setdefault("Cache-Control", "no-store")
            response.vary.add("Origin")
            origin = request.headers.get("Origin")
            if origin is not None and origins.allows(origin, request.host):
                response.headers["Access-Control-Allow-Origin"] = origin
                if request.method == "OPTIONS":
                    response.headers["Access-Control-Allow-Methods"] = "GET, HEAD, OPTIONS"
                    response.headers["Access-Control-Max-Age"] = "86400"
        return response
