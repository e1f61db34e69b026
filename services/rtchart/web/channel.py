"""A channel: one symbol in one interval, for all clients that look at it, and the client's end of it: the mailbox."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from rtchart.core.candle import Candle
from rtchart.core.interval import Interval
from rtchart.web import metrics
from rtchart.web.protocol import Resync, encode

if TYPE_CHECKING:
    from rtchart.web.market import Entry
    from rtchart.web.tracing import Telling

MAX_BOX = 256
"""Texts that a client's mailbox holds before its subscriptions are told to resync instead."""

MAX_REPLIES = 64
"""Answers that wait for a client that does not read them, before it is closed."""

MAX_REPLY_CHARACTERS = 8_000_000
"""The same for their size (nearly all is ASCII): a snapshot of 1,000 candles has 250,000."""


@dataclass(eq=False, slots=True)
class Joining:
    """A subscription whose history is being read: what is stored anew in the meantime waits here."""

    revised: list[Candle] = field(default_factory=list)


class Channel:
    """Who is subscribed to a symbol's candles of one interval, and which candle they saw last."""

    __slots__ = ("clients", "closed", "current", "ends", "entry", "interval", "joining", "partial", "resync")

    def __init__(self, entry: Entry, interval: Interval) -> None:
        self.entry = entry
        self.interval = interval
        self.clients: set[Client] = set()
        self.joining: dict[Client, Joining] = {}
        self.partial: set[Client] = set()
        """Those whose snapshot lacked the database's part."""
        self.current = -1
        """Open time of the newest candle that was sent; -1 before the first."""
        self.ends = 0
        self.closed = True
        """Whether the candle of ``current`` was sent as closed."""
        self.resync = encode(Resync(entry.identity.exchange, entry.identity.symbol, interval.name))

    def showing(self, candle: Candle) -> None:
        """The candle goes to the clients."""
        if candle.open_time >= self.current:
            self.current = candle.open_time
            self.ends = self.interval.next_open(candle.open_time)
            self.closed = candle.closed


class Client:
    """One socket: what waits to be sent, as texts that are shared with other clients.

    A mailbox of one latest text per candle, never a queue: a slow client skips updates, not time.
    """

    __slots__ = (
        "_box",
        "_replies",
        "_reply_characters",
        "_taken",
        "_tells",
        "_wake",
        "channels",
        "closing",
        "sender",
        "sending_since",
        "tickers",
        "tickers_late",
        "waits_since_us",
    )

    def __init__(self) -> None:
        self.channels: set[Channel] = set()
        self.tickers = False
        self.tickers_late = False
        """It missed changes on the channel ``tickers`` and gets all of them next."""
        self.closing: tuple[int, str] | None = None
        """Code and reason, once it is to be closed."""
        self.sender: asyncio.Task[None] | None = None
        self.sending_since: float | None = None
        """When the frame under way was begun (monotonic)."""
        self.waits_since_us = 0
        """When the oldest record that is told by what waits was read from Kafka; 0: what waits comes from elsewhere."""
        self._box: dict[object, str] = {}
        self._tells: dict[object, list[Telling]] = {}
        """What is traced of the texts in the box."""
        self._replies: list[str] = []
        self._reply_characters = 0
        self._wake = asyncio.Event()
        self._taken = asyncio.Event()
        self._taken.set()

    def put(self, key: object, text: str, consumed_us: int = 0, tells: Sequence[Telling] = ()) -> None:
        """A latest value: replaces what waits under the key. ``consumed_us``: of the records that made it, for measuring;
        ``tells``: those of them that are traced."""
        box = self._box
        self.waits_since_us = self.waits_since_us or consumed_us
        if key in box:
            metrics.skips.inc()
        elif len(box) >= MAX_BOX:
            self._overflow()
            return
        box[key] = text
        if tells:
            self._tells.setdefault(key, []).extend(tells)
        self._wake.set()

    def reply(self, text: str) -> None:
        """An answer: kept in order, before everything else."""
        if len(self._replies) >= MAX_REPLIES or self._reply_characters + len(text) > MAX_REPLY_CHARACTERS:
            self.close(1008, "answers are not read")
            return
        self._replies.append(text)
        self._reply_characters += len(text)
        self._taken.clear()
        self._wake.set()

    async def taken(self) -> None:
        """Until no answer waits to be sent: who makes large ones makes the next one then, so a client that does not read holds
        one, not all."""
        await self._taken.wait()

    def put_tickers(self, text: str, consumed_us: int) -> None:
        """A tick of the channel ``tickers``."""
        self.waits_since_us = self.waits_since_us or consumed_us
        if "tickers" in self._box:
            metrics.skips.inc()
            self.tickers_late = True
        self._box["tickers"] = text
        self._wake.set()

    def forget(self, channel: Channel) -> None:
        """Drop what waits of a channel: a snapshot tells it, or nobody wants it."""
        for key in [key for key in self._box if isinstance(key, tuple) and key[0] is channel]:
            del self._box[key]
            self._tells.pop(key, None)

    def close(self, code: int, reason: str) -> None:
        """Have it closed after what is being sent."""
        if self.closing is None:
            self.closing = (code, reason)
            self._wake.set()

    def abandon(self, code: int, reason: str) -> None:
        """Have it closed at once, the frame under way included."""
        self.close(code, reason)
        if self.sender is not None:
            self.sender.cancel()

    async def waiting(self) -> None:
        """Until there is something to send, or it is to be closed."""
        await self._wake.wait()

    def take_tells(self) -> list[Telling]:
        """What is traced of all that waits."""
        if not self._tells:
            return []
        tells = [telling for of_text in self._tells.values() for telling in of_text]
        self._tells.clear()
        return tells

    def take(self) -> list[str]:
        """All that waits; nothing waits afterwards."""
        messages = [*self._replies, *self._box.values()]
        self._replies.clear()
        self._taken.set()
        self._reply_characters = 0
        self._box.clear()
        self._wake.clear()
        self.waits_since_us = 0
        return messages

    def stalled_for(self) -> float:
        """Seconds that the frame under way has been under way."""
        return 0.0 if self.sending_since is None else time.monotonic() - self.sending_since

    def _overflow(self) -> None:
        symbols = self._box.get("symbols")
        metrics.skips.inc(len(self._box) - (symbols is not None))
        self.tickers_late |= self.tickers
        self._tells.clear()
        self._box = {(channel, "resync"): channel.resync for channel in self.channels}
        metrics.resyncs.inc(len(self._box))
        if symbols is not None:  # nothing says it again
            self._box["symbols"] = symbols
        self._wake.set()
