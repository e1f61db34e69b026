"""The connection's decisions, frame by frame and second by second, without a socket."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from rtchart.exchange.base import BadFrame, Connected, SubscriptionRefused
from rtchart.exchange.binance.protocol import KEEP, Protocol, Reconnect, Rotate
from tests.exchange import klines

SYMBOLS = [f"COIN{number}USDT" for number in range(1_024)]


def protocol(*symbols: str) -> Protocol:
    made = Protocol("binance", {}, now=0.0)
    made.want(symbols)
    return made


def sent(of: Protocol, now: float) -> list[dict[str, Any]]:
    return [msgspec.json.decode(message) for message in of.outgoing(now)]


def answer(to: Protocol, now: float, **document: Any) -> list[Any]:
    return to.receive([msgspec.json.encode(document)], 0, now).events


def still(to: Protocol, now: float, *listed: str) -> list[dict[str, Any]]:
    """What is sent besides the question for the list, which is answered."""
    messages = sent(to, now)
    for message in messages:
        answer(to, now, result=[f"{each.lower()}@kline_1s" for each in listed], id=message["id"])
    return [message for message in messages if message["method"] != "LIST_SUBSCRIPTIONS"]


def connected(*symbols: str) -> Protocol:
    """Subscribed and acknowledged at 0 s, first kline of the first symbol at 1 s."""
    made = protocol(*symbols)
    for message in sent(made, 0.0):
        answer(made, 0.0, result=None, id=message["id"])
    made.receive([klines.frame(symbols[0])], 0, 1.0)
    return made


def test_subscribes_within_every_limit() -> None:
    """Rolling window, size and number of streams, for a whole connection of them; pongs count."""
    made, times, streams, now = protocol(*SYMBOLS), [], [], 0.0
    while len(streams) < len(SYMBOLS):
        if now % 20 < 0.05:
            made.ponged(now)
            times.append(now)
        for message in made.outgoing(now):
            assert len(message.encode()) < 4_088
            request = msgspec.json.decode(message)
            assert request["method"] == "SUBSCRIBE"
            streams += request["params"]
            times.append(now)
        now += made.due(now)
        assert now < 10.0
    assert sorted(streams) == sorted(f"{symbol.lower()}@kline_1s" for symbol in SYMBOLS)
    for first in times:
        assert sum(first <= time < first + 1.0 for time in times) <= 4
    assert made.outgoing(now + 5.0) == []


def test_non_ascii_names_count_in_bytes() -> None:
    made = protocol(*(f"币安人生{number:03}USDT" for number in range(300)))
    assert all(len(message.encode()) < 4_088 for message in made.outgoing(0.0))


def test_one_connection_takes_no_more_than_it_may() -> None:
    with pytest.raises(ValueError, match="1025"):
        protocol(*SYMBOLS, "ONEMORE")


def test_changes_are_sent_as_they_come() -> None:
    made = connected("A", "B")
    made.want(["B", "C"])
    (leave, join) = sent(made, 2.0)
    assert (leave["method"], leave["params"]) == ("UNSUBSCRIBE", ["a@kline_1s"])
    assert (join["method"], join["params"]) == ("SUBSCRIBE", ["c@kline_1s"])
    assert join["id"] != leave["id"]
    assert sent(made, 2.1) == []


def test_wanted_again_before_the_answer() -> None:
    made = protocol("A", "B")
    (first,) = sent(made, 0.0)
    made.want(["B"])
    assert sent(made, 0.1) == []  # what is being asked for cannot be left yet
    made.want(["A", "B"])
    answer(made, 0.2, result=None, id=first["id"])
    assert sent(made, 0.3) == []
    made.want(["B"])
    assert [message["method"] for message in sent(made, 2.0)] == ["UNSUBSCRIBE"]


@pytest.mark.parametrize("bare", [False, True])
def test_one_bad_name_is_found_and_refused_alone(bare: bool) -> None:
    made, refused, streams, now = protocol("A", "B", "BAD", "C", "D"), [], set(), 0.0
    for _ in range(20):
        for message in sent(made, now):
            if message["method"] == "LIST_SUBSCRIPTIONS":
                answer(made, now, result=sorted(streams), id=message["id"])
            elif "bad@kline_1s" not in message["params"]:
                streams.update(message["params"])
                answer(made, now, result=None, id=message["id"])
            elif bare:
                refused += answer(made, now, code=2, msg="Invalid request", id=message["id"])
            else:
                refused += answer(made, now, error={"code": 2, "msg": "Invalid request"}, id=message["id"])
        now += made.due(now)
    assert streams == {f"{name}@kline_1s" for name in "abcd"}
    assert refused == [SubscriptionRefused("BAD", "the exchange refuses to stream it: Invalid request (code 2)")]


def test_a_venue_with_a_lower_limit_refuses_at_once() -> None:
    made = protocol("A", "B")
    (message,) = sent(made, 0.0)
    events = answer(made, 0.0, error={"code": 4, "msg": "Too many subscriptions"}, id=message["id"])
    assert [event.symbol for event in events] == ["A", "B"]
    assert sent(made, 3.9) == []
    (again,) = sent(made, 4.1)  # the limit may be gone
    assert again["params"] == ["a@kline_1s", "b@kline_1s"]
    answer(made, 4.2, result=None, id=again["id"])
    assert still(made, 9.0, "A", "B") == []


def test_what_is_refused_by_itself_is_asked_for_again_after_long() -> None:
    made = protocol("A")
    (message,) = sent(made, 0.0)
    answer(made, 0.0, error={"code": 2, "msg": "Invalid request"}, id=message["id"])
    assert sent(made, 299.0) == []
    assert [message["params"] for message in sent(made, 301.0)] == [["a@kline_1s"]]


def test_an_answer_to_nothing_is_kept_as_a_bad_frame() -> None:
    made = connected("A")
    (bad,) = answer(made, 2.0, result=None, id=99)
    assert isinstance(bad, BadFrame)
    assert bad.reason == "unknown_message"


def test_a_batch_holds_klines_events_and_counts() -> None:
    made = protocol("BTCUSDT", "A")
    batch = made.receive([klines.KLINE, b"{", klines.frame("A"), klines.frame("A", x=False)], 23, 1.0)
    assert [kline.symbol for kline in batch.klines] == ["BTCUSDT", "A"]
    assert {kline.received_us for kline in batch.klines} == {23} == {batch.received_us}
    assert batch.ignored == 1
    assert [type(event) for event in batch.events] == [BadFrame, Connected]
    assert made.receive([klines.KLINE], 24, 2.0).events == []


# ── Watchdog ────────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_no_answer_to_a_subscribe() -> None:
    made = protocol("A")
    made.outgoing(0.0)
    assert made.verdict(2.9) is KEEP
    assert made.verdict(3.1) == Reconnect("no answer to SUBSCRIBE for 3 s")


def test_no_first_frame() -> None:
    made = protocol("A")
    (message,) = sent(made, 0.0)
    answer(made, 1.0, result=None, id=message["id"])
    assert made.verdict(60.9) is KEEP  # the market may be quiet
    assert made.verdict(61.1) == Reconnect("subscribed, and no kline for 60 s")
    made.missed("X", 5.0)  # which it does not carry
    assert made.verdict(5.0) is KEEP
    made.missed("A", 5.0)  # it is not
    assert made.verdict(5.0) == Reconnect("subscribed, and no kline for 2 s")


def test_what_is_acknowledged_and_forgotten_has_no_more_time_for_it() -> None:
    made, now, verdict = protocol("A"), 0.0, KEEP
    while verdict is KEEP:
        for message in sent(made, now):
            answer(made, now, result=[] if message["method"] == "LIST_SUBSCRIPTIONS" else None, id=message["id"])
        now += made.due(now)
        verdict = made.verdict(now)
    assert verdict == Reconnect("subscribed, and no kline for 60 s")


def test_a_connection_that_dies_before_its_first_kline_is_left_as_soon_as_any() -> None:
    made = protocol("A")
    (message,) = sent(made, 0.0)
    answer(made, 1.0, result=None, id=message["id"])
    assert sent(made, 2.4) == []
    assert [message["method"] for message in sent(made, 2.6)] == ["LIST_SUBSCRIPTIONS"]
    assert made.verdict(5.5) is KEEP  # there is nothing that it carries in the meantime
    assert made.verdict(5.7) == Reconnect("no answer to LIST_SUBSCRIPTIONS for 3 s")


def test_after_a_connection_that_brought_nothing_of_what_there_was_the_next_has_less_time() -> None:
    made = protocol("A")
    made.hurry()
    (message,) = sent(made, 0.0)
    answer(made, 0.5, result=None, id=message["id"])
    assert still(made, 2.4, "A") == sent(made, 2.4) == []
    assert made.verdict(2.4) is KEEP
    assert made.due(2.4) == pytest.approx(0.1, abs=0.02)
    assert made.verdict(2.6) == Reconnect("subscribed, and no kline for 2 s")
    made.receive([klines.frame("A")], 0, 2.6)
    assert made.verdict(2.6) is KEEP


def left_alone(made: Protocol, now: float) -> bool:
    """Whether nothing of A and B is subscribed again for a long time, while A comes."""
    for time in range(1, 700):
        made.receive([klines.frame("A")], 0, now + time)
        if still(made, now + time, "A", "B"):
            return False
    return True


def test_a_symbol_that_falls_silent_is_no_silent_connection() -> None:
    made, now = connected("A", "B"), 1.0
    made.receive([klines.frame("B")], 0, now)
    while now < 2_000.0:
        now += 1.0
        made.receive([klines.frame("A")], 0, now)
        for message in sent(made, now):
            assert message["method"] == "LIST_SUBSCRIPTIONS"
            answer(made, now, result=["a@kline_1s", "b@kline_1s"], id=message["id"])
        assert made.verdict(now) is KEEP


def test_a_symbol_that_was_never_heard_of_is_subscribed_again_with_ever_more_patience() -> None:
    """An acknowledgement is not data; and an unknown symbol is never heard of either."""
    made, now, again = connected("A", "B"), 1.0, []
    while now < 1_000.0:
        now += 1.0
        made.receive([klines.frame("A")], 0, now)
        for message in sent(made, now):
            if message["method"] != "LIST_SUBSCRIPTIONS":
                assert message["params"] == ["b@kline_1s"]
                again.append((message["method"], now))
            answer(made, now, result=["a@kline_1s", "b@kline_1s"], id=message["id"])
        assert made.verdict(now) is KEEP
    assert [method for method, _ in again] == ["UNSUBSCRIBE", "SUBSCRIBE"] * 8
    times = [time for method, time in again if method == "SUBSCRIBE"]
    waits = [later - time for time, later in zip([0.0, *times], times, strict=False)]
    assert waits == [pytest.approx(wait, abs=3.0) for wait in (5, 10, 20, 40, 80, 160, 300, 300)]
    made.receive([klines.frame("B")], 0, now)
    assert left_alone(made, now)


def test_a_quiet_connection_is_asked_and_tolerated_while_it_answers() -> None:
    made, now, asked = connected("A"), 1.0, 0
    while now < 487.0:  # the longest hole observed
        now += 1.0
        for message in sent(made, now):
            asked += 1
            answer(made, now, result=["a@kline_1s"], id=message["id"])
        assert made.verdict(now) is KEEP
    assert asked > 20
    made.receive([klines.frame("A")], 0, now)
    assert made.verdict(now) is KEEP


def test_a_dead_connection_is_left_although_no_error_came() -> None:
    made = connected("A", "B")
    assert sent(made, 2.4) == []
    assert [message["method"] for message in sent(made, 2.6)] == ["LIST_SUBSCRIPTIONS"]
    assert made.verdict(4.0) is KEEP
    assert made.verdict(4.2) == Rotate("no kline, and no answer to LIST_SUBSCRIPTIONS for 1.5 s")  # while it may yet live
    assert made.verdict(5.7) == Reconnect("no answer to LIST_SUBSCRIPTIONS for 3 s")


def test_who_looks_when_it_is_due_leaves_a_dead_connection_in_time() -> None:
    made, now, looks = connected("A"), 1.0, 0
    while made.verdict(now) is KEEP:
        sent(made, now)
        now += made.due(now)
        looks += 1
    assert now < 1.0 + 1.5 + 1.5 + 0.2
    assert looks < 10


def test_who_answers_and_brings_nothing_of_what_there_is_is_replaced() -> None:
    made, now = connected("A", "B"), 1.0
    while now < 30.0:
        now += 1.0
        for message in sent(made, now):
            answer(made, now, result=["a@kline_1s", "b@kline_1s"], id=message["id"])
        assert made.verdict(now) is KEEP
    made.missed("A", now)
    assert made.verdict(now + 1.9) is KEEP  # it may have been on its way
    assert made.verdict(now + 2.1) == Rotate("no kline for 2 s, and the exchange has some")
    assert made.brings_nothing
    made.receive([klines.frame("B")], 0, now + 2.1)
    assert made.verdict(now + 2.1) is KEEP
    assert not made.brings_nothing


@pytest.mark.parametrize("state", ["nothing is subscribed", "it is quiet", "it is quiet, and something was missed"])
def test_whatever_goes_on_it_is_looked_at_twice_a_second_at_most(state: str) -> None:
    made, now, looks = (protocol("A"), 0.0, 0) if state == "nothing is subscribed" else (connected("A"), 1.0, 0)
    if state == "nothing is subscribed":
        (message,) = sent(made, 0.0)
        answer(made, 0.0, error={"code": 2, "msg": "Invalid request"}, id=message["id"])
    if state.endswith("missed"):
        made.missed("A", 1.0)
    while now < 60.0:
        still(made, now, "A")
        sent(made, now)
        now += made.due(now)
        looks += 1
    assert looks < 120


def test_a_symbol_that_falls_silent_while_the_exchange_has_it_is_subscribed_again() -> None:
    made, now, again = connected("A", "B"), 1.0, []
    made.receive([klines.frame("B")], 0, now)
    while now < 60.0:
        now += 1.0
        made.receive([klines.frame("A")], 0, now)
        if now % 10 == 0:
            made.missed("B", now)
        for message in sent(made, now):
            if message["method"] == "SUBSCRIBE":
                assert message["params"] == ["b@kline_1s"]
                again.append(now)
            answer(made, now, result=["a@kline_1s", "b@kline_1s"], id=message["id"])
        assert made.verdict(now) is KEEP
    assert again == [pytest.approx(time, abs=2.0) for time in (17, 29, 51)]
    made.receive([klines.frame("B")], 0, now)
    assert left_alone(made, now)


def test_silence_has_an_end_even_when_the_server_answers() -> None:
    made, now = connected("A"), 1.0
    while made.verdict(now) is KEEP:
        now += 1.0
        for message in sent(made, now):
            answer(made, now, result=["a@kline_1s"], id=message["id"])
    assert (made.verdict(now), now) == (Reconnect("no kline for 600 s"), 602.0)


def test_what_the_server_forgot_is_asked_for_again() -> None:
    made = connected("A", "B")
    (message,) = sent(made, 4.0)
    answer(made, 4.0, result=["a@kline_1s"], id=message["id"])
    assert [message["params"] for message in sent(made, 4.1)] == [["b@kline_1s"]]


# ── Rotation ────────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_rotates_an_hour_before_the_server_would_close() -> None:
    made = connected("A")
    made.receive([klines.frame("A")], 0, 23 * 3600.0)
    assert made.verdict(23 * 3600.0) is KEEP
    assert made.verdict(23 * 3600.0 + 0.1) == Rotate("it is 23 h old")


def test_rotates_when_the_server_will_shut_down_and_still_reads() -> None:
    made = connected("A")
    batch = made.receive([klines.SHUTDOWN, klines.frame("A")], 0, 2.0)
    assert len(batch.klines) == 1
    assert batch.events == []
    assert made.verdict(2.0) == Rotate("the server announced its shutdown")


def test_carries_when_every_symbol_was_seen_or_it_had_time_to() -> None:
    made = protocol("A", "B")
    (message,) = sent(made, 0.0)
    assert not made.carrying(0.0)
    answer(made, 0.1, result=None, id=message["id"])
    sent(made, 0.1)
    assert not made.carrying(0.1)  # an ACK is not data
    made.receive([klines.frame("A")], 0, 1.0)
    assert not made.carrying(1.0)
    assert made.carrying(6.1)
    made.receive([klines.frame("B")], 0, 1.5)
    assert made.carrying(1.5)
