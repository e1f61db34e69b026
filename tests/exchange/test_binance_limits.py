from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from rtchart.exchange.binance.limits import RollingWindow, WeightBudget


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
