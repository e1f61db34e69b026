"""What the embedded engines share: a child in a folder of its own, its log, and waiting until it serves."""

from __future__ import annotations

import asyncio
import signal
import time
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable
from pathlib import Path
from types import TracebackType
from typing import NoReturn, Self

from rtchart.core.errors import UserError
from rtchart.local.backoff import Backoff
from rtchart.local.child import Child

_LOG_BYTES = 4 * 1024**2
"""A log that is longer at the start becomes NAME.log.1 (in place of an older one)."""


class Engine(ABC):
    """A server of somebody else's making, in a folder that outlives it; `start` and `stop` it, or use ``async with``."""

    name: str
    title: str
    """For people."""
    stop_signal = signal.SIGTERM

    def __init__(self, folder: Path, *, log: Path | None = None) -> None:
        self.folder = folder.absolute()
        self.log = (log or folder / f"{self.name}.log").absolute()
        self.child: Child | None = None
        self._record = self.folder / f"{self.name}.pid"

    @abstractmethod
    async def start(self) -> Self:
        """Start it, the first time with an empty folder, and return when it serves. Raises `UserError`."""

    async def stop(self, *, within: float = 4.0) -> None:
        """End it; does nothing when it does not run.

        After ``within`` seconds it is killed: what it had acknowledged is safe then too, only its next start is slower.
        """
        await self._end_child(within)

    async def _end_child(self, within: float = 4.0) -> None:
        """What a start that failed takes back: where clients look for the engine stays, because they are not told anew."""
        if self.child is not None:
            await self.child.stop(self.stop_signal, within=within)
            self.child = None
            self._record.unlink(missing_ok=True)

    async def keep(self, say: Callable[[str], None], started_again: Callable[[], None], backoff: Backoff) -> NoReturn:
        """Start the engine again, as often as it takes, whenever it ends by itself; ``say`` is told why."""
        while True:
            assert self.child is not None
            started = time.monotonic()
            why = f"ended (exit code {await self.child.wait()})"
            delay = backoff.after(time.monotonic() - started)
            while why:
                say(f"{self.title} {why}; starting it again in {delay:g} s ({self.log})")
                await asyncio.sleep(delay)
                try:
                    await self.start()
                    why = ""
                    started_again()
                except (UserError, OSError) as error:
                    why = f"cannot be started: {error}"
                    delay = backoff.after(0)

    async def __aenter__(self) -> Self:
        try:
            return await self.start()
        except BaseException:
            await self.stop()
            raise

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.stop()

    def make_folder(self, *names: str) -> None:
        """Make the folder and those in it. Raises `UserError`."""
        try:
            for path in (self.folder, *(self.folder / name for name in names), self.log.parent):
                path.mkdir(parents=True, exist_ok=True)
            if self.log.exists() and self.log.stat().st_size > _LOG_BYTES:
                self.log.replace(self.log.with_suffix(".log.1"))
            self.log.touch()
        except OSError as error:
            raise UserError(
                f"cannot write to {error.filename or self.folder} ({error.strerror}); "
                "make it writable or choose another folder with --data-dir"
            ) from None

    async def until_ready(self, ready: Callable[[], Awaitable[bool]], *, within: float) -> None:
        """Return when ``ready()`` says so. If the child ends before, or ``within`` seconds pass: end it, raise `UserError`."""
        assert self.child is not None
        try:
            async with asyncio.timeout(within):
                while not await ready():
                    if self.child.exit_code is not None:
                        raise self._failed(f"ended at once with exit code {self.child.exit_code}")
                    # Its being ready is a fact of another process that tells nobody.
                    await asyncio.sleep(0.02)
        except TimeoutError:
            await self._end_child()
            raise self._failed(f"does not answer after {within:.0f} s") from None
        except BaseException:
            await self._end_child()
            raise

    def last_line(self) -> str:
        """What its log says last."""
        lines = [line for line in self.log.read_text(errors="replace").splitlines() if line.strip()]
        return lines[-1].strip()[:400] if lines else "it wrote nothing"

    def _failed(self, what: str) -> UserError:
        return UserError(f"the embedded {self.name} {what}: {self.last_line()} (more in {self.log})")
