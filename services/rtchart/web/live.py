"""What is on screen before the database knows it: one symbol's seconds, folded into the candles that somebody looks at.

The truth about the newest minutes is a map of open time to kline, so that late, doubled and corrected seconds need no
special case. Everything larger is folded from it when it is asked for, along the chain second → 1m → 1h → 1d → all others.
What was stored joins as parts (`LiveSymbol.load`, `LiveSymbol.revise`): of a stored candle and a folded one of the same
period the one with more received seconds counts, between equals the stored one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

import msgspec

from rtchart.core.candle import Candle, Fold, fold, of_second
from rtchart.core.interval import DAY, HOUR, INTERVALS, MINUTE, MINUTES, SECOND, Interval
from rtchart.core.kline import Identity, Kline

LATE = 45 * SECOND
"""How long after a minute's end its seconds are kept; a second that comes later arrives as a revision."""

SETTLED = 5 * SECOND
"""The same for a minute that has all its seconds: at 1,500 symbols a minute of klines is 80 MB."""

WHOLE = MINUTE // SECOND

GRACE = 1_500
"""A period counts as closed this long (ms) after its end, when its last second did not come."""

UNSTORED = 120
"""Closed minutes kept per symbol that nobody looks at, until their revision says that they are stored."""

HOURS, DAYS = INTERVALS["1h"], INTERVALS["1d"]
_CHAIN = {"1m": MINUTES, "1h": HOURS, "1d": DAYS}
_KEPT_DAYS = 40 * DAY


_KEPT: dict[str, Callable[[int], int]] = {
    "1m": lambda now: HOURS.open_time(now) - HOUR,
    "1h": lambda now: DAYS.open_time(now) - DAY,
    "1d": lambda now: now - _KEPT_DAYS,
}
"""Of the chain, from when on parts are kept at a time ``now`` (ms)."""


def child_of(interval: Interval) -> Interval:
    """Of the chain, what the live candles of an interval above 1m are folded from."""
    if interval.length and interval.length <= HOUR:
        return MINUTES
    return HOURS if interval.length and interval.length <= DAY else DAYS


def better(stored: Candle | None, folded: Candle | None) -> Candle | None:
    """Which of two candles of one period counts: the one with more received seconds, between equals the stored one."""
    if stored is None or folded is None:
        return stored or folded
    if folded.received > stored.received:
        return msgspec.structs.replace(folded, revision=stored.revision)
    return stored


