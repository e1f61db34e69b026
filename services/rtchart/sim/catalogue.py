"""The faults that a script or the control endpoint can ask for: what each does, and the public case that it comes from.

A fault is a struct; its fields are its parameters, as docs/faults.md (made from here) lists them. Times in them are seconds of
the market.
"""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal, Protocol

import msgspec

from rtchart.core.errors import UserError
from rtchart.core.interval import SECOND
from rtchart.sim import disturbance
from rtchart.sim.connection import Connection
from rtchart.sim.faults import FOREVER, Faults, Rejection, Undo
from rtchart.sim.listing import Status

Share = Annotated[float, msgspec.Meta(ge=0, le=1)]
Seconds = Annotated[float, msgspec.Meta(ge=0, le=disturbance.LONGEST / SECOND)]
Count = Annotated[int, msgspec.Meta(ge=1)]
HttpStatus = Annotated[int, msgspec.Meta(ge=400, le=599)]
CloseCode = Annotated[int, msgspec.Meta(ge=1000, le=4999)]


class Later(Protocol):
    """Calls a function of no arguments so many ms of the market from now; what it returns takes that back."""

    def __call__(self, ms: int, function: Undo) -> Undo: ...


class Fault(msgspec.Struct, forbid_unknown_fields=True, tag_field="fault", kw_only=True):
    """One thing that goes wrong."""

    SEEN: ClassVar[str]
    """Where it was seen."""
    ONCE: ClassVar[bool] = False
    """Whether it happens once, when nobody says how long it lasts."""

    def begin(self, faults: Faults, later: Later) -> Undo:
        """Let it go wrong, and return what takes it back. A symbol that is not listed is a `KeyError`."""
        raise NotImplementedError


class _OfSymbols(Fault, kw_only=True):
    symbols: tuple[str, ...] = ()
    """Which symbols; none: all."""

    def each(self, faults: Faults) -> tuple[str, ...]:
        return self.symbols or faults.symbols


# ── Connections ─────────────────────────────────────────────────────────────────────────────────────────────────────────


class Disconnect(Fault, tag="disconnect"):
    """Every connection ends: cut off without a word (which a client sees as 1006), or closed with a code and a reason. While it
    lasts, so does each new one; without `for` it happens once.
    """

    ONCE = True
    SEEN = "1006 in ccxt/ccxt#26945, which refills nothing after it; 1008 `Too many requests` was observed."
    code: CloseCode | None = None
    reason: str = ""

    def begin(self, faults: Faults, later: Later) -> Undo:
        def end(connection: Connection) -> None:
            faults.disconnect_all(self.code, self.reason, which=(connection,))

        return faults.greet(end)


class RefuseHandshakes(Fault, tag="refuse_handshakes"):
    """No new connection is made: the handshake gets an HTTP status, or is cut off."""

    SEEN = "Resubscribing in a storm until banned: nautechsystems/nautilus_trader#5012."
    status: HttpStatus | None = None

    def begin(self, faults: Faults, later: Later) -> Undo:
        faults.refused_handshakes.append(self.status)
        return _once(lambda: faults.refused_handshakes.remove(self.status))


class HalfOpen(Fault, tag="half_open"):
    """Connections carry nothing any more, in either direction, and nobody is told: no data, no pong, no close. Those that are
    open stay so for ever; while it lasts, each new one is too. Without `for` it happens once.
    """

    ONCE = True
    SEEN = "A watchdog that never fires when no first frame comes: bmoscon/cryptofeed."

    def begin(self, faults: Faults, later: Later) -> Undo:
        return faults.greet(Connection.break_off)


class PingsUnanswered(Fault, tag="pings_unanswered"):
    """A client's pings get no pong. Data flows."""

    SEEN = "Clients that end a good connection over it; the exchange asks for pongs and promises none (Web Socket Streams)."

    def begin(self, faults: Faults, later: Later) -> Undo:
        def ignore(connection: Connection) -> None:
            connection.ignores_pings = True

        undo = faults.greet(ignore)

        def heed() -> None:
            undo()
            faults.each_connection(lambda connection: setattr(connection, "ignores_pings", False))

        return heed


