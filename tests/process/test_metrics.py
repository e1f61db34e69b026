"""Which klines are measured."""

from __future__ import annotations

from itertools import accumulate

from hypothesis import given
from hypothesis import strategies as st

from rtchart.process.metrics import MEASURED, Sample


@given(a_second=st.integers(0, 20 * MEASURED), portions=st.lists(st.integers(0, 500), max_size=30))
def test_one_in_so_many_is_measured_however_they_come_together(a_second: int, portions: list[int]) -> None:
    sample = Sample()
    sample.over(a_second)
    begins = accumulate(portions, initial=0)
    measured = [begin + index for begin, count in zip(begins, portions, strict=False) for index in sample.of(count)]
    assert measured == list(range(0, sum(portions), max(1, a_second // MEASURED)))


@given(a_second=st.integers(0, 100_000))
def test_about_so_many_are_measured_a_second(a_second: int) -> None:
    sample = Sample()
    sample.over(a_second)
    assert min(a_second, MEASURED) <= len(sample.of(a_second)) <= 2 * MEASURED


@given(before=st.integers(0, 5_000), after=st.integers(0, 5_000), counts=st.lists(st.integers(0, 300), min_size=1, max_size=20))
def test_it_goes_on_when_more_or_fewer_come(before: int, after: int, counts: list[int]) -> None:
    sample = Sample()
    sample.over(before)
    for count in counts:
        assert all(0 <= index < count for index in sample.of(count))
    sample.over(after)
    stride = max(1, after // MEASURED)
    gap = max(1, before // MEASURED)
    assert len(sample.of(10 * max(stride, gap))) >= 9 * max(stride, gap) // stride - 1