class LiveSymbol:
    """One symbol. Cheap while nobody looks: a second is put into a map, and its minute folded once."""

    __slots__ = ("_folded", "_folds", "_open_minutes", "_parts", "_prefixes", "_sealed", "identity", "loaded", "newest")

    def __init__(self, identity: Identity) -> None:
        self.identity = identity
        self.newest: Kline | None = None
        """The second with the latest open time."""
        self.loaded: Interval | None = None
        """The largest of the chain whose stored parts were loaded; None while nobody looks."""
        self._open_minutes: dict[int, dict[int, Kline]] = {}
        self._folds: dict[int, Fold] = {}
        self._folded: dict[int, Candle] = {}
        self._parts: dict[str, dict[int, Candle]] = {name: {} for name in _CHAIN}
        self._prefixes: dict[str, tuple[int, int, Candle | None]] = {}
        self._sealed = 0

    def add(self, kline: Kline) -> bool:
        """Take a second; whether it changed anything."""
        time = kline.open_time
        minute = time - time % MINUTE
        seconds = self._open_minutes.get(minute)
        if seconds is None:
            if minute < self._sealed:
                return False
            seconds = self._open_minutes[minute] = {}
        held = seconds.get(time)
        if held is not None:
            if kline.version <= held.version:
                return False
            seconds[time] = kline
            if held is self.newest:
                self.newest = kline
            if held.content == kline.content:
                return False
            self._folds.pop(minute, None)
            self._folded.pop(minute, None)
            self._prefixes.clear()
            return True
        seconds[time] = kline
        self._folded.pop(minute, None)
        if self.newest is None or time > self.newest.open_time:
            self.newest = kline
        else:
            running = self._folds.get(minute)
            if running is not None and time < running.last:
                del self._folds[minute]
            self._prefixes.clear()
        return True

    def candle(self, interval: Interval, open_time: int, now: int) -> Candle | None:
        """The candle of the period that opens at ``open_time``, of all that is known here; None of nothing."""
        if interval is MINUTES:
            end = open_time + MINUTE
            candle = self._minute(open_time)
        elif interval.length == SECOND:
            kline = self._open_minutes.get(open_time - open_time % MINUTE, {}).get(open_time)
            return None if kline is None else of_second(kline)
        else:
            end = interval.next_open(open_time)
            candle = self._whole(interval, open_time, end)
        if candle is None:
            return None
        newest = self.newest
        closed = now >= end + GRACE or (newest is not None and newest.open_time >= end - SECOND)
        return candle if candle.closed == closed else msgspec.structs.replace(candle, closed=closed)

    def candles(self, interval: Interval, start: int, now: int) -> list[Candle]:
        """Every candle known here of the periods that open at ``start`` or later, oldest first."""
        if interval.length == SECOND:
            return [of_second(kline) for kline in self.seconds() if kline.open_time >= start]
        opens = {interval.open_time(minute) for minute in self._times(MINUTES)}
        found = (self.candle(interval, time, now) for time in sorted(opens) if time >= start)
        return [candle for candle in found if candle is not None]

    def seconds(self) -> list[Kline]:
        """The seconds of the newest minutes, oldest first."""
        return [seconds[time] for _, seconds in sorted(self._open_minutes.items()) for time in sorted(seconds)]

    def open_minutes(self) -> list[Candle]:
        """The minutes whose seconds are still kept, folded; oldest first."""
        return [candle for minute in sorted(self._open_minutes) if (candle := self._folded_minute(minute)) is not None]

    def load(self, interval: Interval, candles: dict[str, list[Candle]], seconds: Iterable[Kline]) -> None:
        """Take what is stored: candles of the chain by interval name, and the seconds that wait to be folded.

        ``interval``: the largest of the chain that was read.
        """
        minutes: dict[int, list[Kline]] = {}
        for kline in seconds:
            minute = kline.open_time - kline.open_time % MINUTE
            if minute >= self._sealed:
                self.add(kline)
            else:
                minutes.setdefault(minute, []).append(kline)
        pending = [candle for parts in minutes.values() if (candle := fold(MINUTES, parts)) is not None]
        for name, loaded in {**candles, "1m": [*candles.get("1m", ()), *pending]}.items():
            parts = self._parts[name]
            for candle in loaded:
                parts[candle.open_time] = better(candle, parts.get(candle.open_time)) or candle
        self.loaded = interval
        self._prefixes.clear()

    def revise(self, interval: str, candle: Candle) -> bool:
        """Take a stored candle that changed; whether it may replace what is on screen."""
        parts = self._parts.get(interval)
        if parts is None or self.is_past(interval, candle):
            return True
        held = parts.get(candle.open_time)
        if self.loaded is None:
            # It is stored now, and will be read when somebody looks.
            if held is not None and held.received <= candle.received:
                del parts[candle.open_time]
            return True
        if held is not None and (candle.revision <= held.revision or candle.received < held.received):
            return False
        parts[candle.open_time] = candle
        self._prefixes.clear()
        return True

    def is_past(self, interval: str, candle: Candle) -> bool:
        """Whether it is of the exchange's own minutes (months of them may come) and of before what is kept here.

        What is kept and made of it is told by revisions of its own.
        """
        kept = _KEPT.get(interval)
        return kept is not None and candle.source == "venue" and candle.open_time < kept(self._sealed)

    def seal(self, now: int) -> list[Candle]:
        """Fold the minutes whose late seconds have come, and forget what is too old; the minutes that were folded."""
        sealed: list[Candle] = []
        self._sealed = max(self._sealed, (now - LATE) // MINUTE * MINUTE)
        for minute, seconds in sorted(self._open_minutes.items()):
            if minute + MINUTE + (SETTLED if len(seconds) == WHOLE else LATE) > now:
                continue
            candle = self._folded_minute(minute)
            assert candle is not None
            parts = self._parts["1m"]
            sealed.append(better(parts.get(minute), candle) or candle)
            parts[minute] = sealed[-1]
            del self._open_minutes[minute]
            self._folds.pop(minute, None)
            self._folded.pop(minute, None)
        if sealed:
            self._forget(now)
        return sealed

    def release(self) -> None:
        """Nobody looks any more: let go of what is stored."""
        self.loaded = None
        self._prefixes.clear()
        for parts in self._parts.values():
            for time in [time for time, candle in parts.items() if candle.revision]:
                del parts[time]

    def _forget(self, now: int) -> None:
        for part, whole in ((MINUTES, HOURS), (HOURS, DAYS)):
            parts = self._parts[part.name]
            floor = _KEPT[part.name](now)
            old = [time for time in parts if time < floor]
            if old and self.loaded is not None:
                for time in {whole.open_time(time) for time in old}:
                    candle = self._whole(whole, time, whole.next_open(time))
                    if candle is not None:
                        self._parts[whole.name][time] = candle
            for time in old:
                del parts[time]
        minutes = self._parts["1m"]
        if self.loaded is None:
            for time in sorted(minutes)[:-UNSTORED]:
                del minutes[time]
        days = self._parts["1d"]
        for time in [time for time in days if time < _KEPT["1d"](now)]:
            del days[time]
        self._prefixes.clear()

    def _folded_minute(self, minute: int) -> Candle | None:
        folded = self._folded.get(minute)
        if folded is not None:
            return folded
        seconds = self._open_minutes.get(minute)
        if not seconds:
            return None
        running = self._folds.get(minute)
        if running is None:
            running = self._folds[minute] = Fold(MINUTES, minute)
        at = max(running.last + SECOND, minute)
        last = minute + MINUTE if self.newest is None else min(minute + MINUTE, self.newest.open_time + SECOND)
        for time in range(at, last, SECOND):
            if (kline := seconds.get(time)) is not None:
                running.append(kline)
        candle = running.candle()
        if candle is not None:
            self._folded[minute] = candle
        return candle

    def _times(self, interval: Interval) -> set[int]:
        """The open times of the chain's periods of which anything is known."""
        times = {*self._parts["1m"], *self._open_minutes}
        if interval is MINUTES:
            return times
        times = {time - time % HOUR for time in times} | self._parts["1h"].keys()
        if interval is HOURS:
            return times
        return {time - time % DAY for time in times} | self._parts["1d"].keys()

    def _minute(self, open_time: int) -> Candle | None:
        return better(self._parts["1m"].get(open_time), self._folded_minute(open_time))

    def _whole(self, interval: Interval, open_time: int, end: int) -> Candle | None:
        if interval is MINUTES:
            return self._minute(open_time)
        stored = self._parts.get(interval.name, {}).get(open_time)
        newest = self.newest
        minute = -1 if newest is None else newest.open_time - newest.open_time % MINUTE
        if not open_time <= minute < end:
            return better(stored, self._fold(interval, open_time, end))
        parts = [self._prefix(interval, open_time, minute), self._minute(minute)]
        return better(stored, fold(interval, [part for part in parts if part is not None]))

    def _prefix(self, interval: Interval, open_time: int, minute: int) -> Candle | None:
        """The period up to the minute that is forming; folded once a minute, so that a second costs the same at any length."""
        held = self._prefixes.get(interval.name)
        if held is not None and held[:2] == (open_time, minute):
            return held[2]
        child = child_of(interval)
        forming = child.open_time(minute)
        parts = self._children(child, open_time, forming)
        if child is not MINUTES and (rest := self._prefix(child, forming, minute)) is not None:
            parts.append(rest)
        prefix = fold(interval, parts)
        self._prefixes[interval.name] = (open_time, minute, prefix)
        return prefix

    def _fold(self, interval: Interval, open_time: int, end: int) -> Candle | None:
        return fold(interval, self._children(child_of(interval), open_time, end))

    def _children(self, child: Interval, start: int, end: int) -> list[Candle]:
        times = (time for time in self._times(child) if start <= time < end)
        found = (self._whole(child, time, time + child.length) for time in times)
        return [candle for candle in found if candle is not None]
