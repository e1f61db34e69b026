"""This machine, or container."""

from __future__ import annotations

import asyncio
import resource
import shutil
import sys
from functools import partial
from pathlib import Path

from rtchart.tools.doctor.findings import Finding, bounded, failed, ok, skipped, warning

FILES = 4_096
"""Open files that the web server needs for its usual number of sockets."""
FREE_WARN, FREE_FAIL = 5_000, 500
"""Megabytes on the disk of the data folder."""

_PYTHONS = (3, 11), (3, 14)
_CLOCK_TOOLS = (("chronyc", "-c", "tracking"), ("timedatectl", "show", "--property=NTPSynchronized", "--value"))


async def examine(data_dir: Path, *, patience: float) -> list[Finding]:
    """Look at what a service takes from the machine that it runs on."""
    findings = [
        judge_python(sys.version_info[:2], sys.version.split()[0]),
        judge_files(resource.getrlimit(resource.RLIMIT_NOFILE)[0]),
    ]
    findings += await bounded(
        "disk", partial(_disk, data_dir), patience=patience, advice="See whether its file system answers."
    )
    return findings + await bounded("machine's clock", _clock, patience=patience, advice="See what holds up chronyc.")


def judge_python(version: tuple[int, int], text: str) -> Finding:
    """Those that rtchart is tested with."""
    first, beyond = _PYTHONS
    if first <= version < beyond:
        return ok("python", version=text)
    return warning("python", f"is not one of 3.{first[1]} to 3.{beyond[1] - 1}", "Install one of these.", version=text)


def judge_files(limit: int) -> Finding:
    """The limit that a process started from here gets."""
    if limit == resource.RLIM_INFINITY:
        return ok("open files", limit="unlimited")
    if limit < FILES:
        return warning(
            "open files", "is little for a web server: each socket is one", f"Raise it: ulimit -n {FILES} or more.", limit=limit
        )
    return ok("open files", limit=limit)


def judge_disk(data_dir: Path, free: int) -> Finding:
    """Room for what `rtchart up` keeps; ``free`` is bytes."""
    megabytes = free // 1_000_000
    if megabytes >= FREE_WARN:
        return ok(f"disk of {data_dir}", free_mb=megabytes)
    say = failed if megabytes < FREE_FAIL else warning
    return say(
        f"disk of {data_dir}",
        "is nearly full",
        "Make room, or let symbols keep less (klineHours, candleDays).",
        free_mb=megabytes,
    )


def judge_clock(tool: str, said: str) -> Finding | None:
    """What a tool says of the clock's synchronization; None where that says nothing."""
    word = said.strip().split(",")[-1]
    if word in ("Normal", "Insert second", "Delete second", "yes"):
        return ok("machine's clock", f"is kept, says {tool}")
    if word in ("Not synchronised", "no"):
        return warning("machine's clock", f"is not kept, says {tool}", "Have it kept: timedatectl set-ntp true, or chrony.")
    return None


async def _disk(data_dir: Path) -> list[Finding]:
    try:
        usage = await asyncio.to_thread(shutil.disk_usage, data_dir)
    except FileNotFoundError:
        return [skipped("disk", f"there is no folder {data_dir}: --data-dir")]
    return [judge_disk(data_dir, usage.free)]


async def _clock() -> list[Finding]:
    """The first tool's word that means something. Where none can be asked, nothing is said."""
    for tool, *arguments in _CLOCK_TOOLS:
        try:
            process = await asyncio.create_subprocess_exec(
                tool, *arguments, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.DEVNULL
            )
        except OSError:
            continue
        try:
            output, _ = await process.communicate()
        finally:
            if process.returncode is None:
                process.kill()
        if process.returncode == 0 and (finding := judge_clock(tool, output.decode(errors="replace"))):
            return [finding]
    return []
