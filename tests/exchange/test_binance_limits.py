from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from rtchart.exchange.binance.limits import RollingWindow, Share, WeightBudget


@given(st.lists(st.floats(0.0, 3.0), max_size=60), st.integers(1, 5))
def test_no_window_holds_more_than_the_limit(waits: list[float], limit: int) -> None:
    window, now, times = RollingWindow(limit, 1.0), 0.0, []
    for wait in waits:
        now += wait
        while delay := window.delay(now):
            now += delay
        window.add(now)
        times.append(now)
    for index, first in enumerate(times):
        assert sum(first <= time < first + 1.0 - 1e-6 for time in times[index:]) <= limit


@given(st.lists(st.tuples(st.floats(0.0, 30.0), st.integers(1, 40)), max_size=60))
def test_no_minute_costs_more_than_our_share(requests: list[tuple[float, int]]) -> None:
    budget, now, spent = WeightBudget(100, share=0.5), 0.0, []
    for wait, weight in requests:
        now += wait
        while delay := budget.delay(weight, now):
            now += delay
        spent.append((now, weight))
    for index, (first, _) in enumerate(spent):
        assert sum(weight for at, weight in spent[index:] if at < first + 60.0 - 1e-6) <= 50


def test_what_others_spend_at_this_address_counts() -> None:
    budget = WeightBudget(100, share=0.5)
    assert budget.delay(2, 0.0) == 0.0
    budget.told(49, 1.0)
    assert budget.used(1.0) == 49
    assert budget.delay(2, 2.0) == 58.0  # until our own two are a minute old
    budget.told(10, 3.0)  # the venue's minute began anew: ours did not
    assert budget.used(3.0) == 49


def test_a_ban_holds_for_everyone_and_is_never_shortened() -> None:
    budget = WeightBudget()
    budget.block(120.0, 10.0)
    budget.block(1.0, 10.0)
    assert budget.delay(1, 10.0) == 120.0
    assert budget.delay(1, 130.0) == 0.0


def test_a_request_heavier_than_our_share_goes_alone() -> None:
    budget = WeightBudget(100, share=0.1)
    assert budget.delay(20, 0.0) == 0.0
    assert budget.delay(20, 1.0) == 59.0
    assert budget.delay(20, 60.0) == 0.0


@given(st.lists(st.tuples(st.booleans(), st.floats(0.0, 5.0)), max_size=80))
def test_what_may_wait_takes_its_share_evenly_and_leaves_the_rest(turns: list[tuple[bool, float]]) -> None:
    whole = WeightBudget(120, share=0.5)
    part = Share(whole, 0.25)  # a weight of 1 every 2 s
    now, of_part = 0.0, []
    for unhurried, wait in turns:
        now += wait
        budget = part if unhurried else whole
        while delay := budget.delay(2, now):
            now += delay
        if unhurried:
            of_part.append(now)
        assert whole.used(now) <= 60
        assert part.used(now) == 2 * sum(at > now - 60.0 for at in of_part)
    assert all(later - earlier >= 4.0 - 1e-6 for earlier, later in pairwise(of_part))


def test_a_ban_holds_for_what_may_wait_too() -> None:
    whole = WeightBudget()
    part = Share(whole, 0.25)
    part.block(120.0, 10.0)
    assert (part.delay(1, 10.0), whole.delay(1, 10.0)) == (120.0, 120.0)
    part.told(2_999, 130.0)  # others at this address
    assert part.delay(2, 131.0) == 59.0
