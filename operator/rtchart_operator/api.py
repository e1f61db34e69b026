"""The calls to the Kubernetes API that are not a watch: listing Symbols, writing their status, telling of it in Events.

On httpx, with the credentials that kopf finds (a service account, or a kubeconfig): four calls need no client library, and an
operator that watches a thousand Symbols stays small.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any

import httpx
import kopf
import msgspec

from rtchart.core.errors import Unavailable, UserError
from rtchart.core.symbol import API_VERSION, KIND
from rtchart.process.http import Client
from rtchart.process.logs import fields
from rtchart_operator.conditions import Condition, timestamp
from rtchart_operator.resource import Resource

log = logging.getLogger(__name__)

GROUP, VERSION = API_VERSION.split("/")
PLURAL = "symbols"
TIMEOUT = 15.0
LOGIN_AGAIN = 300.0
"""Seconds after which the credentials are read again: a service account's token is renewed about once an hour."""
PAGE = 500
_MESSAGE = 1024
"""Characters that the message of an Event may have."""


class ApiError(Unavailable):
    """The API server did not do what it was asked, for a reason that may pass."""


def credentials(settings: kopf.OperatorSettings) -> kopf.ConnectionInfo:
    """Where the API server is and who we are. Raises `UserError` where neither a pod nor a kubeconfig says so."""
    found = kopf.login_with_service_account(settings=settings) or kopf.login_with_kubeconfig(settings=settings)
    if found is None:
        raise UserError("there is no Kubernetes to talk to; run this in a pod, or name a kubeconfig in KUBECONFIG")
    return found


class Api:
    """A client for the Symbols of one namespace. Its methods raise `ApiError`."""

    def __init__(self, namespace: str) -> None:
        self._settings = kopf.OperatorSettings()
        self._info = credentials(self._settings)
        self._read_at = time.monotonic()
        self._symbols = f"/apis/{GROUP}/{VERSION}/namespaces/{namespace}/{PLURAL}"
        self._events = f"/api/v1/namespaces/{namespace}/events"
        self._http = Client(
            base_url=self._info.server,
            verify=self._info.as_ssl_context(),
            timeout=TIMEOUT,
            limits=httpx.Limits(max_connections=16, max_keepalive_connections=16),
            trust_env=False,
        )

    async def list(self) -> tuple[list[Mapping[str, Any]], int]:
        """All Symbols there are, and the version of the list."""
        items: list[Mapping[str, Any]] = []
        parameters: dict[str, str | int] = {"limit": PAGE}
        while True:
            page = await self._call("GET", self._symbols, parameters=parameters)
            items += page["items"]
            more = page["metadata"].get("continue")
            if not more:
                return items, int(page["metadata"]["resourceVersion"])
            parameters["continue"] = more

    async def write_status(self, resource: Resource, conditions: Sequence[Condition]) -> Mapping[str, Any] | None:
        """Replace the conditions; the Symbol as it is then, None if it is gone.

        A merge patch, in which a list is replaced as a whole. It names the uid, so that it never lands on a namesake.
        """
        status = {"observedGeneration": resource.generation, "conditions": msgspec.to_builtins(conditions)}
        body = {"metadata": {"uid": resource.uid}, "status": status}
        try:
            return await self._call("PATCH", f"{self._symbols}/{resource.name}/status", body)
        except Gone:
            return None

    async def tell(self, resource: Resource, condition: Condition, *, now: int) -> None:
        """Make an Event of a condition that flipped."""
        bad = condition.status != "True" and condition.reason not in ("Suspended", "Pending", "Subscribing", "Deleting")
        about = {"apiVersion": API_VERSION, "kind": KIND, "namespace": resource.namespace, "name": resource.name}
        message = f"{condition.type} is {condition.status}: {condition.message}"
        event = {
            "metadata": {"generateName": f"{resource.name}.", "namespace": resource.namespace},
            "involvedObject": {**about, "uid": resource.uid, "resourceVersion": str(resource.version)},
            "reason": condition.reason,
            "message": message if len(message) <= _MESSAGE else message[: _MESSAGE - 1] + "…",
            "type": "Warning" if bad else "Normal",
            "count": 1,
            "firstTimestamp": timestamp(now),
            "lastTimestamp": timestamp(now),
            "source": {"component": "rtchart-operator"},
            "reportingComponent": "rtchart-operator",
            "reportingInstance": "rtchart-operator",
        }
        try:
            await self._call("POST", self._events, event)
        except Gone:  # the namespace is on its way out
            log.debug("nobody is there to tell", extra=fields(symbol=resource.title))

    async def delete(self, name: str) -> None:
        """Delete a Symbol, if it is there."""
        with suppress(Gone):
            await self._call("DELETE", f"{self._symbols}/{name}")

    async def apply_definition(self, definition: str) -> None:
        """Apply the definition of Symbols, YAML, as its owner."""
        path = f"/apis/apiextensions.k8s.io/v1/customresourcedefinitions/{PLURAL}.{GROUP}"
        await self._call(
            "PATCH",
            path,
            definition.encode(),
            kind="application/apply-patch+yaml",
            parameters={"fieldManager": "rtchart", "force": "true"},
        )

    async def aclose(self) -> None:
        await self._http.aclose()

    async def _call(
        self,
        method: str,
        path: str,
        body: object = None,
        *,
        kind: str | None = None,
        parameters: Mapping[str, str | int] | None = None,
    ) -> dict[str, Any]:
        kind = kind or ("application/merge-patch+json" if method == "PATCH" else "application/json")
        content = body if body is None or isinstance(body, bytes) else msgspec.json.encode(body)
        try:
            answer = await self._http.request(
                method, path, params=parameters, content=content, headers={"Content-Type": kind, **self._identification()}
            )
        except httpx.HTTPError as error:
            raise ApiError(
                f"the API server does not answer at {self._info.server} ({str(error) or type(error).__name__})"
            ) from None
        if answer.status_code == 401:
            self._read_at = 0.0
        if answer.status_code == 404 or (answer.status_code == 409 and method == "PATCH"):
            raise Gone(f"{path} is not there")
        if not answer.is_success:
            raise ApiError(f"the API server refuses {method} {path}: {_why(answer)}")
        return msgspec.json.decode(answer.content, type=dict[str, Any])

    def _identification(self) -> dict[str, str]:
        if time.monotonic() - self._read_at > LOGIN_AGAIN:
            self._info = credentials(self._settings)
            self._read_at = time.monotonic()
        return dict(self._info.as_http_headers())


class Gone(ApiError):
    """What was asked for is not there (any more)."""


def _why(answer: httpx.Response) -> str:
    try:
        return str(msgspec.json.decode(answer.content)["message"])
    except (msgspec.DecodeError, KeyError, TypeError):
        return f"HTTP {answer.status_code}"
