"""Files of the exchange's archive: in every form that they come in, damaged, and real ones."""

from __future__ import annotations

import hashlib
import tempfile
import zipfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rtchart.core.interval import DAY, HOUR, MINUTE
from rtchart.exchange.binance import archive
from rtchart.exchange.binance.archive import Content, File, Refused

DATA = Path(__file__).parent.parent / "data"
DAY_START = 1_761_955_200_000
"""2025-11-01T00:00Z."""
HEADER = "open_time,open,high,low,close,volume,close_time,quote_volume,count,taker_buy_volume,taker_buy_quote_volume,ignore"
RUBBISH = st.sampled_from(
    [
        "?",
        "1,2,3",
        "open,high,low,close,1,2,3,4,5,6,7,8",
        "-60000,1,1,1,1,1,1,1,1,1,1,0",
        f"{DAY_START + 1},1,1,1,1,1,1,1,1,1,1,0",
        f"{DAY_START + DAY},1,1,1,1,1,1,1,1,1,1,0",
        f"{DAY_START},1e5,1,1,1,1,1,1,1,1,1,0",
        f"{DAY_START},1,1,1,1,1,1,1,many,1,1,0",
        f"{DAY_START},1,1,1,1,1,1,1,{2**60},1,1,0",
    ]
)


def line(minute: int, *, unit: int = 1) -> str:
    time = DAY_START + minute * MINUTE
    close = time * unit + MINUTE * unit - 1
    return f"{time * unit},{minute}.10,{minute}.90,{minute}.00,{minute}.50,7.5,{close},100.25,42,3.5,50.125,0"


def written(folder: Path, text: str | bytes, *, name: str = "BTCUSDT-1m-2025-11-01.csv", zipped: bool = False) -> Path:
    content = text if isinstance(text, bytes) else text.encode()
    if not zipped:
        (folder / name).write_bytes(content)
        return folder / name
    path = folder / name.replace(".csv", ".zip")
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as file:
        file.writestr(name, content)
    return path


def vouch(path: Path, digest: str | None = None) -> None:
    digest = digest or hashlib.sha256(path.read_bytes()).hexdigest()
    path.with_name(f"{path.name}.CHECKSUM").write_text(f"{digest}  {path.name}\n")


def read(path: Path) -> Content:
    (file,) = archive.files(path.parent, "BTCUSDT", 0, 2**60)
    assert file.path == path
    return archive.read(file, "sim", "BTCUSDT", epoch=3)


@given(
    minutes=st.lists(st.integers(1, 1439), min_size=1, max_size=40, unique=True),
    rubbish=st.lists(st.tuples(st.integers(0, 40), RUBBISH), max_size=5),
    unit=st.sampled_from([1, 1000]),
    header=st.booleans(),
    zipped=st.booleans(),
    ending=st.sampled_from(["\n", "\r\n"]),
    bom=st.booleans(),
)
def test_every_good_line_is_taken_in_every_form_and_every_other_is_named(
    minutes: list[int], rubbish: list[tuple[int, str]], unit: int, header: bool, zipped: bool, ending: str, bom: bool
) -> None:
    lines: list[tuple[str, bool]] = [(line(minute, unit=unit), True) for minute in minutes]
    for at, text in rubbish:
        lines.insert(min(at, len(lines)), (text, False))
    lines = [(HEADER, True)] * header + lines
    text = ("\ufeff" if bom else "") + ending.join(text for text, _ in lines)
    with tempfile.TemporaryDirectory() as folder:
        content = read(written(Path(folder), text, zipped=zipped))
    assert [kline.open_time for kline in content.minutes] == [DAY_START + minute * MINUTE for minute in sorted(minutes)]
    first = content.minutes[0]
    minute = min(minutes)
    assert (first.open, first.high, first.low, first.close) == (f"{minute}.10", f"{minute}.90", f"{minute}.00", f"{minute}.50")
    assert (first.volume, first.quote_volume, first.trades) == ("7.5", "100.25", 42)
    assert (first.taker_buy_volume, first.taker_buy_quote_volume, first.epoch) == ("3.5", "50.125", 3)
    wrong = [number for number, (_, good) in enumerate(lines, 1) if not good]
    assert [int(complaint.split(":")[1]) for complaint in content.complaints] == wrong
    assert not set(minutes) & {
        (time - DAY_START) // MINUTE for start, end in content.absent for time in range(start, end, MINUTE)
    }


def test_a_minute_that_comes_twice_is_taken_once(tmp_path: Path) -> None:
    content = read(written(tmp_path, "\n".join([line(1), line(2), line(1).replace("7.5", "8.5")])))
    assert [(kline.open_time, kline.volume) for kline in content.minutes] == [
        (DAY_START + minute * MINUTE, "7.5") for minute in (1, 2)
    ]
    assert content.complaints == [
        f"{tmp_path}/BTCUSDT-1m-2025-11-01.csv:3: open_time {DAY_START + MINUTE} comes twice, and the first is taken"
    ]


