"""Which klines are measured."""

from __future__ import annotations

import random
from collections import Counter
from itertools import accumulate
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from rtchart.process.metrics import MEASURED, Sample


def chosen(sample: Sample, portions: list[int]) -> list[int]:
    """The places of those that are chosen, of all that come in these portions."""
    begins = accumulate(portions, initial=0)
    return [begin + index for begin, count in zip(begins, portions, strict=False) for index in sample.of(count)]


@given(seed=st.integers(), one_in=st.integers(1, 50), portions=st.lists(st.integers(0, 500), max_size=30))
def test_which_are_chosen_does_not_depend_on_how_they_come_together(seed: int, one_in: int, portions: list[int]) -> None:
    state = random.getstate()
    try:
        random.seed(seed)
        apart = chosen(Sample(one_in), portions)
        random.seed(seed)
        assert apart == chosen(Sample(one_in), [sum(portions)])
    finally:
        random.setstate(state)
    assert apart == sorted(set(apart))
    if one_in == 1:
        assert apart == list(range(sum(portions)))
    assert all(after - before < 2 * one_in for before, after in zip([-1, *apart], [*apart, sum(portions)], strict=True))


def test_one_in_so_many_is_chosen_and_not_ever_the_same_ones(monkeypatch: Any) -> None:
    """Of 20 symbols that come in the same order each second, at a distance that divides them."""
    monkeypatch.setattr(random, "randint", random.Random(5).randint)
    sample = Sample(10)
    symbols = Counter(place % 20 for place in chosen(sample, [20] * 1_000))
    assert 1_800 < symbols.total() < 2_200
    assert min(symbols[symbol] for symbol in range(20)) > 50


@given(a_second=st.integers(0, 100_000))
def test_about_so_many_are_chosen_a_second(a_second: int) -> None:
    sample = Sample()
    sample.over(a_second)
    found = len(chosen(sample, [a_second] * 20))
    assert 20 * min(a_second, MEASURED) / 2 <= found <= 20 * 3 * MEASURED
