"""The services of one machine: each a process, started again when it ends, and stopped in order."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import sys
import time
from asyncio.subprocess import PIPE
from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from io import FileIO
from pathlib import Path

import msgspec

from rtchart.core.errors import UNDECODABLE
from rtchart.local.backoff import Backoff
from rtchart.local.child import Child, end_leftover

log = logging.getLogger(__name__)

_LOG_BYTES = 4 * 1024**2
_SAY_AGAIN = 30.0

Say = Callable[[str], None]
"""Tells the person at the terminal one line."""


@dataclass(frozen=True)
class Service:
    """One ``rtchart COMMAND``. Its options travel in the environment, where passwords are not in the list of processes."""

    command: str
    options: Mapping[str, str] = field(default_factory=dict)
    """``RTCHART_…`` without that prefix."""
    arguments: tuple[str, ...] = ()

    @property
    def environment(self) -> dict[str, str]:
        return {**os.environ, **{f"RTCHART_{name}": value for name, value in self.options.items()}}


class Supervisor:
    """Runs services. ``folder`` is the data folder: logs go to ``logs/NAME.log`` and, from warnings on, to ``say``."""

    def __init__(self, folder: Path, say: Say) -> None:
        self._folder = folder
        self._say = say
        self._kept: dict[str, _Kept] = {}

    async def end_leftovers(self) -> None:
        """End services of an earlier run that outlived a killed supervisor."""
        records = (self._folder / "run").glob("*.pid")
        await asyncio.gather(*(end_leftover(record, within=5) for record in records))

    def start(self, service: Service) -> None:
        """Start the service, and start it again whenever it ends, until `stop`."""
        self._kept[service.command] = _Kept(service, self._folder, self._say)

    def hurry(self) -> None:
        """What services need is there again: start those now that wait to be started."""
        for kept in self._kept.values():
            kept.hurry.set()

    async def stop(self, stages: Sequence[Sequence[str]], *, within: float) -> None:
        """Stop all services: those of a stage together, one stage after the other, each within so many seconds."""
        for stage in stages:
            await _stop([self._kept.pop(name) for name in stage if name in self._kept], within)
        await _stop(self._kept.values(), within)

    def pid(self, command: str) -> int | None:
        """The number of the service's process, while it runs."""
        child = self._kept[command].child
        return None if child is None or child.exit_code is not None else child.pid


async def _stop(kept: Iterable[_Kept], within: float) -> None:
    """Stop these together. One that cannot be stopped in order keeps none of the others from it."""
    for failure in await asyncio.gather(*(each.stop(within) for each in kept), return_exceptions=True):
        if failure is not None:
            log.error("a service was not stopped in order", exc_info=failure)


class _Kept:
    """One service, kept running by a task of its own."""

    def __init__(self, service: Service, folder: Path, say: Say) -> None:
        self.child: Child | None = None
        self.hurry = asyncio.Event()
        self._service = service
        self._say = say
        self._record = folder / "run" / f"{service.command}.pid"
        self._log = BoundedLog(folder / "logs" / f"{service.command}.log", say)
        self._said: dict[str, float] = {}
        self._task = asyncio.create_task(self._keep())

    async def stop(self, within: float) -> None:
        self._task.cancel()
        # How it ended does not matter any more, only that it does not start the service again.
        await asyncio.wait([self._task])
        if self.child is not None:
            drained = asyncio.create_task(self._drain(self.child))
            await self.child.stop(within=within)
            await drained
        self._record.unlink(missing_ok=True)
        self._log.close()

    async def _keep(self) -> None:
        backoff = Backoff()
        while True:
            started = time.monotonic()
            why = await self._run()
            delay = backoff.after(time.monotonic() - started)
            # Whoever told it to hurry while it ran did not mean this wait.
            self.hurry.clear()
            self._say(f"{self._service.command} {why}; starting it again in {delay:g} s ({self._log.path})")
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(delay):
                    await self.hurry.wait()
                    backoff = Backoff()

    async def _run(self) -> str:
        """Run the service until it ends; how that was, in words."""
        try:
            self.child = await Child.start(
                [sys.executable, "-m", "rtchart", self._service.command, *self._service.arguments],
                output=PIPE,
                env=self._service.environment,
                record=self._record,
            )
        except OSError as error:
            return f"cannot be started ({error.strerror})"
        last = await self._drain(self.child)
        code = await self.child.wait()
        why = f"exit code {code}" if code >= 0 else f"signal {-code}"
        return f"ended ({why})" + (f": {last}" if last else "")

    async def _drain(self, child: Child) -> str:
        """Write what it says to the log until it ends; the last line, for its obituary."""
        assert child.output
        rest = b""
        last: deque[str] = deque(maxlen=1)
        while chunk := await child.output.read(65536):
            self._log.write(chunk)
            *lines, rest = (rest[-65536:] + chunk).split(b"\n")
            last.extend(text for line in lines if (text := self._heed(line)))
        return last[0] if last else ""

    def _heed(self, line: bytes) -> str:
        """Tell a warning or an error to the person, the same one each half minute at most. Returns the line's message."""
        try:
            entry = msgspec.json.decode(line, type=_Entry)
        except UNDECODABLE:
            return line.decode(errors="replace").strip()[:300]
        # Libraries' own words stay in the log: what a person must know of them, rtchart says itself.
        if entry.level in ("warning", "error", "critical") and entry.logger.startswith("rtchart"):
            now = time.monotonic()
            if now - self._said.get(entry.message, -_SAY_AGAIN) >= _SAY_AGAIN:
                self._said = {message: at for message, at in self._said.items() if now - at < _SAY_AGAIN}
                self._said[entry.message] = now
                self._say(f"{self._service.command} {entry.level}: {entry.message}")
        return entry.message


class _Entry(msgspec.Struct):
    """What is read of a line of `rtchart.process.logs.JsonFormatter`."""

    level: str
    logger: str
    message: str


class BoundedLog:
    """A file that is appended to; when it is full it becomes NAME.log.1, in place of the one before.

    What cannot be written (a full disk) is lost, which ``say`` is told once: a service is worth more than its log.
    """

    def __init__(self, path: Path, say: Say, limit: int = _LOG_BYTES) -> None:
        self.path = path
        self._say = say
        self._limit = limit
        self._file: FileIO | None = None
        self._failed = False

    def write(self, data: bytes) -> None:
        """Append the bytes; they are in the file when this returns."""
        try:
            self._append(data)
        except OSError as error:
            if not self._failed:
                self._failed = True
                self._say(f"cannot write to {self.path} ({error.strerror}); lines are lost, the service goes on")

    def close(self) -> None:
        if self._file is not None:
            self._file.close()
            self._file = None

    def _append(self, data: bytes) -> None:
        if self._file is not None and self._file.tell() + len(data) > self._limit:
            self.close()
            self.path.replace(self.path.with_suffix(".log.1"))
        if self._file is None:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            # Unbuffered: nothing is left over for a close to fail on.
            self._file = self.path.open("ab", buffering=0)
        self._file.write(data)
