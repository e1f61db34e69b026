"""Files that people write: manifests, and recordings for the simulated exchange. What cannot be used is told."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import yaml
from hypothesis import given
from hypothesis import strategies as st

from rtchart.core.errors import UserError
from rtchart.core.kline import LATEST
from rtchart.local.manifests import read_folder
from rtchart.sim import replay
from tests.fuzz.amount import fuzzed
from tests.fuzz.inputs import VALUES, changed, encoded, nested, torn

MANIFEST = {
    "apiVersion": "rtchart.dev/v1alpha1",
    "kind": "Symbol",
    "metadata": {"name": "btcusdt", "labels": {"a": "b"}},
    "spec": {"symbol": "BTCUSDT", "exchange": "sim", "intervals": ["1m", "1h"], "retention": {"klineHours": 48}},
}
# What YAML makes more of than text: times, numbers of every base, tags, anchors, merges, keys that are no texts.
SCALARS = st.sampled_from(
    [
        *r"""2001-99-99|2001-01-01 99:99:99|0x|0b|0o9|190:20:30|.inf|.nan|1e999999|~|=|<<|?|!!int ''|!!float ''|!!timestamp x
!!binary '*'|!!set {a}|!!omap [a: 1, a]|!!python/none|!x y|&a [*a]|&a {? *a : b}|*nobody|{? [a] : b}|{? {a: b} : c}
{<<: [1]}|{<<: *a}|- - -|"\ud800"|"\x00"|'|"|]|>|%YAML 9.9""".replace("\n", "|").split("|"),
        *("|", "%YAML 9.9\n---\n", "\t", "\x00", "\ufeff", "9" * 5_000),
    ]
)
LINES = st.lists(
    st.sampled_from(
        ["kind: Symbol", "metadata: {name: a}", "spec:", "  symbol: BTCUSDT", "---", "...", "- ", "  - ", "#", "a: "]
    )
    | SCALARS.map(lambda scalar: f"spec: {scalar}")
    | SCALARS.map(lambda scalar: f"  symbol: {scalar}")
    | SCALARS
    | st.text(max_size=20),
    max_size=12,
).map("\n".join)
MANIFESTS = (
    LINES.map(lambda text: text.encode(errors="replace"))
    | encoded(changed(MANIFEST))
    | torn(changed(MANIFEST).map(lambda value: yaml.safe_dump(value).encode(errors="replace")))
    | encoded(VALUES)
    | st.binary()
    | nested("[", "]")
    | nested("- ")
    | nested("a: {? ", "}")
)

HEADER = (
    "event_time,symbol,open_time,close_time,open,high,low,close,volume,quote_volume,trades,"
    "taker_buy_base_volume,taker_buy_quote_volume,first_trade_id,last_trade_id,closed"
)
SECOND = "61021,BTCUSDT,60000,60999,1.5,2,1,1.25,0.3,4,2,0,0,7,8,true"
LONG = "LONG"
"""Stands for a cell that is longer than a reader of CSV takes."""
ODD = '|-1|1e5|1e999999|1e9999999999|1E-99999999|Infinity|-Infinity|NaN|sNaN|0.000000001|1_000| 1|0x1|"|\x00|٣|253402300800000'
CELLS = st.text(max_size=10) | st.sampled_from([*ODD.split("|"), "9" * 25, "9" * 5_000, LONG])


@st.composite
def recordings(draw: st.DrawFn) -> bytes:
    """A header and seconds, some of whose cells are anything."""
    header = HEADER.split(",")
    rows = [header if draw(st.booleans()) else draw(st.permutations(header))]
    for _ in range(draw(st.integers(0, 4))):
        row = SECOND.split(",")
        for _ in range(draw(st.integers(0, 2))):
            row[draw(st.integers(0, len(row) - 1))] = draw(CELLS)
        rows.append(row[: draw(st.integers(10, 16))] + draw(st.lists(CELLS, max_size=2)))
    return "\n".join(",".join(row) for row in rows).encode(errors="replace")


@contextmanager
def written(name: str, content: bytes) -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="rtchart-fuzz-") as folder:
        (Path(folder) / name).write_bytes(content)
        yield Path(folder)


@fuzzed
@given(MANIFESTS)
def test_a_folder_of_manifests_is_read_whatever_is_in_it(content: bytes) -> None:
    with written("symbol.yaml", content) as folder:
        reading = read_folder(folder, venue="sim")
        for refusal in reading.refused:
            assert refusal.why and refusal.place.line >= 1
            str(refusal).encode()
            assert len(refusal.why) < 1_000
        for symbol, declared in reading.symbols.items():
            assert symbol == declared.spec.symbol
        assert reading.complete or reading.refused
        json.dumps(sorted(reading.held))


@fuzzed
@given(recordings() | torn(recordings()) | st.binary())
def test_a_recording_is_read_or_refused_with_a_sentence(content: bytes) -> None:
    with written("recorded.csv", content.replace(LONG.encode(), b"a" * 200_000)) as folder:
        try:
            found = replay.read(folder / "recorded.csv")
        except UserError as refusal:
            assert len(str(refusal)) < 1_000
            return
        assert found
        for recording in found.values():
            assert 0 <= recording.first <= LATEST
            figures = recording.second(recording.first)
            assert figures is not None and max(figures) < 10**40
            assert recording.span(recording.first, recording.first + 60_000)
            assert 0 <= recording.delay(recording.first) <= LATEST
