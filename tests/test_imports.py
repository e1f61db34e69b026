"""Each command with its own extra's packages and no others, as in its image."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Mapping
from importlib.metadata import packages_distributions, requires

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from rtchart.cli import COMMANDS, extra

# Imports the command's module while everything that is none of these packages is as if it were not installed.
PROGRAM = """
import importlib, sys
from importlib.machinery import PathFinder

allowed, module = {*sys.argv[1].split(","), *sys.stdlib_module_names}, sys.argv[2]

class Image(PathFinder):
    @classmethod
    def find_spec(cls, name, path=None, target=None):
        return super().find_spec(name, path, target) if name.partition(".")[0] in allowed else None

sys.meta_path = [Image if finder is PathFinder else finder for finder in sys.meta_path]
importlib.import_module("rtchart.cli")
importlib.import_module(module)
"""


def closure(name: str, extras: frozenset[str], found: set[tuple[str, frozenset[str]]] | None = None) -> set[str]:
    """The distributions that one with these extras installs, itself included."""
    found = set() if found is None else found
    if (name, extras) not in found:
        found.add((name, extras))
        for text in requires(name) or ():
            requirement = Requirement(text)
            if requirement.marker is None or any(requirement.marker.evaluate({"extra": each}) for each in (*extras, "")):
                closure(canonicalize_name(requirement.name), frozenset(requirement.extras), found)
    return {name for name, _ in found}


@pytest.fixture(scope="module")
def packages() -> Mapping[str, list[str]]:
    """The distributions of each top-level package."""
    return packages_distributions()


MODULES = [(extra(name), module) for name, (module, _) in COMMANDS.items()] + [("operator", "rtchart_operator.command")]
# What a person runs in the operator's image.
MODULES += [("operator", module) for name, (module, _) in COMMANDS.items() if extra(name) in ("store", "tools")]


@pytest.mark.parametrize(("of", "module"), MODULES)
def test_a_command_imports_its_own_extras_packages_only(of: str, module: str, packages: Mapping[str, list[str]]) -> None:
    installed = closure("rtchart", frozenset({of}))
    allowed = {
        package for package, distributions in packages.items() if installed.intersection(map(canonicalize_name, distributions))
    }
    process = subprocess.run(
        [sys.executable, "-c", PROGRAM, ",".join({*allowed, "rtchart", "rtchart_operator"}), module],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert process.returncode == 0, process.stderr


def test_another_commands_packages_are_missed() -> None:
    """That the check above can fail."""
    assert "quart" not in closure("rtchart", frozenset({"producer"}))
    process = subprocess.run(
        [sys.executable, "-c", PROGRAM, "rtchart,click,msgspec", "rtchart.web.command"],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert "No module named" in process.stderr
