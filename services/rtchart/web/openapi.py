"""The OpenAPI 3.1 document, made from the operations' code by quart-schema.

quart-schema writes schemas of pydantic's form; this provider writes those of msgspec: every struct is a component, a
parameter is required when its field is, and errors are ``application/problem+json``.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from typing import Any, TypeVar

import msgspec
from quart import Response
from quart_schema import HttpSecurityScheme, Info, QuartSchema, document_response, validate_querystring
from quart_schema.openapi import OpenAPIProvider
from quart_schema.validation import QUART_SCHEMA_RESPONSE_ATTRIBUTE
from werkzeug.routing.rules import Rule

from rtchart import __version__
from rtchart.web.problems import MIMETYPE, Problem

PATH = "/api/v1/openapi.json"
_CSV = "_rtchart_csv"
_TOKEN = "token"
_EVERYWHERE = (429,)
_ERRORS = {
    400: "A parameter is wrong: `parameter` names it",
    401: "A token is needed, or is none of the server's",
    404: "There is no such symbol, or not at this exchange",
    429: "The address asks too often; `Retry-After` says when to ask again",
    503: "The database cannot be read now; `Retry-After` says when to ask again",
}

Q = TypeVar("Q")
View = Callable[..., Awaitable[Response]]


def operation(
    answer: type[msgspec.Struct], *, query: type[msgspec.Struct] | None = None, errors: Iterable[int] = (), csv: bool = False
) -> Callable[[View], View]:
    """Document a view: what it answers, its query string (validated, given as ``query_args``) and its errors."""

    def decorate(view: View) -> View:
        if query is not None:
            view = validate_querystring(query)(view)
        view = document_response(answer, 200)(view)
        for status in (*errors, *_EVERYWHERE):
            view = document_response(Problem, status)(view)
        setattr(view, _CSV, csv)
        return view

    return decorate


class Provider(OpenAPIProvider):
    """Writes the document."""

    def generate_rules(self) -> Iterable[Rule]:
        """The documented operations alone."""
        for rule in self._app.url_map.iter_rules():
            if hasattr(self._app.view_functions[rule.endpoint], QUART_SCHEMA_RESPONSE_ATTRIBUTE):
                yield rule

    def build_paths(self, rule: Rule) -> tuple[dict[str, Any], dict[str, Any]]:
        """Add the CSV form, and what the errors mean."""
        paths, components = super().build_paths(rule)
        csv = getattr(self._app.view_functions[rule.endpoint], _CSV, False)
        for path in paths.values():
            for item in path.values():
                if csv:
                    item["responses"][200]["content"]["text/csv"] = {"schema": {"type": "string"}}
                if self._extension.security:
                    item["responses"][401] = {**item["responses"][429]}
                for status, text in _ERRORS.items():
                    if status in item["responses"]:
                        item["responses"][status]["description"] = text
                # The keys of a JSON object are texts.
                item["responses"] = {str(status): response for status, response in item["responses"].items()}
        return paths, components

    def build_querystring_parameters(self, model: Any) -> tuple[list[dict[str, Any]], dict[str, Any]]:
        """A parameter per field."""
        (_,), components = msgspec.json.schema_components([model], ref_template="#/components/schemas/{name}")
        schema = components.pop(model.__name__)
        parameters = []
        for name, field in schema["properties"].items():
            parameter = {"name": name, "in": "query", "required": name in schema.get("required", ())}
            if "description" in field:
                parameter["description"] = field.pop("description")
            parameters.append({**parameter, "schema": field})
        return parameters, components

    def build_response_object(self, model: Any, headers_model: Any) -> tuple[dict[str, Any], dict[str, Any]]:
        """A reference to the struct's component."""
        (reference,), components = msgspec.json.schema_components([model], ref_template="#/components/schemas/{name}")
        media_type = MIMETYPE if model is Problem else "application/json"
        text = (model.__doc__ or model.__name__).strip().splitlines()[0]
        return {"description": text, "content": {media_type: {"schema": reference}}}, components


def schema(*, tokens: bool) -> QuartSchema:
    """The extension, ready for `QuartSchema.init_app`; it serves the document and no documentation pages.

    ``tokens``: whether operations need one.
    """
    info = Info(
        title="rtchart",
        version=__version__,
        description="Candlesticks, the seconds they are made of, and how whole they are. Times are milliseconds since the "
        "epoch (UTC); prices and volumes are decimal strings. What is live comes over the socket: docs/asyncapi.yaml.",
    )
    return QuartSchema(
        openapi_path=PATH,
        redoc_ui_path=None,
        scalar_ui_path=None,
        swagger_ui_path=None,
        info=info,
        conversion_preference="msgspec",
        openapi_provider_class=Provider,
        security_schemes={_TOKEN: HttpSecurityScheme(scheme="bearer")} if tokens else None,
        security=[{_TOKEN: []}] if tokens else None,
    )
