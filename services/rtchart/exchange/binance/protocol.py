"""One connection to Binance's combined streams, without I/O: frames and a clock come in, decisions come out.

The driver (`rtchart.exchange.binance.link`) connects, reads, writes and sleeps; what to send, when, and what has happened is
decided here. ``now`` is in seconds of one steady clock. Binance spot, Web Socket Streams, General Information.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Collection, Iterable, Mapping
from typing import Literal

import msgspec

from rtchart.core.kline import Kline
from rtchart.exchange.base import BadFrame, Batch, Connected, SubscriptionRefused
from rtchart.exchange.binance import limits
from rtchart.exchange.binance.frames import Answer, FrameReader, Ignored, stream_name

PATH = "/stream"

_TOO_MANY_SUBSCRIPTIONS = 4

_LONGEST_WAIT = 1.0
"""Seconds between two looks at a connection that says nothing."""

_A_MOMENT = 0.01
"""Seconds: patience is over a moment after its end."""


class Timing(msgspec.Struct, frozen=True):
    """When patience ends, in seconds."""

    answer: float = 3.0
    """A request without an answer: the connection is dead, or the request was one that the server swallows."""
    missed: float = 2.0
    """No kline, although the venue is known to have had some (`Protocol.missed`)."""
    first_kline: float = 60.0
    """Subscribed, and nothing came at all. A quiet market looks like that too."""
    quiet: float = 1.5
    """No kline: the server is asked whether it still knows our subscriptions. One quiet symbol among others is no matter."""
    doubt: float = 1.5
    """That question has no answer: another connection is opened, before this one, which has carried, is known to be dead."""
    unseen: float = 5.0
    """Subscribed, others come, and of this symbol nothing did, at all or since it was `missed`: it is subscribed again. Then
    twice as long, up to ``longest_unseen``."""
    longest_unseen: float = 300.0
    refused: float = 4.0
    """The server had too many subscriptions: those that it refused are asked for again. What it refuses by itself is, after
    ``longest_unseen``."""
    silent: float = 600.0
    """No kline, although the server answers. The longest hole seen in a day of one symbol was 486 s."""
    probe: float = 60.0
    """How often the server is asked for its list of our subscriptions while klines flow."""
    rotate: float = 23 * 3600.0
    """Age at which the connection shall be replaced, an hour before the server would close it."""
    settle: float = 5.0
    """A new connection that brought its first kline this long ago carries what there is, quiet symbols or not."""


class Request(msgspec.Struct, frozen=True):
    """A control request under way."""

    method: Literal["SUBSCRIBE", "UNSUBSCRIBE", "LIST_SUBSCRIPTIONS"]
    symbols: tuple[str, ...]
    sent_at: float


class Keep(msgspec.Struct, frozen=True):
    """The connection is well."""


class Rotate(msgspec.Struct, frozen=True):
    """The connection is well and will not stay so: open another one, and close this when the other one carries."""

    why: str


class Reconnect(msgspec.Struct, frozen=True):
    """The connection is of no use any more."""

    why: str


Verdict = Keep | Rotate | Reconnect
KEEP = Keep()


class Protocol:
    """The state of one open connection.

    ``epochs`` gives the epoch of each symbol's klines and may change under way; `want` says which symbols to stream.
    """

    def __init__(self, exchange: str, epochs: Mapping[str, int], *, now: float, timing: Timing | None = None) -> None:
        self._read = FrameReader(exchange, epochs).read
        self._timing = timing or Timing()
        self._opened = now
        # Two of the venue's five messages a second are left to pongs that come when they come, and to a network that
        # delivers in 1.0 s what was sent in 1.25.
        self._window = limits.RollingWindow(limits.MESSAGES_PER_SECOND - 1, 1.25)
        self._wanted: frozenset[str] = frozenset()
        self._subscribed: set[str] = set()
        self._asking: set[str] = set()
        self._refused: dict[str, float] = {}
        """When each is to be asked for again."""
        self._halves: deque[tuple[str, ...]] = deque()
        self._requests: dict[int, Request] = {}
        self._next_id = 1
        self._todo = False
        self._probed_at = now
        self._subscribed_at: float | None = None
        self._first_kline_at: float | None = None
        self._last_kline_at = now
        self._hurried = False
        self._missed_at: float | None = None
        """When it was said, since its last kline, that the venue has some."""
        self._unseen: dict[str, tuple[float, float]] = {}
        """Of whom nothing came: since when, and with how much patience until it is subscribed again."""
        self._rotate_why = ""

    def want(self, symbols: Collection[str]) -> None:
        """Stream exactly these from now on. Raises `ValueError` for more than a connection may carry."""
        if len(symbols) > limits.STREAMS_PER_CONNECTION:
            raise ValueError(f"{len(symbols)} symbols on one connection; the venue allows {limits.STREAMS_PER_CONNECTION}")
        new = dict.fromkeys(set(symbols) - self._wanted, (self._opened, self._timing.unseen))
        self._wanted = frozenset(symbols)
        self._unseen = {symbol: of for symbol, of in (self._unseen | new).items() if symbol in self._wanted}
        self._refused = {symbol: again for symbol, again in self._refused.items() if symbol in self._wanted}
        self._todo = True

    def hurry(self) -> None:
        """The connection before this one brought nothing of what there was: this one has less time for its first kline."""
        self._hurried = True

    def missed(self, symbol: str, now: float) -> None:
        """The venue has a second of this symbol that did not come."""
        if symbol in self._subscribed:
            self._missed_at = now if self._missed_at is None else self._missed_at
            self._unseen.setdefault(symbol, (now, self._timing.unseen))

    # ── What comes ──────────────────────────────────────────────────────────────────────────────────────────────────────

    def receive(self, frames: Iterable[bytes], received_us: int, now: float) -> Batch:
        """What the frames of one read mean."""
        batch = Batch(received_us, [], [])
        klines, read, unseen = batch.klines, self._read, self._unseen
        for frame in frames:
            message = read(frame, received_us)
            if type(message) is Kline:
                klines.append(message)
                if unseen:
                    unseen.pop(message.symbol, None)
            elif isinstance(message, Ignored):
                batch.ignored += 1
            elif isinstance(message, BadFrame):
                batch.events.append(message)
            elif isinstance(message, Answer):
                self._answer(message, frame, batch, now)
            else:
                self._rotate_why = "the server announced its shutdown"
        if klines:
            self._last_kline_at = now
            self._missed_at = None
            if self._first_kline_at is None:
                self._first_kline_at = now
                batch.events.append(Connected(self._wanted))
        return batch

    def ponged(self, now: float) -> None:
        """A PONG went out (the WebSocket library answers pings itself); the server counts it among our messages."""
        self._window.add(now)

    def _answer(self, answer: Answer, frame: bytes, batch: Batch, now: float) -> None:
        # An error may come without an id; it then answers what was asked first.
        id = next(iter(self._requests), None) if answer.id is None else answer.id
        request = None if id is None else self._requests.pop(id, None)
        if request is None:
            detail = f"answers no request of ours: {answer.error or 'no error'}"
            batch.events.append(BadFrame("unknown_message", detail, frame.decode(errors="backslashreplace")))
            return
        self._todo = True
        if request.method == "LIST_SUBSCRIPTIONS":
            if isinstance(answer.result, list):  # what the server forgot is asked for again
                listed = set(map(str, answer.result))
                self._subscribed = {symbol for symbol in self._subscribed if stream_name(symbol) in listed}
        elif request.method == "SUBSCRIBE":
            self._asking.difference_update(request.symbols)
            self._unseen |= {symbol: (now, of[1]) for symbol in request.symbols if (of := self._unseen.get(symbol)) is not None}
            if not answer.error:
                # What is acknowledged, forgotten and acknowledged again has no more time for its first kline.
                if not self._subscribed and (self._subscribed_at is None or self._first_kline_at is not None):
                    self._subscribed_at = now
                self._subscribed.update(request.symbols)
            elif len(request.symbols) == 1 or answer.code == _TOO_MANY_SUBSCRIPTIONS:
                full = answer.code == _TOO_MANY_SUBSCRIPTIONS
                again = now + (self._timing.refused if full else self._timing.longest_unseen)
                self._refused.update(dict.fromkeys(request.symbols, again))
                detail = f"the exchange refuses to stream it: {answer.error} (code {answer.code})"
                batch.events.extend(SubscriptionRefused(symbol, detail) for symbol in request.symbols)
            else:  # one bad name spoils all: halve until it stands alone
                middle = len(request.symbols) // 2
                self._halves.extend((request.symbols[:middle], request.symbols[middle:]))

    # ── What to do ──────────────────────────────────────────────────────────────────────────────────────────────────────

    def outgoing(self, now: float) -> list[str]:
        """The messages to send now, within every limit; they count as sent."""
        messages: list[str] = []
        while (self._todo or self._probe_due(now) or self._unheard(now) or self._forgiven(now)) and self._window.delay(
            now
        ) == 0.0:
            request = self._next_request(now)
            if request is None:
                self._todo = False
                break
            self._window.add(now)
            messages.append(_encode(self._next_id, request))
            self._requests[self._next_id] = request
            self._next_id += 1
        return messages

    def due(self, now: float) -> float:
        """Seconds after which `outgoing` and `verdict` have to be asked again, if nothing comes before."""
        if self._todo:
            return max(self._window.delay(now), 0.01)
        timing, asked = self._timing, next(iter(self._requests.values()), None)
        if asked is not None:
            times = [asked.sent_at + timing.doubt, asked.sent_at + timing.answer]
        else:
            times = [max(self._fresh_at, self._probed_at) + timing.quiet]
        times += [self._fresh_at + timing.missed, (self._missed_at or 0.0) + timing.missed]
        return min([_LONGEST_WAIT, *(time - now + _A_MOMENT for time in times if time >= now)])

    def verdict(self, now: float) -> Verdict:
        """Whether the connection is still good."""
        timing = self._timing
        oldest = next(iter(self._requests.values()), None)
        waited = 0.0 if oldest is None else now - oldest.sent_at
        if oldest is not None and waited > timing.answer:
            return Reconnect(f"no answer to {oldest.method} for {timing.answer:g} s")
        if self._subscribed and self._subscribed_at is not None:
            if self._first_kline_at is None:
                patience = timing.first_kline if self._missed_at is None and not self._hurried else timing.missed
                if now - self._subscribed_at > patience:
                    return Reconnect(f"subscribed, and no kline for {patience:g} s")
            elif now - self._fresh_at > timing.silent:
                return Reconnect(f"no kline for {timing.silent:g} s")
        if self._rotate_why:
            return Rotate(self._rotate_why)
        carried = self._first_kline_at is not None
        if carried and self._missed_at is not None and now - self._missed_at > timing.missed:
            return Rotate(f"no kline for {timing.missed:g} s, and the exchange has some")
        if carried and oldest is not None and oldest.method == "LIST_SUBSCRIPTIONS" and waited > timing.doubt:
            return Rotate(f"no kline, and no answer to {oldest.method} for {timing.doubt:g} s")
        if now - self._opened > timing.rotate:
            return Rotate(f"it is {timing.rotate / 3600:g} h old")
        return KEEP

    def carrying(self, now: float) -> bool:
        """Whether it does the work of a connection that it shall replace."""
        if self._first_kline_at is None or self._asking or self._todo:
            return False
        return not self._unseen or now - self._first_kline_at > self._timing.settle

    @property
    def subscribed(self) -> bool:
        """Whether anything was subscribed and acknowledged."""
        return self._subscribed_at is not None

    @property
    def brings_nothing(self) -> bool:
        """Whether the venue is known to have had something since the last kline came."""
        return self._missed_at is not None

    @property
    def last_kline_at(self) -> float:
        """When the last kline came; before the first, when it was opened."""
        return self._last_kline_at

    @property
    def first_kline_at(self) -> float | None:
        """When its first kline came."""
        return self._first_kline_at

    def _probe_due(self, now: float) -> bool:
        if not self._subscribed or self._requests:
            return False
        every = self._timing.quiet if now - self._fresh_at > self._timing.quiet else self._timing.probe
        return now - max(self._probed_at, self._subscribed_at or 0.0) > every

    @property
    def _fresh_at(self) -> float:
        """When there was a reason, last, to expect a kline no earlier than a moment later."""
        return max(self._last_kline_at, self._subscribed_at or 0.0)

    def _unheard(self, now: float) -> set[str]:
        """Symbols that are subscribed, and of which nothing came for too long while others did: it is to be tried again."""
        if not self._unseen or self._first_kline_at is None or self._requests or now - self._last_kline_at > self._timing.quiet:
            return set()
        return {symbol for symbol, (since, patience) in self._unseen.items() if now - since > patience} & self._subscribed

    def _forgiven(self, now: float) -> list[str]:
        """Symbols that were refused, and are to be asked for again."""
        return [symbol for symbol, again in self._refused.items() if again <= now]

    def _next_request(self, now: float) -> Request | None:
        for symbol in self._forgiven(now):
            del self._refused[symbol]
        if unheard := self._unheard(now):
            symbols = _fitting(sorted(unheard))
            self._subscribed.difference_update(symbols)
            for symbol in symbols:
                self._unseen[symbol] = now, min(2 * self._unseen[symbol][1], self._timing.longest_unseen)
            return Request("UNSUBSCRIBE", symbols, now)
        if leaving := self._subscribed - self._wanted:
            symbols = _fitting(sorted(leaving))
            self._subscribed.difference_update(symbols)
            return Request("UNSUBSCRIBE", symbols, now)
        while self._halves:
            if symbols := tuple(s for s in self._halves.popleft() if s in self._wanted):
                self._asking.update(symbols)
                return Request("SUBSCRIBE", symbols, now)
        room = limits.STREAMS_PER_CONNECTION - len(self._subscribed) - len(self._asking)
        if missing := sorted(self._wanted - self._subscribed - self._asking - self._refused.keys())[:room]:
            symbols = _fitting(missing)
            self._asking.update(symbols)
            return Request("SUBSCRIBE", symbols, now)
        if self._probe_due(now):
            self._probed_at = now
            return Request("LIST_SUBSCRIPTIONS", (), now)
        return None


_ENVELOPE = 100
"""Bytes of a request around its streams' names, at most."""


def _fitting(symbols: list[str]) -> tuple[str, ...]:
    """As many of the symbols as one request can name."""
    size = _ENVELOPE
    for count, symbol in enumerate(symbols):
        size += len(stream_name(symbol).encode()) + len('"",')
        if size > limits.SUBSCRIBE_BYTES:
            return tuple(symbols[:count])
    return tuple(symbols)


def _encode(id: int, request: Request) -> str:
    message: dict[str, object] = {"method": request.method}
    if request.method != "LIST_SUBSCRIPTIONS":
        message["params"] = [stream_name(symbol) for symbol in request.symbols]
    return msgspec.json.encode({**message, "id": id}).decode()
