"""The client of HTTP that everything here asks with."""

from __future__ import annotations

from typing import Any

import httpx


class Client(httpx.AsyncClient):
    """httpx's client, every failure of which is an `httpx.HTTPError`.

    Of a peer that resets the connection in the moment in which it has accepted it, uvloop has no socket any more when anyio
    asks that for its peer's name, and an `AttributeError` comes through httpcore and httpx as it is.
    """

    async def send(self, request: httpx.Request, **options: Any) -> httpx.Response:
        """As httpx's, which all other methods use. Raises `httpx.HTTPError`."""
        try:
            return await super().send(request, **options)
        except AttributeError as error:
            if error.name != "getpeername":
                raise
            raise httpx.ConnectError("the connection was reset as soon as it was made", request=request) from error
