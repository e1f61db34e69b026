"""Kline frames for tests, made from the captured one."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec

FRAMES = Path(__file__).parent / "frames"

KLINE = (FRAMES / "kline.json").read_bytes().strip()
"""As captured."""
SHUTDOWN = (FRAMES / "shutdown.json").read_bytes().strip()
OPEN_TIME = 1_733_561_823_000
"""Of the captured kline."""


def frame(symbol: str = "BTCUSDT", open_time: int = OPEN_TIME, *, late: int = 7, **changes: Any) -> bytes:
    """The captured frame for another symbol and second; ``late`` ms after its close; ``changes`` to its ``k``."""
    document = msgspec.json.decode(KLINE)
    document["stream"] = f"{symbol.lower()}@kline_1s"
    data = document["data"]
    data["s"] = symbol
    data["E"] = open_time + 999 + late
    data["k"] |= {"s": symbol, "t": open_time, "T": open_time + 999} | changes
    return msgspec.json.encode(document)
