"""The data folder and the folder of manifests."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from rtchart.core.errors import UserError
from rtchart.local.folder import data_folder, instance_of, symbols_folder
from rtchart.local.manifests import read_folder


def test_a_second_one_is_refused_and_after_the_first_it_is_not(tmp_path: Path) -> None:
    script = "import sys; from pathlib import Path; from rtchart.local.folder import data_folder\n"
    script += "with data_folder(Path(sys.argv[1])): pass"
    with data_folder(tmp_path / "new" / "data"):
        run = subprocess.run([sys.executable, "-c", script, tmp_path / "new" / "data"], capture_output=True, text=True)
        assert f"another `rtchart up` (process {os.getpid()}) uses" in run.stderr
    assert subprocess.run([sys.executable, "-c", script, tmp_path / "new" / "data"]).returncode == 0


def test_a_folder_that_cannot_be_made_is_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with (
        pytest.raises(UserError, match=r"cannot write to .* choose another folder with --data-dir"),
        data_folder(tmp_path / "file"),
    ):
        pass


def test_the_first_manifests_are_good_and_stay_as_they_are_left(tmp_path: Path) -> None:
    folder = symbols_folder(tmp_path, None)
    reading = read_folder(folder, venue="binance")
    assert (set(reading.symbols), reading.refused) == ({"BTCUSDT", "ETHUSDT"}, [])
    (folder / "btcusdt.yaml").unlink()
    assert set(read_folder(symbols_folder(tmp_path, None), venue="binance").symbols) == {"ETHUSDT"}


def test_a_chosen_folder_must_be_there(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="--symbols: there is no folder"):
        symbols_folder(tmp_path, tmp_path / "absent")


def test_a_folder_keeps_its_name_and_no_other_has_it(tmp_path: Path) -> None:
    names = []
    for folder in (tmp_path / "one", tmp_path / "other", tmp_path / "one"):
        with data_folder(folder):
            names.append(instance_of(folder))
    assert names[0] == names[2] != names[1]
