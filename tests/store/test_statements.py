"""What comes from elsewhere goes to PostgreSQL as a parameter: no statement is put together of it."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

import rtchart.store

FILES = sorted(Path(rtchart.store.__file__).parent.rglob("*.py"))

HELPERS = {"_prefixed"}
OURS = {
    ("history.py", "page.order"): "ASC or DESC",
    ("become.py", "role"): "of ROLES",
    ("roles.py", "role"): "of ROLES",
    ("roles.py", "scram_verifier(passwords[role])"): "base64: ALTER ROLE takes no parameter",
    ("retention.py", "table"): "written where it is called",
    ("retention.py", "key"): "written where it is called",
    ("retention.py", "name"): "a partition's name from the catalog, in quotes",
    ("expired.py", "rows"): "a number, for LIMIT",
    ("retention.py", "condition"): "written where it is called, with parameters in it",
}
"""What is put into statements that is no constant, and why it is ours all the same."""


def inserted(tree: ast.AST) -> Iterator[ast.expr]:
    """What f-strings that are statements have in their braces; other ways to put text together are refused."""
    for node in ast.walk(tree):
        if isinstance(node, ast.JoinedStr) and _is_statement(_text(node)):
            yield from (part.value for part in node.values if isinstance(part, ast.FormattedValue))
        elif isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add | ast.Mod):
            sides = [side for side in (node.left, node.right) if isinstance(side, ast.Constant | ast.JoinedStr)]
            assert not any(_is_statement(_text(side)) for side in sides), ast.unparse(node)


def _text(node: ast.expr) -> str:
    if isinstance(node, ast.JoinedStr):
        return "".join(_text(part) for part in node.values)
    return str(node.value) if isinstance(node, ast.Constant) and isinstance(node.value, str) else ""


def _is_statement(text: str) -> bool:
    verbs = ("SELECT", "INSERT", "UPDATE", "DELETE", "WITH", "CREATE", "ALTER", "DROP", "GRANT", "COPY", "TRUNCATE", "SET")
    return text.lstrip().startswith(tuple(f"{verb} " for verb in verbs))


def _is_constant(value: ast.expr) -> bool:
    """Whether all names in it are in capitals, or made of such by a comprehension or a helper."""
    names = [node for node in ast.walk(value) if isinstance(node, ast.Name)]
    bound = {name.id for name in names if isinstance(name.ctx, ast.Store)}
    return all(name.id.isupper() or name.id in bound | HELPERS for name in names)


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.name)
def test_a_statement_is_ours_to_the_letter(file: Path) -> None:
    found = [value for value in inserted(ast.parse(file.read_text(encoding="utf-8"))) if not _is_constant(value)]
    assert [ast.unparse(value) for value in found if (file.name, ast.unparse(value)) not in OURS] == []


def test_every_exception_is_one() -> None:
    names = {
        (file.name, ast.unparse(value)) for file in FILES for value in inserted(ast.parse(file.read_text(encoding="utf-8")))
    }
    assert OURS.keys() <= names
