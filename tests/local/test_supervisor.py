"""The supervisor, with the simulated exchange as its service: it has no needs but a port."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import httpx
import psutil
import pytest

from rtchart.local.ports import free_ports
from rtchart.local.services import simulated_exchange
from rtchart.local.supervisor import BoundedLog, Service, Supervisor
from tests.waiting import wait_until


@pytest.fixture
async def make(tmp_path: Path) -> AsyncIterator[Callable[[], tuple[Supervisor, list[str]]]]:
    made: list[Supervisor] = []

    def supervisor() -> tuple[Supervisor, list[str]]:
        said: list[str] = []
        made.append(Supervisor(tmp_path, said.append))
        return made[-1], said

    yield supervisor
    for each in made:
        await each.stop([], within=2)


Make = Callable[[], tuple[Supervisor, list[str]]]


async def answers(port: int) -> bool:
    async with httpx.AsyncClient() as http:
        try:
            return (await http.get(f"http://127.0.0.1:{port}/api/v3/ping")).is_success
        except httpx.HTTPError:
            return False


async def test_a_killed_service_is_started_again_and_the_person_told(make: Make) -> None:
    supervisor, said = make()
    (port,) = free_ports(1)
    supervisor.start(simulated_exchange(port))
    await wait_until(lambda: answers(port))
    first = supervisor.pid("exchange")
    assert first
    os.kill(first, signal.SIGKILL)
    await wait_until(lambda: supervisor.pid("exchange") not in (None, first))
    await wait_until(lambda: answers(port))
    assert len(said) == 1
    assert said[0].startswith("exchange ended (signal 9)") and "starting it again in 0.5 s" in said[0]


async def test_what_keeps_failing_says_why_and_is_tried_less_and_less(make: Make) -> None:
    supervisor, said = make()
    supervisor.start(Service("migrate", {"DATABASE": "postgresql://nobody@127.0.0.1:1/none"}))
    await wait_until(lambda: len(said) == 2)
    assert all("ended (exit code 1): rtchart migrate: PostgreSQL does not answer at 127.0.0.1:1/none" in line for line in said)
    assert ["starting it again in 0.5 s" in said[0], "starting it again in 1 s" in said[1]] == [True, True]
    supervisor.hurry()
    await wait_until(lambda: len(said) == 3)
    assert "starting it again in 0.5 s" in said[2], "told that what it needs is there, it begins anew"


async def test_who_runs_is_not_hurried_when_it_ends_later(make: Make) -> None:
    supervisor, said = make()
    supervisor.start(Service("migrate", {"DATABASE": "postgresql://nobody@127.0.0.1:1/none"}))
    supervisor.hurry()
    await wait_until(lambda: len(said) == 2)
    assert ["starting it again in 0.5 s" in said[0], "starting it again in 1 s" in said[1]] == [True, True]


async def test_a_service_that_will_not_end_is_killed_in_time(make: Make, tmp_path: Path) -> None:
    supervisor, _ = make()
    (port,) = free_ports(1)
    supervisor.start(simulated_exchange(port))
    await wait_until(lambda: answers(port))
    pid = supervisor.pid("exchange")
    assert pid
    os.kill(pid, signal.SIGSTOP)
    await supervisor.stop([["exchange"]], within=0.3)
    assert not psutil.pid_exists(pid)
    assert not list((tmp_path / "run").iterdir())


async def test_services_end_with_a_supervisor_that_was_killed(make: Make, tmp_path: Path) -> None:
    (port,) = free_ports(1)
    killed = await asyncio.create_subprocess_exec(
        sys.executable,
        "-c",
        "import asyncio, sys; from pathlib import Path; from rtchart.local.supervisor import Supervisor\n"
        "from rtchart.local.services import simulated_exchange\n"
        "async def main():\n"
        "    Supervisor(Path(sys.argv[1]), print).start(simulated_exchange(int(sys.argv[2])))\n"
        "    await asyncio.sleep(60)\n"
        "asyncio.run(main())",
        tmp_path,
        str(port),
    )
    await wait_until(lambda: answers(port))
    pid = int((tmp_path / "run" / "exchange.pid").read_text().split()[0])
    killed.kill()
    await killed.wait()
    supervisor, _ = make()
    await supervisor.end_leftovers()
    assert not psutil.pid_exists(pid)


WARNS = """\
import json, signal
for level, logger, message in (
    ("info", "rtchart.web", "serving"),
    ("warning", "rtchart.web", "the database is away"),
    ("warning", "rtchart.web", "the database is away"),
    ("warning", "aiokafka", "a broker is away"),
    ("error", "rtchart.web", "the last"),
):
    print(json.dumps({"level": level, "logger": logger, "message": message}), flush=True)
signal.pause()
"""


async def test_warnings_of_services_are_told_once_and_all_lines_are_logged(
    make: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Another program by the name of ours, which warns as services do.
    program = tmp_path / "path" / "rtchart"
    program.mkdir(parents=True)
    (program / "__init__.py").touch()
    (program / "__main__.py").write_text(WARNS)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path / "path"))
    supervisor, said = make()
    supervisor.start(Service("web"))
    await wait_until(lambda: any("the last" in line for line in said))
    assert said == ["web warning: the database is away", "web error: the last"]
    logged = (tmp_path / "logs" / "web.log").read_text().splitlines()
    assert [json.loads(line)["message"] for line in logged] == [
        "serving",
        *["the database is away"] * 2,
        "a broker is away",
        "the last",
    ]


async def test_the_plain_words_of_a_service_that_ends_are_told_and_logged(make: Make, tmp_path: Path) -> None:
    # Its admin port is taken by itself.
    supervisor, said = make()
    (port,) = free_ports(1)
    service = simulated_exchange(port)
    supervisor.start(Service(service.command, {**service.options, "ADMIN_PORT": str(port)}))
    await wait_until(lambda: said)
    assert "exchange ended (exit code 1): rtchart exchange: " in said[0] and str(port) in said[0]
    assert "rtchart exchange: " in (tmp_path / "logs" / "exchange.log").read_text()


async def test_a_service_whose_log_cannot_be_written_runs_and_is_stopped(make: Make, tmp_path: Path) -> None:
    log = tmp_path / "logs" / "exchange.log"
    log.mkdir(parents=True)  # as good as a full disk: each write fails
    supervisor, said = make()
    (port,) = free_ports(1)
    supervisor.start(simulated_exchange(port))
    await wait_until(lambda: answers(port))
    pid = supervisor.pid("exchange")
    assert pid
    await supervisor.stop([["exchange"]], within=2)
    assert not psutil.pid_exists(pid)
    assert said == [f"cannot write to {log} (Is a directory); lines are lost, the service goes on"]


def test_a_log_is_written_again_when_it_can_be(tmp_path: Path) -> None:
    said: list[str] = []
    (tmp_path / "x.log").mkdir()
    log = BoundedLog(tmp_path / "x.log", said.append)
    log.write(b"lost\n")
    log.write(b"lost\n")
    (tmp_path / "x.log").rmdir()
    log.write(b"kept\n")
    log.close()
    assert ((tmp_path / "x.log").read_bytes(), len(said)) == (b"kept\n", 1)


def test_a_log_is_bounded(tmp_path: Path) -> None:
    log = BoundedLog(tmp_path / "x.log", print, limit=100)
    for number in range(100):
        log.write(b"%09d\n" % number)
    log.close()
    assert (tmp_path / "x.log").read_bytes().startswith(b"000000090\n")
    assert (tmp_path / "x.log.1").read_bytes().endswith(b"000000089\n")
    assert len(list(tmp_path.iterdir())) == 2
