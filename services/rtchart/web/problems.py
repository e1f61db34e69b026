"""Errors of the HTTP API, as ``application/problem+json`` (RFC 9457) that names the parameter."""

from __future__ import annotations

import re
from http import HTTPStatus

import msgspec
from quart import Response

MIMETYPE = "application/problem+json"


class Problem(msgspec.Struct, frozen=True, omit_defaults=True):
    """What is wrong with a request (RFC 9457)."""

    title: str
    status: int
    detail: str
    type: str = "about:blank"
    parameter: str | None = None
    """The query parameter that is wrong."""
    code: str | None = None
    """As in the errors of the socket."""


def problem(status: int, detail: str, *, parameter: str | None = None, code: str | None = None) -> Response:
    """The response."""
    body = Problem(HTTPStatus(status).phrase, status, detail, parameter=parameter, code=code)
    return Response(msgspec.json.encode(body), status, content_type=MIMETYPE)


_AT = re.compile(r" - at `\$\.([a-z_]+)[^`]*`$")
_FIELD = re.compile(r"^Object (?:missing required|contains unknown) field `([^`]+)`")


def bad_parameter(error: Exception) -> Response:
    """For a query string that is not what the operation takes; the parameter comes from msgspec's message."""
    text = str(error)
    if found := _AT.search(text):
        return problem(400, f"{found[1]}: {text[: found.start()]}", parameter=found[1])
    if found := _FIELD.match(text):
        what = "is needed" if "missing" in text else "is not known here"
        return problem(400, f"the parameter {found[1]} {what}", parameter=found[1])
    return problem(400, text)
