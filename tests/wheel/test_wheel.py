"""The wheel: what it carries, and that it runs where nothing of this checkout is."""

from __future__ import annotations

import re
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from rtchart import __version__
from tests.local.running import Running, environment

ROOT = Path(__file__).parents[2]


def run(*command: object, cwd: Path | None = None) -> str:
    done = subprocess.run([str(part) for part in command], cwd=cwd, capture_output=True, text=True, env=environment())
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory, built: None) -> Path:
    out = tmp_path_factory.mktemp("dist")
    run(sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", out, ROOT)
    (found,) = out.glob("*.whl")
    return found


def test_it_carries_the_page_the_schema_and_the_list_of_jars_and_nothing_of_a_workshop(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
        metadata = archive.read(f"rtchart-{__version__}.dist-info/METADATA").decode()
    for needed in (
        "rtchart/py.typed",
        "rtchart/local/kafka-jars.sha256",
        "rtchart/local/tether.py",
        "rtchart/store/schema/001_pipeline.sql",
        "rtchart/web/page/built/index.html",
        "rtchart/web/page/built/main.js",
        "rtchart/web/page/built/NOTICE",
        f"rtchart-{__version__}.dist-info/licenses/LICENSE",
    ):
        assert needed in names
    assert not [
        name for name in names if not name.startswith(("rtchart/", "rtchart_operator/", f"rtchart-{__version__}.dist-info/"))
    ]
    assert {name.split("/")[3] for name in names if name.startswith("rtchart/web/page/")} == {"built"}
    assert "License-Expression: Apache-2.0" in metadata
    assert {"producer", "inserter", "aggregator", "web", "sim", "operator", "up"} <= set(
        re.findall("Provides-Extra: (.*)", metadata)
    )


@pytest.mark.timeout(400)
async def test_installed_clean_from_the_lock_it_runs(wheel: Path, folder: Path) -> None:
    venv = folder / "venv"
    uv = Path(sys.executable).with_name("uv")
    run(uv, "venv", "--quiet", "--python", sys.executable, venv)
    install = (uv, "pip", "install", "--quiet", "--python", venv / "bin" / "python")
    run(*install, "--require-hashes", "--requirements", ROOT / "requirements" / "up.txt")
    run(*install, "--no-deps", wheel)
    program = venv / "bin" / "rtchart"
    assert run(program, "--version", cwd=folder) == f"rtchart, version {__version__}\n"
    where = run(venv / "bin" / "python", "-c", "import rtchart; print(rtchart.__file__)", cwd=folder)
    assert Path(where.strip()).is_relative_to(venv)

    async with Running.up(folder / "data", "--exchange", "sim", program=(program,)) as up:
        await up.ready()
        await up.until_it_moves("BTCUSDT", exchange="sim")
        assert (await up.get("/api/v1/status"))["version"] == __version__
        assert await up.stop() == []
        assert up.process.returncode == 0, up.text
