"""Who speaks for a symbol, and what the topic says because of it."""

from __future__ import annotations

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from rtchart.core.symbol import DesiredSymbol, SymbolSpec
from rtchart_operator.claims import changes, claims
from rtchart_operator.resource import Resource
from tests.operator.material import seen

SYMBOLS = ("AAUSDT", "BBUSDT", "CCUSDT")

resources = st.lists(
    st.builds(
        lambda name, symbol, created, suspend, deleting, unread: seen(
            name,
            created=created,
            deleting=deleting,
            spec=None if unread else SymbolSpec(symbol=symbol, exchange="sim", suspend=suspend),
        ),
        st.sampled_from([f"s{n}" for n in range(8)]),
        st.sampled_from(SYMBOLS),
        st.integers(1, 4),
        st.booleans(),
        st.booleans(),
        st.booleans(),
    ),
    unique_by=lambda one: one.uid,
    max_size=8,
)
records = st.builds(
    DesiredSymbol,
    st.just("sim"),
    st.sampled_from((*SYMBOLS, "OLDUSDT")),
    st.integers(0, 5),
    st.sampled_from(["market/s0", "market/gone", "elsewhere/s0", "btcusdt.yaml"]),
)
topics = st.lists(records).map(lambda made: {str(one.identity): one for one in made})


def settle(
    found: list[Resource], topic: dict[str, DesiredSymbol], *, namespace: str = "market", complete: bool = True
) -> dict[str, DesiredSymbol]:
    """The topic after one pass of an operator."""
    made = changes(claims(found, topic, namespace=namespace), topic, namespace=namespace, unlisted=(), complete=complete)
    return {key: record for key, record in {**topic, **made}.items() if record is not None}


@given(resources, topics)
def test_one_pass_is_enough_and_a_second_one_writes_nothing(found: list[Resource], topic: dict[str, DesiredSymbol]) -> None:
    after = settle(found, topic)
    assert settle(found, after) == after


@given(resources, topics)
def test_each_symbol_has_its_oldest_resource_and_all_others_are_duplicates(
    found: list[Resource], topic: dict[str, DesiredSymbol]
) -> None:
    claimed = claims(found, topic, namespace="market")
    alive = [one for one in found if one.spec and not one.deleting]
    assert {one.uid for one in claimed.owners.values()} | claimed.duplicates.keys() == {one.uid for one in alive}
    for key, owner in claimed.owners.items():
        rivals = [one for one in alive if str(one.identity) == key]
        assert owner == min(rivals, key=lambda one: (one.created, one.name))
        assert {one.uid for one in rivals} - claimed.duplicates.keys() == {owner.uid}
    assert claims(found[::-1], topic, namespace="market") == claimed, "in whatever order they come"


@given(resources, topics)
def test_only_what_is_ours_ends_and_only_when_all_is_known(found: list[Resource], topic: dict[str, DesiredSymbol]) -> None:
    assert settle(found, topic, complete=False).keys() >= topic.keys()
    claimed = claims(found, topic, namespace="market")
    ended = topic.keys() - settle(found, topic).keys()
    assert ended == {key for key, one in topic.items() if one.name.startswith("market/") and key not in claimed.owners}


@given(resources, resources, topics)
def test_operators_of_two_namespaces_on_one_topic_come_to_rest(
    ours: list[Resource], theirs: list[Resource], topic: dict[str, DesiredSymbol]
) -> None:
    theirs = [msgspec.structs.replace(one, namespace="elsewhere", uid=f"{one.uid}-2") for one in theirs]
    for _ in range(3):
        topic = settle(theirs, settle(ours, topic), namespace="elsewhere")
    assert settle(ours, topic) == topic
    assert settle(theirs, topic, namespace="elsewhere") == topic
    for key, record in topic.items():
        contenders = [one for one in (*ours, *theirs) if str(one.identity) == key and not one.deleting]
        oldest = [
            min(c, key=lambda one: one.created)
            for n in ("market", "elsewhere")
            if (c := [o for o in contenders if o.namespace == n])
        ]
        if record.name.startswith(("market/", "elsewhere/")) and oldest:
            assert record.epoch == max(one.created for one in oldest), "of two namespaces, the younger one"


def test_a_symbol_that_the_exchange_does_not_list_is_not_asked_for_and_never_given_up() -> None:
    one = seen("a", "AAUSDT")
    claimed = claims([one], {}, namespace="market")
    assert changes(claimed, {}, namespace="market", unlisted={"sim:AAUSDT"}, complete=True) == {}
    streams = {"sim:AAUSDT": msgspec.structs.replace(one.record(), kline_hours=2)}
    assert changes(claimed, streams, namespace="market", unlisted={"sim:AAUSDT"}, complete=True) == {}
    assert changes(claimed, streams, namespace="market", unlisted=(), complete=True) == {"sim:AAUSDT": one.record()}


def test_duplicates_are_told_of_each_other() -> None:
    old, young = seen("old", created=1), seen("young", created=2)
    assert claims([young, old], {}, namespace="market").duplicates == {
        "uid-young": "the Symbol old has sim:BTCUSDT already, and is older; delete one of the two"
    }
    other = msgspec.structs.replace(old.record(), name="elsewhere/btc", epoch=9)
    assert (
        "elsewhere/btc asks the same Kafka" in claims([old], {"sim:BTCUSDT": other}, namespace="market").duplicates["uid-old"]
    )
