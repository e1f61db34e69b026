"""What of that which was found is asked for, and of which symbols."""

from __future__ import annotations

from msgspec.structs import replace

from rtchart.core.interval import HOUR, MINUTE, SECOND
from rtchart.core.kline import Identity
from rtchart.process.clock import now_ms
from rtchart.store.candles import Series
from rtchart.store.symbols import SymbolRow
from rtchart.tools.verify.compare import Difference, Figures, Finding
from rtchart.tools.verify.repair import candles_asked, mendings, seconds_asked
from rtchart.tools.verify.report import Report
from rtchart.tools.verify.stored import Subject

IDENTITY = Identity("sim", "BTCUSDT")
FIGURES: Figures = ("1", "1", "1", "1", "1", "1", 1, "0", "0")
NOW = now_ms() // MINUTE * MINUTE


def subject(*, deleted: bool = False, listed_day: int | None = None) -> Subject:
    row = SymbolRow(1, IDENTITY, epoch=7, kline_hours=1, suspended=False, deleted=deleted)
    return Subject(row, Series(1, IDENTITY, ("5m", "3d", "1w"), listed_day, kline_hours=1, candle_days=365))


def missing(*times: int) -> list[Difference]:
    return [Difference(time, None, FIGURES) for time in times]


def report(wrong: list[Difference], *findings: Finding) -> Report:
    return Report(str(IDENTITY), (0, NOW), wrong=wrong, findings=list(findings))


def candle(start: int, *, kind: str = "fold", interval: str = "5m") -> Finding:
    return Finding(kind=kind, interval=interval, start=start, end=start + 5 * MINUTE)  # type: ignore[arg-type]


def test_seconds_are_asked_for_with_the_epoch_of_the_symbol() -> None:
    first, second = NOW - 20 * MINUTE, NOW - 10 * MINUTE
    (mending,) = mendings([subject()], [report(missing(first, first + 3 * SECOND, second))])
    asked = {key: (gap.start, gap.end, gap.reason, gap.epoch) for key, gap in mending.requests.items()}
    assert asked == {
        f"sim:BTCUSDT/{first}-{first + 4 * SECOND}": (first, first + 4 * SECOND, "verify", 7),
        f"sim:BTCUSDT/{second}-{second + SECOND}": (second, second + SECOND, "verify", 7),
    }
    assert seconds_asked([mending]) == 5


def test_what_the_exchange_lacks_is_asked_for_by_nobody() -> None:
    start = NOW - 20 * MINUTE
    lacks = Finding(kind="absent", interval="1s", start=start + SECOND, end=start + 3 * SECOND)
    (mending,) = mendings([subject()], [report(missing(start, start + 3 * SECOND), lacks)])
    assert mending.asked == [(start, start + SECOND), (start + 3 * SECOND, start + 4 * SECOND)]


def test_candles_are_folded_again_where_they_are_not_as_their_seconds() -> None:
    start = NOW - 30 * MINUTE
    found = [candle(start), candle(start, kind="candle"), candle(start, kind="excess"), candle(start, kind="waiting")]
    found.append(replace(candle(start, kind="no_candle", interval="1m"), end=start + 3 * MINUTE))
    (mending,) = mendings([subject()], [report([], *found)])
    assert (mending.asked, candles_asked([mending])) == ([], {"1m": 3, "5m": 1})


def test_what_is_too_old_or_deleted_or_not_wrong_is_left_alone() -> None:
    old, new = NOW - 3 * HOUR, NOW - 20 * MINUTE
    assert mendings([subject()], [report(missing(old), candle(old), candle(new, kind="candle"))]) == []
    assert mendings([subject(deleted=True)], [report(missing(new), candle(new))]) == []
    assert mendings([subject()], [report([])]) == []


def test_the_intervals_of_a_symbol_are_minutes_and_its_own() -> None:
    assert [interval.name for interval in subject().intervals()] == ["1m", "5m", "1w"]  # nobody knows when 3d opens
    day = 86_400_000
    of_three_days = subject(listed_day=day).intervals(["3d", "15m"])
    assert [(interval.name, interval.anchor) for interval in of_three_days] == [("3d", day)]
