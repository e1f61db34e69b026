"""A recorded market: seconds of a CSV, moved in time, with the gaps between them kept.

The file has a header; read are event_time, symbol, open_time, close_time, open, high, low, close, volume, quote_volume,
trades, taker_buy_base_volume, taker_buy_quote_volume, first_trade_id and last_trade_id. Times are milliseconds.
"""

from __future__ import annotations

import csv
import re
from pathlib import Path

from rtchart.core.errors import UserError
from rtchart.core.interval import MINUTE, SECOND
from rtchart.core.kline import LATEST
from rtchart.sim.figures import DECIMALS, ONE, Figures, total

_USUAL_DELAY = 20
_UNITS = re.compile(rf"(\d{{1,20}})(?:\.(\d{{0,{DECIMALS}}})0*)?", re.ASCII)


class Recording:
    """The seconds of one symbol. It is a `rtchart.sim.walk.Series`."""

    def __init__(self) -> None:
        self._seconds: dict[int, tuple[Figures, int]] = {}

    def add(self, time: int, figures: Figures, delay: int) -> None:
        """The second that opens at ``time`` (ms), published ``delay`` ms after its close time."""
        self._seconds[time] = figures, delay

    def second(self, time: int) -> Figures | None:
        recorded = self._seconds.get(time)
        return recorded and recorded[0]

    def span(self, start: int, end: int) -> Figures | None:
        if end - start > len(self._seconds) * SECOND:
            return total(self._seconds[time][0] for time in sorted(self._seconds) if start <= time < end)
        return total(self._seconds[time][0] for time in range(start, end, SECOND) if time in self._seconds)

    def delay(self, time: int) -> int:
        recorded = self._seconds.get(time)
        return recorded[1] if recorded else _USUAL_DELAY

    @property
    def first(self) -> int:
        """Open time of its first second."""
        return min(self._seconds)

    def moved(self, by: int) -> Recording:
        """The same seconds, ``by`` ms later."""
        later = Recording()
        later._seconds = {time + by: recorded for time, recorded in self._seconds.items()}
        return later


def read(path: Path) -> dict[str, Recording]:
    """Every symbol's seconds, at their recorded times. Raises `UserError` that names the line."""
    recordings: dict[str, Recording] = {}
    try:
        with path.open(newline="", encoding="utf-8") as lines:
            table = csv.DictReader(lines)
            for row in table:
                try:
                    if None in row:
                        raise ValueError("more fields than the header names")
                    time = _integer(row["open_time"], LATEST)
                    if time % SECOND:
                        raise ValueError(f"open_time {time} is no whole second")
                    delay = max(0, _integer(row["event_time"], LATEST) - _integer(row["close_time"], LATEST))
                    recordings.setdefault(row["symbol"], Recording()).add(time, _figures(row), delay)
                except (KeyError, TypeError, ValueError) as error:
                    why = f"{error!r:.200}"
                    raise UserError(f"line {table.line_num} of {path} is no recorded second ({why}); mend it") from None
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise UserError(f"cannot read {path} ({error}); give --replay a CSV of 1-second klines") from None
    if not recordings:
        raise UserError(f"{path} holds no second; give --replay a CSV of 1-second klines")
    return recordings


def moved_to(recordings: dict[str, Recording], now: int) -> dict[str, Recording]:
    """The recordings with the earliest second moved to the first minute from ``now`` on that keeps its place in the minute.

    So whole minutes stay whole, and nothing of the recording is past when streaming starts.
    """
    first = min(recording.first for recording in recordings.values())
    by = -((first - now) // MINUTE) * MINUTE
    return {symbol: recording.moved(by) for symbol, recording in recordings.items()}


def _figures(row: dict[str, str]) -> Figures:
    return Figures(
        open=_units(row["open"]),
        high=_units(row["high"]),
        low=_units(row["low"]),
        close=_units(row["close"]),
        volume=_units(row["volume"]),
        quote_volume=_units(row["quote_volume"]),
        trades=_integer(row["trades"]),
        taker_buy_volume=_units(row["taker_buy_base_volume"]),
        taker_buy_quote_volume=_units(row["taker_buy_quote_volume"]),
        first_trade=_integer(row["first_trade_id"], least=-1),
        last_trade=_integer(row["last_trade_id"], least=-1),
    )


def _integer(written: str, most: int = 2**63 - 1, *, least: int = 0) -> int:
    number = int(written)
    if not least <= number <= most:
        raise ValueError(f"{number} is not between {least} and {most}")
    return number


def _units(written: str) -> int:
    found = _UNITS.fullmatch(written)
    if found is None:
        raise ValueError(f"{written!r} is no price or volume of at most {DECIMALS} decimals")
    units: int = int(found[1]) * ONE + int((found[2] or "").ljust(DECIMALS, "0"))
    return units
