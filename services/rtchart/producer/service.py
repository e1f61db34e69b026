"""The producer: what comes from the venue goes to Kafka, once, whole, and with a record of what is missing.

`Producer` holds the tracks of the symbols that are asked for and what happens to them; the loops beside the stream are in
`rtchart.producer.repair`, `rtchart.producer.listing` and `rtchart.producer.states`.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Iterable, Mapping

from rtchart.core.interval import SECOND
from rtchart.core.kline import Identity, Kline
from rtchart.core.messages import Absent, DeadLetter, GapOpened, KlineMessage, Listing, StreamState, encode
from rtchart.core.symbol import DesiredSymbol
from rtchart.exchange.base import BadFrame, Batch, Connected, Lost, Stream, SubscriptionRefused
from rtchart.exchange.clock import MAX_LEAP, VenueClock
from rtchart.process.clock import now_ms
from rtchart.process.health import Health
from rtchart.process.logs import fields
from rtchart.process.metrics import Sample, observe
from rtchart.producer import metrics
from rtchart.producer.ledger import Patience
from rtchart.producer.outbox import LIMIT, Outbox
from rtchart.producer.track import Track, history_of

log = logging.getLogger(__name__)

TICK = 0.5
"""Seconds between looks at who is silent."""

LETTERS = 1_000
"""Dead letters that wait for Kafka; more are counted and let go."""

CORRECTIONS = 5_000
"""Klines of seconds that Kafka has already, and that it did not take: kept to be handed over again, the newest of them."""


class Producer:
    """The symbols of one venue that are asked for, and all that happens to them."""

    def __init__(
        self,
        exchange: str,
        stream: Stream,
        clock: VenueClock,
        health: Health,
        *,
        states: Mapping[str, StreamState] | None = None,
        patience: Patience | None = None,
        in_flight: int = LIMIT,
        history: int = 0,
    ) -> None:
        """``states`` are the records of ``rtchart.streams`` from before, by key: where to begin.

        ``history`` (ms) is how much of the past a symbol gets that is new, as far as `history_of` allows.

        ``in_flight`` bounds the records that are handed to Kafka's client and not acknowledged.
        """
        self.exchange = exchange
        self.clock = clock
        self.outbox = Outbox(self._lost, limit=in_flight)
        self.tracks: dict[str, Track] = {}
        self.forgotten: list[Identity] = []
        """Symbols that are no longer asked for, whose state is to be removed."""
        self.changed = asyncio.Event()
        """Set when other symbols are asked for than before."""
        self.told = False
        """Whether the table of the symbols that are asked for was read: before, that there is none says nothing."""
        self.letters: asyncio.Queue[DeadLetter] = asyncio.Queue(LETTERS)
        self.begun = asyncio.Event()
        """Set when symbols got their ledger: their first watermark is to be recorded at once."""
        self.doubt = asyncio.Event()
        """Set when a kline came from further ahead than its time is believed: it may be the clock that is wrong."""
        self._stream = stream
        self._health = health
        self._patience = patience or Patience()
        self._history = history
        self._nothing_yet = f"no kline came from {exchange} yet"
        self._unconnected = self._nothing_yet
        """Why no connection carries anything of what is to be streamed; empty while one does."""
        self._lost_because: dict[str, str] = {}
        """Why there is no connection any more, by symbol."""
        self._dropped_at = 0
        """The venue's time when a kline was left out last."""
        self._live: dict[str, Track] = {}
        self._sample = Sample()
        self._unbegun: set[str] = set()
        self._corrections: deque[Kline] = deque(maxlen=CORRECTIONS)
        self._before: dict[str, list[StreamState]] = {}
        for state in (states or {}).values():
            if state.exchange == exchange:
                self._before.setdefault(state.symbol, []).append(state)

    # ── What is asked for ───────────────────────────────────────────────────────────────────────────────────────────────

    def desire(self, changes: Mapping[str, DesiredSymbol | None]) -> None:
        """Records of ``rtchart.symbols`` changed, which at first are all of them; None ends a symbol."""
        self.told = True
        for key, desired in changes.items():
            if desired is not None and desired.exchange == self.exchange:
                self._want(desired)
            elif desired is None and key.startswith(f"{self.exchange}:"):
                try:
                    identity = Identity.parse(key)
                except ValueError as error:
                    log.error("skipped a deletion", extra=fields(topic="rtchart.symbols", error=str(error)))
                else:
                    self._forget(identity)
        self.subscribe()
        self.changed.set()

    def _want(self, desired: DesiredSymbol) -> None:
        track = self.tracks.get(desired.symbol)
        if track is None or track.desired.epoch != desired.epoch:
            self.tracks[desired.symbol] = Track(desired, self._before.pop(desired.symbol, ()))
            self._unbegun.add(desired.symbol)
            return
        was, track.desired = track.desired, desired
        if track.ledger is not None and was.suspend != desired.suspend:
            if desired.suspend:
                track.ledger.suspend(self.clock.now())
            else:
                track.ledger.resume(self.clock.now())

    def _forget(self, identity: Identity) -> None:
        if self.tracks.pop(identity.symbol, None) is not None:
            self._unbegun.discard(identity.symbol)
            self.forgotten.append(identity)

    def subscribe(self) -> None:
        """Let the stream carry what is to be streamed now."""
        self._live = {symbol: track for symbol, track in self.tracks.items() if track.streams}
        self._stream.want({symbol: track.desired.epoch for symbol, track in self._live.items()})
        for sample in (self._sample, self.outbox.sample):
            sample.over(len(self._live))  # each brings one a second
        self._tell_health()

    def _tell_health(self) -> None:
        lost = {symbol: self._lost_because[symbol] for symbol in self._live.keys() & self._lost_because.keys()}
        if not self._live:
            self._unconnected = self._nothing_yet
        elif len(lost) == len(self._live):
            self._unconnected = f"no connection to {self.exchange}: {min(lost.values())}"
        self._lost_because = lost
        if self._live and self._unconnected:
            self._health.unready("stream", self._unconnected)
        else:
            self._health.ready("stream")

    def missed(self, symbol: str, open_time: int) -> None:
        """The venue has this second, and the stream did not bring it."""
        if open_time > self._dropped_at:  # before, it may have, and it was not taken
            metrics.MISSED.inc()
            self._stream.missed(symbol, open_time)

    def begin_again(self, symbol: str) -> None:
        """The venue does not know the symbol, or knows it again: it has no ledger until it is known."""
        self.tracks[symbol].begin_again(self.clock.now())
        self._unbegun.add(symbol)

    # ── What comes ──────────────────────────────────────────────────────────────────────────────────────────────────────

    async def sink(self, batch: Batch) -> None:
        """Take what one read of a connection brought."""
        klines = batch.klines
        if klines:
            self.clock.heard(klines[-1].version)
            for index in self._sample.of(len(klines)):
                observe("exchange_to_received", batch.received_us / 1e6 - klines[index].version / 1e3)
            if self.outbox.full:
                self._dropped_at = self.clock.now()
                metrics.DROPPED.inc(len(klines))  # the ledger does not see them, so they are missing, and asked for
            else:
                self._take(klines)
        if batch.ignored:
            metrics.IGNORED.inc(batch.ignored)
        for event in batch.events:
            match event:
                case BadFrame():
                    self.dead_letter(event)
                case Connected(symbols):
                    metrics.CONNECTIONS.inc()
                    self._unconnected = ""
                    for symbol in symbols:
                        self._lost_because.pop(symbol, None)
                    self._tell_health()
                    log.info("streaming", extra=fields(exchange=self.exchange, symbols=len(symbols)))
                case Lost(symbols, why):
                    metrics.CONNECTIONS_LOST.inc()
                    self._lost_because.update(dict.fromkeys(symbols, why))
                    self._tell_health()
                    for symbol in symbols:
                        track = self.tracks.get(symbol)
                        if track is not None and track.ledger is not None:
                            track.ledger.broken = track.ledger.broken or "reconnect"
                case SubscriptionRefused(symbol, detail):
                    if symbol in self.tracks and self.tracks[symbol].refusal != detail:
                        self.tracks[symbol].refusal = detail
                        log.error("subscription refused", extra=fields(symbol=symbol, detail=detail))

    def _take(self, klines: list[Kline]) -> None:
        now = self.clock.now()
        if self._unbegun:
            self._begin(now)
        live, latest = self._live, now + MAX_LEAP
        out: list[KlineMessage] = []
        for kline in klines:
            track = live.get(kline.symbol)
            if track is None or (ledger := track.ledger) is None or kline.epoch != track.desired.epoch:
                continue  # still on its way when it was no longer asked for
            if not track.recorded:
                self._dropped_at = now
                continue  # missing then, for the ledger, and fetched
            if kline.open_time > latest:  # the seconds up to it would be missing until then
                self.doubt.set()
                detail = f"open_time {kline.open_time} is more than {MAX_LEAP // SECOND} s after the exchange's time, {now}"
                self.dead_letter(BadFrame("invalid_kline", detail, encode(kline).decode()), kline.symbol)
                continue
            if ledger.on_kline(kline.open_time, kline.version, now):
                if ledger.holes:
                    out += track.announcements(now)  # what fills a gap comes after the word of it
                out.append(kline)
                if track.refusal:
                    track.refusal = ""
        self.outbox.put(out)

    def _begin(self, now: int) -> None:
        history = history_of(self._history, len(self.tracks))
        for symbol in self._unbegun:
            track = self.tracks[symbol]
            if track.listed.trading != "unknown":
                self.begun.set()
                track.begin(self._patience, now, history)
                self.outbox.put([*track.announcements(now)])
        self._unbegun.clear()

    def dead_letter(self, bad: BadFrame, symbol: str | None = None) -> None:
        """Keep what could not be used, of this symbol where that is known, for the topic of such things."""
        metrics.DEAD_LETTERS.labels(bad.reason).inc()
        letter = DeadLetter(
            at=now_ms(),
            stage="producer",
            reason=bad.reason,
            detail=bad.detail,
            payload=bad.payload,
            exchange=self.exchange,
            symbol=symbol,
        )
        if not self.letters.full():
            self.letters.put_nowait(letter)

    # ── What time and Kafka do ──────────────────────────────────────────────────────────────────────────────────────────

    def tick(self) -> None:
        """Open gaps for who is silent, announce what is to be announced, and give up what is too old."""
        if not self.clock.known:
            return
        now = self.clock.now()
        if self._unbegun:
            self._begin(now)
        out: list[KlineMessage] = []
        if not self.outbox.full:
            while self._corrections:
                kline = self._corrections.popleft()
                asked_for = self.tracks.get(kline.symbol)
                if asked_for is not None and asked_for.desired.epoch == kline.epoch:
                    out.append(kline)
        for track in self.tracks.values():
            ledger = track.ledger
            if ledger is None:
                continue
            if track.streams:
                ledger.on_tick(now)
            if not self.outbox.full:
                out += track.announcements(now)
            track.age(now)
        self.outbox.put(out)

    async def keep_ticking(self) -> None:
        """Tick until cancelled."""
        while True:
            self.tick()
            await asyncio.sleep(TICK)

    def _lost(self, messages: Iterable[KlineMessage]) -> None:
        now = self.clock.now()
        for message in messages:
            track = self.tracks.get(message.symbol)
            if track is None or track.ledger is None or track.desired.epoch != message.epoch:
                continue
            match message:
                case Kline():
                    if not track.ledger.lost(message.open_time, message.open_time + SECOND, now):
                        self._corrections.append(message)
                case Absent():
                    track.ledger.lost(message.start, message.end, now)
                case GapOpened():
                    track.unannounced(message.start, message.end)
                case Listing():
                    track.listing = None
                    self.changed.set()
