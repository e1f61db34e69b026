"""What could not be used when it came, read once more: a frame of the streams, or a row of ``/api/v3/klines``."""

from __future__ import annotations

import msgspec

from rtchart.core.kline import InvalidKline, Kline
from rtchart.exchange.base import BadFrame
from rtchart.exchange.binance.frames import FrameReader
from rtchart.exchange.binance.rest import read_row


def read_again(exchange: str, payload: str, symbol: str | None, received_us: int) -> Kline | BadFrame:
    """See `rtchart.exchange.venues.read_again`. A frame names its symbol, a row does not."""
    if symbol is not None and payload.startswith("["):
        try:
            return msgspec.structs.replace(read_row(exchange, symbol, payload.encode()), received_us=received_us)
        except (InvalidKline, msgspec.DecodeError) as error:
            return BadFrame("invalid_kline", str(error), payload)
    message = FrameReader(exchange, {}).read(payload.encode(), received_us)
    if isinstance(message, Kline):
        return msgspec.structs.replace(message, source="repair")
    return message if isinstance(message, BadFrame) else BadFrame("unknown_message", "it holds no closed second", payload)
