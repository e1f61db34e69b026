"""Write docs/configuration.md from the commands' options: ``python scripts/configuration.py``; ``--check`` only looks."""

from __future__ import annotations

import importlib
import re
import sys
from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

import click

from rtchart.cli import COMMANDS
from rtchart_operator.command import main as operator

FILE = Path(__file__).parent.parent / "docs" / "configuration.md"
HEAD = """\
<!-- Made from the commands' options by scripts/configuration.py, and held to them by a test. -->

# Configuration

Every option is also an environment variable, which a container is best given; an empty one counts as not given. An option on
the command line comes before the variable. `rtchart COMMAND --help` tells the same.

Passwords belong into the variable or, better, into a file (`…_PASSWORD_FILE`): on the command line everybody on the machine
can read them. None is ever logged.
"""
SHARED = "Of several commands"


class Row(NamedTuple):
    """An option as a command has it."""

    option: str
    variable: str
    default: str
    what: str


def rows(command: click.Command) -> Iterable[Row]:
    """The command's options, in its order; a group's are those of its commands."""
    if isinstance(command, click.Group):
        yield from dict.fromkeys(row for one in command.commands.values() for row in rows(one))
        return
    context = click.Context(command)
    for option in command.params:
        if isinstance(option, click.Option) and isinstance(option.envvar, str):
            record = option.get_help_record(context)
            assert record and option.help
            stated = re.search(r"\s*\[default: (.*)\]$", option.help)
            what = option.help[: stated.start()] if stated else option.help
            if isinstance(option.type, click.Choice):
                what += f" One of {', '.join(f'`{choice}`' for choice in option.type.choices)}."
            if option.multiple:
                what += " In the variable separated by spaces."
            yield Row(record[0].split(" ")[0], option.envvar, stated[1] if stated else _default(option), what)


def _default(option: click.Option) -> str:
    if option.required:
        return "required"
    if isinstance(option.show_default, str):
        return option.show_default
    if option.default is None or option.multiple or callable(option.default):
        return "none"
    if option.is_bool_flag or isinstance(option.default, bool):
        return f"`{str(option.default).lower()}`"
    return (
        f"`{option.default:g}`"
        if isinstance(option.default, float)
        else f"`{option.default}`"
        if str(option.default)
        else "none"
    )


def text() -> str:
    """What the file must hold."""
    programs: dict[str, click.Command] = {
        f"rtchart {name}": importlib.import_module(module).command for name, (module, _) in COMMANDS.items()
    }
    programs["rtchart-operator"] = operator
    commands: dict[Row, list[str]] = defaultdict(list)
    for name, command in programs.items():
        for row in rows(command):
            commands[row].append(name)
    sections: dict[str, list[str]] = {SHARED: []} | {f"`{name}`": [] for name in programs}
    for row, names in commands.items():
        cells = [f"`{row.option}`", f"`{row.variable}`", row.default, row.what]
        if len(names) > 1:
            who = ", ".join(name.removeprefix("rtchart ").removeprefix("rtchart-") for name in names)
            sections[SHARED].append(_line([*cells, who]))
        else:
            sections[f"`{names[0]}`"].append(_line(cells))
    parts = [HEAD]
    for title, lines in sections.items():
        if lines:
            heads = ["option", "variable", "default", "what", *(["commands"] if title == SHARED else [])]
            parts.append("\n".join([f"## {title}\n", _line(heads), _line(["---"] * len(heads)), *lines]) + "\n")
    return "\n".join(parts)


def _line(cells: Iterable[str]) -> str:
    return f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |"


if __name__ == "__main__":
    if "--check" not in sys.argv:
        FILE.write_text(text(), encoding="utf-8")
    elif not FILE.exists() or FILE.read_text(encoding="utf-8") != text():
        sys.exit(f"{FILE} is not what the options say; run: python {sys.argv[0]}")
