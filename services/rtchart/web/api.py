"""The HTTP API, ``/api/v1/…``."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Annotated, Literal, TypeVar

import msgspec
from msgspec import Meta
from quart import Blueprint, Response, request

from rtchart import __version__
from rtchart.core.candle import Candle
from rtchart.core.gap import Gap
from rtchart.core.interval import INTERVALS
from rtchart.core.kline import Kline, Source
from rtchart.store import history as stored
from rtchart.store.database import MAX_PARAMETER, Connection
from rtchart.store.history import Page, Run
from rtchart.store.reader import Reader, Unread
from rtchart.web.catalog import Catalog, Refused
from rtchart.web.closes import ClosesQuery, ClosesTable, closes_table
from rtchart.web.hub import Hub
from rtchart.web.market import Market
from rtchart.web.openapi import operation
from rtchart.web.problems import problem
from rtchart.web.protocol import DEFAULT_LIMIT, ExchangeName, IntervalName, Limit, Millis, SymbolInfo, SymbolName
from rtchart.web.views import Views
from rtchart.web.wholeness import HealthTable, Wholeness

Symbol = Annotated[SymbolName, Meta(description="As the exchange writes it: BTCUSDT")]
Interval = Annotated[IntervalName, Meta(extra_json_schema={"enum": list(INTERVALS)})]
Exchange = Annotated[ExchangeName, Meta(description="Needed where several exchanges have the symbol")]
Start = Annotated[Millis, Meta(description="Open time to begin at: the first that open there or later, instead of the newest")]
End = Annotated[Millis, Meta(description="Only what opens before it; `next` of the page before")]
Format = Annotated[Literal["json", "csv"], Meta(description="Instead of the header Accept")]


class CandlesQuery(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    symbol: Symbol
    interval: Interval = "1m"
    start: Start | None = None
    end: End | None = None
    limit: Limit = DEFAULT_LIMIT
    exchange: Exchange | None = None
    format: Format | None = None


class KlinesQuery(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    symbol: Symbol
    start: Start | None = None
    end: End | None = None
    limit: Limit = DEFAULT_LIMIT
    exchange: Exchange | None = None
    format: Format | None = None


class GapsQuery(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    symbol: Symbol
    start: Start | None = None
    end: End | None = None
    limit: Limit = DEFAULT_LIMIT
    exchange: Exchange | None = None


class SymbolList(msgspec.Struct, frozen=True):
    """The symbols that are asked for, by name."""

    symbols: list[SymbolInfo]


class CandlePage(msgspec.Struct, frozen=True):
    """Candles, oldest first; without ``start`` the newest, the forming one last."""

    exchange: str
    symbol: str
    interval: str
    candles: list[Candle]
    next: int | None
    """``end`` of the page before this one; null when there is none, and when ``start`` was given."""
    next_start: int | None = None
    """``start`` of the page after this one, when ``start`` was given and there is more."""
    partial: bool = False
    """The database did not answer: this is what the server itself saw."""


class KlineRow(msgspec.Struct, frozen=True):
    """A second as the exchange published it; of each the highest ``version`` (its event time, ms)."""

    open_time: int
    open: str
    high: str
    low: str
    close: str
    volume: str
    quote_volume: str
    trades: int
    taker_buy_volume: str
    taker_buy_quote_volume: str
    version: int
    source: Source


class KlinePage(msgspec.Struct, frozen=True):
    """Stored seconds, oldest first; ``next`` and ``next_start`` as with candles."""

    exchange: str
    symbol: str
    klines: list[KlineRow]
    next: int | None
    next_start: int | None = None


class GapPage(msgspec.Struct, frozen=True):
    """Rows of the gap ledger, oldest first: what did not come, why, and how it ended."""

    exchange: str
    symbol: str
    gaps: list[Gap]
    next: int | None
    """``end`` of the page before this one; null when there is none."""


class Status(msgspec.Struct, frozen=True):
    """How the server is. ``not_ready``: why it is not, per part."""

    version: str
    time: int
    ready: bool
    not_ready: dict[str, str]
    database: str
    """Empty while it answers; otherwise why it does not."""
    lag: int
    """Records on Kafka that were not read yet."""
    newest: int | None
    """Open time of the newest second of any symbol."""
    symbols: int
    sockets: int
    subscriptions: int
    aggregation: Run | None
    """The aggregator's newest run."""


@dataclass(frozen=True)
class Sources:
    """What the API reads. ``clock`` gives milliseconds, ``lag`` records, ``not_ready`` the reasons per part."""

    catalog: Catalog
    market: Market
    hub: Hub
    views: Views
    history: Reader
    clock: Callable[[], int]
    lag: Callable[[], int]
    not_ready: Callable[[], dict[str, str]]

    def infos(self) -> list[SymbolInfo]:
        """Every symbol that is asked for, as clients are told of it."""
        now = self.clock()
        return [self.catalog.info(known, self.market.price(known.identity), now) for known in self.catalog.desired()]


