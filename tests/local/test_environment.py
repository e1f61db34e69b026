"""The file that tells a shell where what `rtchart up` runs is reached."""

from __future__ import annotations

import asyncio
import stat
import sys
from pathlib import Path

import pytest

from rtchart.local.environment import told
from tests.local.running import Running, environment
from tests.waiting import wait_until

ODD = "postgresql://a:p$w'd @h/b?host=%2Ftmp&port=1"


async def shell(file: Path, command: str) -> tuple[int, str]:
    """What a shell prints that has read the file."""
    process = await asyncio.create_subprocess_exec(
        *("sh", "-c", f'. "{file}" && {command}'),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
        env=environment(),
    )
    output, _ = await process.communicate()
    assert process.returncode is not None
    return process.returncode, output.decode()


async def test_a_shell_reads_what_was_written_and_nobody_else_does(tmp_path: Path) -> None:
    (tmp_path / "environment").write_text("of a run that was killed")
    with pytest.raises(ZeroDivisionError), told(tmp_path, {"DATABASE": ODD, "TOPIC_PREFIX": ""}) as file:
        assert stat.S_IMODE(file.stat().st_mode) == 0o600
        assert await shell(file, 'printf %s "$RTCHART_DATABASE|$RTCHART_TOPIC_PREFIX|"') == (0, f"{ODD}||")
        raise ZeroDivisionError
    assert not file.exists()


@pytest.mark.timeout(240)
async def test_beside_it_a_person_verifies_what_is_stored_with_one_command(folder: Path) -> None:
    async with Running.up(folder, "--exchange", "sim") as up:
        await up.ready()
        await up.until_it_moves("BTCUSDT", exchange="sim")

        async def whole() -> bool:  # once its past is fetched
            code, said = await shell(folder / "environment", f'"{sys.executable}" -m rtchart verify --symbol BTCUSDT')
            assert code == 0 and "  3590 s compared, 3590 s equal\n" in said, said
            return True

        await wait_until(whole, 60, every=0.5)
        await up.stop()
    assert not (folder / "environment").exists()
