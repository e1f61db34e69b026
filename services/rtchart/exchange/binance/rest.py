"""Binance's REST interface: klines, symbols and time, under one weight budget that every caller obeys.

Binance spot, REST API: General Information, Market Data endpoints. Which time an answer speaks for: see `BinanceRest.klines`.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import AsyncGenerator, Callable, Iterable
from typing import TypeVar

import httpx
import msgspec

from rtchart.core.errors import UNDECODABLE
from rtchart.core.interval import Interval
from rtchart.core.interval import interval as interval_of
from rtchart.core.kline import InvalidKline, Kline, Source, check
from rtchart.exchange.base import ASK_BY_NAME, BadFrame, Listed, Page, RestError, UnknownSymbol, Venue
from rtchart.exchange.binance import limits
from rtchart.exchange.binance.frames import milliseconds
from rtchart.exchange.clock import VenueClock
from rtchart.process.http import Client

ATTEMPTS = 5
"""Of a request that fails in ways that pass by themselves; being told to wait (429, 418) is no failure."""
FIRST_BACKOFF = 0.5
MAX_BACKOFF = 30.0
TIMEOUT = 10.0

_WAIT = {429: 10.0, 418: 120.0}
"""Seconds to wait for when such an answer has no ``Retry-After``: 418 bans for at least two minutes."""

_UNKNOWN_SYMBOL = {-1121, -1100}
"""Invalid symbol; illegal characters in a parameter, of which we send no other that could have some."""


class Row(msgspec.Struct, array_like=True, frozen=True, gc=False):
    """A row of ``/api/v3/klines``, whose fields have places instead of names."""

    open_time: int
    """ms, or µs with the header ``X-MBX-TIME-UNIT: MICROSECOND``."""
    open: str
    high: str
    low: str
    close: str
    volume: str
    close_time: int
    """The last ms (µs) of the period."""
    quote_volume: str
    trades: int
    taker_buy_volume: str
    taker_buy_quote_volume: str


class _Filter(msgspec.Struct, frozen=True, rename="camel"):
    filter_type: str
    tick_size: str = ""


class _Symbol(msgspec.Struct, frozen=True):
    symbol: str
    status: str
    """TRADING, or one of HALT, BREAK, END_OF_DAY, CANCEL_ONLY, …: listed, and not traded."""
    filters: list[_Filter] = []

    @property
    def listed(self) -> Listed:
        tick_size = next((one.tick_size for one in self.filters if one.filter_type == "PRICE_FILTER"), "")
        return Listed("trading" if self.status == "TRADING" else "halted", tick_size)


class _ExchangeInfo(msgspec.Struct, frozen=True):
    symbols: list[_Symbol]


class _Time(msgspec.Struct, frozen=True, rename="camel"):
    server_time: int


class _Complaint(msgspec.Struct, frozen=True):
    code: int = 0
    msg: str = ""


T = TypeVar("T")


class BinanceRest:
    """`rtchart.exchange.base.Rest` for every venue that speaks Binance's protocol."""

    def __init__(
        self,
        venue: Venue,
        clock: VenueClock,
        *,
        budget: limits.Budget | None = None,
        first_backoff: float = FIRST_BACKOFF,
        timeout: float = TIMEOUT,
        blocked: Callable[[float], None] | None = None,
    ) -> None:
        """``blocked`` is told of each time that the venue says to wait (429, 418), and for how many seconds."""
        self.budget: limits.Budget = budget or limits.WeightBudget()
        self._venue = venue
        self._clock = clock
        self._first_backoff = first_backoff
        self._timeout = timeout
        self._blocked = blocked
        self._http = Client(base_url=venue.rest, timeout=timeout)

    @property
    def used(self) -> float:
        """The share of the venue's rate limit that the last minute used."""
        return self.budget.used(time.monotonic()) / self.budget.limit

    def sharing(self, share: float) -> BinanceRest:
        """The same interface for what may wait: asked evenly, for at most this share of the venue's rate limit."""
        part = limits.Share(self.budget, share)
        return BinanceRest(
            self._venue,
            self._clock,
            budget=part,
            first_backoff=self._first_backoff,
            timeout=self._timeout,
            blocked=self._blocked,
        )

    async def aclose(self) -> None:
        """Close its connections."""
        await self._http.aclose()

    async def time(self) -> int:
        """The venue's time (ms). Sets the clock."""
        answer, _ = await self._get("/api/v3/time", {}, limits.WEIGHT_TIME, _Time)
        venue_ms = milliseconds(answer.server_time)
        self._clock.set(venue_ms)
        return venue_ms

    async def listed(self, symbols: Iterable[str]) -> dict[str, Listed]:
        """What is said of each of the symbols: whether it is traded, and in which steps."""
        names = list(symbols)
        if not names:
            return {}
        try:
            asked = {"symbols": msgspec.json.encode(names).decode()} if len(names) <= ASK_BY_NAME else {}
            info, _ = await self._get("/api/v3/exchangeInfo", asked, limits.WEIGHT_EXCHANGE_INFO, _ExchangeInfo)
        except UnknownSymbol:  # one of them, and the answer does not say which
            info, _ = await self._get("/api/v3/exchangeInfo", {}, limits.WEIGHT_EXCHANGE_INFO, _ExchangeInfo)
        there = {one.symbol: one for one in info.symbols}
        return {name: there[name].listed if name in there else Listed("unknown") for name in names}

    async def listed_day(self, symbol: str) -> int | None:
        """The UTC day (ms) of its first trade, from which its 3d candles count; None before that."""
        parameters = {"symbol": symbol, "interval": "1d", "startTime": "0", "limit": "1"}
        rows, _ = await self._get("/api/v3/klines", parameters, limits.WEIGHT_KLINES, list[Row])
        return interval_of("1d").open_time(milliseconds(rows[0].open_time)) if rows else None

    async def klines(
        self, symbol: str, start: int, end: int, *, interval: str = "1s", source: Source = "repair"
    ) -> AsyncGenerator[Page, None]:
        """The klines that open in ``[start, end)`` and are closed, page by page, oldest first.

        The venue does not date its answers to the millisecond (the ``Date`` header has whole seconds), so an answer's time,
        which is the version of its klines, is the venue's clock when the request left: a little less than the truth. A
        row whose close time is not past by then is dropped, and not spoken for. Nor is what follows the last row, however few
        there are: servers have answered with fewer rows than were asked for. That there is no more, only an empty answer says.
        """
        period = interval_of(interval)
        while start < end:
            if not self._clock.known:
                await self.time()
            upto = min(end, period.open_time(self._clock.now()))
            if start >= upto:
                return
            parameters = {
                "symbol": symbol,
                "interval": interval,
                "startTime": str(start),
                "endTime": str(upto - 1),
                "limit": str(limits.KLINES_PER_REQUEST),
            }
            rows, asked_at = await self._get("/api/v3/klines", parameters, limits.WEIGHT_KLINES, list[Row])
            page = self._page(symbol, period, (start, upto), rows, asked_at, source)
            if page.end <= start:
                raise RestError(f"{self._venue.rest} sent klines of {symbol} from before {start}, which were not asked for")
            yield page
            start = page.end

    def _page(
        self, symbol: str, period: Interval, asked: tuple[int, int], rows: list[Row], asked_at: int, source: Source
    ) -> Page:
        start, end = asked
        if rows:
            end = min(end, period.next_open(milliseconds(rows[-1].open_time)))
        klines: list[Kline] = []
        bad: dict[int, BadFrame] = {}
        for row in rows:
            open_time = milliseconds(row.open_time)
            if not start <= open_time < end or milliseconds(row.close_time) >= asked_at:
                continue
            try:
                klines.append(check(_kline(self._venue.name, symbol, open_time, row, asked_at, source)))
            except InvalidKline as error:
                bad[open_time] = BadFrame("invalid_kline", f"{symbol}: {error}", msgspec.json.encode(row).decode())
        return Page(start, end, asked_at, klines, bad)

    async def _get(self, path: str, parameters: dict[str, str], weight: int, kind: type[T]) -> tuple[T, int]:
        """The answer, and the venue's time when the request left (0 while it is not known).

        Raises `RestError`.
        """
        failures: list[str] = []
        while len(failures) < ATTEMPTS:
            if failures:
                await asyncio.sleep(random.uniform(0.0, min(MAX_BACKOFF, self._first_backoff * 2 ** len(failures))))
            await self._turn(weight)
            left_at = self._clock.now() if self._clock.known else 0
            try:
                answer = await self._http.get(path, params=parameters)
            except httpx.HTTPError as error:  # no connection, a timeout, a body cut short
                failures.append(str(error) or type(error).__name__)
                continue
            now = time.monotonic()
            if (used := answer.headers.get("X-MBX-USED-WEIGHT-1M", "")).isdecimal():
                self.budget.told(int(used), now)
            status = answer.status_code
            if status in _WAIT:
                wait = _retry_after(answer)
                self.budget.block(wait, now)
                if self._blocked is not None:
                    self._blocked(wait)
            elif status == 403 or status >= 500:  # a firewall, or a server that is not well
                failures.append(f"HTTP {status}")
            elif status != 200:
                raise self._refusal(answer)
            else:
                try:
                    return msgspec.json.decode(answer.content, type=kind), left_at
                except UNDECODABLE as error:
                    failures.append(f"an answer that cannot be read ({error})")
        raise RestError(f"{self._venue.rest}{path} gave no answer {ATTEMPTS} times; the last time: {failures[-1]}")

    async def _turn(self, weight: int) -> None:
        """Wait until a request of this weight may leave, and count it."""
        while True:
            wait = self.budget.delay(weight, time.monotonic())
            if not wait:
                return
            await asyncio.sleep(wait)

    def _refusal(self, answer: httpx.Response) -> RestError:
        try:
            complaint = msgspec.json.decode(answer.content, type=_Complaint)
        except UNDECODABLE:
            complaint = _Complaint()
        kind = UnknownSymbol if complaint.code in _UNKNOWN_SYMBOL else RestError
        said = f"{complaint.msg} (code {complaint.code})" if complaint.msg else f"HTTP {answer.status_code}"
        return kind(f"{self._venue.rest}{answer.url.path} refused: {said}")


def read_row(exchange: str, symbol: str, row: bytes) -> Kline:
    """The second of a row that is on its own. Raises `InvalidKline`, and msgspec's `DecodeError`.

    A row does not say when it was answered, which is to be its version. So it gets the lowest that a closed second can have,
    and whatever else came for the second counts more.
    """
    read = msgspec.json.decode(row, type=Row)
    open_time = milliseconds(read.open_time)
    return check(_kline(exchange, symbol, open_time, read, milliseconds(read.close_time) + 1, "repair"))


def _kline(exchange: str, symbol: str, open_time: int, row: Row, version: int, source: Source) -> Kline:
    return Kline(
        exchange=exchange,
        symbol=symbol,
        open_time=open_time,
        open=row.open,
        high=row.high,
        low=row.low,
        close=row.close,
        volume=row.volume,
        quote_volume=row.quote_volume,
        trades=row.trades,
        taker_buy_volume=row.taker_buy_volume,
        taker_buy_quote_volume=row.taker_buy_quote_volume,
        version=version,
        source=source,
    )


def _retry_after(answer: httpx.Response) -> float:
    told = answer.headers.get("Retry-After", "")
    return max(1.0, float(told)) if told.isdecimal() else _WAIT[answer.status_code]
