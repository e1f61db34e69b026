"""What goes wrong when: scripts of faults in YAML, and the director that has them begin and end on the market's time.

    faults:
      - {at: 60, fault: disconnect}                                    # a minute after the start
      - {at: 120, for: 30, fault: mute, symbols: [BTCUSDT]}            # for half a minute
      - {at: 300, for: 10, every: 600, fault: rest_status, status: 503}  # and again every ten minutes

Times are seconds of the market. What a fault takes besides is in docs/faults.md.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence
from functools import partial
from itertools import count
from pathlib import Path
from typing import Annotated, Any

import msgspec
import yaml

from rtchart.core.errors import UserError
from rtchart.core.interval import SECOND
from rtchart.process.logs import fields
from rtchart.sim.catalogue import fault
from rtchart.sim.catalogue.fault import Fault
from rtchart.sim.clock import Clock
from rtchart.sim.faults import Faults, Undo

log = logging.getLogger(__name__)


_LONGEST = 366 * 24 * 3600.0
Moment = Annotated[float, msgspec.Meta(ge=0, le=_LONGEST)]
Length = Annotated[float, msgspec.Meta(ge=0.001, le=_LONGEST)]


class Step(msgspec.Struct, frozen=True, forbid_unknown_fields=True, rename={"lasts": "for"}):
    """When a fault begins, and how long it lasts. Seconds of the market."""

    at: Moment = 0.0
    """After the start."""
    lasts: Length | None = None
    """None: for ever, of what can last."""
    every: Length | None = None
    """It begins again so long after its last beginning; None: it does not."""


Script = Sequence[tuple[Step, Fault]]


def read(path: Path) -> Script:
    """The script in a YAML (or JSON) file. Raises `UserError`."""
    try:
        written = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "it is no text"
        raise UserError(f"cannot read the script {path} ({why}); correct the path") from None
    except yaml.YAMLError as error:
        raise UserError(f"{path} is no YAML: {' '.join(str(error).split())}") from None
    if not isinstance(written, dict) or set(written) != {"faults"} or not isinstance(written["faults"], list):
        raise UserError(f"{path} is no script; it has one key, `faults`, with a list of them")
    return [step(entry, f"{path}, fault {number}") for number, entry in enumerate(written["faults"], 1)]


def step(written: Any, where: str) -> tuple[Step, Fault]:
    """A step and its fault, from one flat object. Raises `UserError`, which says ``where`` it was written."""
    if not isinstance(written, dict):
        raise UserError(f"{where} is no object; write one like {{at: 60, for: 10, fault: mute}}")
    timing = {key: value for key, value in written.items() if key in ("at", "for", "every")}
    try:
        when = msgspec.convert(timing, Step)
    except msgspec.ValidationError as error:
        raise UserError(f"{where}: {error}; `at`, `for` and `every` are seconds") from None
    return when, fault({key: value for key, value in written.items() if key not in timing}, where)


class Running(msgspec.Struct, frozen=True):
    """A fault that has begun and not ended."""

    id: int
    fault: dict[str, Any]
    since: int
    """Market time (ms)."""
    until: int | None
    """Market time (ms); None: until somebody ends it."""


class Director:
    """Has faults begin and end. An async context manager; at its end all of them end."""

    def __init__(self, faults: Faults, clock: Clock) -> None:
        self._faults = faults
        self._clock = clock
        self._numbers = count(1)
        self._running: dict[int, tuple[Running, Undo]] = {}
        self._waiting: set[asyncio.Task[None]] = set()

    @property
    def running(self) -> list[Running]:
        """What goes wrong now, in the order it began."""
        return [running for running, _ in self._running.values()]

    def begin(self, fault: Fault, lasts: float | None = None) -> int:
        """Let it go wrong, for so many seconds of the market or until `end`, or once, if it is of that kind; its number.

        Raises `UserError` for a symbol that is not listed.
        """
        since = self._clock.now()
        until = None if lasts is None else since + round(lasts * SECOND)
        for symbol in getattr(fault, "symbols", ()):  # before anything is done: it is done to all of them or to none
            if symbol not in self._faults.symbols:
                raise UserError(f"{symbol} is not listed here; name symbols that the exchange has, in `symbols`")
        undo = fault.begin(self._faults, self.later)
        number = next(self._numbers)
        written = msgspec.to_builtins(fault)
        log.warning("a fault begins: %s", written["fault"], extra=fields(id=number, lasts_s=lasts, **written))
        if until is None and fault.ONCE:
            undo()
            return number
        self._running[number] = Running(number, written, since, until), undo
        if until is not None:
            self.later(until - since, partial(self._end, number))
        return number

    def end(self, number: int) -> bool:
        """Take the fault back; whether there was one of this number."""
        there = number in self._running
        self._end(number)
        return there

    def _end(self, number: int) -> None:
        if number in self._running:
            running, undo = self._running.pop(number)
            undo()
            log.warning("a fault is over: %s", running.fault["fault"], extra=fields(id=number))

    def end_all(self) -> int:
        """Take back all of them; how many there were."""
        numbers = list(self._running)
        return sum(map(self.end, numbers))

    def later(self, ms: int, function: Undo) -> Undo:
        """Call it so many ms of the market from now; what is returned takes that back."""
        return self._at(self._clock.now() + ms, function)

    def play(self, script: Script) -> None:
        """Have the script's faults begin and end, counted from now."""
        start = self._clock.now()
        for when, what in script:
            self._play(when, what, start + round(when.at * SECOND))

    def _play(self, when: Step, fault: Fault, time: int) -> None:
        def begin() -> None:
            if when.every is not None:
                # Counted from when it should have begun, and those that a sleeping machine missed are left out.
                every = max(1, round(when.every * SECOND))
                self._play(when, fault, time + every * (1 + max(0, self._clock.now() - time) // every))
            try:
                self.begin(fault, when.lasts)
            except UserError as error:
                log.error("a fault of the script did not begin: %s", error)

        self._at(time, begin)

    def _at(self, time: int, function: Callable[[], None]) -> Undo:
        async def wait() -> None:
            await self._clock.sleep_until(time)
            function()

        task = asyncio.get_running_loop().create_task(wait())
        self._waiting.add(task)
        task.add_done_callback(self._waiting.discard)

        def cancel() -> None:
            task.cancel()

        return cancel

    async def __aenter__(self) -> Director:
        return self

    async def __aexit__(self, *_: object) -> None:
        self.end_all()
        waiting = list(self._waiting)
        for task in waiting:
            task.cancel()
        await asyncio.gather(*waiting, return_exceptions=True)
