"""The CustomResourceDefinition against the model that every manifest is read with, and against its readers."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args

import msgspec
import pytest
import yaml

from rtchart.core.symbol import API_VERSION, KIND, InvalidManifest, Retention, SymbolSpec, manifest
from rtchart.local.manifests import read_folder
from rtchart.sim.listing import KNOWN
from rtchart_operator.conditions import Reason, Type
from rtchart_operator.watch import FINALIZER, takes_its_data

ROOT = Path(__file__).parents[2]
DEFINITION = yaml.safe_load((ROOT / "charts/rtchart/crds/symbols.rtchart.dev.yaml").read_text(encoding="utf-8"))
VERSION = DEFINITION["spec"]["versions"][0]
SCHEMA = VERSION["schema"]["openAPIV3Schema"]["properties"]


def fields(schema: dict[str, Any], path: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """Every field below a schema, with its path."""
    for name, field in schema.get("properties", {}).items():
        yield f"{path}.{name}", field
        yield from fields(field, f"{path}.{name}")
        if "items" in field:
            yield from fields(field["items"], f"{path}.{name}[]")


def test_it_defines_what_the_model_reads() -> None:
    names = DEFINITION["spec"]["names"]
    assert f"{DEFINITION['spec']['group']}/{VERSION['name']}" == API_VERSION
    assert names["kind"] == KIND
    assert DEFINITION["metadata"]["name"] == f"{names['plural']}.{DEFINITION['spec']['group']}"


SAME = ("minimum", "maximum", "minItems", "maxItems")


@pytest.mark.parametrize(
    ("defined", "kind", "defaults"),
    [
        (SCHEMA["spec"]["properties"], SymbolSpec, SymbolSpec(symbol="BTCUSDT")),
        (SCHEMA["spec"]["properties"]["retention"]["properties"], Retention, Retention()),
    ],
)
def test_fields_defaults_and_bounds_are_the_models(defined: dict[str, Any], kind: Any, defaults: Any) -> None:
    _, components = msgspec.json.schema_components([kind])
    known = components[kind.__name__]["properties"]
    values = msgspec.json.decode(msgspec.json.encode(defaults))
    assert defined.keys() == known.keys()
    for name, field in defined.items():
        assert field.get("default") == (None if name == "symbol" else values[name]), name
        assert {key: field.get(key) for key in SAME} == {key: known[name].get(key) for key in SAME}, name
        assert set(field.get("enum", ())) == set(known[name].get("enum", ())), name
        assert set(field.get("items", {}).get("enum", ())) == set(known[name].get("items", {}).get("enum", ())), name


@pytest.mark.parametrize(
    "symbol", ["BTCUSDT", "A", "1", "X" * 32, "X" * 33, "btcusdt", "BTC USDT", "BTC/USDT", "A@B", "\u5e01\u5b89USDT", "A.B-C_1"]
)
def test_a_name_is_taken_by_both_or_by_none(symbol: str) -> None:
    field = SCHEMA["spec"]["properties"]["symbol"]
    pattern = (
        field["x-kubernetes-validations"][0]["rule"].removeprefix("self.matches('").removesuffix("')").replace("\\\\", "\\")
    )
    defined = field["minLength"] <= len(symbol) <= field["maxLength"] and re.search(pattern, symbol) is not None
    document = {"apiVersion": API_VERSION, "kind": KIND, "metadata": {"name": "x"}, "spec": {"symbol": symbol}}
    try:
        manifest(document)
    except InvalidManifest:
        assert not defined
    else:
        assert defined


@pytest.mark.parametrize(
    ("path", "field"), [(path, field) for path, field in fields({"properties": SCHEMA}, "symbol") if path != "symbol.metadata"]
)
def test_every_field_is_explained_with_its_default_and_unit(path: str, field: dict[str, Any]) -> None:
    text = field["description"]
    assert text[0].isupper() and text.endswith("."), path
    if path.startswith(("symbol.spec.", "symbol.status.")):
        assert "Default: " in text or "Required" in text, path
    if isinstance(field.get("default"), (int, str)) and not isinstance(field["default"], bool):
        assert f"Default: {field['default']}" in text, path
    for unit in ("Hours", "Days"):
        if path.endswith(unit):
            assert text.startswith(f"{unit} "), path


def test_the_conditions_are_those_that_are_said() -> None:
    text = SCHEMA["status"]["properties"]["conditions"]["description"]
    assert all(kind in text for kind in get_args(Type))
    shown = {
        kind for kind in get_args(Type) for column in VERSION["additionalPrinterColumns"] if f'"{kind}"' in column["jsonPath"]
    }
    assert shown == set(get_args(Type)) - {"Validated"}
    assert list(get_args(Reason)) == sorted(set(get_args(Reason)))


def test_every_reason_is_in_the_documentation() -> None:
    text = (ROOT / "docs/operator.md").read_text(encoding="utf-8")
    listed = set(re.findall(r"^\|[^|]*\| ([A-Z][A-Za-z, ]+) \|", text, re.MULTILINE))
    assert {reason for cell in listed for reason in cell.split(", ")} == set(get_args(Reason))


def test_the_examples_are_read_by_up() -> None:
    reading = read_folder(ROOT / "k8s/symbols", venue="binance")
    assert reading.complete and not reading.refused and reading.symbols


def test_a_symbol_in_chinese_is_one() -> None:
    (chinese,) = [symbol for symbol in KNOWN if not symbol.isascii()]
    document = {"apiVersion": API_VERSION, "kind": KIND, "metadata": {"name": "life"}, "spec": {"symbol": chinese}}
    assert manifest(document).spec.symbol == chinese


def test_only_those_whose_data_goes_have_a_finalizer() -> None:
    assert takes_its_data({"deletionPolicy": "Delete"})
    assert not takes_its_data({"deletionPolicy": "Retain"}) and not takes_its_data({})
    assert FINALIZER.partition("/")[0].endswith(API_VERSION.partition("/")[0])
