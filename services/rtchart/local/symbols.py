"""What a folder of manifests says, as records of the topic ``rtchart.symbols``, followed while it changes."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from pathlib import Path

import msgspec
import watchfiles

from rtchart.broker.table import Changes, TableWriter
from rtchart.core.kline import Identity
from rtchart.core.symbol import DesiredSymbol, desired
from rtchart.exchange.directory import Directory
from rtchart.local.manifests import Reading, Refusal, read_folder

_LOOK_AGAIN = 5_000
"""Milliseconds after which the folder is read again without a sign of change: some file systems give none."""
_SETTLE = 0.3
"""Seconds that a folder must say the same before a symbol is taken to be removed: editors empty a file and then fill it."""


def changes(
    reading: Reading, current: Mapping[str, DesiredSymbol], *, venue: str, unlisted: Iterable[str], now: int
) -> Changes[DesiredSymbol]:
    """What has to be written so that the topic, which holds ``current``, says what the folder says. Pure.

    A symbol that goes on keeps its epoch; a new one gets ``now`` (ms). ``unlisted`` are symbols that the venue does not know:
    no record is written for them. Ended (None) is what the folder no longer has, if the folder was read as a whole.
    """
    out: Changes[DesiredSymbol] = {}
    kept = {str(Identity(venue, symbol)) for symbol in reading.held}
    for symbol, (spec, place) in reading.symbols.items():
        key = str(Identity(venue, symbol))
        kept.add(key)
        if symbol in unlisted:
            continue
        before = current.get(key)
        epoch = before.epoch if before else now
        record = msgspec.structs.replace(desired(spec, epoch=epoch, name=place.file.name), exchange=venue)
        if record != before:
            out[key] = record
    if reading.complete:
        out.update({key: None for key in current if key not in kept})
    return out


class SymbolFolder:
    """Keeps the topic ``rtchart.symbols`` saying what a folder says.

    ``current`` is what the topic holds at the start. ``refused`` is told each refusal once, with its file and line, and
    ``applied`` what was written.
    """

    def __init__(
        self,
        folder: Path,
        writer: TableWriter[DesiredSymbol],
        listing: Directory,
        *,
        venue: str,
        current: dict[str, DesiredSymbol],
        refused: Callable[[Refusal], None],
        applied: Callable[[Changes[DesiredSymbol]], None],
        clock: Callable[[], int],
    ) -> None:
        self._folder = folder
        self._writer = writer
        self._listing = listing
        self._venue = venue
        self._current = dict(current)
        self._tell_refused = refused
        self._tell_applied = applied
        self._clock = clock
        self._reported: set[Refusal] = set()

    async def apply(self) -> Changes[DesiredSymbol]:
        """Read the folder and write what differs; what was written, when Kafka has acknowledged it."""
        reading, found = await self._read()
        while None in found.values():
            await asyncio.sleep(_SETTLE)
            settled, (reading, found) = reading, await self._read()
            if reading == settled:
                break
        if found:
            await self._writer.put(found)
            self._current = {key: record for key, record in {**self._current, **found}.items() if record is not None}
            self._tell_applied(found)
        return found

    async def follow(self) -> None:
        """Apply the folder now and after each change to it, for ever."""
        async for _ in _changes_of(self._folder):
            await self.apply()

    async def _read(self) -> tuple[Reading, Changes[DesiredSymbol]]:
        reading = await asyncio.to_thread(read_folder, self._folder, venue=self._venue)
        unlisted = await self._listing.unlisted(reading.symbols)
        refused = {
            *reading.refused,
            *(
                Refusal(place, f"spec.symbol: {self._venue} lists no symbol {symbol}")
                for symbol, (_, place) in reading.symbols.items()
                if symbol in unlisted
            ),
        }
        for refusal in sorted(refused - self._reported):
            self._tell_refused(refusal)
        self._reported = refused
        return reading, changes(reading, self._current, venue=self._venue, unlisted=unlisted, now=self._clock())


async def _changes_of(folder: Path) -> AsyncIterator[None]:
    """One item at once, then one for each change of the folder, and every `_LOOK_AGAIN` without one."""
    yield
    async for _ in watchfiles.awatch(folder, recursive=False, rust_timeout=_LOOK_AGAIN, yield_on_timeout=True):
        yield
