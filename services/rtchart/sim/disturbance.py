"""What can become of a second between the exchange and a subscriber: when it is sent, how often, and what is written in it.

Each is a function of the symbol and the second, and draws by hash, so that the same script does the same at every run.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Sequence
from typing import NamedTuple

from rtchart.core.interval import SECOND
from rtchart.sim.figures import ONE, Figures


class Delivery(NamedTuple):
    """One sending of a second. A second may have several, or none."""

    delay: int
    """ms after its close time, which its event time is too."""
    figures: Callable[[Figures], Figures] | None = None
    """What the numbers are made of before they are written."""
    text: Callable[[bytes], bytes] | None = None
    """What the event (a JSON object, UTF-8) is made of after it is written."""


Disturbance = Callable[[str, int, Sequence[Delivery]], Sequence[Delivery]]
"""What becomes of the deliveries of a symbol's second, given its open time (ms)."""


def drawn(name: str, symbol: str, time: int) -> float:
    """A number of ``[0, 1)``, which is always the same for these three."""
    digest = hashlib.blake2b(f"{name}/{symbol}/{time}".encode(), digest_size=6).digest()
    return int.from_bytes(digest) / 2**48


def late(by: int) -> Disturbance:
    """Everything comes so many ms later."""
    return lambda _symbol, _time, sent: [one._replace(delay=one.delay + by) for one in sent]


def doubled(share: float) -> Disturbance:
    """So large a part of the seconds comes twice."""
    return lambda symbol, time, sent: [*sent, *sent] if drawn("doubled", symbol, time) < share else sent


def shuffled(within: int) -> Disturbance:
    """Each comes up to so many ms later, so that they overtake each other."""
    return lambda symbol, time, sent: [
        one._replace(delay=one.delay + int(drawn("shuffled", symbol, time) * within)) for one in sent
    ]


def left_out(share: float) -> Disturbance:
    """So large a part of the seconds does not come."""
    return lambda symbol, time, sent: [] if drawn("left out", symbol, time) < share else sent


def corrected(after: int) -> Disturbance:
    """Wrong numbers come first, and the right ones so many ms later, with a later event time."""
    return lambda _symbol, _time, sent: [
        one for right in sent for one in (right._replace(figures=_wrong), right._replace(delay=right.delay + after))
    ]


def garbled(how: Callable[[bytes, float], bytes], share: float) -> Disturbance:
    """So large a part of the seconds is written in a way that cannot be read."""

    def disturb(symbol: str, time: int, sent: Sequence[Delivery]) -> Sequence[Delivery]:
        if drawn("garbled", symbol, time) >= share:
            return sent
        draw = drawn("how", symbol, time)
        return [one._replace(text=lambda event: how(event, draw)) for one in sent]

    return disturb


def malformed(event: bytes, draw: float) -> bytes:
    """No JSON: cut off, with a byte that is no UTF-8, or with a bracket too many."""
    cut = int(draw * 3)
    if cut == 0:
        return event[: len(event) // 2]
    return event.replace(b'"k"', b'"\xff"') if cut == 1 else event + b"]"


def wrong_types(event: bytes, draw: float) -> bytes:
    """JSON whose fields are of other types: a price as a number, a count as a string, a time as null, a flag as a string."""
    pattern, instead = (
        (rb'"o":"([^"]*)"', rb'"o":\1'),
        (rb'"n":(\d+)', rb'"n":"\1"'),
        (rb'"t":\d+', rb'"t":null'),
        (rb'"x":(true|false)', rb'"x":"\1"'),
    )[int(draw * 4)]
    return re.sub(pattern, instead, event)


def missing_fields(event: bytes, draw: float) -> bytes:
    """JSON without a field that a kline cannot be without."""
    return re.sub((rb'"c":"[^"]*",', rb'"t":\d+,', rb'"v":"[^"]*",', rb'"E":\d+,')[int(draw * 4)], b"", event)


def microseconds(event: bytes, _: float) -> bytes:
    """Times in microseconds, which nobody asked for."""
    event = re.sub(rb'"(E|t)":(\d{13})\b', rb'"\1":\g<2>000', event)
    return re.sub(rb'"T":(\d{13})\b', rb'"T":\g<1>999', event)


def _wrong(right: Figures) -> Figures:
    """Another second that could be: a trade more, of one base unit at the close."""
    return right._replace(
        volume=right.volume + ONE,
        quote_volume=right.quote_volume + right.close,
        trades=right.trades + 1,
        first_trade=max(right.first_trade, 0),
        last_trade=max(right.last_trade, 0) + 1,
    )


LONGEST = 3_600 * SECOND
"""A delay is bounded: what is under way is held in memory."""
