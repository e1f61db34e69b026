"""What a person and a program are told, and the times that they may give."""

from __future__ import annotations

import json
from collections import Counter

import click
import pytest

from rtchart.core.interval import DAY, HOUR, SECOND
from rtchart.tools.times import Moment, MomentType
from rtchart.tools.verify.compare import Difference, Finding, Kind
from rtchart.tools.verify.report import SHOWN, TITLES, Report, json_lines, text

T = 1_795_703_620_000
"""2026-11-26T14:33:40Z."""
FIGURES = ("1", "2.50", "1", "1", "1", "1", 3, "0", "0")


def second(kind: Kind, at: int, length: int = 1, note: str = "") -> Finding:
    return Finding(kind=kind, interval="1s", start=T + at * SECOND, end=T + (at + length) * SECOND, note=note)


def report(*findings: Finding) -> Report:
    return Report("sim:BTCUSDT", (T, T + 600 * SECOND), seconds=600, until=T + 600 * SECOND, findings=list(findings))


def test_every_kind_of_finding_has_a_title() -> None:
    assert TITLES.keys() == set(Kind.__args__)  # type: ignore[attr-defined]


def test_a_whole_record_is_said_to_be_so() -> None:
    whole = report(second("absent", 3, 4, "in the ledger as absent"))
    whole.folds, whole.exchanges = Counter({"1m": 9}), Counter({"1m": 8, "5m": 1})
    assert text([whole], seconds_left_out=10).splitlines() == [
        "sim:BTCUSDT  2026-11-26T14:33:40Z – 14:43:40Z",
        "  600 s compared, 596 s equal",
        "  candles compared with the fold of their seconds: 9 of 1m",
        "  candles compared with the exchange's: 8 of 1m, 1 of 5m",
        "  absent there: 2026-11-26T14:33:43Z – 14:33:47Z, 4 s (in the ledger as absent)",
        "whole: 1 symbol, 600 s, 10 candles; the newest 10 s are left out, as they may be under way",
    ]


def test_what_differs_is_shown_of_both_sides_and_what_is_too_much_is_counted() -> None:
    theirs = ("1.0", "2.25", *FIGURES[2:])
    pairs = tuple(Difference(T + at * SECOND, FIGURES, theirs).pair for at in range(2))
    different = Finding(kind="different", interval="1s", start=T, end=T + 2 * SECOND, figures=pairs)
    lines = text([report(different, *(second("missing", at) for at in range(10, 100, 2)))]).splitlines()
    assert lines[2] == "  missing: 2026-11-26T14:33:50Z – 14:33:51Z, 1 s"
    assert lines[2 + SHOWN] == "  missing: and 25 more"
    assert lines[3 + SHOWN] == (
        "  different: 2026-11-26T14:33:40Z – 14:33:42Z, 2 s: at 2026-11-26T14:33:40Z high 2.50 stored, 2.25 there; and 1 more"
    )
    assert lines[-1] == "not whole: missing 45 s, different 2 s; compared 1 symbol, 600 s, 0 candles"


def test_what_could_not_be_compared_is_not_called_whole() -> None:
    one = report()
    one.unchecked = "binance does not know the symbol (any more)"
    lines = text([one]).splitlines()
    assert lines[-2] == "  not all of it was compared: binance does not know the symbol (any more)"
    assert lines[-1].startswith("not all was compared; what was is whole: ")


def test_json_has_an_object_for_each_finding_and_for_each_symbol() -> None:
    found = [second("missing", at) for at in range(0, 100, 2)]
    *lines, last = [json.loads(line) for line in json_lines([report(*found, second("absent", 300))], repaired=True)]
    assert len(lines) == 51
    assert lines[0] == {
        "symbol": "sim:BTCUSDT",
        "after_repair": True,
        "kind": "missing",
        "interval": "1s",
        "start": T,
        "end": T + SECOND,
        "note": "",
        "figures": [],
        "fails": True,
    }
    assert [line["fails"] for line in lines] == [True] * 50 + [False]
    assert (last["kind"], last["seconds"], last["equal"], last["whole"]) == ("compared", 600, 549, False)


@pytest.mark.parametrize(
    ("given", "time"),
    [
        ("now", T),
        ("90s", T - 90 * SECOND),
        ("2h", T - 2 * HOUR),
        ("7d", T - 7 * DAY),
        ("2w", T - 14 * DAY),
        ("2026-11-26T14:33:40Z", T),
        ("2026-11-26T14:33:40", T),
        ("2026-11-26 15:33:40+01:00", T),
        ("2026-11-26", T - (14 * 3600 + 33 * 60 + 40) * SECOND),
    ],
)
def test_times_are_of_utc_or_back_from_now(given: str, time: int) -> None:
    moment = MomentType().convert(given, None, None)
    assert moment.at(T) == time
    assert MomentType().convert(moment, None, None) is moment


@pytest.mark.parametrize("given", ["", "yesterday", "2 h", "-2h", "14:33", "2026-13-01", "9999999h", "1e3s"])
def test_what_is_no_time_is_refused_with_what_would_be_one(given: str) -> None:
    with pytest.raises(click.BadParameter, match=r"is no time; give ISO 8601 in UTC \(2026-11-26T14:00\), now, or a duration"):
        MomentType().convert(given, None, None)


def test_a_moment_back_follows_the_exchanges_time() -> None:
    assert Moment(HOUR, back=True).at(T) == T - HOUR
    assert Moment(T, back=False).at(0) == T
