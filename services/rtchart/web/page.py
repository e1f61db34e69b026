"""The page as it is built: its index, and its files under an address that changes with their content.

``index.html`` says ``__STATIC__`` where the address of the files belongs (``/static/<hash>``), so that they can be cached for
ever while the index is asked for each time. ``/embed`` is the same index, for pages that show it in a frame.
"""

from __future__ import annotations

import gzip
import hashlib
import logging
import mimetypes
from dataclasses import dataclass
from importlib import resources
from importlib.resources.abc import Traversable

from quart import Blueprint, Response, request

from rtchart.process.logs import fields
from rtchart.web.admission import Framers

log = logging.getLogger(__name__)

# Python's own table differs between versions and machines; a module of another type is refused by browsers.
_TYPES = {
    ".js": "text/javascript",
    ".css": "text/css",
    ".html": "text/html",
    ".svg": "image/svg+xml",
    ".json": "application/json",
    ".map": "application/json",
    ".txt": "text/plain",
}
_SERVED = frozenset({*_TYPES, ".png", ".ico", ".woff2", ""})
_MISSING = "The page is not built here: run `make page` in the checkout, then start again."

_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; connect-src 'self'; "
    "font-src 'self'; manifest-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors "
)
CONTENT_SECURITY_POLICY = f"{_POLICY}'none'"


@dataclass(frozen=True)
class Site:
    """The index with its addresses filled in, and the files by their path."""

    index: str
    files: dict[str, bytes]
    packed: dict[str, bytes]
    """The files that gzip makes smaller, packed once."""
    digest: str


def load(folder: Traversable | None = None) -> Site:
    """The page in ``folder`` (that of this package), read once. Says in the log when it is not built."""
    folder = folder or resources.files("rtchart.web").joinpath("page", "built")
    files = dict(sorted(_files(folder, "")))
    index = files.pop("index.html", None)
    if index is None or "main.js" not in files:
        log.error("the page is not built; run `make page`", extra=fields(folder=str(folder)))
        index = f"<!doctype html><html lang=en><meta charset=utf-8><title>rtchart</title><p>{_MISSING}".encode()
    digest = hashlib.sha256()
    for path, content in files.items():
        digest.update(f"{path}\0{len(content)}\0".encode() + content)
    short = digest.hexdigest()[:12]
    packed = {path: gzip.compress(content, 9, mtime=0) for path, content in files.items()}
    smaller = {path: content for path, content in packed.items() if len(content) < len(files[path])}
    return Site(index.decode().replace("__STATIC__", f"/static/{short}"), files, smaller, short)


class _Index:
    """An index and the policy it is sent with."""

    def __init__(self, html: str, policy: str) -> None:
        self._plain = html.encode()
        self._packed = gzip.compress(self._plain, 9, mtime=0)
        self._policy = policy
        # With the policy in it: a browser that has the page under another one shall get it anew.
        self._tag = hashlib.sha256(policy.encode() + self._plain).hexdigest()[:16]

    async def answer(self) -> Response:
        """To the request that is being answered."""
        zipped = bool(request.accept_encodings["gzip"]) and len(self._packed) < len(self._plain)
        answer = Response(self._packed if zipped else self._plain, content_type="text/html; charset=utf-8")
        answer.headers["Cache-Control"] = "no-cache"
        answer.headers["Content-Security-Policy"] = self._policy
        answer.vary.add("Accept-Encoding")
        answer.set_etag(self._tag, weak=True)  # weak, because it is that of the packed index too
        await answer.make_conditional(request)
        if zipped and answer.status_code == 200:
            answer.headers["Content-Encoding"] = "gzip"
        return answer


def blueprint(page: Site, framers: Framers) -> Blueprint:
    """``/``, ``/embed`` and ``/static/<hash>/…``."""
    routes = Blueprint("page", __name__)
    whole = _Index(page.index, CONTENT_SECURITY_POLICY)
    # Said in the first line, so that nothing is drawn around the chart before a script can take it away.
    embedded = _Index(page.index.replace("<html ", "<html data-embedded ", 1), _POLICY + framers.directive)

    @routes.get("/")
    async def index() -> Response:
        return await whole.answer()

    @routes.get("/embed")
    async def embed() -> Response:
        return await embedded.answer()

    @routes.get("/static/<digest>/<path:path>")
    async def static(digest: str, path: str) -> Response:
        content = page.files.get(path)
        if content is None:
            return Response("not here\n", 404, content_type="text/plain; charset=utf-8")
        # A page of another version may still be open while this one is served: right content, but not for ever.
        caching = "public, max-age=31536000, immutable" if digest == page.digest else "no-cache"
        headers = {"Cache-Control": caching, "Vary": "Accept-Encoding"}
        if path in page.packed and request.accept_encodings["gzip"]:
            content = page.packed[path]
            headers["Content-Encoding"] = "gzip"
        return Response(content, content_type=_type(path), headers=headers)

    return routes


def _files(folder: Traversable, prefix: str) -> list[tuple[str, bytes]]:
    found: list[tuple[str, bytes]] = []
    for item in folder.iterdir() if folder.is_dir() else ():
        path = f"{prefix}{item.name}"
        if item.is_dir():
            found += _files(item, f"{path}/")
        elif _suffix(item.name) in _SERVED:
            found.append((path, item.read_bytes()))
    return found


def _suffix(path: str) -> str:
    name = path.rpartition("/")[2]
    return f".{name.rpartition('.')[2]}" if "." in name else ""


def _type(path: str) -> str:
    kind = _TYPES.get(_suffix(path)) or mimetypes.guess_type(path)[0] or "text/plain"
    return f"{kind}; charset=utf-8" if kind.startswith("text/") else kind
