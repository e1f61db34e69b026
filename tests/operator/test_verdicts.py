"""What is said of a Symbol, from what is known of it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rtchart.core.interval import HOUR, MINUTE, SECOND
from rtchart.core.messages import FRESH, StreamState, StreamStatus
from rtchart.core.symbol import SymbolSpec
from rtchart.exchange.base import Trading
from rtchart_operator.conditions import Condition, Type, merge
from rtchart_operator.verdicts import BEHIND, LAG, NEEDED, WATCHED, Facts, Stored, best, judge
from tests.operator.material import NOW

SPEC = SymbolSpec(symbol="BTCUSDT", exchange="sim")
SECONDS = NOW - 2 * SECOND


def state(status: StreamStatus = "streaming", **changes: Any) -> StreamState:
    fields = {"instance": "p-0", "at": NOW, "epoch": 1, "last_open_time": SECONDS, **changes}
    return StreamState(exchange="sim", symbol="BTCUSDT", status=status, **fields)


WELL = Facts(
    now=NOW,
    since=NOW - HOUR,
    trading="trading",
    stream=state(),
    stored=Stored(last_second=SECONDS, last_minute=NOW - 2 * MINUTE),
    swept=True,
)


@pytest.mark.parametrize(
    ("changes", "days", "says"),
    [
        ({}, 30, ""),
        ({"minutes_from": 0}, 0, ""),
        ({"minutes_from": 0}, 30, "; older history is fetched from 1970-01-01 on"),
        (
            {"minutes_from": 0, "minutes": ((0, 40 * 24 * HOUR),)},
            30,
            "; older history is fetched from 1970-02-10 on, and goes on back to 1970-01-01",
        ),
    ],
)
def test_how_far_back_history_is_fetched_is_told(changes: dict[str, Any], days: int, says: str) -> None:
    spec = SymbolSpec(symbol="BTCUSDT", exchange="sim", history_days=days)
    message = judge(spec, "", replace(WELL, stream=state(**changes)))["Streaming"].message
    assert message == f"klines come from sim (producer p-0){says}"


def said(facts: Facts, spec: SymbolSpec | None = SPEC) -> dict[Type, tuple[str, str]]:
    return {kind: (verdict.status, verdict.reason) for kind, verdict in judge(spec, "no such field", facts).items()}


def test_all_is_well() -> None:
    assert said(WELL) == {
        "Validated": ("True", "Listed"),
        "Streaming": ("True", "Streaming"),
        "Persisting": ("True", "Stored"),
        "Aggregating": ("True", "Aggregated"),
        "RetentionEnforced": ("True", "Enforced"),
        "Ready": ("True", "Ready"),
    }


def test_a_new_symbol_is_ready_before_its_first_candle_is_folded() -> None:
    new = replace(WELL, since=NOW - 3 * SECOND, stored=Stored(last_second=SECONDS), swept=False)
    assert said(new)["Aggregating"] == ("Unknown", "Pending")
    assert said(new)["RetentionEnforced"] == ("Unknown", "Pending")
    assert said(new)["Ready"] == ("True", "Ready")
    assert said(replace(new, stored=None, stream=state("subscribing", last_open_time=None)))["Ready"] == (
        "Unknown",
        "Subscribing",
    )
    assert said(replace(new, stored=None, stream=None))["Ready"] == ("Unknown", "Pending")


def test_an_operator_that_starts_takes_nothing_back_before_it_knows_better() -> None:
    before = merge((), judge(SPEC, "", WELL), generation=1, now=NOW)
    ignorant = Facts(now=NOW, since=NOW, kafka_away=None, database_away=None)
    assert merge(before, judge(SPEC, "", ignorant, before), generation=1, now=NOW + 5_000) == before
    assert judge(SPEC, "", ignorant)["Ready"].reason == "Pending", "and of a new Symbol it says that it knows nothing"
    silent = replace(WELL, stream=None, since=NOW - FRESH - 1)
    assert judge(SPEC, "", silent, before)["Streaming"].reason == "NoProducer"
    alone = merge((), judge(SPEC, "", replace(WELL, duplicate="there is another")), generation=1, now=NOW)
    assert judge(SPEC, "", ignorant, alone)["Streaming"].reason == "Pending", "it is none any more"


@pytest.mark.parametrize(
    ("facts", "kind", "expected"),
    [
        ({"trading": "unknown", "stream": None}, "Validated", ("False", "UnknownSymbol")),
        ({"trading": "halted", "stream": None}, "Validated", ("False", "NotTrading")),
        ({"trading": "unknown"}, "Validated", ("True", "Listed")),
        ({"trading": None, "stream": None}, "Validated", ("Unknown", "Pending")),
        ({"trading": None, "stream": None, "exchange_away": "HTTP 500"}, "Validated", ("Unknown", "ExchangeUnreachable")),
        ({"duplicate": "there is another"}, "Validated", ("False", "DuplicateSymbol")),
        ({"stream": None}, "Streaming", ("False", "NoProducer")),
        ({"stream": None, "since": NOW - FRESH}, "Streaming", ("Unknown", "Pending")),
        ({"stream": state("stale", detail="silent")}, "Streaming", ("False", "Stale")),
        ({"stream": state("refused")}, "Streaming", ("False", "Refused")),
        ({"stream": state("halted")}, "Streaming", ("False", "NotTrading")),
        ({"kafka_away": "no broker"}, "Streaming", ("Unknown", "KafkaUnavailable")),
        ({"database_away": "no server"}, "Persisting", ("Unknown", "DatabaseUnavailable")),
        ({"database_away": "no server"}, "Aggregating", ("Unknown", "DatabaseUnavailable")),
        ({"sweep_away": "disk full"}, "RetentionEnforced", ("Unknown", "DatabaseUnavailable")),
        ({"stored": None}, "Persisting", ("False", "Lagging")),
        ({"stored": Stored(SECONDS - LAG, NOW)}, "Persisting", ("True", "Stored")),
        ({"stored": Stored(SECONDS - LAG - SECOND, NOW)}, "Persisting", ("False", "Lagging")),
        ({"stored": Stored(SECONDS, SECONDS - MINUTE - BEHIND)}, "Aggregating", ("True", "Aggregated")),
        ({"stored": Stored(SECONDS, SECONDS - MINUTE - BEHIND - 1)}, "Aggregating", ("False", "AggregatorBehind")),
        ({"stored": Stored(SECONDS, None)}, "Aggregating", ("False", "AggregatorBehind")),
        ({"stored": Stored(SECONDS, NOW, unaggregated=3)}, "RetentionEnforced", ("False", "Unaggregated")),
    ],
)
def test_what_is_wrong_is_said(facts: dict[str, Any], kind: Type, expected: tuple[str, str]) -> None:
    verdicts = said(replace(WELL, **facts))
    assert verdicts[kind] == expected
    if expected[0] != "True" and not (expected[0] == "Unknown" and kind in WATCHED):
        assert verdicts["Ready"][0] != "True"


def test_of_a_symbol_that_is_not_asked_for_nothing_else_is_said() -> None:
    for verdicts in (said(WELL, None), said(replace(WELL, duplicate="x")), said(replace(WELL, trading="unknown", stream=None))):
        assert {kind: verdict for kind, verdict in verdicts.items() if kind not in ("Validated", "Ready")} == dict.fromkeys(
            (*NEEDED[1:], *WATCHED), ("False", "NotValidated")
        )
        assert verdicts["Ready"] == verdicts["Validated"]


def test_a_suspended_symbol_is_not_ready_and_nothing_is_wrong_with_it() -> None:
    verdicts = said(WELL, SymbolSpec(symbol="BTCUSDT", exchange="sim", suspend=True))
    assert verdicts["Ready"] == verdicts["Streaming"] == verdicts["Persisting"] == ("False", "Suspended")
    assert verdicts["Validated"][0] == verdicts["Aggregating"][0] == "True"


states = st.lists(
    st.builds(
        lambda status, age, epoch, instance: state(status, at=NOW - age, epoch=epoch, instance=instance),
        st.sampled_from(get_args(StreamStatus)),
        st.integers(0, 60_000),
        st.integers(0, 2),
        st.sampled_from(["p-0", "p-1"]),
    ),
    max_size=5,
)


@given(states)
def test_a_producer_is_believed_while_it_is_fresh_and_of_this_life_and_best_if_it_streams(told: list[StreamState]) -> None:
    usable = [one for one in told if one.epoch == 1 and NOW - one.at <= FRESH]
    found = best(told, epoch=1, now=NOW)
    assert (found is None) == (not usable)
    if found is not None:
        assert found in usable
        assert (found.status == "streaming") == any(one.status == "streaming" for one in usable)


times = st.none() | st.integers(NOW - HOUR, NOW)
facts = st.builds(
    Facts,
    now=st.just(NOW),
    since=st.integers(NOW - HOUR, NOW),
    duplicate=st.sampled_from(["", "there is another"]),
    trading=st.none() | st.sampled_from(get_args(Trading)),
    exchange_away=st.sampled_from(["", "HTTP 500"]),
    kafka_away=st.sampled_from([None, "", "no broker"]),
    stream=st.none() | st.builds(state, st.sampled_from(get_args(StreamStatus)), last_open_time=times),
    database_away=st.sampled_from([None, "", "no server"]),
    stored=st.none() | st.builds(Stored, times, times, st.integers(0, 2)),
    swept=st.booleans(),
    sweep_away=st.sampled_from(["", "no server"]),
    run_error=st.sampled_from(["", "it ended"]),
)
specs = st.none() | st.builds(SymbolSpec, symbol=st.just("BTCUSDT"), suspend=st.booleans())


@given(specs, facts)
def test_ready_is_over_all_others(spec: SymbolSpec | None, known: Facts) -> None:
    verdicts = judge(spec, "no such field", known)
    assert set(verdicts) == set(get_args(Type))
    others = [verdicts[kind] for kind in (*NEEDED, *WATCHED)]
    if verdicts["Ready"].status == "True":
        assert all(verdicts[kind].status == "True" for kind in NEEDED)
        assert all(verdict.status != "False" for verdict in others)
    else:
        assert verdicts["Ready"] in others
    assert (verdicts["Ready"].status == "False") == any(verdict.status == "False" for verdict in others)
    for condition in merge((), verdicts, generation=1, now=NOW):
        assert isinstance(condition, Condition) and condition.message and len(condition.message) < 1000


@given(specs, facts)
def test_an_outage_of_ours_is_no_fault_of_the_symbol(spec: SymbolSpec | None, known: Facts) -> None:
    verdicts = judge(spec, "", replace(known, kafka_away="no broker", database_away="no server"))
    ours = [verdicts[kind] for kind in (*NEEDED[1:], *WATCHED)]
    assert all(verdict.status == "Unknown" or verdict.reason in ("NotValidated", "Suspended") for verdict in ours)
