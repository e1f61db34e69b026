"""A server process that this process owns: it has a group of its own, and ends when this process does, however that ends."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sys
from asyncio.subprocess import DEVNULL, STDOUT, Process
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO

import psutil

_TETHER = Path(__file__).with_name("tether.py")


class Child:
    """A running program. Make one with `Child.start`."""

    def __init__(self, process: Process) -> None:
        self._process = process

    @classmethod
    async def start(
        cls,
        command: Sequence[str | Path],
        *,
        output: int | IO[bytes] = DEVNULL,
        env: Mapping[str, str] | None = None,
        cwd: Path | None = None,
        user: tuple[int, int] | None = None,
        death_signal: signal.Signals = signal.SIGTERM,
        record: Path | None = None,
    ) -> Child:
        """Start the command with both outputs to ``output`` (a file, or ``asyncio.subprocess.PIPE``).

        ``user`` is (uid, gid) to run as; only root can choose. ``death_signal`` reaches it when this process has died. In
        the file ``record`` its number is kept for `end_leftover`. The calling thread must live as long as the child: Linux
        takes its end for the parent's.
        """
        uid, gid = user or (-1, -1)
        tether = [sys.executable, "-I", "-S", _TETHER, os.getpid(), int(death_signal), uid, gid]
        process = await asyncio.create_subprocess_exec(
            *(str(part) for part in (*tether, *command)),
            stdin=DEVNULL,
            stdout=output,
            stderr=STDOUT,
            env=env,
            cwd=cwd,
            # A group of its own: Ctrl-C reaches the supervisor alone, which stops its children in order.
            start_new_session=True,
        )
        if record:
            _write_record(record, process.pid)
        return cls(process)

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def exit_code(self) -> int | None:
        """None while it runs; negative: the number of the signal that ended it."""
        return self._process.returncode

    @property
    def output(self) -> asyncio.StreamReader | None:
        """What it writes, if it was started with a pipe."""
        return self._process.stdout

    async def wait(self) -> int:
        """The exit code, when it has ended."""
        return await self._process.wait()

    async def finish(self) -> int:
        """The exit code of a program that ends by itself. Whoever is cancelled while waiting for it ends it."""
        try:
            return await self.wait()
        except BaseException:
            await self.stop(within=1.0)
            raise

    async def stop(self, number: signal.Signals = signal.SIGTERM, *, within: float) -> None:
        """Ask it to end with the signal; after ``within`` seconds kill it with all that it started."""
        with contextlib.suppress(ProcessLookupError):
            self._process.send_signal(number)
        try:
            async with asyncio.timeout(within):
                await self.wait()
        except TimeoutError:
            pass
        finally:
            # What the program itself started and left behind is in its group.
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self.pid, signal.SIGKILL)
            await self.wait()


async def end_leftover(record: Path, number: signal.Signals = signal.SIGTERM, *, within: float) -> None:
    """End the child of an earlier run that was recorded there, if it still runs.

    On Linux it is ending already, because its parent has died; elsewhere it is not.
    """
    process = _recorded(record)
    if process is not None:
        with contextlib.suppress(psutil.NoSuchProcess, psutil.AccessDenied):
            process.send_signal(number)
            try:
                # Not a child of ours: its end can only be polled, in a thread.
                await asyncio.to_thread(process.wait, within)
            except psutil.TimeoutExpired:
                process.kill()
                await asyncio.to_thread(process.wait, within)


def _write_record(record: Path, pid: int) -> None:
    # On a full disk there is none: the child matters more, and where Linux ends leftovers nobody looks for it.
    with contextlib.suppress(psutil.NoSuchProcess, OSError):
        record.parent.mkdir(exist_ok=True)
        record.write_text(f"{pid} {psutil.Process(pid).create_time()!r}")


def _recorded(record: Path) -> psutil.Process | None:
    """The process that the record names, if its number is not another program's by now."""
    try:
        pid, created = record.read_text().split()
        process = psutil.Process(int(pid))
        return process if process.create_time() == float(created) else None
    except (FileNotFoundError, ValueError, psutil.NoSuchProcess, psutil.AccessDenied):
        return None
