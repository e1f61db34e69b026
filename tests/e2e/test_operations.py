"""docs/operations.md, block by block: what it tells people to do is done to a release that streams."""

from __future__ import annotations

import asyncio
import hashlib
import os
import re
from asyncio.subprocess import PIPE, STDOUT
from pathlib import Path

import pytest

from rtchart.core.interval import MINUTE
from tests.e2e.compared import exchange_candles, last_second, seconds_are_equal, stored_candles
from tests.e2e.release import NAME, SYMBOLS, Release
from tests.e2e.test_kills import caught_up
from tests.e2e.test_symbols import aggregator_suspended
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


def test_every_block_belongs_to_a_section_that_is_run() -> None:
    text = (ROOT / "docs/operations.md").read_text(encoding="utf-8")
    assert len(_BLOCK.findall(text)) == sum(map(len, map(blocks, ("Scale", "Look", "Back up", "Restore"))))


async def test_look(release: Release, shell: Shell) -> None:
    said = await shell.run(*blocks("Look"))
    assert "BTCUSDT" in said and '{"ready":true,"reasons":{}}' in said


async def test_the_tools_run_in_the_operators_pod(release: Release) -> None:
    """As docs/verify.md and the sections about doctor and dead letters say; the simulated exchange is told where it is."""

    async def tool(arguments: str) -> str:
        there = '--exchange sim --exchange-rest "$RTCHART_EXCHANGE_REST_SIM"'
        script = f"rtchart {arguments} {'' if arguments.startswith('dead') else there}"
        return await release.kubectl.run("exec", f"deployment/{NAME}-operator", "--", "sh", "-c", script)

    said = await tool("doctor")
    assert "topic rtchart.klines" in said and "failed" not in said, said
    assert "whole: 1 symbol" in await tool("verify --symbol BTCUSDT --from 5m")
    assert (await tool("verify --symbol BTCUSDT --from 5m --repair")).count("whole: 1 symbol") == 1
    assert "letter" in await tool("dead-letters list")


async def test_scaled_everyone_has_a_part_and_nothing_is_lost(release: Release, shell: Shell) -> None:
    start = await last_second(release, *SYMBOLS)
    try:
        await shell.run(*blocks("Scale"))
        pods = {component: await release.pods(component) for component in ("producer-sim", "inserter", "web")}
        assert {component: len(each) for component, each in pods.items()} == dict.fromkeys(pods, 2)
        assert await wait_until(lambda: assigned(release), 60, every=2) == [6, 6], "the inserters share the partitions"
        end = await wait_until(lambda: caught_up(release), 120, every=1)
        for symbol in SYMBOLS:
            await wait_until(lambda symbol=symbol: seconds_are_equal(release, symbol, start, end), 120, every=2)
    finally:
        await release.rollback()


async def assigned(release: Release) -> list[int]:
    """How many partitions each inserter has, when all of them are somebody's."""
    tool = "/opt/kafka/bin/kafka-consumer-groups.sh"
    command = ("--bootstrap-server", "localhost:9092", "--describe", "--members", "--group", "rtchart-inserter")
    said = await release.kubectl.run("exec", f"{NAME}-broker-0", "--", tool, *command)
    head, *lines = [line.split() for line in said.splitlines() if "rtchart-inserter" in line or "#PARTITIONS" in line]
    counts = sorted(int(line[head.index("#PARTITIONS")]) for line in lines)
    assert sum(counts) == 12, said
    return counts


async def test_a_backup_is_restored_and_what_came_after_it_comes_again(release: Release, shell: Shell) -> None:
    start = await last_second(release, *SYMBOLS)
    await shell.run(*blocks("Back up"))
    assert "BTCUSDT" in (shell.folder / "symbols.yaml").read_text(encoding="utf-8")
    dumped = await newest_second(release)  # or a little newer

    async def went_on() -> bool:
        return await last_second(release, *SYMBOLS) > dumped + 10_000

    await wait_until(went_on, 60, every=1)
    stop, replace, begin = blocks("Restore")
    async with aggregator_suspended(release):  # a run that the controller still begins would fold what is compared
        try:
            await shell.run(stop, replace)
            assert await content(release) == await content_of_dump(shell)
            assert await newest_second(release) <= dumped, "what came after the dump is not there yet"
        finally:
            await shell.run(begin)

    end = await wait_until(lambda: caught_up(release), 180, every=1)
    for symbol in SYMBOLS:
        await wait_until(lambda symbol=symbol: seconds_are_equal(release, symbol, start, end), 180, every=2)

    # From before the dump to after it, what was interrupted included.
    minutes = list(range(start // MINUTE * MINUTE, end // MINUTE * MINUTE + 1, MINUTE))

    async def folded() -> bool:
        """Each of them is a candle as the exchange has it."""
        stored = await stored_candles(release, "BTCUSDT", "1m", minutes[0])
        assert set(minutes) <= stored.keys(), f"lacking: {sorted(set(minutes) - stored.keys())}"
        said = await exchange_candles(release, "BTCUSDT", "1m", minutes)
        assert {time: stored[time] for time in minutes} == said
        return True

    await wait_until(folded, 240, every=2)
    await release.kubectl.run("wait", "--for=condition=Ready", "symbol", "--all", "--timeout=120s")


async def newest_second(release: Release) -> int:
    """The newest second of any symbol (ms)."""
    return int((await release.fetch("SELECT max(open_time) AS last FROM kline_1s"))[0]["last"])


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
