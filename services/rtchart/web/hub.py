"""The hub: who is subscribed to what, and one tick that turns what came into texts for all who share them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Sequence

import msgspec

from rtchart.core.candle import Candle, of_second
from rtchart.core.gap import Gap
from rtchart.core.interval import SECOND, Interval
from rtchart.core.kline import Identity, Kline
from rtchart.core.messages import Revision
from rtchart.web import metrics
from rtchart.web.channel import Channel, Client, Joining
from rtchart.web.live import GRACE
from rtchart.web.market import Entry, Market
from rtchart.web.protocol import (
    CandleUpdate,
    GapUpdate,
    RevisionUpdate,
    Stamps,
    SymbolInfo,
    Symbols,
    Ticker,
    Tickers,
    encode,
)
from rtchart.web.tickers import ticker
from rtchart.web.tracing import Telling

STALLED = 10.0
"""Seconds after which a client that does not take a frame is closed."""

DRAIN = 1.0
"""Seconds that clients have to take their last frame when the server shuts down."""

SHUTS_DOWN = (1001, "the server shuts down; connect again")
"""Code and reason with which clients are closed then."""

CLOCK = 250
"""Milliseconds between looks at which candles the clock closes."""

RELEASE = 60_000
"""How long (ms) the stored parts of a symbol are kept after nobody looks at it any more."""


class Hub:
    """Subscriptions and ticks. ``clock`` gives milliseconds."""

    def __init__(self, market: Market, clock: Callable[[], int]) -> None:
        self._market = market
        self._clock = clock
        self.clients: set[Client] = set()
        self._ticker_clients: set[Client] = set()
        self._gone = asyncio.Event()
        self._draining = False
        self._delivered = 0
        """Deliveries that are not counted in the metric yet."""
        self.frames = 0
        """… and frames."""
        self._looked_at = 0
        """When it was last looked which candles the clock closes (ms)."""
        self._consumed_us = 0
        """When the records of the tick under way were read; 0 outside of one."""
        self._traced: Sequence[Telling] = ()
        """What is traced of the symbol whose texts are being made."""

    # ── clients ──────────────────────────────────────────────────────────────────────────────────────────────────────

    def enter(self, client: Client) -> None:
        """A socket is open."""
        self.clients.add(client)
        metrics.sockets.set(len(self.clients))
        if self._draining:  # it was let in just before
            client.close(*SHUTS_DOWN)

    def leave(self, client: Client) -> None:
        """A socket is closed: all its subscriptions end."""
        for channel in list(client.channels):
            self.unsubscribe(client, channel)
        self._ticker_clients.discard(client)
        self.clients.discard(client)
        metrics.sockets.set(len(self.clients))
        if not self.clients:
            self._gone.set()

    async def drain(self) -> None:
        """Have every client closed with 1001, and who comes from now on; returns when all are gone."""
        self._draining = True
        self._gone.clear()
        for client in self.clients:
            client.close(*SHUTS_DOWN)
        try:
            async with asyncio.timeout(DRAIN if self.clients else 0):
                await self._gone.wait()
        except TimeoutError:
            for client in self.clients:  # these do not take the frame that is under way
                client.abandon(*SHUTS_DOWN)
            if self.clients:
                await self._gone.wait()

    # ── subscriptions ────────────────────────────────────────────────────────────────────────────────────────────────

    def join(self, client: Client, entry: Entry, interval: Interval) -> tuple[Channel, Joining]:
        """Register a subscription before its history is read. What changes until `welcome` is not sent to it."""
        channel = entry.channels.get(interval.name)
        if channel is None:
            channel = entry.channels[interval.name] = Channel(entry, interval)
        channel.clients.discard(client)
        client.forget(channel)
        client.channels.add(channel)
        joining = channel.joining[client] = Joining()
        self._count()
        return channel, joining

    def welcome(self, client: Client, channel: Channel, joining: Joining, snapshot: str, newest: Candle | None) -> bool:
        """Send the snapshot and, from now on, all changes. False when it was unsubscribed or asked again meanwhile."""
        if channel.joining.get(client) is not joining:
            return False
        del channel.joining[client]
        channel.clients.add(client)
        client.reply(snapshot)
        if newest is not None and newest.open_time > channel.current:
            channel.showing(newest)
        return True

    def unsubscribe(self, client: Client, channel: Channel) -> None:
        """End a subscription."""
        client.channels.discard(channel)
        client.forget(channel)
        channel.clients.discard(client)
        channel.partial.discard(client)
        channel.joining.pop(client, None)
        if not channel.clients and not channel.joining:
            channel.entry.channels.pop(channel.interval.name, None)
            channel.entry.looked_at = self._clock()
        self._count()

    def gone(self, entry: Entry) -> None:
        """The symbol is no longer asked for: its subscriptions end, and their clients are told to look anew."""
        for channel in list(entry.channels.values()):
            for client in (*channel.clients, *channel.joining):
                self.unsubscribe(client, channel)
                client.put((channel, "resync"), channel.resync)

    def subscribed(self, client: Client, identity: Identity, interval: str) -> Channel | None:
        """The client's channel of a symbol and interval."""
        for channel in client.channels:
            if channel.interval.name == interval and channel.entry.identity == identity:
                return channel
        return None

    def subscribe_tickers(self, client: Client, wanted: bool) -> None:
        """Begin or end the channel ``tickers``."""
        client.tickers = wanted
        (self._ticker_clients.add if wanted else self._ticker_clients.discard)(client)

    def tickers(self) -> list[Ticker]:
        """Of every symbol, as they are now."""
        found = (ticker(entry.live, entry.window) for entry in self._market)
        return [item for item in found if item is not None]

    def announce(self, symbols: list[SymbolInfo]) -> None:
        """Tell the channel ``tickers`` which symbols there are."""
        if self._ticker_clients:
            text = encode(Symbols(symbols))
            for client in self._ticker_clients:
                client.put("symbols", text)
            self._delivered += len(self._ticker_clients)

    def resync_partial(self) -> None:
        """The database answers again: those who were served without it shall subscribe again."""
        for entry in self._market:
            for channel in entry.channels.values():
                for client in channel.partial:
                    client.put((channel, "resync"), channel.resync)
                channel.partial.clear()

    # ── what came ────────────────────────────────────────────────────────────────────────────────────────────────────

    def tick(self, consumed_us: int) -> bool:
        """Send what came since the last tick; whether anything did."""
        market = self._market
        if not (market.moved or market.gap_changes):
            return False
        now = self._clock()
        self._consumed_us = consumed_us
        for entry, klines in market.changed.items():
            self._traced = market.traced.get(entry, ())
            for channel in entry.channels.values():
                self._update(channel, klines, now, consumed_us)
        self._traced = ()
        for entry, gap in market.gap_changes:
            self._gap(entry, gap)
        if self._ticker_clients:
            self._tickers(market.moved)
        market.changed.clear()
        market.moved.clear()
        market.traced.clear()
        market.gap_changes.clear()
        self._consumed_us = 0
        return True

    def revise(self, revision: Revision) -> None:
        """A stored candle changed."""
        entry = self._market.get(revision.identity)
        if entry is None:
            return
        candle = revision.candle
        accepted = entry.live.revise(revision.interval, candle)
        if not accepted or not entry.channels:
            return
        if entry.live.is_past(revision.interval, candle):
            return  # a year of them may come: who scrolls there reads them from the database
        now = self._clock()
        channel = entry.channels.get(revision.interval)
        if channel is not None:
            live = entry.live.candle(channel.interval, candle.open_time, now)
            if live is None or candle.received >= live.received:
                self._revision(channel, candle, now)
        if revision.interval in ("1m", "1h", "1d"):
            # The forming candles made of it change too.
            for other in list(entry.channels.values()):
                forming = other.current <= candle.open_time < other.ends
                if forming and other is not channel and other.interval.length != SECOND and not other.closed:
                    self._emit(other, other.current, now, _stamps(entry.live.newest, 0))

    def sweep(self) -> None:
        """Close candles whose last second did not come, and clients that do not take their frames. A few times a second."""
        now = self._clock()
        metrics.deliveries.inc(self._delivered)
        metrics.frames.inc(self.frames)
        self._delivered = self.frames = 0
        if now - self._looked_at >= CLOCK:
            self._close_due(now)
        for client in self.clients:
            if client.closing is None and client.stalled_for() > STALLED:
                metrics.stalled.inc()
                client.abandon(1008, f"a frame was not taken for {STALLED:.0f} s")

    def _close_due(self, now: int) -> None:
        self._looked_at = now
        for entry in self._market:
            for channel in entry.channels.values():
                if not channel.closed and now >= channel.ends + GRACE:
                    self._emit(channel, channel.current, now, _stamps(entry.live.newest, 0))
            if not entry.channels and entry.live.loaded is not None and now - entry.looked_at > RELEASE:
                entry.live.release()

    # ── texts ────────────────────────────────────────────────────────────────────────────────────────────────────────

    def _update(self, channel: Channel, klines: list[Kline], now: int, consumed_us: int) -> None:
        interval = channel.interval
        if interval.length == SECOND:
            for kline in klines:
                self._send_candle(channel, of_second(kline), _stamps(kline, consumed_us))
            return
        if len(klines) == 1 and channel.current <= klines[0].open_time < channel.ends:
            self._emit(channel, channel.current, now, _stamps(klines[0], consumed_us))
            return
        periods = {interval.open_time(kline.open_time): kline for kline in klines}
        newest = max(periods)
        if newest > channel.current >= 0 and not channel.closed and channel.current not in periods:
            periods[channel.current] = klines[0]
        for period in sorted(periods):
            self._emit(channel, period, now, _stamps(periods[period], consumed_us))

    def _emit(self, channel: Channel, period: int, now: int, stamps: Stamps) -> None:
        candle = channel.entry.live.candle(channel.interval, period, now)
        if candle is None:
            channel.closed = True
            return
        self._send_candle(channel, candle, stamps)

    def _send_candle(self, channel: Channel, candle: Candle, stamps: Stamps) -> None:
        channel.showing(candle)
        identity = channel.entry.identity
        text = encode(CandleUpdate(identity.exchange, identity.symbol, channel.interval.name, candle, stamps))
        self._deliver((channel, candle.open_time), text, channel.clients)

    def _revision(self, channel: Channel, candle: Candle, now: int) -> None:
        closed = now >= channel.interval.next_open(candle.open_time)
        if candle.closed != closed:
            candle = msgspec.structs.replace(candle, closed=closed)
        for joining in channel.joining.values():
            joining.revised.append(candle)
        identity = channel.entry.identity
        text = encode(RevisionUpdate(identity.exchange, identity.symbol, channel.interval.name, candle))
        self._deliver((channel, candle.open_time, "revision"), text, channel.clients)

    def _gap(self, entry: Entry, gap: Gap) -> None:
        clients = {client for channel in entry.channels.values() for client in (*channel.clients, *channel.joining)}
        if clients:
            text = encode(GapUpdate(entry.identity.exchange, entry.identity.symbol, gap))
            self._deliver((entry, gap.start, gap.end), text, clients)

    def _tickers(self, moved: Iterable[Entry]) -> None:
        found = (ticker(entry.live, entry.window) for entry in moved)
        changed = [item for item in found if item is not None]
        if changed:
            text = encode(Tickers(changed))
            for client in self._ticker_clients:
                client.put_tickers(text, self._consumed_us)
            self._delivered += len(self._ticker_clients)

    def _deliver(self, key: object, text: str, clients: set[Client]) -> None:
        consumed_us, tells = self._consumed_us, self._traced
        for client in clients:
            client.put(key, text, consumed_us, tells)
        self._delivered += len(clients)

    def _count(self) -> None:
        metrics.subscriptions.set(sum(len(client.channels) for client in self.clients))


def _stamps(kline: Kline | None, consumed_us: int) -> Stamps:
    if kline is None:
        return Stamps(0, 0, 0, consumed_us)
    return Stamps(kline.version, kline.received_us, kline.published_us, consumed_us)
