"""docs/operations.md, block by block: what it tells people to do is done to a release that streams."""

from __future__ import annotations

import asyncio
import hashlib
import os
import re
from asyncio.subprocess import PIPE, STDOUT
from pathlib import Path

import pytest

from tests.e2e.compared import exchange_candles, last_second, seconds_are_equal, stored_candles
from tests.e2e.release import NAME, SYMBOLS, Release
from tests.e2e.test_kills import caught_up
from tests.waiting import wait_until

ROOT = Path(__file__).parents[2]
_SECTION = re.compile(r"^## (.+)$", re.MULTILINE)
_BLOCK = re.compile(r"^```sh\n(.*?)^```$", re.MULTILINE | re.DOTALL)
POSTGRESQL = ("exec", f"{NAME}-postgresql-0", "--")


def blocks(section: str) -> list[str]:
    """The shell commands of a section."""
    _, *parts = _SECTION.split((ROOT / "docs/operations.md").read_text(encoding="utf-8"))
    found = dict(zip(parts[::2], parts[1::2], strict=True))
    return _BLOCK.findall(found[section])


class Shell:
    """bash, in a folder with the chart where the documents have it. The current context is the tests' cluster."""

    def __init__(self, release: Release, folder: Path) -> None:
        self.folder = folder
        self._environment = {**os.environ, "NAMESPACE": release.namespace}
        (folder / "charts").symlink_to(ROOT / "charts")

    async def run(self, *scripts: str) -> str:
        """What they print; the first command that fails ends them."""
        process = await asyncio.create_subprocess_exec(
            "bash",
            *("-euo", "pipefail", "-c", "\n".join(scripts)),
            cwd=self.folder,
            env=self._environment,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=PIPE,
            stderr=STDOUT,
        )
        output, _ = await process.communicate()
        assert process.returncode == 0, f"{scripts}:\n{output.decode()}"
        return output.decode()


@pytest.fixture
def shell(release: Release, tmp_path: Path) -> Shell:
    return Shell(release, tmp_path)


async def test_look(release: Release, shell: Shell) -> None:
    said = await shell.run(*blocks("Look"))
    assert "BTCUSDT" in said and '{"ready":true,"reasons":{}}' in said


async def test_scaled_everyone_has_a_part_and_nothing_is_lost(release: Release, shell: Shell) -> None:
    start = await last_second(release, *SYMBOLS)
    await shell.run(*blocks("Scale"))
    for component in ("producer-sim", "inserter", "web"):
        assert len(await release.pods(component)) == 2
    end = await wait_until(lambda: caught_up(release), 120, every=1)
    for symbol in SYMBOLS:
        await wait_until(lambda symbol=symbol: seconds_are_equal(release, symbol, start, end), 120, every=2)
    await release.rollback()


async def test_a_backup_is_restored_and_what_came_after_it_comes_again(release: Release, shell: Shell) -> None:
    start = await last_second(release, *SYMBOLS)
    await shell.run(*blocks("Back up"))
    assert "BTCUSDT" in (shell.folder / "symbols.yaml").read_text(encoding="utf-8")
    dumped = await last_second(release, *SYMBOLS)

    async def went_on() -> bool:
        return await last_second(release, *SYMBOLS) > dumped + 10_000

    await wait_until(went_on, 60, every=1)
    stop, replace, begin = blocks("Restore")
    await shell.run(stop, replace)
    assert await content(release) == await content_of_dump(shell)
    newest = await release.fetch("SELECT max(open_time) AS last FROM kline_1s")
    assert newest[0]["last"] <= dumped, "what came after the dump is not there yet"

    await shell.run(begin)
    end = await wait_until(lambda: caught_up(release), 180, every=1)
    for symbol in SYMBOLS:
        await wait_until(lambda symbol=symbol: seconds_are_equal(release, symbol, start, end), 180, every=2)

    async def folded() -> bool:
        """Every minute since, but for the newest two, is a candle as the exchange has it."""
        first, last = (start // 60_000 + 1) * 60_000, (end // 60_000 - 2) * 60_000
        stored = await stored_candles(release, "BTCUSDT", "1m", first)
        times = list(range(first, last + 1, 60_000))
        assert set(times) <= stored.keys(), f"lacking: {sorted(set(times) - stored.keys())}"
        said = await exchange_candles(release, "BTCUSDT", "1m", times) if times else {}
        return all(stored[time] == said[time] for time in times)

    await wait_until(folded, 180, every=2)
    await release.kubectl.run("wait", "--for=condition=Ready", "symbol", "--all", "--timeout=120s")


async def content(release: Release) -> str:
    """A fingerprint of all rows in the database."""
    return _fingerprint(await release.kubectl.run(*POSTGRESQL, "pg_dump", "--username=rtchart", "--data-only", "rtchart"))


async def content_of_dump(shell: Shell) -> str:
    """The same of all rows in the dump."""
    command = f"kubectl -n $NAMESPACE exec -i {NAME}-postgresql-0 -- pg_restore --data-only --file=- < rtchart.dump"
    return _fingerprint(await shell.run(command))


def _fingerprint(text: str) -> str:
    rows = sorted(line for line in text.splitlines() if "\t" in line)
    assert rows
    return hashlib.sha256("\n".join(rows).encode()).hexdigest()
