"""The command line."""

from __future__ import annotations

import importlib
import re
from collections.abc import Iterator
from typing import Any

import click
import pytest
from click.testing import CliRunner

from rtchart import __version__
from rtchart.cli import COMMANDS, main


def invoke(*arguments: str) -> tuple[int, str]:
    result = CliRunner().invoke(main, list(arguments), prog_name="rtchart")
    return result.exit_code, result.output


def test_version() -> None:
    assert invoke("--version") == (0, f"rtchart, version {__version__}\n")


def test_help_lists_every_command_without_loading_one() -> None:
    code, text = invoke("--help")
    assert code == 0
    for name, (_, summary) in COMMANDS.items():
        assert re.search(rf"^  {name} +{re.escape(summary.split('.')[0][:30])}", text, re.MULTILINE)


@pytest.mark.parametrize("name", COMMANDS)
def test_each_command_explains_itself(name: str) -> None:
    code, text = invoke(name, "--help")
    assert code == 0
    assert text.startswith(f"Usage: rtchart {name} ")


def options(command: click.Command) -> Iterator[click.Option]:
    """The command's; a group's are those of its commands."""
    if isinstance(command, click.Group):
        for each in command.commands.values():
            yield from options(each)
    for parameter in command.params:
        if not isinstance(parameter, click.Argument):
            assert isinstance(parameter, click.Option)
            yield parameter


@pytest.mark.parametrize("name", COMMANDS)
def test_each_option_is_an_environment_variable_of_its_name(name: str) -> None:
    found = list(options(importlib.import_module(COMMANDS[name][0]).command))
    assert found
    for option in found:
        assert option.help
        if option.name not in ("help", "version"):
            assert option.name and option.envvar == f"RTCHART_{option.name.upper()}"


def test_an_unknown_command_is_refused() -> None:
    code, text = invoke("nonsense")
    assert code == 2 and "No such command 'nonsense'" in text


def test_a_service_whose_packages_are_missing_says_which_extra_brings_them(monkeypatch: pytest.MonkeyPatch) -> None:
    real = importlib.import_module

    def without(name: str, package: str | None = None) -> Any:
        if name == "rtchart.web.command":
            raise ModuleNotFoundError("No module named 'quart'", name="quart")
        return real(name, package)

    monkeypatch.setattr(importlib, "import_module", without)
    code, text = invoke("web")
    assert (code, text) == (
        1,
        "Error: `rtchart web` needs the package 'quart', which is not installed; install it with: pip install 'rtchart[web]'\n",
    )


def test_a_defect_of_ours_is_not_taken_for_a_missing_package(monkeypatch: pytest.MonkeyPatch) -> None:

    monkeypatch.setitem(COMMANDS, "up", ("rtchart.local.absent", ""))
    result = CliRunner().invoke(main, ["up"])
    assert isinstance(result.exception, ModuleNotFoundError)
