"""A client's WebSocket connection, as the exchange's end sees it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Any

from websockets.asyncio.server import ServerConnection
from websockets.frames import Frame, Opcode
from websockets.protocol import Event, State

from rtchart.sim.limits import Rolling
from rtchart.sim.session import Session

_COUNTED = (Opcode.TEXT, Opcode.BINARY, Opcode.PING, Opcode.PONG)
_MESSAGES_A_SECOND = 5
_MOST_UNSENT = 64 * 1024 * 1024


class Connection(ServerConnection):
    """A connection that counts what comes in, and sends what was posted to it in one write."""

    session: Session

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._messages = Rolling(_MESSAGES_A_SECOND, 1_000)
        self._outbox: list[bytes] = []
        self._closing: asyncio.Task[None] | None = None
        self.on_flood: Callable[[], None] = lambda: None
        """Called when it sends more messages than a connection may."""
        self.half_open = False
        """Nothing leaves and nothing is heard, and neither side is told."""
        self.ignores_pings = False
        self.unheard: set[str] = set()
        """Streams that it was told it has, and that it is never sent."""
        answers = self.protocol.send_frame
        self.protocol.send_frame = lambda frame: (  # type: ignore[method-assign]
            None if self.ignores_pings and frame.opcode is Opcode.PONG else answers(frame)
        )

    def break_off(self) -> None:
        """Make it `half_open`, for ever: as when a router forgot it."""
        self.half_open = True
        self._outbox.clear()
        if self.keepalive_task is not None:
            self.keepalive_task.cancel()

    def data_received(self, data: bytes) -> None:
        """Hand on what came, if the connection is whole."""
        if not self.half_open:
            super().data_received(data)

    def process_event(self, event: Event) -> None:
        """Count the frame: PING, PONG and messages alike, in a strict rolling window (observed)."""
        within = not (isinstance(event, Frame) and event.opcode in _COUNTED) or self._messages.allow(
            time.monotonic_ns() // 1_000_000
        )
        if within:
            super().process_event(event)
        else:
            self.on_flood()
            self.close_soon(1008, "Too many requests")

    def close_soon(self, code: int, reason: str) -> None:
        """Begin the closing handshake; the first call decides."""
        if self._closing is None and not self.half_open:
            self._closing = asyncio.get_running_loop().create_task(self.close(code, reason))

    def abort(self) -> None:
        """Cut the connection off without a closing handshake."""
        self._outbox.clear()
        self.transport.abort()

    def post(self, message: bytes) -> None:
        """Have a text message (UTF-8) leave with the next `flush`."""
        self.post_frame(frame(message))

    def post_frame(self, framed: bytes) -> None:
        """Like `post`, with a frame that was made once for several connections."""
        self._outbox.append(framed)

    def flush(self) -> None:
        """Hand everything posted to the transport. Who does not read for long is cut off."""
        if self.state is State.OPEN and self._outbox and not self.half_open:
            self.transport.write(b"".join(self._outbox))
            if self.transport.get_write_buffer_size() > _MOST_UNSENT:
                self.abort()
        self._outbox.clear()


def frame(message: bytes) -> bytes:
    """The message as one unmasked text frame (RFC 6455, 5.2)."""
    length = len(message)
    if length < 126:
        return b"\x81%c%b" % (length, message)
    if length < 65_536:
        return b"\x81\x7e%b%b" % (length.to_bytes(2), message)
    return b"\x81\x7f%b%b" % (length.to_bytes(8), message)
