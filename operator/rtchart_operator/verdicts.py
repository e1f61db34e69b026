"""What is said of a Symbol, from what is known of it. Pure; the only place where reasons and messages are made.

An outage of ours is no fault of the symbol: what cannot be known is Unknown, with the reason.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import cast

from rtchart.core.interval import MINUTE, SECOND
from rtchart.core.kline import Identity
from rtchart.core.messages import FRESH, StreamState, StreamStatus
from rtchart.core.symbol import SymbolSpec
from rtchart.exchange.base import Trading
from rtchart_operator.conditions import Condition, Reason, Status, Type, Verdict, Verdicts

LAG = 60 * SECOND
"""How far (ms) what is stored may be behind what streams."""
BEHIND = 3 * MINUTE
"""How far (ms) the newest stored minute may be behind the newest stored second: a CronJob starts once a minute."""

NEEDED: tuple[Type, ...] = ("Validated", "Streaming", "Persisting")
"""Ready needs these to be True …"""
WATCHED: tuple[Type, ...] = ("Aggregating", "RetentionEnforced")
"""… and these not to be False: a new symbol has nothing to fold or to remove yet."""


_NO_LONGER = (
    *("DuplicateSymbol", "InvalidSpec", "NotValidated", "Suspended"),
    *("DatabaseUnavailable", "ExchangeUnreachable", "KafkaUnavailable"),
)
"""Reasons that end at once when they do not hold any more; all others are seen somewhere, and hold until it is seen anew."""


@dataclass(frozen=True)
class Stored:
    """What the database has of a symbol. Times are milliseconds, None where there is nothing."""

    last_second: int | None = None
    last_minute: int | None = None
    unaggregated: int = 0
    """Minutes past their retention that are kept because they are not folded yet."""


@dataclass(frozen=True)
class Facts:
    """All that is known of one symbol at ``now`` (ms).

    Each ``…_away`` says why something cannot be known: empty if it can, None if it was not asked yet.
    """

    now: int
    since: int
    """Since when the pipeline is asked for it, as far as this process knows."""
    duplicate: str = ""
    trading: Trading | None = None
    """What the exchange says of it; None: it has not answered yet."""
    exchange_away: str = ""
    kafka_away: str | None = ""
    stream: StreamState | None = None
    """The best of what producers say of this life of it, if some of that is fresh."""
    database_away: str | None = ""
    stored: Stored | None = None
    swept: bool = False
    """Whether the retention sweep ran."""
    sweep_away: str = ""
    run_error: str = ""
    """Of the aggregator's newest run."""


def judge(spec: SymbolSpec | None, problem: str, facts: Facts, before: Iterable[Condition] = ()) -> Verdicts:
    """A verdict on each condition of a Symbol that is not being deleted.

    ``before`` are the conditions of this generation, as they stand: they hold until something else is known. An operator that
    starts knows nothing for a while, which is no news of a Symbol.
    """
    verdicts: dict[Type, Verdict] = {"Validated": _validated(spec, problem, facts)}
    if spec is None or verdicts["Validated"].reason in ("DuplicateSymbol", "UnknownSymbol"):
        why = verdicts["Validated"].message
        verdicts |= {kind: Verdict("False", "NotValidated", f"it is not asked for: {why}") for kind in (*NEEDED[1:], *WATCHED)}
    else:
        verdicts["Streaming"] = _streaming(spec, facts)
        verdicts["Persisting"] = _persisting(spec, facts)
        verdicts["Aggregating"] = _aggregating(spec, facts)
        verdicts["RetentionEnforced"] = _retention(spec, facts)
    for old in before:
        kind = cast(Type, old.type)
        if kind in verdicts and verdicts[kind].reason == "Pending" and old.reason not in _NO_LONGER:
            verdicts[kind] = Verdict(old.status, cast(Reason, old.reason), old.message)
    verdicts["Ready"] = ready(verdicts, spec.identity if spec else None)
    return verdicts


