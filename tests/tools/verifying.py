"""`rtchart verify` as a person runs it: a process, its exit code, and what it prints."""

from __future__ import annotations

import asyncio
import json
import sys
from asyncio.subprocess import PIPE, Process
from typing import Any

from rtchart.sim.exchange import Address
from rtchart.tools.verify.report import at
from tests.tools import running


class Said(running.Said):
    """What a run ended with."""

    @property
    def objects(self) -> list[dict[str, Any]]:
        """The lines of ``--json``."""
        return [json.loads(line) for line in self.out.splitlines()]

    def found(self, kind: str) -> list[tuple[str, int, int, str]]:
        """Interval, start, end and note of the findings of a kind, of ``--json``."""
        return [(one["interval"], one["start"], one["end"], one["note"]) for one in self.objects if one["kind"] == kind]


async def begin(*arguments: object, database: str, exchange: Address | str, kafka: str, prefix: str = "") -> Process:
    """Start it, with no other settings than these."""
    settings = {
        "database": database,
        "exchange": "sim",
        "exchange_rest": exchange if isinstance(exchange, str) else exchange.rest,
        "kafka": kafka,
        "topic_prefix": prefix,
    }
    command = (sys.executable, "-m", "rtchart", "verify", *map(str, arguments))
    return await asyncio.create_subprocess_exec(*command, env=running.environment(settings), stdout=PIPE, stderr=PIPE)


async def end(process: Process) -> Said:
    """Wait for its end."""
    out, err = await process.communicate()
    assert process.returncode is not None
    return Said(process.returncode, out.decode(), err.decode())


def window(start: int, end: int) -> tuple[str, ...]:
    """The options that compare ``[start, end)`` (ms)."""
    return ("--from", at(start), "--to", at(end))