class Shutdown(Fault, tag="shutdown"):
    """The server announces that it will shut down, and closes what was open then with 1001, so many seconds later. New
    connections are served, as by its successor.
    """

    ONCE = True
    SEEN = (
        "Web Socket Streams, serverShutdown: how long before is not promised. Closing before the new connection carries data: \
binance/binance-connector-python."
    )
    notice: Annotated[float, msgspec.Meta(ge=0, le=600)] = 10.0

    def begin(self, faults: Faults, later: Later) -> Undo:
        told = faults.shutdown_notice()
        later(round(self.notice * SECOND), lambda: _ignore(faults.disconnect_all(1001, "the server shuts down", which=told)))
        return _nothing


class Aging(Fault, tag="aging"):
    """A connection is closed when it is so old, as at 24 h: those that are open now, and those opened while it lasts."""

    SEEN = "Web Socket Streams, General Information: a connection is valid for 24 hours."
    lifetime: Annotated[float, msgspec.Meta(gt=0)] = 24 * 3600.0

    def begin(self, faults: Faults, later: Later) -> Undo:
        def age(connection: Connection) -> None:
            later(
                round(self.lifetime * SECOND),
                lambda: _ignore(faults.disconnect_all(1001, "its time is over", which=(connection,))),
            )

        return faults.greet(age)


class SilentSubscriptions(Fault, tag="silent_subscriptions"):
    """A SUBSCRIBE is acknowledged, and nothing of its streams ever comes on that connection."""

    SEEN = "A SUBSCRIBE of an unknown symbol, or of over 4,088 bytes, is silent too (observed): an acknowledgement is not data."

    def begin(self, faults: Faults, later: Later) -> Undo:
        faults.silent_subscriptions += 1
        return _once(lambda: _lower(faults, "silent_subscriptions"))


class FewStreams(Fault, tag="few_streams"):
    """A connection may have no more streams than this; a SUBSCRIBE over it is refused with code 4."""

    SEEN = "`Too many subscriptions` (observed); 1,024 streams a connection in the documents."
    streams: Annotated[int, msgspec.Meta(ge=0, le=1024)] = 10

    def begin(self, faults: Faults, later: Later) -> Undo:
        faults.most_streams.append(self.streams)
        return _once(lambda: faults.most_streams.remove(self.streams))


# ── What is streamed ────────────────────────────────────────────────────────────────────────────────────────────────────


class Mute(_OfSymbols, tag="mute"):
    """Nothing of the symbols is streamed. REST goes on."""

    SEEN = """One symbol of many falls silent: a watchdog per connection does not see it, and one that trips on quiet pairs is
    no better (tardis-dev/tardis-node#48)."""

    def begin(self, faults: Faults, later: Later) -> Undo:
        return faults.disturb(disturbance.left_out(1.0), self.symbols)


class Skip(_OfSymbols, tag="skip"):
    """So large a part of the seconds is not streamed. REST has them."""

    SEEN = "6 klines in 15 s; 992 of 86,400 seconds of a recorded day (observed)."
    share: Share = 0.3

    def begin(self, faults: Faults, later: Later) -> Undo:
        return faults.disturb(disturbance.left_out(self.share), self.symbols)


class Late(_OfSymbols, tag="late"):
    """Klines come so many seconds late."""

    SEEN = "30 s in fast markets (observed)."
    by: Seconds = 30.0

    def begin(self, faults: Faults, later: Later) -> Undo:
        return faults.disturb(disturbance.late(round(self.by * SECOND)), self.symbols)


class Double(_OfSymbols, tag="double"):
    """So large a part of the klines comes twice."""

    SEEN = "Two connections that overlap, which make-before-break brings about."
    share: Share = 1.0

    def begin(self, faults: Faults, later: Later) -> Undo:
        return faults.disturb(disturbance.doubled(self.share), self.symbols)


class Shuffle(_OfSymbols, tag="shuffle"):
    """Klines come up to so many seconds late, each by another time, so out of order."""

    SEEN = "Streams of several servers behind one address, after a reconnect."
    within: Seconds = 3.0

    def begin(self, faults: Faults, later: Later) -> Undo:
        return faults.disturb(disturbance.shuffled(round(self.within * SECOND)), self.symbols)


