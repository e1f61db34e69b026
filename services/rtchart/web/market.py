"""Every symbol's live state, by Kafka key: where each record of ``rtchart.klines`` goes."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from rtchart.core.gap import Gap
from rtchart.core.interval import SECOND
from rtchart.core.kline import Identity, Kline
from rtchart.core.messages import Absent, GapOpened, KlineMessage, Listing
from rtchart.web.catalog import Catalog
from rtchart.web.gaps import OpenGaps
from rtchart.web.live import LiveSymbol
from rtchart.web.tickers import DayWindow

if TYPE_CHECKING:
    from rtchart.web.channel import Channel
    from rtchart.web.tracing import Telling

MAX_SYMBOLS = 10_000
"""Symbols kept; records of more are not looked at."""


class Entry:
    """One symbol's live state, and who looks at it."""

    __slots__ = ("channels", "epoch", "gaps", "identity", "key", "live", "looked_at", "window")

    def __init__(self, identity: Identity, epoch: int) -> None:
        self.identity = identity
        self.key = str(identity).encode()
        self.epoch = epoch
        """Seconds of an older life of the symbol are dropped."""
        self.live = LiveSymbol(identity)
        self.window = DayWindow()
        self.gaps = OpenGaps()
        self.channels: dict[str, Channel] = {}
        """By interval, while somebody is subscribed."""
        self.looked_at = 0
        """When its candles were last asked for (ms)."""


class Market:
    """All symbols. ``changed``, ``moved``, ``traced`` and ``gap_changes`` collect what came since they were last emptied."""

    def __init__(self, catalog: Catalog) -> None:
        self._catalog = catalog
        self._entries: dict[bytes, Entry] = {}
        self.changed: dict[Entry, list[Kline]] = {}
        """New seconds of the symbols that somebody looks at."""
        self.moved: set[Entry] = set()
        """Symbols with a new second."""
        self.traced: dict[Entry, list[Telling]] = {}
        """Those of the new seconds that are traced."""
        self.gap_changes: list[tuple[Entry, Gap]] = []
        """Gaps that opened or ended."""

    def __len__(self) -> int:
        return len(self._entries)

    def __iter__(self) -> Iterator[Entry]:
        return iter(list(self._entries.values()))

    def entry(self, identity: Identity) -> Entry:
        """The symbol's entry, made if need be."""
        key = str(identity).encode()
        entry = self._entries.get(key)
        if entry is None:
            entry = self._entries[key] = Entry(identity, self._catalog.oldest_epoch(identity))
        return entry

    def get(self, identity: Identity) -> Entry | None:
        return self._entries.get(str(identity).encode())

    def price(self, identity: Identity) -> str | None:
        """Of the symbol's newest second."""
        entry = self.get(identity)
        return entry.live.newest.close if entry is not None and entry.live.newest is not None else None

    def drop(self, identity: Identity) -> Entry | None:
        """The symbol is no longer asked for: forget what is live of it. The entry that it had."""
        entry = self._entries.pop(str(identity).encode(), None)
        if entry is not None:
            self.moved.discard(entry)
            self.changed.pop(entry, None)
            self.traced.pop(entry, None)
        return entry

    def refresh_epochs(self) -> None:
        """The catalog changed."""
        for entry in self._entries.values():
            entry.epoch = self._catalog.oldest_epoch(entry.identity)

    def take(self, key: bytes | None, message: KlineMessage) -> bool:
        """Take a record. Whether it brings a second that is new, or newer than what there was."""
        entry = self._entries.get(key or b"")
        if entry is None:
            if len(self._entries) >= MAX_SYMBOLS or message.epoch < self._catalog.oldest_epoch(message.identity):
                return False
            entry = self.entry(message.identity)
        if message.epoch < entry.epoch:
            return False
        if type(message) is Kline:
            if not entry.live.add(message):
                if entry.gaps:  # sealed long ago, but it may be the last that was missing
                    self._came(entry, message)
                return False
            self.moved.add(entry)
            if entry.channels:
                seconds = self.changed.get(entry)
                if seconds is None:
                    self.changed[entry] = [message]
                else:
                    seconds.append(message)
            if entry.gaps:
                self._came(entry, message)
            return True
        self._note(entry, message)
        return False

    def trace(self, key: bytes | None, telling: Telling) -> None:
        """The second that was just taken is traced; if somebody looks at it, there will be a socket that it is sent to."""
        entry = self._entries.get(key or b"")
        if entry is not None and entry in self.changed:
            self.traced.setdefault(entry, []).append(telling)

    def _came(self, entry: Entry, kline: Kline) -> None:
        now = max(kline.version, kline.open_time + SECOND)
        self.gap_changes += [(entry, gap) for gap in entry.gaps.came(kline.open_time, now)]

    def _note(self, entry: Entry, message: KlineMessage) -> None:
        match message:
            case GapOpened():
                if (gap := entry.gaps.opened(message)) is not None:
                    self.gap_changes.append((entry, gap))
            case Absent():
                self.gap_changes += [(entry, gap) for gap in entry.gaps.absent(message)]
            case Listing():
                self._catalog.listing(message)
