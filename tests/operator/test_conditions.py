"""Laws of conditions: when they move, when they are written, and what is news."""

from __future__ import annotations

from typing import get_args

from hypothesis import given
from hypothesis import strategies as st

from rtchart_operator.conditions import (
    REWRITE_AFTER,
    Condition,
    Reason,
    Status,
    Type,
    Verdict,
    flips,
    merge,
    news,
    timestamp,
    worth_writing,
)
from tests.operator.material import NOW

verdicts = st.builds(Verdict, st.sampled_from(get_args(Status)), st.sampled_from(get_args(Reason)), st.sampled_from(["a", "b"]))
sets = st.dictionaries(st.sampled_from(get_args(Type)), verdicts, min_size=1)
histories = st.lists(st.tuples(sets, st.integers(0, 200_000), st.booleans()), min_size=1, max_size=12)


def by_type(conditions: tuple[Condition, ...]) -> dict[str, Condition]:
    return {condition.type: condition for condition in conditions}


@given(histories)
def test_the_time_of_a_condition_moves_when_its_status_does_and_never_else(
    history: list[tuple[dict[Type, Verdict], int, bool]],
) -> None:
    conditions: tuple[Condition, ...] = ()
    now = NOW
    for said, pause, _ in history:
        now += pause
        before, conditions = by_type(conditions), merge(conditions, said, generation=1, now=now)
        for kind, condition in by_type(conditions).items():
            if kind not in said:
                assert condition == before[kind], "what nobody judged stays"
            elif kind in before and before[kind].status == condition.status:
                assert condition.last_transition_time == before[kind].last_transition_time
            else:
                assert condition.last_transition_time == timestamp(now)


@given(sets, sets, st.integers(0, 10**6))
def test_saying_the_same_again_changes_nothing(first: dict[Type, Verdict], second: dict[Type, Verdict], later: int) -> None:
    once = merge(merge((), first, generation=1, now=NOW), second, generation=1, now=NOW)
    again = merge(once, second, generation=1, now=NOW + later)
    assert again == once
    assert not worth_writing(once, again, written_at=None, now=NOW + later)


@given(histories)
def test_a_status_is_written_on_flips_and_otherwise_once_a_minute(history: list[tuple[dict[Type, Verdict], int, bool]]) -> None:
    stored: tuple[Condition, ...] = ()
    written_at: int | None = None
    now, generation = NOW, 1
    for said, pause, edited in history:
        now, generation = now + pause, generation + edited
        after = merge(stored, said, generation=generation, now=now)
        moved = bool(flips(stored, after)) or any(
            condition.observed_generation != before.observed_generation
            for kind, condition in by_type(after).items()
            if (before := by_type(stored).get(kind))
        )
        if worth_writing(stored, after, written_at=written_at, now=now):
            assert after != stored
            assert moved or written_at is None or now - written_at >= REWRITE_AFTER
            stored, written_at = after, now
        else:
            assert not moved, "a flip waits for nothing"


def conditions(**statuses: tuple[Status, Reason]) -> tuple[Condition, ...]:
    return tuple(Condition(kind, status, "", reason, "") for kind, (status, reason) in statuses.items())


def told(before: tuple[Condition, ...], after: tuple[Condition, ...]) -> list[tuple[str, str]]:
    return [(condition.type, condition.reason) for condition in news(before, after)]


def test_people_are_told_the_cause_once() -> None:
    new = conditions(Validated=("Unknown", "Pending"), Streaming=("Unknown", "Pending"), Ready=("Unknown", "Pending"))
    assert told((), new) == [], "a new Symbol is no news"
    unknown = conditions(
        Validated=("False", "UnknownSymbol"), Streaming=("False", "NotValidated"), Ready=("False", "UnknownSymbol")
    )
    assert told(new, unknown) == [("Validated", "UnknownSymbol")]
    good = conditions(Validated=("True", "Listed"), Streaming=("True", "Streaming"), Ready=("True", "Ready"))
    assert told(new, good) == [("Validated", "Listed"), ("Streaming", "Streaming"), ("Ready", "Ready")]
    suspended = conditions(Validated=("True", "Listed"), Streaming=("False", "Suspended"), Ready=("False", "Suspended"))
    assert told(good, suspended) == [("Ready", "Suspended")]
    away = conditions(
        Validated=("True", "Listed"), Streaming=("Unknown", "KafkaUnavailable"), Ready=("Unknown", "KafkaUnavailable")
    )
    assert told(good, away) == [("Streaming", "KafkaUnavailable")]
    assert told(away, away) == []
