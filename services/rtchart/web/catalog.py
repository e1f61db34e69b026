"""Which symbols there are: what is asked for, what a producer says of it, and what the database knows of each."""

from __future__ import annotations

import msgspec

from rtchart.broker.table import Changes
from rtchart.core.interval import INTERVALS, Interval, UnknownInterval, interval
from rtchart.core.kline import Identity
from rtchart.core.messages import FRESH, Listing, StreamState, StreamStatus
from rtchart.core.symbol import DesiredSymbol
from rtchart.store.history import StoredSymbol
from rtchart.web.protocol import ErrorCode, Status, SymbolInfo

_ORDER: tuple[StreamStatus, ...] = ("streaming", "halted", "stale", "subscribing", "refused", "suspended")


class Refused(Exception):
    """A request about a symbol or interval that cannot be served; ``parameter`` is the one that is wrong."""

    def __init__(self, code: ErrorCode, parameter: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.parameter = parameter


class Known(msgspec.Struct):
    """What is known of one symbol, from all sides."""

    identity: Identity
    desired: DesiredSymbol | None = None
    stored: StoredSymbol | None = None
    listed_day: int | None = None
    tick_size: str | None = None

    @property
    def intervals(self) -> list[str]:
        """What can be asked for: seconds and minutes always, and the intervals that are kept; shortest first."""
        kept: tuple[str, ...] = ()
        if self.desired is not None:
            kept = self.desired.intervals
        elif self.stored is not None:
            kept = self.stored.intervals
        return [name for name in INTERVALS if name in ("1s", "1m") or name in kept]


class Catalog:
    """Every symbol that is asked for, or was."""

    def __init__(self) -> None:
        self._known: dict[Identity, Known] = {}
        self._named: dict[str, list[Known]] = {}
        self._states: dict[Identity, dict[str, StreamState]] = {}
        self._statuses: dict[Identity, Status] = {}
        self._dead: dict[Identity, int] = {}

    def desired(self) -> list[Known]:
        """Those that are asked for, by name."""
        return sorted((k for k in self._known.values() if k.desired is not None), key=lambda known: known.identity)

    def active(self) -> bool:
        """Whether seconds should be coming."""
        return any(known.desired is not None and not known.desired.suspend for known in self._known.values())

    def oldest_epoch(self, identity: Identity) -> int:
        """The life of a symbol from which on its seconds count: what still comes of a deleted one's does not."""
        known = self._known.get(identity)
        if known is not None and known.desired is not None:
            return known.desired.epoch
        return self._dead.get(identity, -1) + 1

    def wish(self, changes: Changes[DesiredSymbol]) -> list[Identity]:
        """Take records of ``rtchart.symbols``; the symbols that are no longer asked for."""
        gone: list[Identity] = []
        for key, record in changes.items():
            try:
                identity = Identity.parse(key)
            except ValueError:
                continue
            known = self._know(identity)
            if record is None and known.desired is not None:
                self._dead[identity] = known.desired.epoch
                gone.append(identity)
            known.desired = record
        return gone

    def observe(self, changes: Changes[StreamState]) -> None:
        """Take records of ``rtchart.streams``."""
        for key, record in changes.items():
            place, _, instance = key.rpartition("/")
            try:
                states = self._states.setdefault(Identity.parse(place), {})
            except ValueError:
                continue
            if record is None:
                states.pop(instance, None)
            else:
                states[instance] = record

    def turned(self, now: int) -> bool:
        """Whether a symbol's status is not what it was when this was last asked: a word turns it, and so does silence."""
        statuses = {known.identity: self._status(known, now)[0] for known in self._known.values() if known.desired is not None}
        before, self._statuses = self._statuses, statuses
        return statuses != before

    def listing(self, message: Listing) -> None:
        """Take what the exchange says of a symbol."""
        known = self._know(message.identity)
        known.listed_day, known.tick_size = message.listed_day, message.tick_size

    def stored(self, symbols: list[StoredSymbol]) -> None:
        """Take what the database knows."""
        for symbol in symbols:
            known = self._know(symbol.identity)
            known.stored = symbol
            known.listed_day = symbol.listed_day if known.listed_day is None else known.listed_day
            known.tick_size = symbol.tick_size if known.tick_size is None else known.tick_size

    def find(self, symbol: str, exchange: str | None) -> Known:
        """The symbol that a request means. Raises `Refused`: unknown, or at several exchanges and none named."""
        found = [
            known
            for known in self._named.get(symbol, ())
            if exchange in (None, known.identity.exchange) and (known.desired is not None or known.stored is not None)
        ]
        # What is asked for goes before what is only still stored.
        wanted = [known for known in found if known.desired is not None] or found
        if not wanted:
            if exchange is not None and (elsewhere := self._exchanges(symbol)):
                raise Refused("unknown_symbol", "exchange", f"{symbol} is not at {exchange!r}; it is at {elsewhere}")
            raise Refused("unknown_symbol", "symbol", f"there is no symbol {symbol!r}; GET /api/v1/symbols lists them")
        if len(wanted) > 1:
            names = ", ".join(sorted(known.identity.exchange for known in wanted))
            raise Refused("ambiguous_exchange", "exchange", f"{symbol} is at {names}: say which, with exchange")
        return wanted[0]

    def _exchanges(self, symbol: str) -> str:
        """Where there is a symbol of this name, for messages."""
        known = self._named.get(symbol, ())
        return ", ".join(sorted(one.identity.exchange for one in known if one.desired is not None or one.stored is not None))

    def interval(self, known: Known, name: str) -> Interval:
        """The interval as this symbol has it. Raises `Refused`: unknown, not kept, or without its first day."""
        try:
            found = interval(name)
        except UnknownInterval as error:
            raise Refused("unknown_interval", "interval", str(error)) from None
        if name not in known.intervals:
            raise Refused(
                "interval_not_kept",
                "interval",
                f"{known.identity.symbol} is kept in {', '.join(known.intervals)}, not in {name}; add it to its Symbol",
            )
        if name != "3d":
            return found
        if known.listed_day is None:
            raise Refused(
                "not_listed",
                "interval",
                f"3d candles count from the day of {known.identity.symbol}'s first trade, which no producer has told yet",
            )
        return found.of(known.listed_day)

    def info(self, known: Known, price: str | None, now: int) -> SymbolInfo:
        """The symbol as clients are told of it."""
        status, detail = self._status(known, now)
        return SymbolInfo(
            exchange=known.identity.exchange,
            symbol=known.identity.symbol,
            intervals=known.intervals,
            status=status,
            detail=detail,
            price=price,
            tick_size=known.tick_size,
        )

    def _status(self, known: Known, now: int) -> tuple[Status, str]:
        """What the best of its producers says, and in detail; a word that is not `FRESH` is none."""
        if known.desired is not None and known.desired.suspend:
            return "suspended", ""
        states = [state for state in self._states.get(known.identity, {}).values() if now - state.at <= FRESH]
        if not states:
            return "unknown", ""
        best = min(states, key=lambda state: (_ORDER.index(state.status), -state.at))
        return best.status, best.detail

    def _know(self, identity: Identity) -> Known:
        known = self._known.get(identity)
        if known is None:
            known = self._known[identity] = Known(identity)
            self._named.setdefault(identity.symbol, []).append(known)
        return known
