"""How a service's process ends, seen from outside."""

import signal
import subprocess
import sys

import pytest

SERVICE = """
import asyncio
from rtchart.core.errors import UserError
from rtchart.process.run import run, until_stopped

async def service(health, stopping):
    async def work():
        print("working", flush=True)
        {work}
    await until_stopped(stopping, work())
    print("ended in order", flush=True)

run("test", service)
"""


def start(work: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", SERVICE.format(work=work)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_it_in_order(number):
    process = start("await asyncio.Event().wait()")
    assert process.stdout.readline() == "working\n"
    process.send_signal(number)
    out, _ = process.communicate(timeout=10)
    assert (out, process.returncode) == ("ended in order\n", 0)


def test_a_users_error_is_one_sentence_and_exit_code_1():
    process = start("raise UserError('the port is taken; take another')")
    _, err = process.communicate(timeout=10)
    assert process.returncode == 1
    assert err.splitlines()[-1] == "rtchart test: the port is taken; take another"
    assert "Traceback" not in err


def test_a_defect_shows_its_traceback():
    process = start("raise KeyError('oops')")
    _, err = process.communicate(timeout=10)
    assert process.returncode == 1
    assert "Traceback" in err and "KeyError: 'oops'" in err


def test_work_that_is_done_ends_it():
    out, _ = start("return").communicate(timeout=10)
    assert out.endswith("ended in order\n")
