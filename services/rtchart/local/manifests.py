"""A folder of Symbol manifests: the YAML files that ``kubectl apply -f FOLDER`` takes, read with the line of every mistake."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import yaml

from rtchart.core.symbol import KIND, InvalidManifest, SymbolManifest, SymbolSpec, manifest

SUFFIXES = (".yaml", ".yml", ".json")  # JSON is YAML


class Place(NamedTuple):
    """Where something stands, for people: the file's path and the line, from 1."""

    file: Path
    line: int

    def __str__(self) -> str:
        return f"{self.file}:{self.line}"


class Refusal(NamedTuple):
    """A document, or a file, that is not followed, and why."""

    place: Place
    why: str

    def __str__(self) -> str:
        return f"{self.place}: {self.why}"


class Declared(NamedTuple):
    """A good document."""

    spec: SymbolSpec
    place: Place
    """Of its ``spec.symbol``."""


class Reading(NamedTuple):
    """What a folder says."""

    symbols: dict[str, Declared]
    """By the exchange's name for the symbol."""
    refused: list[Refusal]
    held: frozenset[str]
    """Symbols of refused documents: what runs of them goes on as it is."""
    complete: bool
    """False when a file is no YAML, or hides which symbol it means: then what is missing here is not known to be gone."""


def read_folder(folder: Path, *, venue: str) -> Reading:
    """Read all manifests of the folder (not of folders in it). ``venue`` is the exchange that runs.

    It never raises: what cannot be used is refused, and the rest goes on.
    """
    symbols: dict[str, Declared] = {}
    names: dict[tuple[str | None, str], Place] = {}
    refused: list[Refusal] = []
    held: set[str] = set()
    complete = True
    try:
        files = sorted(path for path in folder.iterdir() if path.suffix in SUFFIXES and not path.name.startswith("."))
    except OSError as error:
        return Reading({}, [Refusal(Place(folder, 1), f"cannot be read ({error.strerror})")], frozenset(), False)
    for file in files:
        try:
            text = file.read_text(encoding="utf-8")
            for document in _documents(text):
                place, found = _declared(file, document)
                if isinstance(found, str):
                    refused.append(Refusal(place, found))
                    symbol = _legible_symbol(document.data)
                    held.add(symbol)
                    complete = complete and symbol != ""
                    continue
                spec, wanted = found.spec, found.spec.exchange
                name = (found.metadata.namespace, found.metadata.name)
                held.add(spec.symbol)
                if name in names:
                    refused.append(Refusal(place, f"a Symbol named {found.metadata.name} stands at {names[name]} already"))
                elif spec.symbol in symbols:
                    refused.append(Refusal(place, f"{spec.symbol} stands at {symbols[spec.symbol].place} already"))
                elif wanted != venue != "sim":  # which plays any
                    refused.append(
                        Refusal(place, f"the exchange {wanted} does not run here; start with --exchange {wanted}, or remove it")
                    )
                else:
                    symbols[spec.symbol] = Declared(spec, place)
                names.setdefault(name, place)
        except yaml.MarkedYAMLError as error:
            line = error.problem_mark.line + 1 if error.problem_mark else 1
            refused.append(Refusal(Place(file, line), f"is no YAML: {error.problem or error.context}"))
            complete = False
        except RecursionError:
            refused.append(Refusal(Place(file, 1), "cannot be read (it nests too deeply, or holds itself)"))
            complete = False
        except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
            refused.append(Refusal(Place(file, 1), f"cannot be read ({error})"))
            complete = False
    return Reading(symbols, refused, frozenset(held - symbols.keys()), complete)


class _Document(NamedTuple):
    node: yaml.Node
    data: Any


def _documents(text: str) -> Iterator[_Document]:
    """The documents that are not empty. Raises `yaml.YAMLError`, also for a key that stands twice."""
    loader = yaml.SafeLoader(text)
    try:
        while loader.check_node():
            node = loader.get_node()
            assert node is not None
            _refuse_doubled_keys(node)
            try:
                data = loader.construct_document(node)
            except (yaml.YAMLError, RecursionError):
                raise
            except Exception as error:  # whatever PyYAML's constructors meet in 2001-99-99, !!int '' or !!timestamp x
                why = f"a value is none of its kind{f' ({error})' if isinstance(error, ValueError) else ''}"
                raise yaml.MarkedYAMLError(problem=why, problem_mark=node.start_mark) from None
            if data is not None:
                yield _Document(node, data)
    finally:
        loader.dispose()


def _refuse_doubled_keys(root: yaml.Node) -> None:
    # As the Kubernetes API server does with strict field validation; PyYAML would take the last.
    seen: set[int] = set()  # an alias may lead back to where it stands
    nodes = [root]
    while nodes:
        node = nodes.pop()
        if id(node) in seen:
            continue
        seen.add(id(node))
        if isinstance(node, yaml.SequenceNode):
            nodes.extend(node.value)
        elif isinstance(node, yaml.MappingNode):
            keys: set[str] = set()
            for key, value in node.value:
                if isinstance(key, yaml.ScalarNode):  # no field has another key
                    if key.value in keys:
                        raise yaml.MarkedYAMLError(problem=f"the key {key.value} stands twice", problem_mark=key.start_mark)
                    keys.add(key.value)
                nodes.append(value)


def _declared(file: Path, document: _Document) -> tuple[Place, SymbolManifest | str]:
    """The manifest, at the line of its symbol; or why it is none, at the line of the field that is wrong."""
    try:
        found = manifest(document.data)
    except InvalidManifest as error:
        why, path = _explain(str(error))
        return Place(file, _line(document.node, path)), why
    return Place(file, _line(document.node, ["spec", "symbol"])), found


_AT = re.compile(r" - at `\$\.?(?P<path>.*)`$")
_FIELD = re.compile(r"(?P<kind>unknown|required) field `(?P<field>[^`]+)`")


def _explain(message: str) -> tuple[str, list[str | int]]:
    """msgspec's message as a sentence that names the field, and the field's path."""
    at = _AT.search(message)
    problem = message[: at.start()] if at else message
    path: list[str | int] = []
    for name, index in re.findall(r"([^.\[\]]+)|\[(\d+)\]", at["path"] if at else ""):
        path.append(name or int(index))
    if field := _FIELD.search(problem):
        path.append(field["field"])
        problem = "is unknown" if field["kind"] == "unknown" else "is missing"
    else:
        problem = problem[:1].lower() + problem[1:]
    where = ".".join(map(str, path)) or "the document"
    return f"{where}: {problem}", path


def _line(node: yaml.Node, path: list[str | int]) -> int:
    """The line (from 1) of the innermost part of the path that exists."""
    line = int(node.start_mark.line)
    for part in path:
        found: yaml.Node | None = None
        if isinstance(node, yaml.MappingNode):
            for key, value in node.value:
                if key.value == part:
                    line, found = int(key.start_mark.line), value
        elif isinstance(node, yaml.SequenceNode) and isinstance(part, int) and part < len(node.value):
            found = node.value[part]
            line = int(found.start_mark.line)
        if found is None:
            break
        node = found
    return line + 1


def _legible_symbol(data: Any) -> str:
    """What a refused document calls its symbol, ``-`` if it is of another kind, and empty if that cannot be told."""
    if not isinstance(data, dict):
        return ""
    if data.get("kind", KIND) != KIND:
        return "-"
    spec = data.get("spec")
    symbol = spec.get("symbol") if isinstance(spec, dict) else None
    return symbol if isinstance(symbol, str) else ""
