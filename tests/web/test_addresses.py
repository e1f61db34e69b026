"""Who a request is from, and what an address may have: without a server."""

from __future__ import annotations

import ipaddress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rtchart.core.errors import UserError
from rtchart.web import addresses
from rtchart.web.addresses import NO_LIMITS, NOBODY, Addresses, Limits, Visitor, networks
from rtchart.web.bucket import Bucket
from rtchart.web.channel import Client

PROXIES = networks("10.0.0.0/8, 2001:db8:ffff::/48")


@pytest.mark.parametrize(
    ("peer", "forwarded", "key"),
    [
        ("203.0.113.7", [], "203.0.113.7"),
        ("203.0.113.7", ["198.51.100.1"], "203.0.113.7"),  # a stranger may write what it likes
        ("10.1.1.1", [], "10.1.1.1"),
        ("10.1.1.1", ["203.0.113.7"], "203.0.113.7"),
        ("10.1.1.1", ["198.51.100.1, 203.0.113.7"], "203.0.113.7"),  # who writes the header first writes what it likes
        ("10.1.1.1", ["198.51.100.1", "203.0.113.7, 10.2.2.2"], "203.0.113.7"),
        ("10.1.1.1", ["10.3.3.3, 10.2.2.2"], "10.3.3.3"),
        ("10.1.1.1", ["203.0.113.7, unknown"], "10.1.1.1"),
        ("10.1.1.1", [""], "10.1.1.1"),
        ("10.1.1.1", ["203.0.113.7:4711"], "203.0.113.7"),
        ("10.1.1.1", ["[2001:db8:1:2:3::4]:4711"], "2001:db8:1:2::/64"),
        ("2001:db8:ffff::1", ["2001:db8:1:2::9"], "2001:db8:1:2::/64"),
        ("2001:db8:1:2:a::1", ["198.51.100.1"], "2001:db8:1:2::/64"),
        ("::ffff:203.0.113.7", [], "203.0.113.7"),
        ("::ffff:10.1.1.1", ["203.0.113.7"], "203.0.113.7"),
        ("fe80::1%eth0", [], "fe80::/64"),
        (None, ["203.0.113.7"], NOBODY),
        ("<local>", ["203.0.113.7"], NOBODY),
    ],
)
def test_whose_request_it_is(peer: str | None, forwarded: list[str], key: str) -> None:
    assert Addresses(Limits(proxies=PROXIES)).key(peer, forwarded) == key


@given(st.ip_addresses(), st.lists(st.text() | st.ip_addresses().map(str)))
def test_who_is_no_proxy_is_never_taken_for_another(peer: ipaddress.IPv4Address, forwarded: list[str]) -> None:
    alone = Addresses(Limits(proxies=PROXIES)).key(str(peer), [])
    behind = Addresses(Limits(proxies=PROXIES)).key(str(peer), forwarded)
    assert behind == alone or any(peer in network for network in PROXIES)
    assert Addresses().key(str(peer), forwarded) == alone


@given(st.lists(st.text()), st.ip_addresses().filter(lambda address: not any(address in each for each in PROXIES)))
def test_what_stands_before_a_strangers_address_changes_nothing(written: list[str], stranger: ipaddress.IPv4Address) -> None:
    known = Addresses(Limits(proxies=PROXIES))
    assert known.key("10.1.1.1", [*written, str(stranger)]) == known.key(str(stranger), [])


def test_a_proxy_that_is_not_named_is_told_of_once(caplog: pytest.LogCaptureFixture) -> None:
    known = Addresses(Limits(proxies=PROXIES))
    known.key("10.1.1.1", ["203.0.113.7"])
    known.key("192.0.2.1", [])
    Addresses(Limits(0, 0, 0, PROXIES)).key("192.0.2.1", ["203.0.113.7"])  # where no address has a limit it does not matter
    assert not caplog.records
    for _ in range(2):
        known.key("192.0.2.1", ["203.0.113.7"])
    (record,) = caplog.records
    assert "--trusted-proxies" in record.getMessage() and record.__dict__["fields"]["peer"] == "192.0.2.1"


@pytest.mark.parametrize("text", ["10.0.0.1/8", "10.0.0.0/33", "everybody", "10.0.0.0/8;::/0"])
def test_networks_that_are_none_are_told(text: str) -> None:
    with pytest.raises(UserError, match="write it like 10"):
        networks(text)
    assert networks("") == ()


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


@given(st.lists(st.tuples(st.floats(0, 10), st.floats(0.1, 40)), max_size=50))
def test_a_bucket_gives_what_came_back_and_the_burst_and_no_more(steps: list[tuple[float, float]]) -> None:
    clock = Clock()
    bucket, taken = Bucket(2, 20, clock), 0.0
    for pause, cost in steps:
        clock.now += pause
        wait = bucket.take(cost)
        if not wait:
            taken += min(cost, 20)
        assert taken <= 20 + (clock.now - 100) * 2 + 1e-6
        if wait:
            clock.now += wait + 1e-6
            assert bucket.take(cost) == 0, "after the wait that it told there is enough"
            taken += min(cost, 20)


def test_a_visitor_without_limits_is_never_refused() -> None:
    visitor = Visitor(NO_LIMITS)
    visitor.clients.update(Client() for _ in range(5_000))
    assert not visitor.crowded and not visitor.sated
    assert [visitor.take(1_000) for _ in range(5_000)] == [0.0] * 5_000


def test_memory_of_addresses_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(addresses, "REMEMBERED", 10)
    known = Addresses(Limits())
    with known.socket("stays", Client()) as stays:
        for number in range(100):
            known.visitor(f"passes {number}")
        assert len(known) == 11
        assert known.visitor("stays") is stays
    first = known.visitor("passes 91")
    for number in range(5):
        known.visitor(f"another {number}")
    assert known.visitor("passes 91") is first, "whoever came lately is known longest"
    assert len(known) == 10


def test_who_waits_has_a_place_in_the_queue() -> None:
    """Others who ask for little cannot go on before one who asks for much."""
    now = 0.0
    bucket = Bucket(10, 20, clock=lambda: now)
    assert bucket.owe(15) == 0.0
    assert bucket.owe(15) == 1.0
    assert bucket.take(1) == pytest.approx(1.1)
    now = 1.0
    assert bucket.take(1) == pytest.approx(0.1), "what was owed is paid, and nothing is saved up"
    assert bucket.owe(1_000) == 2.0, "more than the burst is had for a full bucket"