def deleting(identity: Identity | None) -> Verdicts:
    """Of a Symbol that is being deleted, and whose data is to go with it."""
    what = f"the stored data of {identity}" if identity else "its stored data"
    return {"Ready": Verdict("False", "Deleting", f"{what} is being removed; then the Symbol is gone")}


def ready(verdicts: Verdicts, identity: Identity | None) -> Verdict:
    """The verdict over all others: the first that is False, or of those needed the first that is Unknown."""
    for status, kinds in (("False", (*NEEDED, *WATCHED)), ("Unknown", NEEDED)):
        for kind in kinds:
            if verdicts[kind].status == status:
                return verdicts[kind]
    return Verdict("True", "Ready", f"{identity} streams and is stored")


def best(states: list[StreamState], *, epoch: int, now: int) -> StreamState | None:
    """What to believe of the producers' words about one symbol: of this life, fresh, and rather that it streams."""
    fresh = [state for state in states if state.epoch == epoch and now - state.at <= FRESH]
    return max(fresh, key=lambda state: (state.status == "streaming", state.at), default=None)


def _validated(spec: SymbolSpec | None, problem: str, facts: Facts) -> Verdict:
    if spec is None:
        return Verdict("False", "InvalidSpec", f"this version of rtchart cannot read it: {problem}")
    if facts.duplicate:
        return Verdict("False", "DuplicateSymbol", facts.duplicate)
    streams = facts.stream is not None and facts.stream.status == "streaming"
    if facts.trading == "trading" or streams:
        return Verdict("True", "Listed", f"{spec.exchange} lists and trades {spec.symbol}")
    if facts.trading == "halted":
        message = f"{spec.exchange} lists {spec.symbol} and does not trade it now; it streams again when {spec.exchange} does"
        return Verdict("False", "NotTrading", message)
    if facts.trading == "unknown":
        return Verdict(
            "False",
            "UnknownSymbol",
            f"{spec.exchange} lists no symbol {spec.symbol}; correct the name (delete this Symbol and apply another one), "
            "or wait until it is listed: it is asked again each minute",
        )
    if facts.exchange_away:
        return Verdict(
            "Unknown",
            "ExchangeUnreachable",
            f"{spec.exchange} does not say what it lists ({facts.exchange_away}); {spec.symbol} is asked for as it is",
        )
    return Verdict("Unknown", "Pending", f"{spec.exchange} is being asked whether it lists {spec.symbol}")


_NOT_STREAMING: dict[StreamStatus, tuple[Status, Reason, str]] = {
    "subscribing": ("False", "Subscribing", "{exchange} was asked for it and sent nothing yet; see the producer's log"),
    "stale": ("False", "Stale", "{exchange} sends nothing of it any more; what is missing is fetched when it does"),
    "refused": ("False", "Refused", "{exchange} refuses to stream it; see the producer's log"),
    "halted": ("False", "NotTrading", "{exchange} does not trade it now; it streams again when {exchange} does"),
    "suspended": ("False", "Subscribing", "the producer {instance} was not told yet that it goes on"),
}


def _streaming(spec: SymbolSpec, facts: Facts) -> Verdict:
    if spec.suspend:
        return Verdict("False", "Suspended", "spec.suspend is true; set it to false to go on")
    if facts.kafka_away:
        return Verdict("Unknown", "KafkaUnavailable", f"Kafka cannot be asked ({facts.kafka_away}); what streams may go on")
    state = facts.stream
    if state is None:
        if facts.kafka_away is None or facts.now - facts.since <= FRESH:
            return Verdict("Unknown", "Pending", f"no producer of {spec.exchange} has taken it up yet")
        return Verdict(
            "False",
            "NoProducer",
            f"no producer of {spec.exchange} has told of it for {FRESH // SECOND} s; see whether one runs, and its log",
        )
    if state.status == "streaming":
        said = f"klines come from {spec.exchange} (producer {state.instance})"
        return Verdict("True", "Streaming", said + _history(spec, state))
    status, reason, message = _NOT_STREAMING[state.status]
    if reason == "Subscribing" and facts.now - facts.since <= FRESH:
        return Verdict("Unknown", "Subscribing", f"{spec.exchange} is being asked for it (producer {state.instance})")
    detail = f" ({state.detail})" if state.detail else ""
    return Verdict(status, reason, message.format(exchange=spec.exchange, instance=state.instance) + detail)


