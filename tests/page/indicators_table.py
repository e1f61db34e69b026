"""Make tests/data/indicators.csv anew: what TA-Lib makes of a day's recorded minutes.

    pip install TA-Lib numpy && python tests/page/indicators_table.py

TA-Lib is in no lock: the table was made once, and is what tests/page/indicators.test.js holds the page's indicators to.
"""

from __future__ import annotations

import csv
from pathlib import Path

import numpy
import talib

DATA = Path(__file__).parents[1] / "data"
MINUTES = DATA / "BTCUSDT-1m-2025-11-01.csv"
TABLE = DATA / "indicators.csv"
FIRST, EVERY = 200, 20
"""Rows from there on, as what an average begins with has faded by then, and one in so many of them."""


def main() -> None:
    rows = [row for row in csv.reader(MINUTES.open(encoding="utf-8")) if row[0].isdecimal()]
    opened = [int(row[0]) // 1000 for row in rows]  # microseconds, in the archive's files of that year
    closes = numpy.array([float(row[4]) for row in rows])
    upper, middle, lower = talib.BBANDS(closes, timeperiod=20, nbdevup=2, nbdevdn=2, matype=0)
    macd, signal, histogram = talib.MACD(closes, fastperiod=12, slowperiod=26, signalperiod=9)
    columns = {
        "sma_20": talib.SMA(closes, timeperiod=20),
        "ema_20": talib.EMA(closes, timeperiod=20),
        "bollinger_upper": upper,
        "bollinger_middle": middle,
        "bollinger_lower": lower,
        "rsi_14": talib.RSI(closes, timeperiod=14),
        "macd": macd,
        "macd_signal": signal,
        "macd_histogram": histogram,
    }
    with TABLE.open("w", encoding="utf-8", newline="") as file:
        out = csv.writer(file, lineterminator="\n")
        out.writerow(["open_time", *columns])
        for at in range(FIRST, len(rows), EVERY):
            out.writerow([opened[at], *(f"{values[at]:.13g}" for values in columns.values())])


if __name__ == "__main__":
    main()
