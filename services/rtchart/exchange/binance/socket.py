"""A WebSocket connection that hands out what each read of the socket brought, as one list of frames.

`websockets` wakes its reader for every frame; at 1,500 symbols the frames of one second come in a few reads. It also answers
pings itself and tells nobody, where the venue counts each pong. Both are mended by overriding what its documentation offers
for it (``create_connection``).
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, NamedTuple

from websockets.asyncio.client import ClientConnection, connect
from websockets.frames import Frame, Opcode
from websockets.http11 import Response

from rtchart.process.clock import now_us

MAX_FRAME = 256 * 1024
"""Bytes. A kline has about 350; the list of a full connection's subscriptions about 25,000."""

HIGH_WATER = 8_192
"""Frames that wait for their reader before the socket is no longer read. One read brings at most about 700."""


class Read(NamedTuple):
    """The frames that one read of the socket completed, and when it happened (µs)."""

    received_us: int
    frames: list[bytes]


class BatchConnection(ClientConnection):
    """A client connection that is read with `read`; ``recv`` has nothing to give."""

    on_pong: Callable[[], None] = staticmethod(lambda: None)
    """Called when a ping came, which `websockets` has then answered."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._frames: list[bytes] = []
        self._fragments: list[bytes] = []
        self._reads: list[Read] = []
        self.held = 0
        """Frames that wait for `read`."""
        self._news = asyncio.Event()

    async def read(self, within: float) -> list[Read]:
        """What came since the last call, waiting ``within`` seconds for it; nothing, when nothing came or `wake` was called.

        Raises `websockets.ConnectionClosed` when the connection is over and all of it was read.
        """
        if not self._reads:
            self._news.clear()
            if not self.connection_lost_waiter.done():
                try:
                    async with asyncio.timeout(within):
                        await self._news.wait()
                except TimeoutError:
                    return []
        reads, self._reads = self._reads, []
        if self.held > HIGH_WATER:
            self.transport.resume_reading()
        self.held = 0
        if not reads and self.connection_lost_waiter.done():
            raise self.close_exc
        return reads

    def wake(self) -> None:
        """Let a waiting `read` return."""
        self._news.set()

    def data_received(self, data: bytes) -> None:
        received_us = now_us()
        super().data_received(data)
        if self._frames:
            self._reads.append(Read(received_us, self._frames))
            was, self.held = self.held, self.held + len(self._frames)
            self._frames = []
            if was <= HIGH_WATER < self.held:
                self.transport.pause_reading()
            self._news.set()

    def process_event(self, event: Response | Frame) -> None:  # type: ignore[override]  # its base knows Event alone
        if isinstance(event, Response):
            super().process_event(event)
        elif event.opcode in (Opcode.TEXT, Opcode.BINARY, Opcode.CONT):
            if event.fin and not self._fragments:
                self._frames.append(bytes(event.data))
            else:
                self._fragments.append(bytes(event.data))
                if event.fin:
                    self._frames.append(b"".join(self._fragments))
                    self._fragments = []
        else:
            if event.opcode is Opcode.PING:
                self.on_pong()
            super().process_event(event)

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        self._news.set()


def open_socket(url: str) -> connect:
    """Connect to the URL; a context manager that gives a `BatchConnection` and closes it.

    No pings of ours: the venue would count them, and asks for its own every 20 s. No compression: the venue offers none
    worth its latency.
    """
    return connect(
        url,
        create_connection=BatchConnection,
        compression=None,
        max_size=MAX_FRAME,
        open_timeout=5,
        close_timeout=1,
        ping_interval=None,
    )
