"""A Symbol as the API server gives it, reduced to what is decided upon."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import msgspec

from rtchart.core.kline import Identity
from rtchart.core.symbol import DesiredSymbol, InvalidManifest, SymbolSpec, desired, manifest
from rtchart_operator.conditions import Condition


class Resource(msgspec.Struct, frozen=True):
    """One Symbol, at one version."""

    namespace: str
    name: str
    uid: str
    version: int
    """Its resourceVersion: of two states of one cluster, the higher is the later (Kubernetes, API Concepts, since 1.35)."""
    generation: int
    created: int
    """Milliseconds; the API server keeps whole seconds."""
    spec: SymbolSpec | None
    """None for one that this version of rtchart cannot read, and `problem` says why."""
    problem: str = ""
    deleting: bool = False
    conditions: tuple[Condition, ...] = ()

    @property
    def title(self) -> str:
        """``namespace/name``, for people and for the record's name."""
        return f"{self.namespace}/{self.name}"

    @property
    def identity(self) -> Identity | None:
        return self.spec.identity if self.spec else None

    def record(self) -> DesiredSymbol:
        """What the pipeline is asked for. The time of its creation is the epoch: a resource made anew is a new life."""
        assert self.spec
        return desired(self.spec, epoch=self.created, name=self.title)


def resource(body: Mapping[str, Any]) -> Resource:
    """The resource of an object of the API. A spec that the schema let in and we cannot read is no reason to fail."""
    metadata, status = body["metadata"], body.get("status") or {}
    spec, problem = None, ""
    try:
        document = {key: body.get(key) for key in ("apiVersion", "kind", "spec")}
        spec = manifest({**document, "metadata": {"name": metadata["name"]}}).spec
    except InvalidManifest as error:
        problem = str(error)
    return Resource(
        namespace=metadata["namespace"],
        name=metadata["name"],
        uid=metadata["uid"],
        version=int(metadata["resourceVersion"]),
        generation=metadata.get("generation", 0),
        created=milliseconds(metadata["creationTimestamp"]),
        spec=spec,
        problem=problem,
        deleting="deletionTimestamp" in metadata,
        conditions=tuple(msgspec.convert(item, Condition) for item in status.get("conditions", ())),
    )


def milliseconds(timestamp: str) -> int:
    """Of a time as the API writes it (RFC 3339, UTC)."""
    return int(datetime.strptime(timestamp, "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC).timestamp() * 1000)
