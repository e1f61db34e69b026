"""Waiting at the start for what is not there, and going on after an outage; seen from inside and from outside."""

from __future__ import annotations

import asyncio
import json
import logging
import signal
import subprocess
import sys

import pytest

from rtchart.core.errors import Unavailable, UserError
from rtchart.local.ports import free_ports
from rtchart.process import run as module
from rtchart.process.health import Health
from rtchart.process.run import patiently
from tests.process.test_health import ask
from tests.waiting import wait_until


@pytest.fixture(autouse=True)
def hurried(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "RETRY", 0.01)
    monkeypatch.setattr(module, "START_ENDS_WITHIN", 0.05)


class Service:
    """Fails with each of these in turn, then works until it is stopped."""

    def __init__(self, *failures: Exception | None) -> None:
        self.failures = list(failures)
        self.calls = 0

    async def __call__(self, health: Health, stopping: asyncio.Event) -> None:
        self.calls += 1
        if not self.failures:
            health.ready()
            await stopping.wait()
        elif (failure := self.failures.pop(0)) is not None:
            raise failure
        else:  # it works for a while
            health.ready()
            raise Unavailable("it went away")


async def test_it_waits_until_all_is_there_and_says_each_thing_once(caplog: pytest.LogCaptureFixture) -> None:
    health, stopping = Health(), asyncio.Event()
    service = Service(*(Unavailable("no broker") for _ in range(3)), *(Unavailable("no schema") for _ in range(3)))
    with caplog.at_level(logging.WARNING, logger=module.__name__):
        running = asyncio.create_task(patiently(service, health, stopping, wait=60))
        await wait_until(lambda: not health.reasons)
        stopping.set()
        await running
    assert service.calls == 7
    assert [record.getMessage() for record in caplog.records] == ["waiting: no broker", "waiting: no schema"]


async def test_it_says_it_again_after_a_while(caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "SAY_AGAIN", 0.0)
    stopping = asyncio.Event()
    with caplog.at_level(logging.WARNING, logger=module.__name__):
        running = asyncio.create_task(patiently(Service(*[Unavailable("no broker")] * 1_000), Health(), stopping, wait=60))
        await wait_until(lambda: len(caplog.records) >= 2)
        stopping.set()
        await running


@pytest.mark.parametrize("wait", [0, 0.05])
async def test_it_waits_no_longer_than_it_was_told_to(wait: float) -> None:
    service = Service(*[Unavailable("no broker")] * 1_000)
    with pytest.raises(Unavailable, match="no broker"):
        await patiently(service, Health(), asyncio.Event(), wait=wait)
    assert (service.calls == 1) == (wait == 0)


async def test_what_waiting_does_not_mend_ends_it() -> None:
    with pytest.raises(UserError, match="no such option"):
        await patiently(Service(Unavailable("no broker"), UserError("no such option")), Health(), asyncio.Event(), wait=60)


async def test_after_the_start_it_waits_for_ever() -> None:
    """Also when the time for the start is over."""
    health, stopping = Health(), asyncio.Event()
    service = Service(None, *(Unavailable("no broker") for _ in range(20)))
    running = asyncio.create_task(patiently(service, health, stopping, wait=0.001))
    await wait_until(lambda: service.calls == 22)
    assert not health.reasons
    stopping.set()
    await running


async def test_a_start_that_hangs_is_left_when_it_is_told_to_stop() -> None:
    async def hangs(health: Health, stopping: asyncio.Event) -> None:
        await asyncio.Event().wait()

    stopping = asyncio.Event()
    running = asyncio.create_task(patiently(hangs, Health(), stopping, wait=60))
    stopping.set()
    async with asyncio.timeout(10):
        await running


def start(*options: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "rtchart", "producer", *options], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
    )


async def test_a_process_that_waits_lives_tells_for_what_and_ends_in_order() -> None:
    kafka, admin = free_ports(2)
    process = start("--kafka", f"127.0.0.1:{kafka}", "--wait", "600", "--admin-port", str(admin), "--exchange", "sim")
    url = f"http://127.0.0.1:{admin}"

    def waits() -> bool:
        try:
            code, text = ask(f"{url}/readyz")
        except OSError:
            return False
        return code == 503 and "no Kafka broker answers" in json.loads(text)["reasons"]["start"]

    await wait_until(waits, 30)
    assert ask(f"{url}/livez") == (200, "live\n")
    metrics = ask(f"{url}/metrics")[1]
    assert "rtchart_build_info{" in metrics and 'service="producer"' in metrics
    process.send_signal(signal.SIGTERM)
    _, logged = process.communicate(timeout=20)
    assert process.returncode == 0, logged
    entries = [json.loads(line) for line in logged.splitlines()]
    waiting = [entry["message"] for entry in entries if entry["message"].startswith("waiting: ")]
    assert waiting == [
        f"waiting: no Kafka broker answers at 127.0.0.1:{kafka}; start it, or name another one with --kafka HOST:PORT"
    ]
