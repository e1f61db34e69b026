"""Klines for laws: drawn by hypothesis, and the recorded ones."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

from hypothesis import strategies as st

from rtchart.core.candle import Candle
from rtchart.core.interval import SECOND
from rtchart.core.kline import SOURCES, Kline
from tests import klines

DATA = Path(__file__).parent.parent / "data"
DAY_START = 1_795_305_600_000
"""2026-11-22T00:00Z."""

decimals = st.decimals(min_value=0, max_value=10**9, places=8).map(lambda number: format(number, "f"))


def kline(number: int = 0, **changes: Any) -> Kline:
    """A kline that is right, ``number`` seconds after `DAY_START`, but for the changes."""
    return klines.kline(**{"open_time": DAY_START + number * SECOND, "exchange": "binance", **changes})


@st.composite
def seconds(draw: st.DrawFn, *, within: int = 3600, max_size: int = 40) -> list[Kline]:
    """Different seconds of one symbol within so many seconds of `DAY_START`, in any order."""
    numbers = draw(st.lists(st.integers(0, within - 1), min_size=1, max_size=max_size, unique=True))
    return [
        kline(
            number,
            open=draw(decimals),
            high=draw(decimals),
            low=draw(decimals),
            close=draw(decimals),
            volume=draw(decimals),
            quote_volume=draw(decimals),
            trades=draw(st.one_of(st.just(0), st.integers(0, 10**6))),
            taker_buy_volume=draw(decimals),
            taker_buy_quote_volume=draw(decimals),
            source=draw(st.sampled_from(SOURCES)),
        )
        for number in numbers
    ]


def recorded() -> list[dict[str, str]]:
    """The rows of the 406 recorded seconds of two symbols."""
    with (DATA / "BTCUSDT-ETHUSDT-1s-2025-07-24.csv").open() as file:
        return list(csv.DictReader(file))


def archive_day(name: str) -> list[Candle]:
    """The minutes of an archive file (milliseconds), as whole candles."""
    with (DATA / name).open() as file:
        return [
            Candle(
                open_time=int(row[0]),
                open=row[1],
                high=row[2],
                low=row[3],
                close=row[4],
                volume=row[5],
                quote_volume=row[7],
                trades=int(row[8]),
                taker_buy_volume=row[9],
                taker_buy_quote_volume=row[10],
                received=60,
                expected=60,
                source="backfill",
            )
            for row in csv.reader(file)
        ]
