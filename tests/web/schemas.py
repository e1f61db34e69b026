"""Holding every message to docs/asyncapi.yaml, and remembering which of its schemas were needed."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import yaml
from jsonschema import Draft202012Validator

DOCUMENT: dict[str, Any] = yaml.safe_load((Path(__file__).parents[2] / "docs" / "asyncapi.yaml").read_text(encoding="utf-8"))
SCHEMAS: dict[str, Any] = DOCUMENT["components"]["schemas"]

hit: set[str] = set()
"""Names of the schemas that a message was held to."""


def _closed(schema: Any) -> Any:
    # The document leaves room for new fields; a test shall see one that is not written down.
    if isinstance(schema, dict):
        closed = {key: _closed(value) for key, value in schema.items()}
        if "properties" in schema:
            closed.setdefault("additionalProperties", False)
        return closed
    return [_closed(item) for item in schema] if isinstance(schema, list) else schema


_ROOT = {"components": {"schemas": _closed(SCHEMAS)}}
_VALIDATORS = {name: Draft202012Validator({"$ref": f"#/components/schemas/{name}", **_ROOT}) for name in SCHEMAS}
_BY_OP = {schema["properties"]["op"]["enum"][0]: name for name, schema in SCHEMAS.items() if "op" in schema["properties"]}


def check(name: str, value: Any) -> None:
    """Hold a value to the schema of this name, and count it and all that it contains as hit."""
    _VALIDATORS[name].validate(value)
    _count(name, value)


def check_text(name: str, text: str | bytes) -> Any:
    """The parsed text, held to the schema."""
    value = json.loads(text)
    check(name, value)
    return value


def _count(name: str, value: Any) -> None:
    hit.add(name)
    for field, schema in SCHEMAS[name]["properties"].items():
        if field in value and value[field] is not None:
            _descend(schema, value[field])


def _descend(schema: Any, value: Any) -> None:
    if not isinstance(schema, dict):
        return
    if "$ref" in schema:
        _count(schema["$ref"].rpartition("/")[2], value)
    elif "items" in schema and isinstance(value, list):
        for item in value:
            _descend(schema["items"], item)
    for option in schema.get("anyOf", ()) if isinstance(value, dict) else ():
        name = option.get("$ref", "").rpartition("/")[2]
        if name and _BY_OP.get(value.get("op"), name) == name:
            _count(name, value)
