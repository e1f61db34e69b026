"""A WebSocket client that notes when its frames were read from the socket, before anything is done with them.

Both ways of `bench.latency` begin, and ours ends, with such a stamp, so that neither is measured kinder than the other.
"""

from __future__ import annotations

from collections import deque
from typing import Any

from websockets.asyncio.client import ClientConnection, connect
from websockets.frames import Frame, Opcode

from rtchart.process.clock import now_us


class StampedConnection(ClientConnection):
    """``read_us`` holds, for each text frame that ``recv`` has not given out yet, when its last byte was read (µs)."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.read_us: deque[int] = deque()
        self._read_us = 0

    def data_received(self, data: bytes) -> None:
        self._read_us = now_us()
        super().data_received(data)

    def process_event(self, event: Any) -> None:
        if isinstance(event, Frame) and event.opcode is Opcode.TEXT:
            self.read_us.append(self._read_us)
        super().process_event(event)


class KeepingConnection(StampedConnection):
    """Keeps the text frames with their stamps in ``kept``, to be looked at when the measurement is over."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.kept: list[tuple[int, bytes]] = []

    def process_event(self, event: Any) -> None:
        if isinstance(event, Frame) and event.opcode is Opcode.TEXT:
            self.kept.append((self._read_us, bytes(event.data)))
        else:
            super().process_event(event)


def open_socket(url: str, connection: type[StampedConnection]) -> connect:
    """Connect, without compression, and read as fast as frames come: who pauses reading stamps them late."""
    return connect(url, create_connection=connection, compression=None, max_size=None, max_queue=None)
