"""The Symbol resource: what a person asks for, in the form ``kubectl apply`` takes, and what the pipeline makes of it."""

from __future__ import annotations

from typing import Annotated, Any, Literal, get_args

import msgspec
from msgspec import Meta

from rtchart.core.interval import CANDLE_INTERVALS, DAY, HOUR
from rtchart.core.kline import Identity

API_VERSION = "rtchart.dev/v1alpha1"
KIND = "Symbol"

Exchange = Literal["binance", "sim"]
EXCHANGES: tuple[Exchange, ...] = get_args(Exchange)
"""By name; `rtchart.exchange.venues` says where each is."""
DeletionPolicy = Literal["Retain", "Delete"]
CandleInterval = Literal["1m", "3m", "5m", "15m", "30m", "1h", "2h", "4h", "6h", "8h", "12h", "1d", "3d", "1w", "1M"]
DEFAULT_INTERVALS: tuple[CandleInterval, ...] = ("1m", "5m", "15m", "1h", "4h", "1d")
assert set(DEFAULT_INTERVALS) < set(CANDLE_INTERVALS)


class Retention(msgspec.Struct, frozen=True, rename="camel", forbid_unknown_fields=True):
    """How long seconds and candles are kept. Candles of 1h and more are kept for ever; 0 days keeps all."""

    kline_hours: Annotated[int, Meta(ge=1, le=8760)] = 48
    candle_days: Annotated[int, Meta(ge=0, le=36500)] = 365

    def __post_init__(self) -> None:
        if self.candle_days and self.kline_hours > self.candle_days * 24:
            raise ValueError("seconds may not outlive the candles made of them (klineHours <= candleDays * 24)")


class SymbolSpec(msgspec.Struct, frozen=True, rename="camel", forbid_unknown_fields=True):
    """``spec`` of a Symbol, with the same names, defaults and bounds as the CustomResourceDefinition."""

    symbol: Annotated[str, Meta(pattern=r"^[^\s/@a-z]{2,32}$")]
    exchange: Exchange = "binance"
    intervals: Annotated[tuple[CandleInterval, ...], Meta(min_length=1, max_length=15)] = DEFAULT_INTERVALS
    suspend: bool = False
    history_days: Annotated[int, Meta(ge=0, le=36500)] = 0
    """How many days of the past are wanted, as the exchange's own 1m candles and what is folded from them."""
    retention: Retention = Retention()
    deletion_policy: DeletionPolicy = "Retain"

    def __post_init__(self) -> None:
        if len(set(self.intervals)) != len(self.intervals):
            raise ValueError("intervals holds one twice")

    @property
    def identity(self) -> Identity:
        return Identity(self.exchange, self.symbol)


class Metadata(msgspec.Struct, frozen=True):
    """The part of ``metadata`` that rtchart reads."""

    name: Annotated[str, Meta(pattern=r"^[a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?$")]
    namespace: str | None = None
    labels: dict[str, str] = {}
    annotations: dict[str, str] = {}


class SymbolManifest(msgspec.Struct, frozen=True, rename="camel"):
    """A whole manifest. Convert YAML or JSON with `manifest`."""

    api_version: Literal["rtchart.dev/v1alpha1"]
    kind: Literal["Symbol"]
    metadata: Metadata
    spec: SymbolSpec


class InvalidManifest(ValueError):
    """A document that is no Symbol; the message names the field."""


def manifest(document: Any) -> SymbolManifest:
    """The Symbol of a parsed YAML or JSON document. Raises `InvalidManifest`, which names the field and what it may be."""
    try:
        return msgspec.convert(document, SymbolManifest)
    except (msgspec.ValidationError, UnicodeEncodeError) as error:  # YAML can write half of a character
        raise InvalidManifest(str(error)) from None


class DesiredSymbol(msgspec.Struct, frozen=True):
    """A record of the topic ``rtchart.symbols``, key `Identity`: what the data plane shall do for a symbol.

    A tombstone (null value) ends it. ``epoch`` is new for each life of the resource (milliseconds of its creation), so
    that what is still under way for a deleted one can be told from what its successor asks for.
    """

    exchange: str
    symbol: str
    epoch: int
    name: str = ""
    """Where it comes from, for people: namespace/name of the resource, or the file's name."""
    intervals: tuple[CandleInterval, ...] = DEFAULT_INTERVALS
    suspend: bool = False
    history_days: int = 0
    """As in the spec."""
    kline_hours: int = 48
    candle_days: int = 365
    deletion_policy: DeletionPolicy = "Retain"

    @property
    def identity(self) -> Identity:
        return Identity(self.exchange, self.symbol)

    def raw_floor(self, now: int) -> int:
        """Seconds that open before this time are not stored (any more), at the time ``now``: whole hours, in ms."""
        return raw_floor(self.kline_hours, now)


def raw_floor(kline_hours: int, now: int) -> int:
    """Seconds that open before this time are not stored (any more), at the time ``now``: whole hours, in ms."""
    return (now // HOUR - kline_hours) * HOUR


def candle_floor(candle_days: int, now: int) -> int:
    """Candles below 1h that open before this time may be gone, at the time ``now``: whole days, in ms; 0 keeps all."""
    return (now // DAY - candle_days) * DAY if candle_days else 0


def desired(spec: SymbolSpec, *, epoch: int, name: str) -> DesiredSymbol:
    """The record that a spec becomes."""
    return DesiredSymbol(
        exchange=spec.exchange,
        symbol=spec.symbol,
        epoch=epoch,
        name=name,
        intervals=tuple(sorted(spec.intervals, key=CANDLE_INTERVALS.index)),
        suspend=spec.suspend,
        history_days=spec.history_days,
        kline_hours=spec.retention.kline_hours,
        candle_days=spec.retention.candle_days,
        deletion_policy=spec.deletion_policy,
    )
