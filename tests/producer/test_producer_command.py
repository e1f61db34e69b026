"""``rtchart producer``, as a process, where it cannot work."""

from __future__ import annotations

import socket
import subprocess
import sys

import pytest


@pytest.fixture
def nobody() -> str:
    """An address where nobody listens."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return f"127.0.0.1:{probe.getsockname()[1]}"


def run(*options: str) -> subprocess.CompletedProcess[str]:
    code = "from rtchart.cli import main; main()"
    return subprocess.run([sys.executable, "-c", code, "producer", *options], capture_output=True, text=True, timeout=60)


def test_without_kafka_it_says_so_in_one_sentence(nobody: str) -> None:
    done = run("--kafka", nobody)
    assert done.returncode == 1
    assert f"rtchart producer: no Kafka broker answers at {nobody}; start it, or name another one with --kafka" in done.stderr
    assert "Traceback" not in done.stderr


def test_an_address_that_is_none_is_named(nobody: str) -> None:
    done = run("--kafka", nobody, "--exchange-ws", "stream.example")
    assert done.returncode == 1
    assert "rtchart producer: --exchange-ws is 'stream.example', which is no address" in done.stderr
    assert "Traceback" not in done.stderr
