"""Who is sent what, and when: the clockwork of the simulated exchange's streams.

A kline is written once for each form that a subscriber wants, and all that is due at the same time leaves a connection in one
write, so 2,000 symbols cost as many encodings a second and some fifty writes.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from heapq import heappop, heappush
from itertools import count
from typing import NamedTuple

from rtchart.core.interval import INTERVALS, SECOND, SECONDS, Interval
from rtchart.process.logs import fields
from rtchart.sim.clock import Clock
from rtchart.sim.connection import Connection, frame
from rtchart.sim.disturbance import Delivery
from rtchart.sim.faults import Faults
from rtchart.sim.tape import Tape
from rtchart.sim.wire import KlineEvents, TimeUnit

log = logging.getLogger(__name__)

_UPDATE = 2 * SECOND
"""How often a kline of another interval than 1s comes (Binance, Kline/Candlestick Streams, Update Speed)."""

_LATE = 2 * SECOND
"""Market time that streams may lag behind before it is said, once a market minute."""


class _Stream:
    """A stream that someone is subscribed to."""

    def __init__(self, symbol: str, interval: Interval) -> None:
        self.symbol = symbol
        self.interval = interval
        self.events = KlineEvents(symbol, self.interval)
        self.subscribers: dict[Connection, None] = {}

    def due(self, time: int) -> bool:
        """Whether it says something at the end of the second that opens at ``time``."""
        end = time + SECOND
        return self.interval == SECONDS or end % _UPDATE == 0 or self.interval.next_open(time) == end


class _Sending(NamedTuple):
    """What leaves at the same time, of the same second. ``at`` is the market's time; ``order`` that of its making."""

    at: int
    order: int
    time: int
    delay: int
    what: list[tuple[_Stream, Delivery | None]]


class Hub:
    """Streams the tape to the connections that follow it."""

    def __init__(self, tape: Tape, clock: Clock, faults: Faults, *, lists: Callable[[str], bool]) -> None:
        self._tape = tape
        self._clock = clock
        self._faults = faults
        self._lists = lists
        self._streams: dict[str, _Stream] = {}
        self._followed: dict[Connection, set[str]] = {}
        self._unsent: dict[Connection, None] = {}
        self._under_way: list[_Sending] = []
        self._order = count()
        self.published = 0
        """Klines that had a subscriber since the start."""

    def follow(self, connection: Connection) -> None:
        """Send the connection what its session is subscribed to now. An unknown stream is never heard of again."""
        connection.unheard &= connection.session.streams.keys()
        wanted = connection.session.streams.keys() - connection.unheard
        followed = self._followed.setdefault(connection, set())
        for name in followed - wanted:
            self._drop(name, connection)
        for name in wanted - followed:
            if (stream := self._streams.get(name) or self._known(name)) is not None:
                self._streams[name] = stream
                stream.subscribers[connection] = None
        self._followed[connection] = wanted

    def leave(self, connection: Connection) -> None:
        """The connection is gone."""
        for name in self._followed.pop(connection, ()):
            self._drop(name, connection)

    async def run(self) -> None:
        """Stream each second at its end, or when a disturbance has it come, for ever."""
        time = self._clock.now() // SECOND * SECOND
        while True:
            end = time + SECOND
            at = min(end, self._under_way[0].at) if self._under_way else end
            if self._clock.now() < at:
                self._flush()
                await self._clock.sleep_until(at)
            if at < end:
                self._send(heappop(self._under_way))
                continue
            late = self._clock.now() - end
            if late > _LATE and time // SECOND % 60 == 0:
                log.warning("streams lag behind the market: the rate is too high for this machine", extra=fields(ms=late))
            for delay, sendings in self._due(time).items():
                heappush(self._under_way, _Sending(end - 1 + delay, next(self._order), time, delay, sendings))
            if late > 0:
                self._flush()
                await asyncio.sleep(0)  # nothing else waits then
            time = end

    def _due(self, time: int) -> dict[int, list[tuple[_Stream, Delivery | None]]]:
        """What is to be said of the second that opens at ``time``, by how long after its close time (ms)."""
        due: dict[int, list[tuple[_Stream, Delivery | None]]] = {}
        for stream in self._streams.values():
            if not stream.due(time):
                continue
            usual = self._tape.series[stream.symbol].delay(time)
            if self._faults.calm:
                due.setdefault(usual, []).append((stream, None))
                continue
            for delivery in self._faults.deliveries(stream.symbol, time, usual):
                due.setdefault(delivery.delay, []).append((stream, delivery))
        return due

    def _send(self, sending: _Sending) -> None:
        for stream, delivery in sending.what:
            self._publish(stream, sending.time, sending.delay, delivery)

    def _publish(self, stream: _Stream, time: int, delay: int, delivery: Delivery | None) -> None:
        end = time + SECOND
        figures = self._tape.second(stream.symbol, time)
        if figures is None or not stream.subscribers:
            return
        open_time, closed = time, True
        if stream.interval != SECONDS:
            open_time, next_open = stream.interval.open_time(time), stream.interval.next_open(time)
            closed = next_open == end
            figures = self._tape.span(stream.symbol, open_time, next_open, end) or figures
        if delivery is not None and delivery.figures is not None:
            figures = delivery.figures(figures)
        event_time = end - 1 + delay + self._faults.clock_offset
        written: dict[tuple[TimeUnit, bool], bytes] = {}
        for connection in stream.subscribers:
            session = connection.session
            form = session.unit, session.combined
            framed = written.get(form)
            if framed is None:
                event = stream.events.event(figures, open_time, event_time, closed=closed, unit=session.unit)
                if delivery is not None and delivery.text is not None:
                    event = delivery.text(event)
                written[form] = framed = frame(stream.events.combined(event) if session.combined else event)
            connection.post_frame(framed)
            self._unsent[connection] = None
        self.published += 1

    def _flush(self) -> None:
        for connection in self._unsent:
            connection.flush()
        self._unsent.clear()

    def _known(self, name: str) -> _Stream | None:
        written, _, interval = name.partition("@kline_")
        symbol = written.upper()
        # A stream's name is in lower case (Binance, Web Socket Streams, General Information).
        if symbol.lower() != written or interval not in INTERVALS or not self._lists(symbol):
            return None
        stream = _Stream(symbol, INTERVALS[interval].of(self._tape.begin))
        assert stream.events.stream == name
        return stream

    def _drop(self, name: str, connection: Connection) -> None:
        stream = self._streams.get(name)
        if stream is not None:
            stream.subscribers.pop(connection, None)
            if not stream.subscribers:
                del self._streams[name]