class Correct(_OfSymbols, tag="correct"):
    """Klines come with wrong numbers, and again with the right ones so many seconds later."""

    SEEN = "A closed kline that comes once more with a later event time and other numbers."
    after: Seconds = 2.0

    def begin(self, faults: Faults, later: Later) -> Undo:
        return faults.disturb(disturbance.corrected(round(self.after * SECOND)), self.symbols)


class Garble(_OfSymbols, tag="garble"):
    """So large a part of the klines is written in another way: no JSON, fields of other types, fields missing, microseconds."""

    SEEN = """A batch lost for one bad row: bmoscon/cryptofeed's Postgres backend. Times became microseconds in the public
    archive in 2025."""
    how: Literal["malformed", "wrong_types", "missing_fields", "microseconds"] = "malformed"
    share: Share = 1.0

    def begin(self, faults: Faults, later: Later) -> Undo:
        return faults.disturb(disturbance.garbled(getattr(disturbance, self.how), self.share), self.symbols)


class Inject(Fault, tag="inject"):
    """A text is sent as it is to every open connection, once."""

    ONCE = True
    SEEN = "Frames of streams that nobody subscribed to, and of events that are not documented yet."
    text: str = "{"

    def begin(self, faults: Faults, later: Later) -> Undo:
        faults.inject(self.text)
        return _nothing


# ── REST ────────────────────────────────────────────────────────────────────────────────────────────────────────────────


_UNDER_WAY = 1_000
"""ms, of the machine."""


