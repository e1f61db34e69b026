"""Starting the real services as processes, for benchmarks that measure across them."""

from __future__ import annotations

import asyncio
import os
import sys
import urllib.error
import urllib.request
from asyncio.subprocess import Process
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path


@asynccontextmanager
async def running(log: Path, *arguments: str, ready: str | None = None, within: float = 60) -> AsyncIterator[Process]:
    """``python ARGUMENTS`` as a process, given over when the URL ``ready`` answers 200; ended by SIGTERM."""
    async with started(log, sys.executable, *arguments, ready=ready, within=within) as process:
        yield process


@asynccontextmanager
async def started(log: Path, *command: str, ready: str | None = None, within: float = 60) -> AsyncIterator[Process]:
    """… and any other program."""
    with log.open("ab") as output:
        process = await asyncio.create_subprocess_exec(*command, stdout=output, stderr=output)
    try:
        if ready:
            async with asyncio.timeout(within):
                while not await asyncio.to_thread(_answers, ready):
                    if process.returncode is not None:
                        raise RuntimeError(f"{' '.join(command)} ended with {process.returncode}; see {log}")
                    await asyncio.sleep(0.1)
        yield process
    finally:
        if process.returncode is None:
            process.terminate()
            async with asyncio.timeout(20):
                await process.wait()


def _answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=2) as answer:
            return bool(answer.status == 200)
    except (OSError, urllib.error.URLError):
        return False


def cpu_seconds(pid: int | str) -> float:
    """CPU time that a process (``"self"``: this one) used so far, user and system, in seconds."""
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