def _history(spec: SymbolSpec, state: StreamState) -> str:
    """How far back the history is fetched that is asked for, by days: this is no reason to write a status each second."""
    if not spec.history_days or state.minutes_from is None or state.minutes_reach is None:
        return ""
    ends = (state.minutes_reach, state.minutes_from)
    reach, wanted = (f"{datetime.fromtimestamp(time / SECOND, UTC):%Y-%m-%d}" for time in ends)
    return f"; older history is fetched from {reach} on" + (f", and goes on back to {wanted}" if state.minutes else "")


def _persisting(spec: SymbolSpec, facts: Facts) -> Verdict:
    if spec.suspend:
        return Verdict("False", "Suspended", "nothing new comes while spec.suspend is true; what is stored is kept")
    if facts.database_away:
        return _database_away(facts.database_away)
    if facts.database_away is None:
        return Verdict("Unknown", "Pending", "the database was not asked yet")
    streamed = facts.stream.last_open_time if facts.stream else None
    last = facts.stored.last_second if facts.stored else None
    if last is not None and (streamed is None or streamed - last <= LAG):
        return Verdict("True", "Stored", "what streams is stored")
    if streamed is None or facts.now - facts.since <= FRESH:
        return Verdict("Unknown", "Pending", "nothing of it came to be stored yet")
    return Verdict(
        "False",
        "Lagging",
        f"what is stored is more than {LAG // SECOND} s behind what streams; Kafka keeps it for a day: see whether the "
        "inserter runs, and its log",
    )


def _aggregating(spec: SymbolSpec, facts: Facts) -> Verdict:
    if facts.database_away:
        return _database_away(facts.database_away)
    if facts.database_away is None:
        return Verdict("Unknown", "Pending", "the database was not asked yet")
    stored = facts.stored or Stored()
    if stored.last_second is None:
        return Verdict("Unknown", "Pending", "there are no stored seconds to fold yet")
    if stored.last_minute is not None and stored.last_second - (stored.last_minute + MINUTE) <= BEHIND:
        return Verdict("True", "Aggregated", "stored seconds become candles in time")
    if facts.now - facts.since <= BEHIND:
        return Verdict("Unknown", "Pending", "the first minutes are not folded yet")
    error = f"; its last run failed: {facts.run_error}" if facts.run_error else ""
    return Verdict(
        "False",
        "AggregatorBehind",
        f"stored candles are more than {BEHIND // MINUTE} min behind stored seconds; see whether the aggregator runs{error}",
    )


def _retention(spec: SymbolSpec, facts: Facts) -> Verdict:
    if facts.database_away or facts.sweep_away:
        return _database_away(facts.database_away or facts.sweep_away)
    if not facts.swept:
        return Verdict("Unknown", "Pending", "the first sweep has not ended yet")
    if facts.stored and facts.stored.unaggregated:
        return Verdict(
            "False",
            "Unaggregated",
            f"seconds older than {spec.retention.kline_hours} h are kept, because the aggregator has not folded them yet; "
            "see whether it runs",
        )
    days = spec.retention.candle_days
    candles = f"candles below 1h older than {days} d" if days else "no candles"
    return Verdict("True", "Enforced", f"removed are seconds older than {spec.retention.kline_hours} h, and {candles}")


def _database_away(why: str) -> Verdict:
    return Verdict("Unknown", "DatabaseUnavailable", f"the database cannot be asked ({why}); Kafka keeps what comes for a day")
