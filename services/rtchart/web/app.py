"""The Quart application: page, API, socket and probes on one port."""

from __future__ import annotations

import logging

from quart import Quart, Response, request, websocket
from quart_schema.validation import QuerystringValidationError
from werkzeug.exceptions import HTTPException

from rtchart.process.health import Health
from rtchart.web import api, openapi, page
from rtchart.web.admission import API, Admission, Rules, agreed
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


def create_app(sources: api.Sources, health: Health, content: page.Site, rules: Rules) -> Quart:
    """The application over what it reads, for those whom the rules let in."""
    app = Quart("rtchart.web", static_folder=None)
    app.config["MAX_CONTENT_LENGTH"] = 64 * 1024
    admission = Admission(rules)
    openapi.schema(tokens=bool(rules.tokens)).init_app(app)
    app.register_blueprint(api.blueprint(sources))
    app.register_blueprint(page.blueprint(content, rules.framers))
    _probes(app, health)
    _errors(app)
    _headers(app, rules)

    @app.before_request
    async def admitted() -> Response | None:
        return admission.request(request) if request.path.startswith(API) else None

    @app.websocket("/ws")
    async def socket() -> Response | None:
        # The object behind the proxy, so that a frame does not look it up.
        plain = websocket._get_current_object()  # type: ignore[attr-defined]
        if (refusal := admission.socket(plain, "draining" in health.reasons)) is not None:
            return refusal
        client = Client()
        with admission.admitted(plain, client) as visitor:
            await plain.accept(subprotocol=agreed(plain))
            await Connection(plain, client, visitor, sources.hub, sources.views, sources.catalog, sources.market).run()
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


def _headers(app: Quart, rules: Rules) -> None:
    @app.after_request
    async def headers(response: Response) -> Response:
        for name, value in _HEADERS.items():
            response.headers.setdefault(name, value)
        if request.path.startswith(API):
            response.headers.setdefault("Cache-Control", "no-store")
            response.vary.add("Origin")
            origin = request.headers.get("Origin")
            if origin is not None and rules.origins.allows(origin, request.host):
                response.headers["Access-Control-Allow-Origin"] = origin
                response.headers["Access-Control-Expose-Headers"] = "Retry-After"
                if request.method == "OPTIONS":
                    response.headers["Access-Control-Allow-Methods"] = "GET, HEAD, OPTIONS"
                    response.headers["Access-Control-Max-Age"] = "86400"
                    if rules.tokens:
                        response.headers["Access-Control-Allow-Headers"] = "Authorization"
        return response