class TooManyRequests(Fault, tag="too_many_requests"):
    """The next request gets 429 with Retry-After, and so do those that come within a second, which may have been under way.
    Whoever asks again before the time gets 418, a ban of so many seconds, and a longer one each time. Seconds of the machine.
    """

    SEEN = "REST API, LIMITS: 429, then 418 with a ban of 2 minutes to 3 days for who goes on."
    retry_after: Annotated[int, msgspec.Meta(ge=1)] = 5
    ban: Annotated[int, msgspec.Meta(ge=1)] = 120

    def begin(self, faults: Faults, later: Later) -> Undo:
        told, until, ban = -1, -1, self.ban

        def rejects(now: int) -> Rejection | None:
            nonlocal told, until, ban
            if told < 0:
                told, until = now, now + self.retry_after * 1_000
            if now < min(told + _UNDER_WAY, until):
                return Rejection(429, -(-(until - now) // 1_000))
            if now < until:
                until, ban = now + ban * 1_000, ban * 2
                faults.violations["asked again before Retry-After"] += 1
                return Rejection(418, (until - now) // 1_000)
            return None

        return faults.reject(rejects)


class RestStatus(Fault, tag="rest_status"):
    """Every REST request gets this status: 403 of a firewall, 418 of a ban, 5xx of a server that is not well."""

    SEEN = "REST API, HTTP Return Codes; 403 is the web application firewall."
    status: HttpStatus = 503
    retry_after: Annotated[int, msgspec.Meta(ge=1)] | None = None
    """Seconds, of the machine."""

    def begin(self, faults: Faults, later: Later) -> Undo:
        return faults.reject(lambda _: Rejection(self.status, self.retry_after))


class RestHangs(Fault, tag="rest_hangs"):
    """REST requests are taken and not answered."""

    SEEN = "A load balancer in front of a server that is gone."

    def begin(self, faults: Faults, later: Later) -> Undo:
        faults.hanging += 1
        return _once(lambda: _lower(faults, "hanging"))


class RestCut(Fault, tag="rest_cut"):
    """The bodies of REST answers end half-way."""

    SEEN = "Connections that proxies cut; a JSON array without its end."

    def begin(self, faults: Faults, later: Later) -> Undo:
        faults.cut_bodies += 1
        return _once(lambda: _lower(faults, "cut_bodies"))


class RestFewRows(Fault, tag="rest_few_rows"):
    """Answers have at most so many rows, whatever was asked for."""

    SEEN = """A short answer does not say that there is no more: outages turned into plausible candles,
    nautechsystems/nautilus_trader#4594."""
    rows: Annotated[int, msgspec.Meta(ge=1, le=1000)] = 10

    def begin(self, faults: Faults, later: Later) -> Undo:
        faults.fewest_rows.append(self.rows)
        return _once(lambda: faults.fewest_rows.remove(self.rows))


# ── The market ──────────────────────────────────────────────────────────────────────────────────────────────────────────


class Absent(_OfSymbols, tag="absent"):
    """There are no seconds of the symbols, in the stream or by REST, and never will be: an outage of the exchange."""

    SEEN = "Ten hours of 2018-06-26, and of 2019-05-15, in the public archive."

    def begin(self, faults: Faults, later: Later) -> Undo:
        since = faults.second()
        for symbol in self.each(faults):
            faults.absent(symbol, since, FOREVER)

        def end() -> None:
            until = max(since, faults.second())
            for symbol in self.each(faults):
                faults.present(symbol, until, FOREVER)

        return _once(end)


class Trading(_OfSymbols, tag="trading"):
    """exchangeInfo says another status of the symbols, and while it is not TRADING no seconds of them come to be."""

    SEEN = "REST API, ENUM definitions: HALT, BREAK, END_OF_DAY, CANCEL_ONLY."
    status: Status = "HALT"

    def begin(self, faults: Faults, later: Later) -> Undo:
        for symbol in self.each(faults):
            faults.set_status(symbol, self.status)

        def resume() -> None:
            for symbol in self.each(faults):
                faults.set_status(symbol, "TRADING")

        return resume


class Delist(_OfSymbols, tag="delist"):
    """The exchange knows the symbols no more; REST refuses them with -1121."""

    SEEN = "Pairs are taken off the exchange several times a month; its announcements name them."

    def begin(self, faults: Faults, later: Later) -> Undo:
        undos = [faults.delist(symbol) for symbol in self.each(faults)]

        def list_again() -> None:
            for undo in undos:
                undo()

        return list_again


class Clock(Fault, tag="clock"):
    """The exchange's clock is so many seconds ahead (or behind: below 0), in event times and in what it says its time is."""

    SEEN = "Machines whose clock is off by seconds; -1021, `Timestamp for this request is outside of the recvWindow`."
    ahead: Annotated[float, msgspec.Meta(ge=-60, le=60)] = 5.0

    def begin(self, faults: Faults, later: Later) -> Undo:
        by = round(self.ahead * SECOND)
        faults.clock_offset += by

        def back() -> None:
            faults.clock_offset -= by

        return _once(back)


AnyFault = (
    Disconnect
    | RefuseHandshakes
    | HalfOpen
    | PingsUnanswered
    | Shutdown
    | Aging
    | SilentSubscriptions
    | FewStreams
    | Mute
    | Skip
    | Late
    | Double
    | Shuffle
    | Correct
    | Garble
    | Inject
    | TooManyRequests
    | RestStatus
    | RestHangs
    | RestCut
    | RestFewRows
    | Absent
    | Trading
    | Delist
    | Clock
)
CATALOGUE: dict[str, type[Fault]] = {str(kind.__struct_config__.tag): kind for kind in AnyFault.__args__}
"""All of them, by name."""


def fault(written: dict[str, object], where: str) -> Fault:
    """The fault that an object describes. Raises `UserError`, which says ``where`` it was written."""
    name = written.get("fault")
    if name not in CATALOGUE:
        raise UserError(f"{where} names no fault ({name!r}); `fault` is one of {', '.join(CATALOGUE)}")
    try:
        return msgspec.convert(written, CATALOGUE[str(name)])
    except msgspec.ValidationError as error:
        raise UserError(f"{where}, {name}: {error}; docs/faults.md lists what it takes") from None


def _nothing() -> None:
    """What happened once cannot be taken back."""


def _ignore(_: object) -> None: ...


def _once(undo: Undo) -> Undo:
    left = [undo]
    return lambda: left.pop()() if left else None


def _lower(faults: Faults, name: str) -> None:
    setattr(faults, name, getattr(faults, name) - 1)
