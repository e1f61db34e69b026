"""Symbols and facts, as few words as they take."""

from __future__ import annotations

from typing import Any

from rtchart.core.symbol import SymbolSpec
from rtchart_operator.resource import Resource, resource

NOW = 1_800_000_000_000


def body(name: str, symbol: str, *, created: str = "2026-11-22T10:00:00Z", **fields: Any) -> dict[str, Any]:
    """A Symbol as the API gives it."""
    metadata = {
        "namespace": "market",
        "name": name,
        "uid": f"uid-{name}",
        "resourceVersion": "7",
        "generation": 1,
        "creationTimestamp": created,
        **fields.pop("metadata", {}),
    }
    status = fields.pop("status", {})
    return {
        "apiVersion": "rtchart.dev/v1alpha1",
        "kind": "Symbol",
        "metadata": metadata,
        "spec": {"exchange": "sim", "symbol": symbol, **fields},
        "status": status,
    }


def seen(name: str, symbol: str = "BTCUSDT", *, created: int = 1_000, **changes: Any) -> Resource:
    """A Symbol in the namespace ``market``."""
    fields: dict[str, Any] = {"version": 1, "generation": 1, "spec": SymbolSpec(symbol=symbol, exchange="sim"), **changes}
    return Resource(namespace="market", name=name, uid=f"uid-{name}", created=created, **fields)


__all__ = ["NOW", "body", "resource", "seen"]
