"""Folders of manifests: what is read, and the file and line of what is refused."""

from __future__ import annotations

import itertools
from collections.abc import Iterable
from pathlib import Path

import msgspec
import pytest

from rtchart.core.symbol import DesiredSymbol, desired
from rtchart.local.manifests import Reading, read_folder
from rtchart.local.symbols import changes

ROOT = Path(__file__).parents[2]


def document(symbol: str, /, name: str = "", **spec: object) -> str:
    more = "".join(f"  {key}: {msgspec.json.encode(value).decode()}\n" for key, value in spec.items())
    return (
        f"apiVersion: rtchart.dev/v1alpha1\nkind: Symbol\nmetadata:\n  name: {name or symbol.lower()}\n"
        f"spec:\n  symbol: {symbol}\n{more}"
    )


def read(folder: Path, venue: str = "binance", **files: str) -> Reading:
    for name, text in files.items():
        (folder / f"{name}.yaml").write_text(text)
    return read_folder(folder, venue=venue)


def refusals(reading: Reading) -> list[str]:
    return [f"{refusal.place.file.name}:{refusal.place.line}: {refusal.why}" for refusal in reading.refused]


def test_the_examples_are_good() -> None:
    reading = read_folder(ROOT / "k8s" / "symbols", venue="binance")
    assert (set(reading.symbols), reading.refused, reading.complete) == ({"BTCUSDT", "ETHUSDT", "SOLUSDT"}, [], True)


def test_many_documents_in_a_file_and_what_is_none(tmp_path: Path) -> None:
    (tmp_path / "README.md").write_text("no manifest")
    (tmp_path / ".hidden.yaml").write_text("{")
    (tmp_path / "json.json").write_text(msgspec.json.encode({"a": 1}).decode())
    reading = read(tmp_path, many=f"---\n{document('BTCUSDT')}---\n# empty\n---\n{document('币安USDT', name='x')}")
    assert list(reading.symbols) == ["BTCUSDT", "币安USDT"]
    assert [place.line for _, place in reading.symbols.values()] == [7, 16]
    assert refusals(reading) == ["json.json:1: apiVersion: is missing"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a: [1\nb: 2\n", "bad.yaml:2: is no YAML: expected ',' or ']', but got ':'"),
        (document("BTCUSDT", symbol="ETHUSDT"), "bad.yaml:7: is no YAML: the key symbol stands twice"),
        ("a: 2001-99-99\n", "bad.yaml:1: is no YAML: a value is none of its kind (month must be in 1..12)"),
        ("a: !!timestamp x\n", "bad.yaml:1: is no YAML: a value is none of its kind"),
        ("a: !!int ''\n", "bad.yaml:1: is no YAML: a value is none of its kind"),
        ("[" * 2_000, "bad.yaml:1: cannot be read (it nests too deeply, or holds itself)"),
        ("&a {? *a : b}\n", "bad.yaml:1: is no YAML: found unhashable key"),
        ("- 1\n", "bad.yaml:1: the document: expected `object`, got `array`"),
        ("kind: Symbol\n", "bad.yaml:1: apiVersion: is missing"),
        (document("BTCUSDT").replace("rtchart.dev/", ""), "bad.yaml:1: apiVersion: invalid enum value 'v1alpha1'"),
        (document("BTCUSDT", interval="1m"), "bad.yaml:7: spec.interval: is unknown"),
        (document("BTCUSDT", intervals=["1m", "7m"]), "bad.yaml:7: spec.intervals.1: invalid enum value '7m'"),
        (document("BTCUSDT", historyDays=-1), "bad.yaml:7: spec.historyDays: expected `int` >= 0"),
        (document("btcusdt"), r"bad.yaml:6: spec.symbol: expected `str` matching regex '^[^\\s/@a-z]{2,32}$'"),
        (document("7", name="seven"), "bad.yaml:6: spec.symbol: expected `str`, got `int`"),
        (document("BTCUSDT").replace("  symbol: BTCUSDT\n", "  suspend: true\n"), "bad.yaml:5: spec.symbol: is missing"),
        (
            document("BTCUSDT", retention={"klineHours": 48, "candleDays": 1}),
            "bad.yaml:7: spec.retention: seconds may not outlive the candles made of them (klineHours <= candleDays * 24)",
        ),
        (document("BTCUSDT", exchange="sim"), "bad.yaml:6: the exchange sim does not run here; start with --exchange sim"),
    ],
)
def test_what_is_refused_is_named_with_file_and_line_and_the_rest_goes_on(tmp_path: Path, text: str, expected: str) -> None:
    reading = read(tmp_path, bad=text, good=document("XRPUSDT"))
    assert "XRPUSDT" in reading.symbols
    assert len(reading.refused) == 1
    assert refusals(reading)[0].startswith(expected)