def test_what_lacks_within_is_absent_and_at_the_ends_if_the_checksum_vouches_for_it(tmp_path: Path) -> None:
    path = written(tmp_path, "\n".join(line(minute) for minute in [*range(10, 100), *range(700, 1400)]))
    within = (DAY_START + 100 * MINUTE, DAY_START + 700 * MINUTE)
    assert read(path).absent == [within]
    vouch(path)
    ends = [(DAY_START, DAY_START + 10 * MINUTE), (DAY_START + 1400 * MINUTE, DAY_START + DAY)]
    assert read(path).absent == [ends[0], within, ends[1]]


def test_what_may_be_in_a_line_that_nobody_can_read_is_not_absent(tmp_path: Path) -> None:
    assert read(written(tmp_path, "\n".join([line(1), "\x00\x01", line(3)]))).absent == []


@pytest.mark.parametrize(
    ("name", "hole"),
    [
        ("2018-06-26", [(2 * HOUR, 12 * HOUR)]),
        ("2019-05-15", [(3 * HOUR, 13 * HOUR)]),
        ("2025-11-01", []),
    ],
)
def test_real_days(name: str, hole: list[tuple[int, int]]) -> None:
    """Two of milliseconds, with an outage of the exchange, and one of microseconds."""
    (file,) = [file for file in archive.files(DATA, "BTCUSDT", 0, 2**60) if name in file.path.name]
    content = archive.read(file, "binance", "BTCUSDT", epoch=0)
    assert content.complaints == []
    assert len(content.minutes) == 1440 - sum(end - start for start, end in hole) // MINUTE
    assert [(end - start) for start, end in content.absent] == [end - start for start, end in hole]
    assert all(file.start <= kline.open_time < file.end for kline in content.minutes)


@pytest.mark.parametrize("zipped", [False, True])
def test_a_checksum_is_honoured(tmp_path: Path, zipped: bool) -> None:
    path = written(tmp_path, line(1), zipped=zipped)
    vouch(path)
    assert len(read(path).minutes) == 1
    vouch(path, "0" * 64)
    with pytest.raises(Refused, match=r"its SHA-256 is [0-9a-f]{64}, and .*CHECKSUM says 0{64}; fetch it again"):
        read(path)
    vouch(path, "not found")
    with pytest.raises(Refused, match="holds no SHA-256"):
        read(path)


def test_what_is_no_file_of_klines_is_refused(tmp_path: Path) -> None:
    path = written(tmp_path, "")
    with pytest.raises(Refused, match="no line that can be used"):
        read(path)
    path.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(Refused, match="cannot be read"):
        read(path)
    path.unlink()
    whole = written(tmp_path, "\n".join(map(line, range(1000))), zipped=True)
    data = whole.read_bytes()
    for damaged in (b"", data[:100], data[:-10], data[:60] + b"\x00" * 40 + data[100:]):
        whole.write_bytes(damaged)
        with pytest.raises(Refused, match="cannot be read"):
            read(whole)
    with zipfile.ZipFile(whole, "w") as file:
        file.writestr("one.csv", line(1))
        file.writestr("two.csv", line(2))
    with pytest.raises(Refused, match="2 files"):
        read(whole)


def test_files_are_found_below_the_folder_the_newest_first(tmp_path: Path) -> None:
    for name in (
        "daily/BTCUSDT-1m-2025-11-01.csv",
        "daily/BTCUSDT-1m-2025-11-01.zip",
        "daily/BTCUSDT-1m-2025-11-02.zip",
        "daily/BTCUSDT-1m-2025-11-02.zip.CHECKSUM",
        "daily/BTCUSDT-1m-2025-13-02.zip",
        "daily/BTCUSDT-1s-2025-11-02.zip",
        "daily/BTCUSDT-1m-2025-11-03.csv.part",
        "daily/ETHBTCUSDT-1m-2025-11-03.csv",
        "monthly/BTCUSDT-1m-2025-10.zip",
        "monthly/BTCUSDT-1m-2024-02.csv",
    ):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    found = archive.files(tmp_path, "BTCUSDT", 0, 2**60)
    assert [file.path.name.removeprefix("BTCUSDT-1m-") for file in found] == [
        "2025-11-02.zip",
        "2025-11-01.zip",
        "2025-10.zip",
        "2024-02.csv",
    ]
    assert found[2] == File(tmp_path / "monthly/BTCUSDT-1m-2025-10.zip", DAY_START - 31 * DAY, DAY_START)
    assert found[3].end - found[3].start == 29 * DAY
    assert [file.start for file in archive.files(tmp_path, "BTCUSDT", DAY_START - 1, DAY_START + 1)] == [
        DAY_START,
        DAY_START - 31 * DAY,
    ]
