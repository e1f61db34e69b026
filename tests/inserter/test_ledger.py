"""The gap ledger's law: whatever is told in whatever order, each missing second is in one row, and each row is true."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from rtchart.core.gap import count, normal, seconds_of
from rtchart.core.interval import SECOND
from rtchart.core.messages import Absent, GapOpened
from rtchart.inserter.ledger import concern, settle
from rtchart.store.gaps import GapRow


class Ledger:
    """One symbol's rows and seconds, settled step by step as the writer does it."""

    def __init__(self) -> None:
        self.rows: dict[int, GapRow] = {}
        self.seconds: set[int] = set()
        self.now = 0

    def step(self, *, gaps=(), absent=(), seconds=(), floor: int = 0) -> None:
        self.now += 1
        self.seconds |= set(seconds)
        opened = [GapOpened("sim", "X", s * SECOND, e * SECOND, "step", self.now) for s, e in gaps]
        lacking = [Absent("sim", "X", s * SECOND, e * SECOND, self.now) for s, e in absent]
        known = [row for row in self.rows.values() if row.state != "repaired"]
        ranges = concern(known, opened, lacking)
        stored = [s * SECOND for s in self.seconds if any(a <= s * SECOND < b for a, b in ranges)]
        changes = settle(7, known, opened, lacking, seconds_of(stored), floor=floor * SECOND, now=self.now)
        for row in changes:
            number = len(self.rows) if row.gap_id is None else row.gap_id
            assert row != self.rows.get(number), "a row that did not change is not written"
            self.rows[number] = row._replace(gap_id=number)

    def told(self) -> list[tuple[int, int, str]]:
        return sorted((row.start // SECOND, row.end // SECOND, row.state) for row in self.rows.values())

    def ranges(self, state: str) -> list[tuple[int, int]]:
        return [row.range for row in self.rows.values() if row.state == state]


def test_a_gap_is_repaired_when_its_last_second_came():
    ledger = Ledger()
    ledger.step(gaps=[(10, 13)])
    ledger.step(seconds=[10, 12])
    assert ledger.told() == [(10, 13, "open")]
    ledger.step(seconds=[11])
    assert ledger.told() == [(10, 13, "repaired")]
    assert ledger.rows[0].closed_at == 3


def test_a_gap_may_be_opened_and_filled_in_one_batch():
    ledger = Ledger()
    ledger.step(gaps=[(10, 12)], seconds=[10, 11])
    assert ledger.told() == [(10, 12, "repaired")]


def test_absent_splits_what_it_covers_in_part():
    ledger = Ledger()
    ledger.step(gaps=[(0, 10)], seconds=[0, 1, 2])
    ledger.step(absent=[(3, 5)])
    assert ledger.told() == [(0, 3, "repaired"), (3, 5, "absent"), (5, 10, "open")]
    assert [row.asked_at for row in ledger.rows.values() if row.state == "absent"] == [2]
    ledger.step(seconds=range(5, 10))
    assert ledger.told() == [(0, 3, "repaired"), (3, 5, "absent"), (5, 10, "repaired")]


def test_an_absent_second_that_comes_after_all_is_absent_no_more():
    ledger = Ledger()
    ledger.step(gaps=[(0, 4)], absent=[(0, 4)])
    ledger.step(seconds=[1])
    assert ledger.told() == [(0, 1, "absent"), (1, 2, "repaired"), (2, 4, "absent")]


def test_what_the_exchange_lacks_is_a_row_although_no_gap_was_told():
    ledger = Ledger()
    ledger.step(absent=[(3, 5)], seconds=[4])
    assert ledger.told() == [(3, 4, "absent")]


def test_two_producers_tell_the_same_gap_and_it_is_there_once():
    ledger = Ledger()
    ledger.step(gaps=[(0, 5), (0, 5)])
    ledger.step(gaps=[(3, 8)])
    assert ledger.told() == [(0, 5, "open"), (5, 8, "open")]


def test_a_gap_that_reaches_below_the_raw_floor_closes_above_it():
    ledger = Ledger()
    ledger.step(gaps=[(0, 10)], floor=6)
    ledger.step(seconds=range(6, 10), floor=6)
    assert ledger.told() == [(0, 6, "open"), (6, 10, "repaired")]


def test_a_gap_that_the_raw_floor_reaches_closes_above_it():
    ledger = Ledger()
    ledger.step(gaps=[(0, 10)])
    ledger.step(seconds=[8], floor=6)
    assert ledger.told() == [(0, 6, "open"), (6, 10, "open")]
    ledger.step(seconds=[6, 7, 9], floor=6)
    assert ledger.told() == [(0, 6, "open"), (6, 10, "repaired")]
    ledger.step(absent=[(0, 6)], floor=6)
    assert ledger.told() == [(0, 6, "absent"), (6, 10, "repaired")]


ranges = st.tuples(st.integers(0, 30), st.integers(1, 12)).map(lambda r: (r[0], r[0] + r[1]))
steps = st.lists(
    st.fixed_dictionaries(
        {
            "gaps": st.lists(ranges, max_size=2),
            "absent": st.lists(ranges, max_size=2),
            "seconds": st.lists(st.integers(0, 42), max_size=6),
            "floor": st.sampled_from([0, 0, 9]),
        }
    ),
    min_size=1,
    max_size=8,
)


@given(steps)
@settings(max_examples=200, deadline=None)
def test_rows_never_lie(story):
    ledger = Ledger()
    for step in story:
        ledger.step(**step)
        opened, absent = ledger.ranges("open"), ledger.ranges("absent")
        present = seconds_of(second * SECOND for second in ledger.seconds)
        assert count(opened + absent) == count(opened) + count(absent) == sum((e - s) // SECOND for s, e in opened + absent)
        assert count(absent + present) == count(absent) + count(present), "an absent second is stored"
        assert all(count([gap, *present]) > count(present) for gap in opened), "an open gap lacks nothing"
        assert count(ledger.ranges("repaired") + present) == count(present), "a repaired second is not stored"
        told = normal((s * SECOND, e * SECOND) for one in story[: ledger.now] for s, e in (*one["gaps"], *one["absent"]))
        missing = count(told + present) - count(present)
        assert count(opened + absent + present) - count(present) == missing, "a missing second is in no row"