def test_the_second_of_two_is_refused(tmp_path: Path) -> None:
    same_name = document("XRPUSDT", name="ethusdt")
    reading = read(tmp_path, a=document("BTCUSDT"), b=document("BTCUSDT", name="other"), c=document("ETHUSDT"), d=same_name)
    assert refusals(reading) == [
        f"b.yaml:6: BTCUSDT stands at {tmp_path / 'a.yaml'}:6 already",
        f"d.yaml:6: a Symbol named ethusdt stands at {tmp_path / 'c.yaml'}:6 already",
    ]
    assert (list(reading.symbols), reading.held, reading.complete) == (["BTCUSDT", "ETHUSDT"], {"XRPUSDT"}, True)


def test_an_alias_to_itself_ends(tmp_path: Path) -> None:
    assert refusals(read(tmp_path, bad="&a\nb: *a\n"))


def test_bytes_that_are_no_text_and_a_folder_that_is_none(tmp_path: Path) -> None:
    (tmp_path / "bad.yaml").write_bytes(b"\xff\xfe\xff")
    reading = read_folder(tmp_path, venue="binance")
    assert not reading.complete and "cannot be read" in refusals(reading)[0]
    reading = read_folder(tmp_path / "absent", venue="binance")
    assert not reading.complete and "No such file" in refusals(reading)[0]


class Topic:
    """What the topic holds, as changes are written to it."""

    def __init__(self, venue: str = "binance") -> None:
        self.venue = venue
        self.records: dict[str, DesiredSymbol] = {}
        self.clock = itertools.count(1)

    def write(self, reading: Reading, unlisted: Iterable[str] = ()) -> dict[str, int | None]:
        """Write what differs; the epochs written."""
        found = changes(reading, self.records, venue=self.venue, unlisted=unlisted, now=next(self.clock))
        self.records = {key: record for key, record in {**self.records, **found}.items() if record}
        return {key: record and record.epoch for key, record in found.items()}


def test_a_symbol_keeps_its_epoch_as_long_as_it_is_there(tmp_path: Path) -> None:
    topic = Topic()
    assert topic.write(read(tmp_path, a=document("BTCUSDT"))) == {"binance:BTCUSDT": 1}
    assert topic.write(read(tmp_path)) == {}
    assert topic.write(read(tmp_path, a=document("BTCUSDT", suspend=True))) == {"binance:BTCUSDT": 1}
    assert topic.records["binance:BTCUSDT"].suspend
    (tmp_path / "a.yaml").unlink()
    assert topic.write(read(tmp_path)) == {"binance:BTCUSDT": None}
    assert topic.write(read(tmp_path, a=document("BTCUSDT"))) == {"binance:BTCUSDT": 5}


def test_a_file_that_is_no_yaml_removes_nothing(tmp_path: Path) -> None:
    topic = Topic()
    topic.write(read(tmp_path, a=document("BTCUSDT"), b=document("ETHUSDT")))
    (tmp_path / "b.yaml").unlink()
    assert topic.write(read(tmp_path, a="{")) == {}
    assert topic.write(read(tmp_path, a=document("BTCUSDT"))) == {"binance:ETHUSDT": None}


def test_a_refused_change_leaves_its_symbol_and_lets_others_go(tmp_path: Path) -> None:
    topic = Topic()
    topic.write(read(tmp_path, a=document("BTCUSDT"), b=document("ETHUSDT")))
    (tmp_path / "b.yaml").unlink()
    assert topic.write(read(tmp_path, a=document("BTCUSDT", intervals=["7m"]))) == {"binance:ETHUSDT": None}
    assert (
        topic.records["binance:BTCUSDT"].intervals
        == desired(read(tmp_path, a=document("BTCUSDT")).symbols["BTCUSDT"].spec, epoch=1, name="").intervals
    )


def test_what_the_exchange_does_not_list_is_not_written_nor_ended(tmp_path: Path) -> None:
    topic = Topic()
    reading = read(tmp_path, a=document("BTCUSDT"), b=document("NOSUCH"))
    assert topic.write(reading, unlisted={"NOSUCH"}) == {"binance:BTCUSDT": 1}
    assert topic.write(reading, unlisted={"BTCUSDT", "NOSUCH"}) == {}, "delisted: its manifest still stands"


def test_at_the_simulated_exchange_the_same_symbols_have_their_own_identity(tmp_path: Path) -> None:
    topic = Topic("sim")
    assert set(topic.write(read(tmp_path, "sim", a=document("BTCUSDT"), b=document("X1", exchange="sim")))) == {
        "sim:BTCUSDT",
        "sim:X1",
    }
    assert topic.records["sim:BTCUSDT"].exchange == "sim"
    topic.venue = "binance"
    assert topic.write(read(tmp_path, "binance", a=document("BTCUSDT"))) == {
        "binance:BTCUSDT": 2,
        "sim:BTCUSDT": None,
        "sim:X1": None,
    }
