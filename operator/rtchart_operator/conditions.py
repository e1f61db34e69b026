"""Conditions: what is said of a Symbol, when it is said anew, and what of it is news.

Kubernetes, API conventions, "Typical status properties": conditions are keyed by type, ``lastTransitionTime`` moves when the
status does and at no other time.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Literal, NamedTuple

import msgspec

Status = Literal["True", "False", "Unknown"]
Type = Literal["Validated", "Streaming", "Persisting", "Aggregating", "RetentionEnforced", "Ready"]
Reason = Literal[
    "Aggregated",
    "AggregatorBehind",
    "DatabaseUnavailable",
    "Deleting",
    "DuplicateSymbol",
    "Enforced",
    "ExchangeUnreachable",
    "InvalidSpec",
    "KafkaUnavailable",
    "Lagging",
    "Listed",
    "NoProducer",
    "NotTrading",
    "NotValidated",
    "Pending",
    "Ready",
    "Refused",
    "Stale",
    "Stored",
    "Streaming",
    "Subscribing",
    "Suspended",
    "Unaggregated",
    "UnknownSymbol",
]

REWRITE_AFTER = 60_000
"""Milliseconds: a status of which only the words changed is written so seldom."""


class Verdict(NamedTuple):
    """What is said of one aspect now."""

    status: Status
    reason: Reason
    message: str


Verdicts = Mapping[Type, Verdict]


class Condition(msgspec.Struct, frozen=True, rename="camel"):
    """One entry of ``status.conditions``."""

    type: str
    status: Status
    last_transition_time: str
    reason: str
    message: str
    observed_generation: int = 0


def merge(before: Sequence[Condition], verdicts: Verdicts, *, generation: int, now: int) -> tuple[Condition, ...]:
    """The conditions that say what the verdicts do, at ``now`` (ms). Those of types that nobody judges here stay."""
    known = {condition.type: condition for condition in before}
    merged: dict[str, Condition] = dict(known)
    for kind, verdict in verdicts.items():
        old = known.get(kind)
        since = old.last_transition_time if old and old.status == verdict.status else timestamp(now)
        merged[kind] = Condition(kind, verdict.status, since, verdict.reason, verdict.message, generation)
    return tuple(merged.values())


def flips(before: Sequence[Condition], after: Sequence[Condition]) -> list[Condition]:
    """The conditions of ``after`` whose status is new."""
    statuses = {condition.type: condition.status for condition in before}
    return [condition for condition in after if statuses.get(condition.type) != condition.status]


def worth_writing(before: Sequence[Condition], after: Sequence[Condition], *, written_at: int | None, now: int) -> bool:
    """Whether to write ``after`` over ``before``, after the last write at ``written_at`` (ms; None: not known).

    At once when a status flips or speaks of a new generation; when only reasons and messages differ, once a minute.
    """
    if tuple(before) == tuple(after):
        return False
    if flips(before, after) or _generations(before) != _generations(after):
        return True
    return written_at is None or now - written_at >= REWRITE_AFTER


def news(before: Sequence[Condition], after: Sequence[Condition]) -> list[Condition]:
    """The flips that people are told of as Kubernetes events.

    Not that something takes its time, and not what only follows from something else that is told.
    """
    changed = flips(before, after)
    told: list[Condition] = []
    for condition in changed:
        takes_its_time = condition.status == "Unknown" and condition.reason in ("Pending", "Subscribing")
        follows = condition.reason in ("NotValidated", "Suspended") and condition.type != "Ready"
        repeats = condition.type == "Ready" and any(
            other.reason == condition.reason and other.type != "Ready" and other in told for other in changed
        )
        if not (takes_its_time or follows or repeats):
            told.append(condition)
    return told


def timestamp(now: int) -> str:
    """As the API writes times (RFC 3339, UTC, whole seconds)."""
    return datetime.fromtimestamp(now // 1000, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _generations(conditions: Sequence[Condition]) -> dict[str, int]:
    return {condition.type: condition.observed_generation for condition in conditions}
