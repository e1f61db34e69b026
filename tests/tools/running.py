"""A command in a process of its own, as a person runs it."""

from __future__ import annotations

import asyncio
import os
import sys
from asyncio.subprocess import PIPE
from collections.abc import Mapping
from typing import NamedTuple


class Said(NamedTuple):
    """How a command ended, and what it said."""

    code: int
    out: str
    err: str


def environment(options: Mapping[str, str]) -> dict[str, str]:
    """What a command runs in that has these options, by their names, and no others from where the tests run."""
    others = {name: value for name, value in os.environ.items() if not name.startswith("RTCHART_")}
    return others | {f"RTCHART_{name.upper()}": value for name, value in options.items()}


class Tool:
    """``rtchart COMMAND`` with options from the environment, and no terminal."""

    def __init__(self, command: str, **options: str) -> None:
        self._command = command
        self._options = options

    async def __call__(self, *arguments: str, answer: str = "", **options: str | None) -> Said:
        """Run it; ``options`` stand in the place of its own, None takes one away, ``answer`` is typed."""
        given = {name: value for name, value in {**self._options, **options}.items() if value is not None}
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "rtchart", self._command, *arguments),
            env=environment(given),
            stdin=PIPE,
            stdout=PIPE,
            stderr=PIPE,
        )
        out, err = await process.communicate(answer.encode())
        assert process.returncode is not None
        return Said(process.returncode, out.decode(), err.decode())