def blueprint(sources: Sources) -> Blueprint:
    """The operations."""
    api = Blueprint("api", __name__, url_prefix="/api/v1")
    wholeness = Wholeness(sources.catalog, sources.market, sources.views, sources.history, sources.clock)

    @api.get("/symbols")
    @operation(SymbolList)
    async def symbols() -> Response:
        """List the symbols."""
        return _json(SymbolList(sources.infos()))

    @api.get("/candles")
    @operation(CandlePage, query=CandlesQuery, errors=(400, 404), csv=True)
    async def candles(query_args: CandlesQuery) -> Response:
        """Read candles.

        A page is the newest candles before `end` (now), or the first from `start` on. The forming candle is the last.
        """
        known = sources.catalog.find(query_args.symbol, query_args.exchange)
        interval = sources.catalog.interval(known, query_args.interval)
        page = _page(query_args)
        view = await sources.views.candles(known, interval, page)
        if _wants_csv(query_args.format):
            return _csv(Candle, view.candles)
        before, after = _next(page, [candle.open_time for candle in view.candles], view.more)
        identity = known.identity
        return _json(CandlePage(identity.exchange, identity.symbol, interval.name, view.candles, before, after, view.partial))

    @api.get("/closes")
    @operation(ClosesTable, query=ClosesQuery, errors=(400, 404))
    async def closes(query_args: ClosesQuery) -> Response:
        """Read the last closes of many symbols.

        One number a period, for a small picture of each.
        """
        return _json(await closes_table(query_args, sources.catalog, sources.views))

    @api.get("/klines")
    @operation(KlinePage, query=KlinesQuery, errors=(400, 404, 503), csv=True)
    async def klines(query_args: KlinesQuery) -> Response:
        """Read stored seconds."""
        known = sources.catalog.find(query_args.symbol, query_args.exchange)
        page = _page(query_args)
        wider = replace(page, limit=page.limit + 1)  # one more tells whether there is more

        async def read(connection: Connection) -> list[Kline]:
            symbol = await sources.views.symbol(connection, known)
            return [] if symbol is None else await stored.klines(connection, symbol, wider)

        found, more = _cut(page, await sources.history.read(read))
        rows = [_row(kline) for kline in found]
        if _wants_csv(query_args.format):
            return _csv(KlineRow, rows)
        before, after = _next(page, [row.open_time for row in rows], more)
        return _json(KlinePage(known.identity.exchange, known.identity.symbol, rows, before, after))

    @api.get("/gaps")
    @operation(GapPage, query=GapsQuery, errors=(400, 404, 503))
    async def gaps(query_args: GapsQuery) -> Response:
        """Read the gap ledger.

        The newest gaps that overlap the time between `start` and `end`.
        """
        known = sources.catalog.find(query_args.symbol, query_args.exchange)
        page = replace(_page(query_args), newest=True)
        wider = replace(page, limit=page.limit + 1)

        async def read(connection: Connection) -> list[Gap]:
            symbol = await sources.views.symbol(connection, known)
            return [] if symbol is None else await stored.gaps(connection, symbol.symbol_id, wider)

        found, more = _cut(page, await sources.history.read(read))
        before, _ = _next(page, [gap.start for gap in found], more)
        return _json(GapPage(known.identity.exchange, known.identity.symbol, found, before))

    @api.get("/health")
    @operation(HealthTable)
    async def health() -> Response:
        """Read how whole every symbol is.

        Its gaps of the last 24 hours, and its newest second. Up to a second old.
        """
        return _json(await wholeness.table())

    @api.get("/status")
    @operation(Status)
    async def status() -> Response:
        """Read how the server is."""
        try:
            run = await sources.history.read(stored.newest_run)
        except Unread:
            run = None
        not_ready = sources.not_ready()
        newest = [entry.live.newest.open_time for entry in sources.market if entry.live.newest is not None]
        clients = sources.hub.clients
        return _json(
            Status(
                version=__version__,
                time=sources.clock(),
                ready=not not_ready,
                not_ready=not_ready,
                database=sources.history.why,
                lag=sources.lag(),
                newest=max(newest, default=None),
                symbols=len(sources.catalog.desired()),
                sockets=len(clients),
                subscriptions=sum(len(client.channels) for client in clients),
                aggregation=run,
            )
        )

    @api.errorhandler(Refused)
    async def refused(error: Refused) -> Response:
        status = 404 if error.code == "unknown_symbol" else 400
        return problem(status, str(error), parameter=error.parameter, code=error.code)

    @api.errorhandler(Unread)
    async def away(error: Unread) -> Response:
        answer = problem(503, f"the database cannot be read: {error}")
        answer.headers["Retry-After"] = "2"
        return answer

    return api


T = TypeVar("T")


def _page(query: CandlesQuery | KlinesQuery | GapsQuery) -> Page:
    if query.start is not None and query.end is not None and query.start >= query.end:
        raise Refused("bad_message", "start", f"start: expected less than end, {query.end}")
    return Page(query.start or 0, _end(query.end), query.limit, newest=query.start is None)


def _end(end: int | None) -> int:
    return MAX_PARAMETER if end is None else end


def _cut(page: Page, found: list[T]) -> tuple[list[T], bool]:
    kept = found[-page.limit :] if page.newest else found[: page.limit]
    return kept, len(found) > page.limit


def _next(page: Page, times: Sequence[int], more: bool) -> tuple[int | None, int | None]:
    """``next`` and ``next_start`` of a page with these open times."""
    if not (more and times):
        return None, None
    return (times[0], None) if page.newest else (None, times[-1] + 1)


def _row(kline: Kline) -> KlineRow:
    return KlineRow(*(getattr(kline, name) for name in KlineRow.__struct_fields__))


def _json(answer: msgspec.Struct) -> Response:
    return Response(msgspec.json.encode(answer), content_type="application/json")


def _wants_csv(format: Format | None) -> bool:
    if format is not None:
        return format == "csv"
    return request.accept_mimetypes.best_match(["application/json", "text/csv"]) == "text/csv"


def _csv(row: type[msgspec.Struct], rows: Sequence[msgspec.Struct]) -> Response:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(row.__struct_fields__)
    writer.writerows([_cell(value) for value in msgspec.structs.astuple(item)] for item in rows)
    return Response(text.getvalue(), content_type="text/csv; charset=utf-8")


def _cell(value: object) -> object:
    return str(value).lower() if isinstance(value, bool) else value
