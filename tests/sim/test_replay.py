"""Reading recordings."""

from __future__ import annotations

from pathlib import Path

import pytest

from rtchart.core.errors import UserError
from rtchart.core.interval import MINUTE, SECOND
from rtchart.sim import replay

HEADER = (
    "event_time,symbol,open_time,close_time,open,high,low,close,volume,quote_volume,trades,"
    "taker_buy_base_volume,taker_buy_quote_volume,first_trade_id,last_trade_id,closed\n"
)
FIRST = "61021,BTCUSDT,60000,60999,1.5,2,1,1.25,0.3,4,2,0,0,7,8,true\n"
FOURTH = "64020,BTCUSDT,63000,63999,1.25,1.25,1.25,1.25,0,0,0,0,0,-1,-1,true\n"


def written(folder: Path, text: str) -> Path:
    path = folder / "recorded.csv"
    path.write_text(text, encoding="utf-8")
    return path


def test_seconds_are_exact_and_gaps_stay(tmp_path: Path) -> None:
    btc = replay.read(written(tmp_path, HEADER + FIRST + FOURTH))["BTCUSDT"]
    first = btc.second(60_000)
    assert first is not None
    assert (first.open, first.volume, first.trades, first.last_trade) == (150_000_000, 30_000_000, 2, 8)
    assert btc.second(61_000) is None
    assert (btc.delay(60_000), btc.delay(63_000)) == (22, 21)
    whole = btc.span(0, 24 * 60 * MINUTE)
    assert whole == btc.span(60_000, 64_000)
    assert whole is not None
    assert (whole.close, whole.trades) == (125_000_000, 2)
    assert btc.span(61_000, 63_000) is None


@pytest.mark.parametrize("now", [0, 59_999, 60_000, 60_001, 1_753_446_896_250])
def test_it_is_moved_by_whole_minutes_to_begin_within_the_next_one(tmp_path: Path, now: int) -> None:
    recordings = replay.read(written(tmp_path, HEADER + FOURTH + FOURTH.replace("BTC", "ETH").replace("63", "66")))
    moved = replay.moved_to(recordings, now)
    assert now <= moved["BTCUSDT"].first < now + MINUTE
    assert moved["BTCUSDT"].first % MINUTE == 3 * SECOND
    assert moved["ETHUSDT"].first - moved["BTCUSDT"].first == 3 * SECOND


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        (HEADER, "holds no second"),
        ("a,b\n1,2\n", "line 2"),
        (HEADER + FIRST + FOURTH.replace("63000", "63500"), "line 3 .* no whole second"),
        (HEADER + FIRST.replace("1.5", "1,5", 1), "line 2"),
        (HEADER + FIRST.replace("1.5", "0.123456789", 1), "at most 8 decimals"),
        (HEADER + FIRST.replace("1.5", "-1", 1), "line 2"),
        (HEADER + FIRST.replace("1.5", "NaN", 1), "line 2"),
        (HEADER + FIRST.replace("1.5", "Infinity", 1), "line 2"),
        (HEADER + FIRST.replace("1.5", "1e999999999", 1), "line 2"),
        (HEADER + FIRST.replace("60000", "6" + "0" * 20, 1), "line 2 .* is not between 0 and"),
        (HEADER + FIRST.replace("BTCUSDT", "B" * 200_000, 1), "cannot read .*field larger than field limit"),
    ],
)
def test_what_is_no_recording_is_refused_with_its_line(tmp_path: Path, text: str, complaint: str) -> None:
    with pytest.raises(UserError, match=complaint):
        replay.read(written(tmp_path, text))


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"nothing\.csv"):
        replay.read(tmp_path / "nothing.csv")
